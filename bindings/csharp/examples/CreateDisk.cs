// Make a disk image with a partition, a file system and a few files.
//
// mcs -r:Guestfs.dll CreateDisk.cs && mono CreateDisk.exe DISK

using System.Text;

class CreateDisk
{
    static void Main(string[] args)
    {
        string output = args.Length > 0 ? args[0] : "disk.img";

        // Closed at the end of the block, whatever happens.
        using (var g = new Guestfs.Guestfs())
        {
            // A sparse raw image of 512 MiB, attached to the handle, whose machine is then started.
            g.disk_create(output, "raw", 512L << 20);
            g.add_drive(output, format: "raw", readonly_: false);
            g.launch();

            string[] devices = g.list_devices();
            g.part_disk(devices[0], "mbr");
            string[] partitions = g.list_partitions();

            g.mkfs("ext4", partitions[0], label: "csharp");
            g.mount(partitions[0], "/");
            g.touch("/empty");
            g.write("/hello", Encoding.UTF8.GetBytes("Hello, world\n"));
            g.mkdir("/foo");

            // Its errors are the last chance to learn that something was not written.
            g.shutdown();
        }
    }
}
