<?php
// Say which operating systems are in a disk image, and show what their file systems hold.
//
// php inspect_disk.php DISK

$disk = $argv[1] ?? exit ("usage: php inspect_disk.php DISK\n");
$g = guestfs_create ();

// Calls return false when they fail: one place to say why, and stop.
function must (mixed $result): mixed
{
    global $g;
    if ($result === false)
        throw new RuntimeException (guestfs_last_error ($g), guestfs_last_errno ($g));
    return $result;
}

// Read-only: the image cannot be changed, and a guest may be using it.
must (guestfs_add_drive ($g, $disk, readonly: true));
must (guestfs_launch ($g));

$roots = must (guestfs_inspect_os ($g));
foreach ($roots as $root) {
    echo "Root device: $root\n";
    echo "  Product name: ", must (guestfs_inspect_get_product_name ($g, $root)), "\n";
    echo "  Version:      ", must (guestfs_inspect_get_major_version ($g, $root)), ".",
        must (guestfs_inspect_get_minor_version ($g, $root)), "\n";
    echo "  Type:         ", must (guestfs_inspect_get_type ($g, $root)), "\n";
    echo "  Distro:       ", must (guestfs_inspect_get_distro ($g, $root)), "\n";

    // Short mount points first, so that /boot is mounted after /.
    $devices = must (guestfs_inspect_get_mountpoints ($g, $root));
    uksort ($devices, fn ($a, $b) => strlen ($a) <=> strlen ($b));
    foreach ($devices as $point => $device)
        if (!guestfs_mount_ro ($g, $device, $point))
            echo guestfs_last_error ($g), " (ignored)\n";
    if (guestfs_is_file ($g, "/etc/issue"))
        echo "--- /etc/issue ---\n", must (guestfs_cat ($g, "/etc/issue")), "\n";
    must (guestfs_umount_all ($g));
}
if (!$roots) {
    echo "no operating system found; file systems:\n";
    foreach (must (guestfs_list_filesystems ($g)) as $device => $type)
        echo "  $device: $type\n";
}
guestfs_close ($g);
