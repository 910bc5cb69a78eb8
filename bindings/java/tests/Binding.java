// What a handle has beside calls: closing, the collector, texts, options, errors, events, threads, interruption.
//
// Binding DIR: works in DIR, with handles that are not launched.

import com.redhat.et.libguestfs.EventCallback;
import com.redhat.et.libguestfs.GuestFS;
import com.redhat.et.libguestfs.LibGuestFSException;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

class Binding extends Check {
  static String directory;

  static void closing () throws Exception {
    AtomicInteger closed = new AtomicInteger ();
    EventCallback count = (event, id, text, array) -> {
      that (event == GuestFS.EVENT_CLOSE && text == null && array.length == 0, text);
      closed.incrementAndGet ();
    };
    GuestFS g = new GuestFS ();
    g.set_event_callback (count, GuestFS.EVENT_CLOSE);
    g.close ();
    g.close ();
    equal (closed.get (), 1);
    says (LibGuestFSException.class, "get_memsize: handle is closed", g::get_memsize);
    says (LibGuestFSException.class, "set_event_callback: handle is closed",
        () -> g.set_event_callback (count, GuestFS.EVENT_ALL));
    says (LibGuestFSException.class, "handle is closed", () -> g.delete_event_callback (0));
    equal (fails (LibGuestFSException.class, g::launch).getErrno (), 9);
    try (GuestFS h = new GuestFS ()) {
      h.set_event_callback (count, GuestFS.EVENT_CLOSE);
    }
    equal (closed.get (), 2);

    // By the callback of a call in progress: the call still ends.
    GuestFS h = new GuestFS ();
    h.set_trace (true);
    h.set_event_callback ( (event, id, text, array) -> close (h), GuestFS.EVENT_TRACE);
    equal (h.get_smp (), 1);
    says (LibGuestFSException.class, "handle is closed", h::get_smp);

    // Left to the collector: even one whose callback refers to it.
    new GuestFS ().set_event_callback (count, GuestFS.EVENT_CLOSE);
    soon ("the collector did not close it", () -> closed.get () == 3);
    int before = files () + 10; // Java opens a few once
    for (int i = 0; i < 20; i++)
      refersToItself ();
    soon ("the collector did not close those that refer to themselves", () -> files () < before);
  }

  static void refersToItself () throws Exception {
    GuestFS g = daemon (directory + "/sock", (connection, request) -> { });
    g.set_event_callback ( (event, id, text, array) -> close (g), GuestFS.EVENT_SUBPROCESS_QUIT);
  }

  static void close (GuestFS g) {
    try {
      g.close ();
    } catch (LibGuestFSException e) {
      throw new AssertionError (e);
    }
  }

  static int files () {
    return new File ("/proc/self/fd").list ().length;
  }

  static class Mine extends GuestFS {
    Mine () throws LibGuestFSException {
      super (Map.of ("environment", false));
    }

    @Override
    public String get_program () throws LibGuestFSException {
      return "mine: " + super.get_program ();
    }
  }

  static void subclass () throws Exception {
    try (GuestFS g = new Mine ()) {
      g.set_program ("x");
      equal (g.get_program (), "mine: x");
    }
  }

  static void texts () throws Exception {
    GuestFS g = new GuestFS ();
    // Four bytes in UTF-8; no UTF-8, two ways; beside what stands for a fault; what a surrogate would be in UTF-8.
    for (String s : new String[] { "", "é€😀", "\uDC80x\uDCFF", "\uFFFD\uDCC3", "\uFFFD", "\uDCED\uDCA0\uDC80" }) {
      g.set_program (s);
      equal (g.get_program (), s);
    }
    equal (g.internal_test_rbufferout ("a\uDCFFé"), "a\uDCFFé");
    that (Arrays.equals (g.internal_test_rbufferout_bytes ("\uDCFFé"), new byte[] { -1, -61, -87 }), "bytes");
    says (IllegalArgumentException.class, "GuestFS.set_program: program has a NUL inside",
        () -> g.set_program ("a\0b"));
    says (IllegalArgumentException.class, "half a character at 1: U+D83D", () -> g.set_program ("x\uD83D"));
    says (IllegalArgumentException.class, "half a character", () -> g.set_program ("\uDE00"));
    says (NullPointerException.class, "GuestFS.set_program: program is null", () -> g.set_program (null));
    says (NullPointerException.class, "settings is null", () -> g.set_backend_settings (null));
    says (NullPointerException.class, "settings has null in place 1",
        () -> g.set_backend_settings (new String[] { "a", null }));
    says (NullPointerException.class, "content is null", () -> g.write ("/x", null));
    // A name that is not UTF-8, in the host.
    String disk = directory + "/é\uDCFF.img";
    g.disk_create (disk, "raw", (1L << 32) + 4096);
    equal (g.disk_virtual_size (disk), (1L << 32) + 4096);
  }

