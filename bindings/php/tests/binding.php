<?php
// What a handle has beside calls: closing, references, errors, events, numbers, processes, memory.
//
// binding.php DIR: works in DIR, with handles that are not launched.

require __DIR__ . "/check.php";
$dir = $argv[1];

function closing (): void
{
    $closed = 0;
    $note = function (int $event) use (&$closed) {
        same ($event, GUESTFS_EVENT_CLOSE);
        $closed++;
    };
    $g = guestfs_create ();
    same ([is_resource ($g), get_resource_type ($g)], [true, "guestfs_h"]);
    guestfs_set_event_callback ($g, $note, GUESTFS_EVENT_CLOSE);
    same (guestfs_close ($g), true);
    same ($closed, 1);
    same ([is_resource ($g), get_resource_type ($g)], [false, "Unknown"]);
    foreach ([fn () => guestfs_close ($g), fn () => guestfs_get_memsize ($g), fn () => guestfs_last_error ($g),
              fn () => guestfs_last_errno ($g), fn () => guestfs_delete_event_callback ($g, 1),
              fn () => guestfs_set_event_callback ($g, $note, 1)] as $f)
        same (str_contains (raises (TypeError::class, $f), "not a valid guestfs_h resource"), true);

    // What nothing refers to any more is closed, and its callback runs.
    $g = guestfs_create ();
    guestfs_set_event_callback ($g, $note, GUESTFS_EVENT_CLOSE);
    $other = $g;
    unset ($g);
    same ($closed, 1);
    $other = null;
    same ($closed, 2);

    // Closed by a callback of the call: the call still ends, and the handle is gone.
    $g = guestfs_create ();
    guestfs_set_event_callback ($g, $note, GUESTFS_EVENT_CLOSE);
    guestfs_set_event_callback ($g, function () use (&$g) {
        if (is_resource ($g))
            guestfs_close ($g);
    }, GUESTFS_EVENT_ENTER);
    same (guestfs_get_smp ($g), 1);
    same ([is_resource ($g), $closed], [false, 3]);
    // The same with the last reference, which the call itself has.
    $g = guestfs_create ();
    guestfs_set_event_callback ($g, $note, GUESTFS_EVENT_CLOSE);
    guestfs_set_event_callback ($g, function () use (&$g) { $g = null; }, GUESTFS_EVENT_ENTER);
    same (guestfs_get_smp ($g), 1);
    same ([$g, $closed], [null, 4]);

    raises (TypeError::class, fn () => guestfs_get_smp (null));
    raises (TypeError::class, fn () => guestfs_get_smp (STDIN));
    raises (TypeError::class, fn () => guestfs_add_libvirt_dom (guestfs_create (), 1));
    raises (TypeError::class, fn () => guestfs_add_libvirt_dom (guestfs_create (), STDIN));
    same (str_contains (raises (ValueError::class, fn () => guestfs_create (["enviroment" => false])), "enviroment"), true);
    putenv ("LIBGUESTFS_MEMSIZE=1777");
    same (guestfs_get_memsize (guestfs_create ()), 1777);
    same (guestfs_get_memsize (guestfs_create (["environment" => false, "close_on_exit" => false])) == 1777, false);
    putenv ("LIBGUESTFS_MEMSIZE");
}

