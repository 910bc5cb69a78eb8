// Make a disk image with a partition, a file system and a few files.
//
// java -cp /usr/share/java/libguestfs.jar CreateDisk.java DISK

import com.redhat.et.libguestfs.GuestFS;
import com.redhat.et.libguestfs.LibGuestFSException;
import java.nio.charset.StandardCharsets;
import java.util.Map;

public class CreateDisk {
  public static void main (String[] args) throws LibGuestFSException {
    String output = args.length > 0 ? args[0] : "disk.img";

    // Closed at the end of the block, whatever happens.
    try (GuestFS g = new GuestFS ()) {
      // A sparse raw image of 512 MiB, attached to the handle, whose machine is then started.
      g.disk_create (output, "raw", 512L << 20);
      g.add_drive (output, Map.of ("format", "raw", "readonly", false));
      g.launch ();

      String[] devices = g.list_devices ();
      g.part_disk (devices[0], "mbr");
      String[] partitions = g.list_partitions ();

      g.mkfs ("ext4", partitions[0], Map.of ("label", "java"));
      g.mount (partitions[0], "/");
      g.touch ("/empty");
      g.write ("/hello", "Hello, world\n".getBytes (StandardCharsets.UTF_8));
      g.mkdir ("/foo");

      // Its errors are the last chance to learn that something was not written.
      g.shutdown ();
    }
  }
}
