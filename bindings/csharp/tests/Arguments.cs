// The binding-test calls: the library writes the arguments that it received to OUT, for comparison with
// ../../c/tests/bindtests.expected. What results say is printed.

using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Guestfs;

class Arguments : Check
{
    static void Show(PV pv)
    {
        Console.WriteLine(string.Join(" ", pv.pv_name, pv.pv_uuid, pv.pv_fmt, pv.pv_size, pv.dev_size, pv.pv_free,
            pv.pv_used, pv.pv_attr, pv.pv_pe_count, pv.pv_pe_alloc_count, pv.pv_tags, pv.pe_start, pv.pv_mda_count,
            pv.pv_mda_free));
    }

    static void Error(Action action)
    {
        Console.WriteLine(Fails<Error>(action).Message);
    }

    internal static void Run(string[] args)
    {
        var g = new Guestfs.Guestfs(environment: false, close_on_exit: false);
        string[] none = { }, two = { "a b", "é" };
        byte[] bytes = Encoding.UTF8.GetBytes("abc\0abc"), z = Encoding.UTF8.GetBytes("z");
        g.internal_test_set_output(args[0]);
        g.internal_test("abc", "def", none, false, 0, 0, "123", "456", bytes);
        g.internal_test("abc", null, none, false, 0, 0, "123", "456", bytes);
        g.internal_test("", "", new[] { "1" }, true, -1, -1, "", "", new byte[0], obool: true);
        g.internal_test("x\uDCFFy", "def", two, true, int.MaxValue, long.MaxValue, "i", "o", new byte[] { 1, 127 },
            oint: -int.MaxValue, oint64: -long.MaxValue);
        g.internal_test("abc", "def", two, false, 5, 6, "i", "o", z,
            obool: false, ostring: "string", ostringlist: two);
        g.internal_test("abc", "def", none, false, 5, 6, "i", "o", z, ostring: "", ostringlist: none);
        g.internal_test_only_optargs();
        g.internal_test_only_optargs(test: 7);
        g.internal_test_63_optargs(opt1: 1, opt32: 32, opt63: -63);
        g.internal_test_close_output();

        Console.WriteLine(g.internal_test_rint("10") + " " + g.internal_test_rint("-2147483648"));
        Console.WriteLine(g.internal_test_rint64("10") + " " + g.internal_test_rint64("-9223372036854775807"));
        Console.WriteLine(g.internal_test_rbool("true") + " " + g.internal_test_rbool("false"));
        Console.WriteLine(g.internal_test_rconststring("x") + " " + g.internal_test_rconstoptstring("x"));
        Console.WriteLine(g.internal_test_rstring("é"));
        foreach (string n in new[] { "0", "1", "3" })
        {
            Console.WriteLine(string.Join(",", g.internal_test_rstringlist(n)));
            Dictionary<string, string> table = g.internal_test_rhashtable(n);
            Console.WriteLine(string.Join(",", table.OrderBy(e => e.Key).Select(e => e.Key + "=" + e.Value)));
            foreach (PV pv in g.internal_test_rstructlist(n))
                Show(pv);
        }
        Console.WriteLine("<" + BitConverter.ToString(g.internal_test_rbufferout("01234")) + ">");
        Show(g.internal_test_rstruct("unused"));

        Error(() => g.internal_test_rinterr());
        Error(() => g.internal_test_rint64err());
        Error(() => g.internal_test_rboolerr());
        Error(() => g.internal_test_rconststringerr());
        Console.WriteLine(g.internal_test_rconstoptstringerr() ?? "null"); // is no error there
        Error(() => g.internal_test_rstringerr());
        Error(() => g.internal_test_rstringlisterr());
        Error(() => g.internal_test_rstructerr());
        Error(() => g.internal_test_rstructlisterr());
        Error(() => g.internal_test_rhashtableerr());
        Error(() => g.internal_test_rbufferouterr());
        g.Close();
        g.Dispose();
        Says<ObjectDisposedException>("internal_test_rint: handle is closed", () => g.internal_test_rint("1"));
        Console.WriteLine(Guestfs.Guestfs.event_to_string(
            Guestfs.Guestfs.EVENT_CLOSE | Guestfs.Guestfs.EVENT_TRACE) + " " + Guestfs.Guestfs.EVENT_ALL);
    }
}
