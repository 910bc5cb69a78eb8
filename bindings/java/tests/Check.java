// What the tests share.

import com.redhat.et.libguestfs.GuestFS;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;

class Check {
  static void that (boolean condition, Object message) {
    if (!condition)
      throw new AssertionError (String.valueOf (message));
  }

  static void equal (Object got, Object wanted) {
    that (wanted == null ? got == null : wanted.equals (got), "got " + got + ", not " + wanted);
  }

  interface Action {
    void run () throws Exception;
  }

  static <T extends Throwable> T fails (Class<T> type, Action action) throws Exception {
    try {
      action.run ();
    } catch (Throwable e) {
      if (!type.isInstance (e))
        throw new AssertionError ("another exception than " + type, e);
      return type.cast (e);
    }
    throw new AssertionError ("did not fail");
  }

  static void says (Class<? extends Throwable> type, String words, Action action) throws Exception {
    String message = fails (type, action).getMessage ();
    that (message.contains (words), message);
  }

  /** Collect garbage until something holds. */
  static void soon (String what, Callable<Boolean> holds) throws Exception {
    for (int i = 0; i < 500; i++) {
      if (holds.call ())
        return;
      System.gc ();
      Thread.sleep (10);
    }
    throw new AssertionError (what);
  }

  /** KiB of this process. */
  static long resident () throws IOException {
    for (String line : Files.readAllLines (Path.of ("/proc/self/status")))
      if (line.startsWith ("VmRSS:"))
        return Long.parseLong (line.replaceAll ("[^0-9]", ""));
    throw new IOException ("no VmRSS");
  }

  interface Answer {
    void to (SocketChannel connection, ByteBuffer request) throws Exception;
  }

  /** A handle whose daemon is a thread here: ANSWER is called with the first request. */
  static GuestFS daemon (String path, Answer answer) throws Exception {
    Files.deleteIfExists (Path.of (path));
    ServerSocketChannel listener = ServerSocketChannel.open (StandardProtocolFamily.UNIX);
    listener.bind (UnixDomainSocketAddress.of (path));
    Thread thread = new Thread ( () -> {
      try (listener; SocketChannel connection = listener.accept ()) {
        connection.write (ByteBuffer.allocate (4).putInt (0, 0xF5F55FF5));
        ByteBuffer request = read (connection, read (connection, 4).getInt (0));
        answer.to (connection, request);
        while (connection.read (ByteBuffer.allocate (4096)) > 0)
          ;
      } catch (Exception e) {
        // The library has hung up.
      }
    });
    thread.setDaemon (true);
    thread.start ();
    GuestFS g = new GuestFS ();
    g.set_backend ("unix:" + path);
    g.set_autosync (false);
    g.launch ();
    return g;
  }

  private static ByteBuffer read (SocketChannel connection, int size) throws IOException {
    ByteBuffer in = ByteBuffer.allocate (size);
    while (in.hasRemaining () && connection.read (in) > 0)
      ;
    return in;
  }
}