  static void options () throws Exception {
    GuestFS g = new GuestFS (Map.of ("environment", false, "close_on_exit", false));
    String disk = directory + "/java.qcow2";
    Map<String, Object> given = new HashMap<> ();
    given.put ("preallocation", null);
    given.put ("clustersize", 65536);
    g.disk_create (disk, "qcow2", 1 << 20, given);
    equal (g.disk_format (disk), "qcow2");
    g.add_drive (disk, Map.of ("readonly", true, "format", "qcow2"));
    g.add_drive_opts (disk, Map.of ("format", "qcow2", "label", "abc"));
    g.add_drive_opts (disk);
    g.add_drive_ro (disk);
    // An Integer will do where the call wants 64 bits.
    g.add_drive_scratch (1 << 20, Map.of ("blocksize", 512));
    g.internal_test_set_output ("/dev/null");
    g.internal_test ("", null, new String[] {}, false, 0, 0, "", "", new byte[0], Map.of ("oint64", 7));
    says (IllegalArgumentException.class, "GuestFS.add_drive: unknown optional argument 'red'",
        () -> g.add_drive (disk, Map.of ("red", true)));
    says (IllegalArgumentException.class, "unknown optional argument 'filename'",
        () -> g.add_drive (disk, Map.of ("filename", "x")));
    given.put ("nosuch", null);
    says (IllegalArgumentException.class, "nosuch", () -> g.disk_create (disk, "qcow2", 1, given));
    says (ClassCastException.class, "GuestFS.add_drive: readonly must be a Boolean, not a String",
        () -> g.add_drive (disk, Map.of ("readonly", "true")));
    says (ClassCastException.class, "blocksize must be a Integer, not a Long",
        () -> g.add_drive (disk, Map.of ("blocksize", 512L)));
    says (ClassCastException.class, "server must be a String[], not a String",
        () -> g.add_drive (disk, Map.of ("server", "x")));
    says (IllegalArgumentException.class, "unknown optional argument 'enviroment'",
        () -> new GuestFS (Map.of ("enviroment", false)));
    fails (ClassCastException.class, () -> new GuestFS (Map.of ("environment", 1)));
    equal (g.get_append (), null);
    g.set_append ("a b");
    equal (g.get_append (), "a b");
    equal (g.version ().major, 1L);
    equal (g.version ().extra.isEmpty (), false);
  }

  static void errors () throws Exception {
    GuestFS g = new GuestFS ();
    LibGuestFSException e = fails (LibGuestFSException.class, () -> g.add_drive ("/nonexistent/\uDCFF"));
    that (e.getErrno () == 2 && e.getMessage ().contains ("/nonexistent/\uDCFF"), e);
    // Errors belong to threads.
    int[] errno = { 0 };
    run ( () -> errno[0] = fails (LibGuestFSException.class, () -> g.set_memsize (1)).getErrno ());
    that (errno[0] != 2, errno[0]);
    equal (new LibGuestFSException ("x").getErrno (), 0);
  }

  static void run (Action action) throws Exception {
    Throwable[] why = { null };
    Thread thread = new Thread ( () -> {
      try {
        action.run ();
      } catch (Throwable e) {
        why[0] = e;
      }
    });
    thread.start ();
    thread.join (60_000);
    that (!thread.isAlive (), "hangs");
    if (why[0] != null)
      throw new AssertionError (why[0]);
  }

  static void events () throws Exception {
    long[] all = { GuestFS.EVENT_CLOSE, GuestFS.EVENT_SUBPROCESS_QUIT, GuestFS.EVENT_LAUNCH_DONE,
      GuestFS.EVENT_PROGRESS, GuestFS.EVENT_APPLIANCE, GuestFS.EVENT_LIBRARY, GuestFS.EVENT_TRACE,
      GuestFS.EVENT_ENTER, GuestFS.EVENT_LIBVIRT_AUTH, GuestFS.EVENT_WARNING };
    for (int i = 0; i < all.length; i++)
      equal (all[i], 1L << i);
    equal (GuestFS.EVENT_ALL, 0x3FFL);
    equal (GuestFS.eventToString (GuestFS.EVENT_CLOSE | GuestFS.EVENT_TRACE), "close,trace");
    equal (GuestFS.eventToString (0), "");

    GuestFS g = new GuestFS ();
    List<String> seen = Collections.synchronizedList (new ArrayList<> ());
    EventCallback note = (event, id, text, array) -> seen.add (event + " " + id + " " + text + " " + array.length);
    int trace = g.set_event_callback (note, GuestFS.EVENT_TRACE);
    int enter = g.set_event_callback (note, GuestFS.EVENT_ENTER);
    g.set_trace (true);
    seen.clear ();
    g.get_smp ();
    that (seen.contains (GuestFS.EVENT_ENTER + " " + enter + " get_smp 0"), seen);
    that (seen.contains (GuestFS.EVENT_TRACE + " " + trace + " get_smp = 1 0"), seen);
    g.delete_event_callback (trace);
    g.delete_event_callback (4711);
    g.delete_event_callback (enter);
    g.set_event_callback ( (event, id, text, array) -> { }, GuestFS.EVENT_TRACE); // or it is printed
    g.set_trace (false);
    seen.clear ();
    // What is set and not held by anybody else is held by the handle.
    g.set_event_callback ( (event, id, text, array) -> seen.add (text), GuestFS.EVENT_ENTER);
    System.gc ();
    g.get_smp ();
    equal (seen, List.of ("get_smp"));
    fails (NullPointerException.class, () -> g.set_event_callback (null, GuestFS.EVENT_ALL));

    // A callback may delete itself, call back, and fail.
    GuestFS h = new GuestFS ();
    int[] id = { 0 }, count = { 0 };
    id[0] = h.set_event_callback ( (event, eh, text, array) -> {
      count[0]++;
      try {
        h.delete_event_callback (eh);
        that (h.get_memsize () > 0 && eh == id[0], eh);
      } catch (LibGuestFSException e) {
        throw new AssertionError (e);
      }
    }, GuestFS.EVENT_ENTER);
    h.get_smp ();
    h.get_smp ();
    equal (count[0], 1);
    h.set_event_callback ( (event, eh, text, array) -> {
      throw new IllegalStateException ("broken callback");
    }, GuestFS.EVENT_ENTER);
    PrintStream stderr = System.err;
    ByteArrayOutputStream printed = new ByteArrayOutputStream ();
    System.setErr (new PrintStream (printed, true, StandardCharsets.UTF_8));
    equal (h.get_smp (), 1);
    System.setErr (stderr);
    that (printed.toString (StandardCharsets.UTF_8).contains ("broken callback"), printed);
  }

