// How a program ends that is in the middle of a call: see check.sh.
//
// Ending DISK: writes to a new disk, says "ready", waits in a call for a long time, and closes nothing.
// Ending DISK read: says what was written.

import com.redhat.et.libguestfs.GuestFS;
import java.nio.charset.StandardCharsets;
import java.util.Map;

class Ending {
  public static void main (String[] args) throws Exception {
    GuestFS g = new GuestFS ();
    if (args.length > 1) {
      g.add_drive (args[0], Map.of ("format", "raw", "readonly", true));
      g.launch ();
      g.mount_ro ("/dev/sda", "/");
      System.out.println (g.cat ("/hello"));
      return;
    }
    g.disk_create (args[0], "raw", 256L << 20);
    g.add_drive (args[0], Map.of ("format", "raw"));
    g.launch ();
    g.mkfs ("ext2", "/dev/sda");
    g.mount ("/dev/sda", "/");
    g.write ("/hello", "written".getBytes (StandardCharsets.UTF_8));
    System.out.println ("ready");
    g.sleep (500);
  }
}