// At the end of a script handles are closed, but for those that were made not to be.
function ends (): void
{
    global $dir;
    foreach (["" => "begin, closed", "['close_on_exit' => false]" => "begin"] as $flags => $want)
        same (script ("\$g = guestfs_create ($flags); print 'begin';
            guestfs_set_event_callback (\$g, fn () => print ', closed', GUESTFS_EVENT_CLOSE);"), $want, $flags);
    // Out of memory while a result is converted, and inside a callback: PHP ends, and the handle is closed.
    foreach (["guestfs_internal_test_rstringlist (\$g, '100000');",
              "guestfs_set_event_callback (\$g, fn () => str_repeat ('x', 1 << 30), GUESTFS_EVENT_ENTER); guestfs_get_smp (\$g);"]
             as $code) {
        $said = script ("ini_set ('display_errors', 'stdout'); \$g = guestfs_create (); guestfs_set_trace (\$g, true);
            $code; print 'went on';", "-d memory_limit=4M");
        same (preg_match ("/Allowed memory size.*trace: close$/s", $said), 1, $said);
    }
    // exit () in a callback ends the script.
    same (script ("\$g = guestfs_create (); register_shutdown_function (fn () => print 'end');
        guestfs_set_event_callback (\$g, function () { exit ('bye '); }, GUESTFS_EVENT_ENTER);
        guestfs_get_smp (\$g); print 'went on';"), "bye end");
}

/** What a script prints. It ends by itself, not by a signal; 255 is the status of fatal errors. */
function script (string $code, string $flags = ""): string
{
    $command = PHP_BINARY . " -n -d extension=" . getenv ("GUESTFS_PHP") . " $flags -r " . escapeshellarg ($code);
    exec ($command . " 2>&1", $lines, $status);
    same ($status < 128 || $status == 255, true, "$command: status $status");
    return implode ("\n", $lines);
}

function errors (): void
{
    $g = guestfs_create ();
    same ([guestfs_last_error ($g), guestfs_last_errno ($g)], [null, 0]);
    same (guestfs_add_drive ($g, "/nonexistent/disk.img"), false);
    same ([str_contains (guestfs_last_error ($g), "/nonexistent/disk.img"), guestfs_last_errno ($g)], [true, 2]);
    same (guestfs_add_drive ($g, "/nonexistent/\xff"), false);
    same (str_contains (guestfs_last_error ($g), "/nonexistent/\xff"), true);
    // A result that is false is none.
    same ([guestfs_failed ($g), guestfs_internal_test_rbool ($g, "false"), guestfs_failed ($g)], [true, false, false]);
    same ([guestfs_internal_test_rboolerr ($g), guestfs_failed ($g)], [false, true]);
    // The one that failed last, whoever found it.
    same (guestfs_set_append ($g, "a\0"), false);
    same ([str_contains (guestfs_last_error ($g), "NUL"), guestfs_last_errno ($g), guestfs_failed ($g)], [true, 22, true]);
    same (guestfs_add_drive ($g, "/nonexistent/disk.img"), false);
    same (guestfs_last_errno ($g), 2);
}

// What programs for upstream's binding do.
function options (): void
{
    global $dir;
    $g = guestfs_create ();
    same (guestfs_disk_create ($g, "$dir/a.img", "qcow2", 1048576, null, null, "off", null, -1), true);
    same (guestfs_disk_create ($g, "$dir/b.img", "qcow2", 1048576, clustersize: 65536), true);
    // What options were given is in the trace.
    $traces = [];
    guestfs_set_event_callback ($g, function ($event, $id, $text) use (&$traces) { $traces[] = $text; }, GUESTFS_EVENT_TRACE);
    guestfs_set_trace ($g, true);
    $seen = function (bool $ok) use (&$traces) {
        same ($ok, true);
        [$text, $traces] = [$traces[0], []];
        return preg_replace ('/.*img"/', "", $text);
    };
    $traces = [];
    same ($seen (guestfs_add_drive ($g, "$dir/a.img", true)), " \"readonly:true\"");
    same ($seen (guestfs_add_drive ($g, "$dir/a.img", true, "qcow2")), " \"readonly:true\" \"format:qcow2\"");
    same ($seen (guestfs_add_drive ($g, "$dir/a.img", false, null)), " \"readonly:false\"");
    same ($seen (guestfs_add_drive ($g, "$dir/a.img", -1, "qcow2", null)), " \"format:qcow2\"");
    same ($seen (guestfs_add_drive ($g, "$dir/a.img", format: "qcow2", readonly: true)),
          " \"readonly:true\" \"format:qcow2\"");
    same ($seen (guestfs_add_drive ($g, "$dir/a.img", readonly: null)), "");
    same ($seen (call_user_func_array ("guestfs_add_drive", ["g" => $g, "filename" => "$dir/a.img", "readonly" => true])),
          " \"readonly:true\"");
    same ($seen ((guestfs_add_drive (...)) ($g, "$dir/a.img", label: "abc", readonly: 1)), " \"readonly:true\" \"label:abc\"");
    // Types are strict where the program says so.
    same (script ("declare (strict_types = 1); try { guestfs_set_memsize (guestfs_create (), '700'); }
        catch (TypeError \$e) { print 'strict'; }"), "strict");
    // Whatever has a text is a string.
    same ($seen (guestfs_add_drive ($g, new SplFileInfo ("$dir/a.img"))), "");
}

function numbers (): void
{
    global $dir;
    $g = guestfs_create ();
    $size = 4294967296 + 1048576;
    same (guestfs_disk_create ($g, "$dir/big.img", "raw", $size), true);
    same (guestfs_disk_virtual_size ($g, "$dir/big.img"), $size);
    same (guestfs_disk_create ($g, "$dir/big2.img", "qcow2", "4296015872", clustersize: 65536), true);
    same (guestfs_disk_virtual_size ($g, "$dir/big2.img"), $size);
    same (guestfs_set_backend_settings ($g, ["a", "b=é", 3, new SplFileInfo ("x")]), true);
    same (guestfs_get_backend_settings ($g), ["a", "b=é", "3", "x"]);
    $referred = ["x"];
    foreach ($referred as &$element);
    same (guestfs_set_backend_settings ($g, $referred), true);
    same (guestfs_get_append ($g), null);
    same (guestfs_set_append ($g, "x y"), true);
    same (guestfs_get_append ($g), "x y");
    same (guestfs_version ($g)["major"], 1);
}

function events (): void
{
    same ([GUESTFS_EVENT_CLOSE, GUESTFS_EVENT_WARNING, GUESTFS_EVENT_ALL], [1, 512, 1023]);
    $constants = (new ReflectionExtension ("guestfs_php"))->getConstants ();
    same (array_sum ($constants), 2 * GUESTFS_EVENT_ALL);
    same (guestfs_event_to_string (GUESTFS_EVENT_CLOSE | GUESTFS_EVENT_TRACE), "close,trace");
    $g = guestfs_create ();
    $seen = [];
    $note = function (int $event, int $id, string $text, array $numbers) use (&$seen) { $seen[] = [$event, $id, $text, $numbers]; };
    $trace = guestfs_set_event_callback ($g, $note, GUESTFS_EVENT_TRACE);
    $enter = guestfs_set_event_callback ($g, $note, GUESTFS_EVENT_ENTER);
    guestfs_set_event_callback ($g, $note, GUESTFS_EVENT_ALL);
    guestfs_set_trace ($g, true);
    $seen = [];
    guestfs_get_smp ($g);
    same (in_array ([GUESTFS_EVENT_ENTER, $enter, "get_smp", []], $seen, true), true);
    same (in_array ([GUESTFS_EVENT_TRACE, $trace, "get_smp = 1", []], $seen, true), true);
    same (guestfs_delete_event_callback ($g, $trace), true);
    same (guestfs_delete_event_callback ($g, 4711), true);
    same (guestfs_delete_event_callback ($g, -1), true);
    $seen = [];
    guestfs_get_smp ($g);
    same (in_array ([GUESTFS_EVENT_ENTER, $enter, "get_smp", []], $seen, true), true);
    same (in_array ($trace, array_column ($seen, 1), true), false);
    raises (TypeError::class, fn () => guestfs_set_event_callback ($g, 3, GUESTFS_EVENT_TRACE));
    raises (TypeError::class, fn () => guestfs_set_event_callback ($g, "nosuch", GUESTFS_EVENT_TRACE));

    // A callback may delete itself and call back; every kind of callable is one.
    $h = guestfs_create ();
    $count = 0;
    $id = guestfs_set_event_callback ($h, function () use ($h, &$id, &$count) {
        guestfs_delete_event_callback ($h, $id);
        $count++;
    }, GUESTFS_EVENT_ENTER);
    guestfs_get_smp ($h);
    guestfs_get_smp ($h);
    same ($count, 1);
    guestfs_set_event_callback ($h, [new Listener, "heard"], GUESTFS_EVENT_ENTER);
    guestfs_set_event_callback ($h, "Listener::told", GUESTFS_EVENT_ENTER);
    guestfs_set_event_callback ($h, [new Listener, "anything"], GUESTFS_EVENT_ENTER);
    guestfs_set_event_callback ($h, function ($e, $i, $name) use ($h, &$count) {
        if ($name == "get_smp")
            $count += guestfs_version ($h)["major"];
    }, GUESTFS_EVENT_ENTER);
    same (guestfs_get_smp ($h), 1);
    same ([Listener::$heard, $count], [["heard get_smp", "told get_smp", "anything get_smp", "heard version", "told version",
                                        "anything version"], 2]);

    // Its exception is raised by the call, and the handle goes on.
    $h = guestfs_create ();
    $id = guestfs_set_event_callback ($h, fn () => throw new DomainException ("broken"), GUESTFS_EVENT_ENTER);
    same (raises (DomainException::class, fn () => guestfs_get_smp ($h)), "broken");
    guestfs_delete_event_callback ($h, $id);
    same (guestfs_get_smp ($h), 1);
    // Fibers may call; a callback cannot leave its fiber.
    $fiber = new Fiber (fn () => [Fiber::suspend (guestfs_get_smp ($h)), guestfs_get_smp ($h)]);
    same ([$fiber->start (), $fiber->resume (5), $fiber->getReturn ()], [1, null, [5, 1]]);
    $id = guestfs_set_event_callback ($h, fn () => Fiber::suspend (), GUESTFS_EVENT_ENTER);
    $fiber = new Fiber (fn () => raises (FiberError::class, fn () => guestfs_get_smp ($h)));
    $fiber->start ();
    same ([str_contains ($fiber->getReturn (), "switch fibers"), guestfs_delete_event_callback ($h, $id)], [true, true]);
    // In a callback of a callback, too.
    $inner = guestfs_create ();
    guestfs_set_event_callback ($inner, fn () => throw new DomainException ("inner"), GUESTFS_EVENT_ENTER);
    guestfs_set_event_callback ($h, function () use ($inner, &$why) {
        $why = raises (DomainException::class, fn () => guestfs_get_smp ($inner));
    }, GUESTFS_EVENT_ENTER);
    same ([guestfs_get_smp ($h), $why], [1, "inner"]);
    guestfs_set_event_callback ($h, fn () => throw new DomainException ("closing"), GUESTFS_EVENT_CLOSE);
    same (raises (DomainException::class, fn () => guestfs_close ($h)), "closing");
}

class Listener
{
    public static array $heard = [];

    public function heard (int $event, int $id, string $text): void { self::$heard[] = "heard $text"; }
    public static function told (int $event, int $id, string $text): void { self::$heard[] = "told $text"; }
    public function __call (string $name, array $args): void { self::$heard[] = "$name $args[2]"; }
}

// A child that was forked and ends leaves its parent's handle alone. PHP as Debian builds it has no threads.
function processes (): void
{
    $g = guestfs_create ();
    guestfs_set_append ($g, "parent");
    $child = pcntl_fork ();
    if ($child == 0)
        exit (0);
    pcntl_waitpid ($child, $status);
    same ([$status, guestfs_get_append ($g)], [0, "parent"]);
}

// No growth, as the memory of this process tells.
function memory (): void
{
    $g = guestfs_create ();
    guestfs_internal_test_set_output ($g, "/dev/null");
    $shapes = [
        fn () => guestfs_internal_test ($g, "abc", "def", ["a", "b"], false, 0, 0, "123", "456", "abc\0abc", true, 1, 1, "s",
                                        ["x", "y"]),
        fn () => guestfs_internal_test ($g, "abc", 1.5, ["a", 2], "1", "0", "0", "123", "456", "z", oint: "1", ostring: 5,
                                        ostringlist: ["x", 7]),
        function () use ($g) {
            guestfs_internal_test ($g, "abc", "def", ["a", "b\0"], false, 0, 0, "123", "456", "");
            try {
                guestfs_internal_test ($g, "abc", "def", ["a", []], false, 0, 0, "123", "456", "");
            } catch (TypeError $e) {
            }
            try {
                guestfs_internal_test ($g, "abc", "def", ["a"], false, 0, 0, "123", "456", "", ostringlist: ["a"], nosuch: "x");
            } catch (Error $e) {
            }
        },
        fn () => [guestfs_internal_test_rint ($g, "1"), guestfs_internal_test_rint64 ($g, "1"),
                  guestfs_internal_test_rbool ($g, "true")],
        fn () => [guestfs_internal_test_rconststring ($g, "x"), guestfs_internal_test_rconstoptstring ($g, "x"),
                  guestfs_internal_test_rstring ($g, "x")],
        fn () => [guestfs_internal_test_rstringlist ($g, "20"), guestfs_internal_test_rhashtable ($g, "20")],
        fn () => [guestfs_internal_test_rbufferout ($g, "01234567"), guestfs_internal_test_rstruct ($g, "x"),
                  guestfs_internal_test_rstructlist ($g, "20")],
        fn () => [guestfs_internal_test_rstructerr ($g), guestfs_internal_test_rstringlisterr ($g), guestfs_last_error ($g)],
        fn () => guestfs_delete_event_callback ($g, guestfs_set_event_callback ($g, function () use ($g) {}, GUESTFS_EVENT_ENTER)),
    ];
    foreach ($shapes as $i => $f) {
        for ($n = 0; $n < 2000; $n++)
            $f ();
        [$before, $php] = [resident (), memory_get_usage ()];
        for ($n = 0; $n < 10000; $n++)
            $f ();
        same (resident () - $before < 2048, true, "shape $i grew by " . (resident () - $before) . " KiB:");
        same (memory_get_usage () - $php < 4096, true, "shape $i: " . (memory_get_usage () - $php) . " bytes of PHP:");
    }
    $before = resident ();
    for ($n = 0; $n < 200; $n++) {
        $h = guestfs_create ();
        guestfs_set_event_callback ($h, function () {}, GUESTFS_EVENT_CLOSE);
    }
    same (resident () - $before < 4096, true, "handles grew by " . (resident () - $before) . " KiB:");
}

foreach (["closing", "ends", "errors", "options", "numbers", "events", "processes", "memory"] as $part) {
    $start = microtime (true);
    $part ();
    printf ("%s %.1f s\n", $part, microtime (true) - $start);
}
echo "ok\n";