  static void threads () throws Exception {
    GuestFS g = new GuestFS ();
    AtomicInteger count = new AtomicInteger ();
    g.set_trace (true);
    g.set_event_callback ( (event, id, text, array) -> count.incrementAndGet (), GuestFS.EVENT_TRACE);
    together (4, () -> {
      for (int i = 0; i < 200; i++) {
        equal (g.internal_test_rstringlist ("3").length, 3);
        g.get_memsize ();
      }
    });
    equal (count.get (), 4 * 200 * 4);
    // Closing while others are inside calls.
    for (int i = 0; i < 20; i++) {
      GuestFS h = new GuestFS ();
      AtomicInteger in = new AtomicInteger ();
      together (4, () -> {
        if (in.incrementAndGet () == 4)
          h.close ();
        LibGuestFSException e = fails (LibGuestFSException.class, () -> {
          for (;;)
            h.internal_test_rint ("1");
        });
        equal (e.getErrno (), 9);
      });
    }
  }

  static void together (int n, Action action) throws Exception {
    List<Throwable> why = Collections.synchronizedList (new ArrayList<> ());
    Thread[] threads = new Thread[n];
    for (int i = 0; i < n; i++) {
      threads[i] = new Thread ( () -> {
        try {
          action.run ();
        } catch (Throwable e) {
          why.add (e);
        }
      });
      threads[i].setDaemon (true);
      threads[i].start ();
    }
    for (Thread thread : threads) {
      thread.join (60_000);
      that (!thread.isAlive (), "deadlock");
    }
    if (!why.isEmpty ())
      throw new AssertionError (why.get (0));
  }

  /** Thread.interrupt ends the running call, also one that a callback makes, and one that has not begun. */
  static void interruption () throws Exception {
    for (boolean nested : new boolean[] { false, true }) {
      Thread me = Thread.currentThread ();
      GuestFS g = daemon (directory + "/sock", (connection, request) -> {
        Thread.sleep (100);
        me.interrupt ();
        Thread.sleep (60_000);
      });
      long begun = System.nanoTime ();
      LibGuestFSException[] e = { null };
      if (nested) {
        GuestFS outer = new GuestFS ();
        outer.set_trace (true);
        outer.set_event_callback ( (event, id, text, array) -> {
          try {
            e[0] = e[0] == null ? fails (LibGuestFSException.class, g::ping_daemon) : e[0];
          } catch (Exception x) {
            throw new AssertionError (x);
          }
        }, GuestFS.EVENT_TRACE);
        outer.get_memsize ();
      }
      else
        e[0] = fails (LibGuestFSException.class, g::ping_daemon);
      that (e[0].getErrno () == 4, e[0]);
      that (System.nanoTime () - begun < 30_000_000_000L, "late");
      that (Thread.currentThread ().isInterrupted (), "the status is kept");
      says (LibGuestFSException.class, "interrupted before the call", g::ping_daemon);
      that (g.get_memsize () > 0, "what does not wait goes on");
      that (Thread.interrupted (), "still");
      g.close ();
    }
    // From another thread.
    GuestFS g = daemon (directory + "/sock", (connection, request) -> Thread.sleep (60_000));
    Thread other = new Thread ( () -> {
      try {
        Thread.sleep (200);
        g.user_cancel ();
      } catch (Exception e) {
        throw new AssertionError (e);
      }
    });
    other.start ();
    equal (fails (LibGuestFSException.class, g::ping_daemon).getErrno (), 4);
    other.join ();
    g.close ();
  }

  public static void main (String[] args) throws Exception {
    directory = args[0];
    closing ();
    subclass ();
    texts ();
    options ();
    errors ();
    events ();
    threads ();
    interruption ();
    System.out.println ("ok");
  }
}
