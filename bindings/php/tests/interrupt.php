<?php
// A signal during a call cancels it, when the program has a handler for it, which then runs; progress can be cancelled by
// a callback, which may as well raise an exception. On a machine that runs.

require __DIR__ . "/check.php";
$g = guestfs_create ();
guestfs_add_drive_scratch ($g, 64 << 20) && guestfs_launch ($g) or throw new Exception (guestfs_last_error ($g));

$caught = 0;
pcntl_async_signals (true);
pcntl_signal (SIGINT, function () use (&$caught) { $caught++; });
$parent = getmypid ();
$child = pcntl_fork ();
if ($child == 0) {
    sleep (1);
    // posix_kill () is in an extension that not everybody has.
    exec ("kill -INT $parent");
    exit (0);
}
$start = microtime (true);
same (guestfs_debug ($g, "sh", ["sleep 60"]), false);
same (microtime (true) - $start < 20, true, "a call that was interrupted took " . (microtime (true) - $start) . " s:");
same ([$caught, guestfs_last_errno ($g)], [1, 4], guestfs_last_error ($g));
pcntl_waitpid ($child, $status);

// The handle goes on.
same (guestfs_blockdev_getsize64 ($g, "/dev/sda"), 64 << 20);
$numbers = [];
$id = guestfs_set_event_callback ($g, function ($event, $id, $text, $array) use ($g, &$numbers) {
    $numbers = $array;
    guestfs_user_cancel ($g);
}, GUESTFS_EVENT_PROGRESS);
same ([guestfs_debug ($g, "progress", ["20"]), count ($numbers)], [false, 4]);
guestfs_delete_event_callback ($g, $id);
same (guestfs_blockdev_getsize64 ($g, "/dev/sda"), 64 << 20);
guestfs_set_event_callback ($g, fn () => throw new DomainException ("enough"), GUESTFS_EVENT_PROGRESS);
$start = microtime (true);
same (raises (DomainException::class, fn () => guestfs_debug ($g, "progress", ["20"])), "enough");
same (microtime (true) - $start < 20, true, "a call with an exception took " . (microtime (true) - $start) . " s:");
guestfs_close ($g);

// A program without a handler is ended by the signal, as ever.
$code = 'guestfs_add_drive_scratch ($g = guestfs_create (), 1 << 20); guestfs_launch ($g); echo "ready\n";
    guestfs_debug ($g, "sh", ["sleep 60"]); echo "went on\n";';
$program = proc_open ([PHP_BINARY, "-n", "-d", "extension=" . getenv ("GUESTFS_PHP"), "-r", $code], [1 => ["pipe", "w"]], $pipes);
same (fgets ($pipes[1]), "ready\n");
sleep (1);
proc_terminate ($program, SIGINT);
$start = microtime (true);
same (stream_get_contents ($pipes[1]), "");
same (microtime (true) - $start < 20, true);
for ($status = proc_get_status ($program); $status["running"]; $status = proc_get_status ($program))
    usleep (10000);
same ([$status["signaled"], $status["termsig"]], [true, SIGINT]);
echo "ok\n";
