<?php
// What the tests of the binding use to say what they expect. Warnings and notices of PHP are failures.

set_error_handler (function (int $level, string $text, string $file, int $line) {
    throw new ErrorException ($text, 0, $level, $file, $line);
});

function same (mixed $got, mixed $want, string $what = ""): void
{
    if ($got !== $want)
        throw new Exception ($what . " got " . var_export ($got, true) . ", expected " . var_export ($want, true));
}

/** The message of the exception that $f raises. */
function raises (string $class, callable $f): string
{
    try {
        $f ();
    } catch (Throwable $e) {
        if (!$e instanceof $class)
            throw $e;
        return $e->getMessage ();
    }
    throw new Exception ("$class was not raised");
}

/** Memory of this process in KiB. */
function resident (): int
{
    preg_match ('/^VmRSS:\s+(\d+)/m', file_get_contents ("/proc/self/status"), $m);
    return (int) $m[1];
}
