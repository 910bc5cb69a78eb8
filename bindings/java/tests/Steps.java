// Runs generated/tests/steps.json: every test on one handle a scenario, as tests/conformance/run_steps.py.
//
// Steps STEPS.json TMP [PREFIX]: PREFIX picks tests by the beginning of their names; TMP is an empty directory.

import com.redhat.et.libguestfs.GuestFS;
import com.redhat.et.libguestfs.LibGuestFSException;
import java.io.ByteArrayOutputStream;
import java.lang.reflect.Array;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

class Steps {
  static final int MIB = 1 << 20;
  static final Map<Integer, String> ERRNO = new HashMap<> ();
  static final Map<String, Method> METHODS = new HashMap<> ();
  static String tmp;

  static {
    String names = "1 EPERM 2 ENOENT 5 EIO 13 EACCES 16 EBUSY 17 EEXIST 18 EXDEV 19 ENODEV 20 ENOTDIR 21 EISDIR 22 EINVAL 27 EFBIG "
        + "28 ENOSPC 30 EROFS 34 ERANGE 36 ENAMETOOLONG 39 ENOTEMPTY 40 ELOOP 61 ENODATA 71 EPROTO 95 ENOTSUP";
    String[] words = names.split (" ");
    for (int i = 0; i < words.length; i += 2)
      ERRNO.put (Integer.valueOf (words[i]), words[i + 1]);
    // The form of each call that takes most is the one with options.
    for (Method m : GuestFS.class.getMethods ())
      METHODS.merge (m.getName (), m, (a, b) -> a.getParameterCount () > b.getParameterCount () ? a : b);
  }

  /** A value of the file as TYPE, or as it is. */
  static Object value (Object v, Class<?> type) throws Exception {
    if (v instanceof String)
      v = ((String) v).replace ("%tmp", tmp);
    if (v instanceof Map && ((Map<?, ?>) v).get ("bytes") instanceof String) {
      String hex = (String) ((Map<?, ?>) v).get ("bytes");
      ByteArrayOutputStream out = new ByteArrayOutputStream ();
      for (int i = 0; i < hex.length (); i += 2)
        out.write (Integer.parseInt (hex.substring (i, i + 2), 16));
      v = out.toByteArray ();
    }
    if (type == byte[].class && v instanceof String)
      return ((String) v).getBytes (StandardCharsets.UTF_8);
    if (type == int.class)
      return Math.toIntExact ((Long) v);
    if (v instanceof List && (type == String[].class || type == null)) {
      List<Object> out = new ArrayList<> ();
      for (Object item : (List<?>) v)
        out.add (value (item, null));
      return type == null ? out : out.toArray (new String[0]);
    }
    return v;
  }

  /** Where a number has no type it is an Integer if it fits: that will do for options of 64 bits as well. */
  static Object number (long n) {
    return n == (int) n ? (Object) (int) n : (Object) n;
  }

  static Object call (GuestFS g, String name, List<?> args, Map<?, ?> opts) throws Exception {
    Method m = METHODS.get (name + "_bytes");
    if (m == null)
      m = METHODS.get (name);
    Class<?>[] types = m.getParameterTypes ();
    Object[] values = new Object[types.length];
    for (int i = 0; i < args.size (); i++)
      values[i] = value (args.get (i), types[i]);
    if (values.length > args.size ()) {
      Map<String, Object> given = new HashMap<> ();
      for (Map.Entry<?, ?> o : opts.entrySet ()) {
        Object v = o.getValue () instanceof Long ? number ((Long) o.getValue ()) : o.getValue ();
        given.put ((String) o.getKey (), value (v, v instanceof List ? String[].class : Object.class));
      }
      values[args.size ()] = given;
    }
    try {
      return m.invoke (g, values);
    } catch (InvocationTargetException e) {
      if (e.getCause () instanceof Exception)
        throw (Exception) e.getCause ();
      throw e;
    }
  }

  static Object action (GuestFS g, Map<?, ?> step) throws Exception {
    Map<?, ?> local = (Map<?, ?>) step.get ("local_write");
    if (local != null)
      return Files.write (path (local), (byte[]) value (local.get ("content"), byte[].class)) == null;
    local = (Map<?, ?>) step.get ("local_read");
    if (local != null)
      return Files.readAllBytes (path (local));
    return call (g, (String) step.get ("call"), (List<?>) step.get ("args"), (Map<?, ?>) step.get ("opts"));
  }

  static Path path (Map<?, ?> local) throws Exception {
    return Path.of ((String) value (local.get ("path"), null));
  }

  /** A result as the file spells it. */
  static Object normal (Object v) throws Exception {
    if (v instanceof byte[])
      return new String ((byte[]) v, StandardCharsets.ISO_8859_1);
    if (v instanceof Number && !(v instanceof Float))
      return ((Number) v).longValue ();
    if (v instanceof Character)
      return v.toString ();
    if (v != null && v.getClass ().isArray ()) {
      List<Object> out = new ArrayList<> ();
      for (int i = 0; i < Array.getLength (v); i++)
        out.add (normal (Array.get (v, i)));
      return out;
    }
    if (v != null && v.getClass ().getPackage () == GuestFS.class.getPackage ()) {
      Map<String, Object> out = new HashMap<> ();
      for (java.lang.reflect.Field field : v.getClass ().getFields ())
        out.put (field.getName (), normal (field.get (v)));
      return out;
    }
    return v;
  }

