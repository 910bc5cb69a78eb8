// No growth: 10,000 calls of each shape, and 200 handles.

import com.redhat.et.libguestfs.GuestFS;
import com.redhat.et.libguestfs.LibGuestFSException;
import java.util.Map;

class Memory extends Check {
  static void quietly (Action action) throws Exception {
    fails (LibGuestFSException.class, action);
  }

  public static void main (String[] args) throws Exception {
    GuestFS g = new GuestFS ();
    g.internal_test_set_output ("/dev/null");
    String[] list = { "a", "b" };
    byte[] buffer = new byte[1000];
    Map<String, Object> options = Map.of ("obool", true, "oint", 1, "oint64", 1L, "ostring", "s", "ostringlist", list);
    Action[] shapes = {
      () -> g.internal_test ("abc", "def", list, false, 0, 0, "123", "456", buffer, options),
      () -> fails (IllegalArgumentException.class, () -> g.internal_test ("abc", null, list, false, 0, 0, "", "", buffer,
          Map.of ("nosuch", 1))),
      () -> {
        g.internal_test_rint ("1");
        g.internal_test_rint64 ("1");
        g.internal_test_rbool ("true");
      },
      () -> {
        g.internal_test_rconststring ("x");
        g.internal_test_rconstoptstring ("x");
        g.internal_test_rstring ("x");
      },
      () -> {
        g.internal_test_rstringlist ("20");
        g.internal_test_rhashtable ("20");
      },
      () -> {
        g.internal_test_rbufferout ("01234567");
        g.internal_test_rstruct ("x");
        g.internal_test_rstructlist ("20");
      },
      () -> {
        quietly (g::internal_test_rstructerr);
        quietly (g::internal_test_rstringlisterr);
      },
      () -> g.delete_event_callback (g.set_event_callback ( (event, id, text, array) -> { }, GuestFS.EVENT_ENTER)),
      () -> {
        int id = g.set_event_callback ( (event, eh, text, array) -> { }, GuestFS.EVENT_ENTER | GuestFS.EVENT_PROGRESS);
        g.get_smp ();
        g.delete_event_callback (id);
      },
    };
    // Java's own memory has a limit (-Xmx), and is in use from the start (-XX:+AlwaysPreTouch).
    for (int i = 0; i < shapes.length; i++) {
      for (int n = 0; n < 2_000; n++)
        shapes[i].run ();
      long before = resident ();
      for (int n = 0; n < 10_000; n++)
        shapes[i].run ();
      long growth = resident () - before;
      // The compiler of Java takes and gives back, too: a leak would be of 16 bytes a call and more, each time.
      for (int again = 0; growth > 2048 && again < 5; again++) {
        before = resident ();
        for (int n = 0; n < 10_000; n++)
          shapes[i].run ();
        growth = Math.min (growth, resident () - before);
      }
      that (growth <= 2048, "shape " + i + " grew by " + growth + " KiB");
    }
    for (int round = 0; round < 2; round++) {
      long before = resident ();
      for (int i = 0; i < 200; i++) {
        GuestFS h = new GuestFS ();
        h.set_event_callback ( (event, id, text, array) -> close (h), GuestFS.EVENT_SUBPROCESS_QUIT);
      }
      System.gc ();
      Thread.sleep (200);
      long growth = resident () - before;
      that (round == 0 || growth < 4096, "handles grew by " + growth + " KiB");
    }
    System.out.println ("ok");
  }

  static void close (GuestFS g) {
    try {
      g.close ();
    } catch (LibGuestFSException e) {
      throw new AssertionError (e);
    }
  }
}
