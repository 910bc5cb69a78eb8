<?php
// Make a disk image with a partition, a file system and a few files.
//
// php create_disk.php DISK

$output = $argv[1] ?? "disk.img";
$g = guestfs_create ();

// Calls return false when they fail: one place to say why, and stop.
function must (mixed $result): mixed
{
    global $g;
    if ($result === false)
        throw new RuntimeException (guestfs_last_error ($g), guestfs_last_errno ($g));
    return $result;
}

// A sparse raw image of 512 MiB, attached to the handle, whose machine is then started.
must (guestfs_disk_create ($g, $output, "raw", 512 * 1024 * 1024));
must (guestfs_add_drive ($g, $output, format: "raw", readonly: false));
must (guestfs_launch ($g));

[$device] = must (guestfs_list_devices ($g));
must (guestfs_part_disk ($g, $device, "mbr"));
[$partition] = must (guestfs_list_partitions ($g));

must (guestfs_mkfs ($g, "ext4", $partition, label: "php"));
must (guestfs_mount ($g, $partition, "/"));
must (guestfs_touch ($g, "/empty"));
must (guestfs_write ($g, "/hello", "Hello, world\n"));
must (guestfs_mkdir ($g, "/foo"));

// Errors of shutdown are the last chance to learn that something was not written.
must (guestfs_shutdown ($g));
guestfs_close ($g);