  /** Of tables only the wanted keys count. */
  static boolean matches (Object got, Object want) {
    if (want instanceof Map) {
      for (Map.Entry<?, ?> e : ((Map<?, ?>) want).entrySet ())
        if (!(got instanceof Map) || !matches (((Map<?, ?>) got).get (e.getKey ()), e.getValue ()))
          return false;
      return true;
    }
    if (want instanceof List) {
      if (!(got instanceof List) || ((List<?>) got).size () != ((List<?>) want).size ())
        return false;
      for (int i = 0; i < ((List<?>) want).size (); i++)
        if (!matches (((List<?>) got).get (i), ((List<?>) want).get (i)))
          return false;
      return true;
    }
    if (want instanceof Double)
      return got instanceof Number && Math.abs (((Number) got).doubleValue () - (Double) want) < 0.01;
    return want == null ? got == null : want.equals (got);
  }

  static boolean unordered (Object got, List<?> want) {
    List<Object> left = new ArrayList<> ((List<?>) got);
    for (Object w : want) {
      int found = 0;
      while (found < left.size () && !matches (left.get (found), w))
        found++;
      if (found == left.size ())
        return false;
      left.remove (found);
    }
    return left.isEmpty ();
  }

  static boolean contains (Object got, Object want) {
    return got instanceof List ? ((List<?>) got).contains (want) : ((String) got).contains ((String) want);
  }

  static void run (GuestFS g, Map<?, ?> step) throws Exception {
    Map.Entry<?, ?> expect = ((Map<?, ?>) step.get ("expect")).entrySet ().iterator ().next ();
    String kind = (String) expect.getKey ();
    Object got;
    try {
      got = action (g, step);
    } catch (LibGuestFSException e) {
      if (kind.equals ("error") && (expect.getValue () == null || expect.getValue ().equals (ERRNO.get (e.getErrno ()))))
        return;
      throw e;
    }
    Object want = value (expect.getValue (), null);
    // Bytes are compared as characters of one byte.
    if (got instanceof byte[] && want instanceof String)
      want = ((String) want).getBytes (StandardCharsets.UTF_8);
    want = want instanceof byte[] ? normal (want) : want;
    got = normal (got);
    boolean ok = kind.equals ("ok") || (kind.equals ("equals") && matches (got, want))
        || (kind.equals ("unordered") && unordered (got, (List<?>) want))
        || (kind.equals ("contains") && contains (got, want));
    if (!ok)
      throw new AssertionError ("got " + got + ", expected " + kind + " " + want);
  }

  static void wipe (GuestFS g, String device, boolean bothEnds) throws Exception {
    long size = g.blockdev_getsize64 (device);
    g.pwrite_device (device, new byte[(int) Math.min (size, MIB)], 0);
    if (bothEnds && size > MIB)
      g.pwrite_device (device, new byte[MIB], size - MIB);
  }

  /** The state that the scenario promises. */
  static void reset (GuestFS g, String scenario) throws Exception {
    if (scenario.equals ("disks")) {
      g.umount_all ();
      g.vg_activate_all (false);
      String[] parts = g.list_partitions ();
      for (String part : parts)
        wipe (g, part, false);
      for (String disk : new String[] { "/dev/sda", "/dev/sdb" }) {
        if (String.join (" ", parts).contains (disk))
          g.part_init (disk, "mbr");
        wipe (g, disk, true);
      }
    }
    else if (scenario.equals ("scratch-fs")) {
      g.umount_all ();
      g.mount ("/dev/sdc", "/");
      g.umask (022);
      for (String name : g.ls ("/"))
        if (!name.equals ("lost+found"))
          g.rm_rf ("/" + name);
    }
  }

  static GuestFS open (String scenario) throws Exception {
    GuestFS g = new GuestFS ();
    if (!scenario.equals ("none")) {
      for (int size : scenario.equals ("scratch-fs") ? new int[] { 1024, 256, 256 } : new int[] { 1024, 256 })
        g.add_drive_scratch ((long) size * MIB);
      g.launch ();
      if (scenario.equals ("scratch-fs"))
        g.mkfs ("ext4", "/dev/sdc");
    }
    return g;
  }

  public static void main (String[] args) throws Exception {
    tmp = args[1];
    Map<?, ?> file = (Map<?, ?>) Json.parse (Files.readString (Path.of (args[0])));
    int passed = 0, failed = 0;
    for (String scenario : new String[] { "none", "disks", "scratch-fs" }) {
      GuestFS g = null;
      for (Object t : (List<?>) file.get ("tests")) {
        Map<?, ?> test = (Map<?, ?>) t;
        String name = (String) test.get ("name"), place = "reset";
        if (!test.get ("scenario").equals (scenario) || (args.length > 2 && !name.startsWith (args[2])))
          continue;
        if (g != null && scenario.equals ("none")) {
          g.close ();
          g = null;
        }
        try {
          g = g == null ? open (scenario) : g;
          reset (g, scenario);
          List<?> steps = (List<?>) test.get ("steps");
          for (int i = 0; i < steps.size (); i++) {
            place = "step " + i;
            run (g, (Map<?, ?>) steps.get (i));
          }
          passed++;
        } catch (Exception | AssertionError e) {
          failed++;
          System.err.println (name + ", " + place + ": " + e);
          if (g != null)
            g.close ();
          g = null;
        }
      }
      if (g != null)
        g.close ();
    }
    System.out.println (passed + " passed, " + failed + " failed");
    System.exit (passed > 0 && failed == 0 ? 0 : 1);
  }
}
