// The binding-test calls, by nothing but what upstream's binding has as well, so that it runs with either.
//
// Arguments OUT [CODE]: the library writes the arguments that it received to OUT, for comparison with
// ../../c/tests/bindtests.expected, where a text has a byte that is not UTF-8: CODE is the character that stands for it.
// What results say is printed.

import com.redhat.et.libguestfs.GuestFS;
import com.redhat.et.libguestfs.LibGuestFSException;
import com.redhat.et.libguestfs.PV;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;

class Arguments {
  static Map<String, Object> options (Object... pairs) {
    Map<String, Object> options = new HashMap<> ();
    for (int i = 0; i < pairs.length; i += 2)
      options.put ((String) pairs[i], pairs[i + 1]);
    return options;
  }

  static byte[] bytes (String s) {
    return s.getBytes (StandardCharsets.UTF_8);
  }

  static void show (PV pv) {
    System.out.println (String.join (" ", pv.pv_name, pv.pv_uuid, pv.pv_fmt, "" + pv.pv_size, "" + pv.dev_size,
        "" + pv.pv_free, "" + pv.pv_used, pv.pv_attr, "" + pv.pv_pe_count, "" + pv.pv_pe_alloc_count, pv.pv_tags,
        "" + pv.pe_start, "" + pv.pv_mda_count, "" + pv.pv_mda_free));
  }

  interface Action {
    void run () throws LibGuestFSException;
  }

  static void fails (Action action) {
    try {
      action.run ();
    } catch (LibGuestFSException e) {
      System.out.println (e.getMessage ());
      return;
    }
    throw new AssertionError ("did not fail");
  }

  public static void main (String[] args) throws Exception {
    GuestFS g = new GuestFS (options ("environment", false, "close_on_exit", false));
    String odd = args.length > 1 ? "x" + (char) Integer.parseInt (args[1], 16) + "y" : "xy";
    String[] none = {}, two = { "a b", "é" };
    g.internal_test_set_output (args[0]);
    g.internal_test ("abc", "def", none, false, 0, 0, "123", "456", bytes ("abc\0abc"));
    g.internal_test ("abc", null, none, false, 0, 0L, "123", "456", bytes ("abc\0abc"), null);
    g.internal_test ("", "", new String[] { "1" }, true, -1, -1, "", "", bytes (""), options ("obool", true));
    g.internal_test (odd, "def", two, true, Integer.MAX_VALUE, Long.MAX_VALUE, "i", "o", bytes ("\1\177"),
        options ("oint", -Integer.MAX_VALUE, "oint64", -Long.MAX_VALUE));
    g.internal_test ("abc", "def", two, false, 5, 6, "i", "o", bytes ("z"),
        options ("obool", false, "ostring", "string", "ostringlist", two));
    g.internal_test ("abc", "def", none, false, 5, 6, "i", "o", bytes ("z"),
        options ("ostring", "", "ostringlist", none));
    g.internal_test_only_optargs ();
    g.internal_test_only_optargs (options ("test", 7));
    g.internal_test_63_optargs (options ("opt1", 1, "opt32", 32, "opt63", -63));
    g.internal_test_close_output ();

    System.out.println (g.internal_test_rint ("10") + " " + g.internal_test_rint ("-2147483648"));
    System.out.println (g.internal_test_rint64 ("10") + " " + g.internal_test_rint64 ("-9223372036854775807"));
    System.out.println (g.internal_test_rbool ("true") + " " + g.internal_test_rbool ("false"));
    System.out.println (g.internal_test_rconststring ("x") + " " + g.internal_test_rconstoptstring ("x"));
    System.out.println (g.internal_test_rstring ("é"));
    for (String n : new String[] { "0", "1", "3" }) {
      System.out.println (Arrays.toString (g.internal_test_rstringlist (n)));
      System.out.println (new TreeMap<> (g.internal_test_rhashtable (n)));
      for (PV pv : g.internal_test_rstructlist (n))
        show (pv);
    }
    System.out.println ("<" + g.internal_test_rbufferout ("01234") + ">");
    show (g.internal_test_rstruct ("unused"));

    fails (() -> g.internal_test_rinterr ());
    fails (() -> g.internal_test_rint64err ());
    fails (() -> g.internal_test_rboolerr ());
    fails (() -> g.internal_test_rconststringerr ());
    System.out.println (g.internal_test_rconstoptstringerr ()); // null is no error there
    fails (() -> g.internal_test_rstringerr ());
    fails (() -> g.internal_test_rstringlisterr ());
    fails (() -> g.internal_test_rstructerr ());
    fails (() -> g.internal_test_rstructlisterr ());
    fails (() -> g.internal_test_rhashtableerr ());
    fails (() -> g.internal_test_rbufferouterr ());
    g.close ();
    g.close ();
    fails (() -> g.internal_test_rint ("1"));
    System.out.println (GuestFS.eventToString (GuestFS.EVENT_CLOSE | GuestFS.EVENT_TRACE) + " " + GuestFS.EVENT_ALL);
  }
}
