// Make a disk image with a partition, a file system and a few files.
//
// valac --pkg libguestfs-gobject-1.0 create_disk.vala && ./create_disk DISK

int main (string[] args) {
  var output = args.length > 1 ? args[1] : "disk.img";
  var g = new Guestfs.Session ();

  try {
    // A sparse raw image of 512 MiB, attached to the session, whose machine is then started.
    g.disk_create (output, "raw", 512 * 1024 * 1024, null);
    var options = new Guestfs.AddDrive ();
    options.format = "raw";
    options.readonly = Guestfs.Tristate.FALSE;
    g.add_drive (output, options);
    g.launch ();

    var devices = g.list_devices ();
    g.part_disk (devices[0], "mbr");
    var partitions = g.list_partitions ();

    var mkfs = new Guestfs.Mkfs ();
    mkfs.label = "gobject";
    g.mkfs ("ext4", partitions[0], mkfs);
    g.mount (partitions[0], "/");
    g.touch ("/empty");
    g.write ("/hello", "Hello, world\n".data);
    g.mkdir ("/foo");

    // Errors of shutdown are the last chance to learn that something was not written.
    g.shutdown ();
    g.close ();
  } catch (Error e) {
    stderr.printf ("%s\n", e.message);
    return 1;
  }
  return 0;
}
