// Say which operating systems are in a disk image, and show what their file systems hold.
//
// valac --pkg libguestfs-gobject-1.0 inspect_disk.vala && ./inspect_disk DISK

void show (Guestfs.Session g, string root) throws Error {
  print ("Root device: %s\n", root);
  print ("  Product name: %s\n", g.inspect_get_product_name (root));
  print ("  Version:      %d.%d\n", g.inspect_get_major_version (root), g.inspect_get_minor_version (root));
  print ("  Type:         %s\n", g.inspect_get_type (root));
  print ("  Distro:       %s\n", g.inspect_get_distro (root));

  // Short mount points first, so that /boot is mounted after /.
  var devices = g.inspect_get_mountpoints (root);
  var points = devices.get_keys ();
  points.sort ((a, b) => a.length - b.length);
  foreach (var point in points) {
    try {
      g.mount_ro (devices[point], point);
    } catch (Error e) {
      print ("%s (ignored)\n", e.message);
    }
  }
  if (g.is_file ("/etc/issue", null) == 1)
    print ("--- /etc/issue ---\n%s\n", g.cat ("/etc/issue"));
  g.umount_all ();
}

int main (string[] args) {
  var g = new Guestfs.Session ();

  try {
    // Read-only: the image cannot be changed, and a guest may be using it.
    var options = new Guestfs.AddDrive ();
    options.readonly = Guestfs.Tristate.TRUE;
    g.add_drive (args[1], options);
    g.launch ();

    var roots = g.inspect_os ();
    foreach (var root in roots)
      show (g, root);
    if (roots.length == 0) {
      print ("no operating system found; file systems:\n");
      var kinds = g.list_filesystems ();
      foreach (var device in kinds.get_keys ())
        print ("  %s: %s\n", device, kinds[device]);
    }
    g.close ();
  } catch (Error e) {
    stderr.printf ("%s\n", e.message);
    return 1;
  }
  return 0;
}
