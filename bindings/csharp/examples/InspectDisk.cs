// Say which operating systems are in a disk image, or which file systems.
//
// mcs -r:Guestfs.dll InspectDisk.cs && mono InspectDisk.exe DISK

using System;
using System.Collections.Generic;
using Guestfs;

class InspectDisk
{
    static int Main(string[] args)
    {
        if (args.Length != 1)
        {
            Console.Error.WriteLine("usage: InspectDisk DISK");
            return 2;
        }
        using (var g = new Guestfs.Guestfs())
        {
            // Read-only: the image cannot be changed, and a guest may be using it.
            g.add_drive(args[0], readonly_: true);
            g.launch();

            string[] roots = g.inspect_os();
            foreach (string root in roots)
                Show(g, root);
            if (roots.Length == 0)
            {
                Console.WriteLine("no operating system found; file systems:");
                foreach (KeyValuePair<string, string> entry in g.list_filesystems())
                    Console.WriteLine("  " + entry.Key + ": " + entry.Value);
            }
        }
        return 0;
    }

    static void Show(Guestfs.Guestfs g, string root)
    {
        Console.WriteLine("Root device: " + root);
        Console.WriteLine("  Product name: " + g.inspect_get_product_name(root));
        Console.WriteLine("  Version:      " + g.inspect_get_major_version(root) + "."
            + g.inspect_get_minor_version(root));
        Console.WriteLine("  Type:         " + g.inspect_get_type(root));
        Console.WriteLine("  Distro:       " + g.inspect_get_distro(root));

        // Short mount points first, so that /boot is mounted after /.
        Dictionary<string, string> devices = g.inspect_get_mountpoints(root);
        var points = new List<string>(devices.Keys);
        points.Sort((a, b) => a.Length.CompareTo(b.Length));
        foreach (string point in points)
        {
            try
            {
                g.mount_ro(devices[point], point);
            }
            catch (Error e)
            {
                Console.WriteLine(e.Message + " (ignored)");
            }
        }
        if (g.is_file("/etc/issue"))
            Console.WriteLine("--- /etc/issue ---\n" + g.cat("/etc/issue"));
        g.umount_all();
    }
}
