<?php
// Runs generated/tests/steps.json: every test on one handle a scenario, as tests/conformance/run_steps.py.
//
// steps.php STEPS.json TMP [PREFIX]: PREFIX picks tests by the beginning of their names; TMP is an empty directory.

require __DIR__ . "/check.php";
[, $steps, $tmp] = $argv;
$prefix = $argv[3] ?? "";
const MIB = 1 << 20;
const ERRNO = [
    1 => "EPERM", 2 => "ENOENT", 5 => "EIO", 13 => "EACCES", 16 => "EBUSY", 17 => "EEXIST", 18 => "EXDEV", 19 => "ENODEV", 20 => "ENOTDIR",
    21 => "EISDIR", 22 => "EINVAL", 27 => "EFBIG", 28 => "ENOSPC", 30 => "EROFS", 34 => "ERANGE", 36 => "ENAMETOOLONG",
    39 => "ENOTEMPTY", 40 => "ELOOP", 61 => "ENODATA", 71 => "EPROTO", 95 => "ENOTSUP",
];


/** A value of the file as PHP's; objects are left for matches (). */
function value (mixed $v): mixed
{
    global $tmp;
    if (is_string ($v))
        return str_replace ("%tmp", $tmp, $v);
    if (is_object ($v) && isset ($v->bytes))
        return hex2bin ($v->bytes);
    return is_array ($v) ? array_map ("value", $v) : $v;
}

/** Equal; of objects only the wanted keys count. */
function matches (mixed $got, mixed $want): bool
{
    $want = value ($want);
    if (!is_array ($want) && !is_object ($want))
        return is_float ($want) ? abs ($got - $want) < 0.01 : $got === $want;
    if (!is_array ($got) || (is_array ($want) && count ($got) != count ($want)))
        return false;
    foreach ((array) $want as $key => $v)
        if (!array_key_exists ($key, $got) || !matches ($got[$key], $v))
            return false;
    return true;
}

function matches_unordered (array $left, array $want): bool
{
    foreach ($want as $w) {
        $found = array_key_first (array_filter ($left, fn ($got) => matches ($got, $w)));
        if ($found === null)
            return false;
        unset ($left[$found]);
    }
    return !$left;
}

/** One step; what went wrong, or null. */
function step (mixed $g, object $step): ?string
{
    [$kind, $want] = [key ((array) $step->expect), current ((array) $step->expect)];
    $failed = false;
    if (isset ($step->local_write))
        $got = file_put_contents (value ($step->local_write->path), value ($step->local_write->content));
    elseif (isset ($step->local_read))
        $got = file_get_contents (value ($step->local_read->path));
    else {
        $options = array_map ("value", (array) $step->opts);
        $got = "guestfs_$step->call" ($g, ...value ($step->args), ...$options);
        $failed = guestfs_failed ($g);
    }
    if ($kind == "error") {
        $errno = ERRNO[guestfs_last_errno ($g)] ?? null;
        $ok = $failed && $got === false && ($want === null || $errno === $want);
    }
    else
        $ok = !$failed && match ($kind) {
            "ok" => true,
            "equals" => matches ($got, $want),
            "unordered" => matches_unordered ($got, $want),
            "contains" => is_array ($got) ? in_array (value ($want), $got, true) : str_contains ($got, value ($want)),
        };
    return $ok ? null : "got " . json_encode ($got, JSON_INVALID_UTF8_SUBSTITUTE) . ", expected " . json_encode ($step->expect)
        . ($failed ? ": " . guestfs_last_error ($g) : "");
}

/** A call that must not fail. */
function must (mixed $g, string $call, mixed ...$args): mixed
{
    $got = "guestfs_$call" ($g, ...$args);
    if (guestfs_failed ($g))
        throw new Exception ("$call: " . guestfs_last_error ($g));
    return $got;
}

function wipe (mixed $g, string $device, bool $both_ends): void
{
    $size = must ($g, "blockdev_getsize64", $device);
    must ($g, "pwrite_device", $device, str_repeat ("\0", min ($size, MIB)), 0);
    if ($both_ends && $size > MIB)
        must ($g, "pwrite_device", $device, str_repeat ("\0", MIB), $size - MIB);
}

/** The state that the scenario promises. */
function reset_to (mixed $g, string $scenario): void
{
    if ($scenario == "disks") {
        must ($g, "umount_all");
        must ($g, "vg_activate_all", false);
        $parts = must ($g, "list_partitions");
        foreach ($parts as $part)
            wipe ($g, $part, false);
        foreach (["/dev/sda", "/dev/sdb"] as $disk) {
            if (preg_grep ("|^$disk|", $parts))
                must ($g, "part_init", $disk, "mbr");
            wipe ($g, $disk, true);
        }
    } elseif ($scenario == "scratch-fs") {
        must ($g, "umount_all");
        must ($g, "mount", "/dev/sdc", "/");
        must ($g, "umask", 022);
        foreach (must ($g, "ls", "/") as $name)
            if ($name != "lost+found")
                must ($g, "rm_rf", "/$name");
    }
}

function open (string $scenario): mixed
{
    $g = guestfs_create ();
    foreach (["none" => [], "disks" => [1024, 256], "scratch-fs" => [1024, 256, 256]][$scenario] as $size)
        must ($g, "add_drive_scratch", $size * MIB);
    if ($scenario != "none")
        must ($g, "launch");
    if ($scenario == "scratch-fs")
        must ($g, "mkfs", "ext4", "/dev/sdc");
    return $g;
}

/** One test; what went wrong, or null. */
function run (mixed $g, object $test): ?string
{
    // A test that takes two minutes hangs: SIGALRM ends the run.
    pcntl_alarm (120);
    try {
        reset_to ($g, $test->scenario);
        foreach ($test->steps as $i => $step)
            if (($why = step ($g, $step)) !== null)
                return "step $i: $why";
    } catch (Throwable $e) {
        return get_class ($e) . ": " . $e->getMessage ();
    }
    return null;
}

$tests = json_decode (file_get_contents ($steps), flags: JSON_THROW_ON_ERROR | JSON_BIGINT_AS_STRING)->tests;
$passed = $failed = 0;
foreach (["none", "disks", "scratch-fs"] as $scenario) {
    $g = null;
    foreach ($tests as $test) {
        if ($test->scenario != $scenario || !str_starts_with ($test->name, $prefix))
            continue;
        // Tests of a handle that is not launched change its properties: each gets a new one.
        if ($g === null || $scenario == "none")
            $g = open ($scenario);
        $why = run ($g, $test);
        if ($why === null)
            $passed++;
        else {
            $failed++;
            // What it left behind is not the next one's to meet.
            $g = null;
            fwrite (STDERR, "$test->name, $why\n");
        }
    }
}
echo "$passed passed, $failed failed\n";
exit ($passed && !$failed ? 0 : 1);
