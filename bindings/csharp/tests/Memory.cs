// No growth: 10,000 calls of each shape, and 200 handles.

using System;
using Guestfs;
using Handle = Guestfs.Guestfs;

class Memory : Check
{
    internal static void Run()
    {
        var g = new Handle();
        g.internal_test_set_output("/dev/null");
        string[] list = { "a", "b" };
        byte[] buffer = new byte[1000];
        Action[] shapes =
        {
            () => g.internal_test("abc", "def", list, false, 0, 0, "123", "456", buffer, obool: true, oint: 1, oint64: 1,
                ostring: "s", ostringlist: list),
            () => Fails<ArgumentNullException>(
                () => g.internal_test(null, null, list, false, 0, 0, "", "", buffer)),
            () =>
            {
                g.internal_test_rint("1");
                g.internal_test_rint64("1");
                g.internal_test_rbool("true");
            },
            () =>
            {
                g.internal_test_rconststring("x");
                g.internal_test_rconstoptstring("x");
                g.internal_test_rstring("x");
            },
            () =>
            {
                g.internal_test_rstringlist("20");
                g.internal_test_rhashtable("20");
            },
            () =>
            {
                g.internal_test_rbufferout("01234567");
                g.internal_test_rstruct("x");
                g.internal_test_rstructlist("20");
            },
            () =>
            {
                Fails<Error>(() => g.internal_test_rstructerr());
                Fails<Error>(() => g.internal_test_rstringlisterr());
            },
            () => g.delete_event_callback(g.set_event_callback((evt, eh, text, array) => { }, Handle.EVENT_ENTER)),
            () =>
            {
                int eh = g.set_event_callback((evt, id, text, array) => { }, Handle.EVENT_ENTER | Handle.EVENT_PROGRESS);
                g.get_smp();
                g.delete_event_callback(eh);
            },
        };
        for (int i = 0; i < shapes.Length; i++)
        {
            long growth = long.MaxValue;
            // The collector takes and gives back, too: a leak would be of 16 bytes a call and more, each time.
            for (int again = 0; growth > 160 && again < 6; again++)
            {
                GC.Collect();
                long before = Resident();
                for (int n = 0; n < 10000; n++)
                    shapes[i]();
                GC.Collect();
                growth = Math.Min(growth, Resident() - before);
            }
            That(growth <= 160, "shape " + i + " grew by " + growth + " KiB");
        }
        // Dropped, with callbacks that refer to them.
        for (int round = 0; round < 3; round++)
        {
            long before = Resident();
            Apart(() =>
            {
                for (int i = 0; i < 200; i++)
                {
                    var h = new Handle();
                    h.set_event_callback((evt, eh, text, array) => h.Close(), Handle.EVENT_SUBPROCESS_QUIT);
                }
            });
            GC.Collect();
            GC.WaitForPendingFinalizers();
            That(round < 2 || Resident() - before < 1024, "handles grew by " + (Resident() - before) + " KiB");
        }
        Console.WriteLine("ok");
    }
}
