// A program that ends without closing its handle, which then is closed for it: what was written is on the disk.

using System;
using System.Text;
using Handle = Guestfs.Guestfs;

class Ending : Check
{
    static Handle g;

    internal static void Run(string[] args)
    {
        bool read = args.Length > 1;
        g = new Handle();
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
    }
}
