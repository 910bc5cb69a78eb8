// Programs that end without closing their handle, which then is closed for them.
//
// DISK: while another thread is in a call; what was written is on the disk. DISK read: shows it. No DISK: within a
// callback, with status 3.

using System;
using System.Text;
using System.Threading;
using Guestfs;
using Handle = Guestfs.Guestfs;

class Ending : Check
{
    static Handle g;

    internal static void Run(string[] args)
    {
        bool read = args.Length > 1;
        g = new Handle();
        if (args.Length == 0)
        {
            g.set_event_callback((evt, eh, text, array) => Environment.Exit(3), Handle.EVENT_ENTER);
            g.get_smp();
        }
        if (!read)
            g.disk_create(args[0], "raw", 16 << 20);
        g.add_drive(args[0], format: "raw");
        g.launch();
        if (read)
        {
            g.mount("/dev/sda", "/");
            Console.WriteLine(g.cat("/file"));
            return;
        }
        g.mkfs("ext4", "/dev/sda");
        g.mount("/dev/sda", "/");
        g.write("/file", Encoding.UTF8.GetBytes("written"));
        g.set_event_callback((evt, eh, text, array) => Console.WriteLine("closed"), Handle.EVENT_CLOSE);
        var inside = new Thread(() => Fails<Error>(() => g.debug("sh", new[] { "echo > /sysroot/in; sleep 600" })));
        inside.IsBackground = true;
        inside.Start();
        Thread.Sleep(500);
    }
}
