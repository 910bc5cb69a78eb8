// Say which operating systems are in a disk image, or which file systems.
//
// java -cp /usr/share/java/libguestfs.jar InspectDisk.java DISK

import com.redhat.et.libguestfs.GuestFS;
import com.redhat.et.libguestfs.LibGuestFSException;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Map;

public class InspectDisk {
  public static void main (String[] args) throws LibGuestFSException {
    if (args.length != 1) {
      System.err.println ("usage: InspectDisk DISK");
      System.exit (2);
    }
    try (GuestFS g = new GuestFS ()) {
      // Read-only: the image cannot be changed, and a guest may be using it.
      g.add_drive (args[0], Map.of ("readonly", true));
      g.launch ();

      String[] roots = g.inspect_os ();
      for (String root : roots)
        show (g, root);
      if (roots.length == 0) {
        System.out.println ("no operating system found; file systems:");
        g.list_filesystems ().forEach ( (device, type) -> System.out.println ("  " + device + ": " + type));
      }
    }
  }

  private static void show (GuestFS g, String root) throws LibGuestFSException {
    System.out.println ("Root device: " + root);
    System.out.println ("  Product name: " + g.inspect_get_product_name (root));
    System.out.println ("  Version:      " + g.inspect_get_major_version (root) + "."
        + g.inspect_get_minor_version (root));
    System.out.println ("  Type:         " + g.inspect_get_type (root));
    System.out.println ("  Distro:       " + g.inspect_get_distro (root));

    // Short mount points first, so that /boot is mounted after /.
    Map<String, String> devices = g.inspect_get_mountpoints (root);
    String[] points = devices.keySet ().toArray (new String[0]);
    Arrays.sort (points, Comparator.comparingInt (String::length));
    for (String point : points)
      try {
        g.mount_ro (devices.get (point), point);
      } catch (LibGuestFSException e) {
        System.out.println (e.getMessage () + " (ignored)");
      }
    if (g.is_file ("/etc/issue"))
      System.out.println ("--- /etc/issue ---\n" + g.cat ("/etc/issue"));
    g.umount_all ();
  }
}
