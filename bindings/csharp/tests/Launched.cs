// On the appliance: events of launching, a token and user_cancel in a long call, bytes.

using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using System.Threading;
using Guestfs;
using Handle = Guestfs.Guestfs;

class Launched : Check
{
    internal static void Run()
    {
        ulong all = 0;
        using (var g = new Handle())
        {
            g.set_event_callback((evt, eh, text, array) => all |= evt, Handle.EVENT_ALL);
            g.set_trace(true);
            g.set_verbose(true);
            g.add_drive_scratch(8 << 20);
            var seen = new List<ulong>();
            g.set_event_callback((evt, eh, text, array) =>
            {
                seen.Add(evt);
                That(evt != Handle.EVENT_PROGRESS || array.Length == 4, array.Length);
            }, Handle.EVENT_LAUNCH_DONE | Handle.EVENT_PROGRESS);
            g.launch();
            Equal(seen.Last(), Handle.EVENT_LAUNCH_DONE);
            g.set_verbose(false);
            g.set_trace(false);

            seen.Clear();
            g.debug("progress", new[] { "3" });
            Equal(seen.Last(), Handle.EVENT_PROGRESS);

            var sleep = new[] { "sleep 600" };
            using (var source = new CancellationTokenSource(500))
            {
                g.CancellationToken = source.Token;
                Equal(Fails<OperationCanceledException>(() => g.debug("sh", sleep)).CancellationToken, source.Token);
                g.CancellationToken = CancellationToken.None;
            }
            Equal(g.debug("sh", new[] { "echo here" }), "here\n");
            using (new Timer(state => g.user_cancel(), null, 500, Timeout.Infinite))
                Equal(Fails<Error>(() => g.debug("sh", sleep)).Errno, 4);
            Equal(g.debug("sh", new[] { "echo here" }), "here\n");

            // Two threads on one handle, each with its own results.
            int next = 0;
            Together(2, () =>
            {
                string mine = Interlocked.Increment(ref next) + "\n";
                for (int i = 0; i < 50; i++)
                    Equal(g.debug("sh", new[] { "echo " + mine.Trim() }), mine);
            });

            // Bytes are what they were, and large ones arrive.
            var bytes = new byte[3 << 20];
            new Random(7).NextBytes(bytes);
            g.mkfs("ext2", "/dev/sda");
            g.pwrite_device("/dev/sda", new byte[] { 97, 0, 255 }, 0);
            That(g.pread_device("/dev/sda", 3, 0).SequenceEqual(new byte[] { 97, 0, 255 }), "three bytes");
            g.mount("/dev/sda", "/");
            g.write("/é", bytes);
            That(g.read_file("/é").SequenceEqual(bytes), "large");
            g.write("/empty", new byte[0]);
            Equal(g.read_file("/empty").Length, 0);
            g.touch("/\uDCE9");
            That(g.ls("/").Contains("\uDCE9") && g.is_file("/\uDCE9"), "a name that is no UTF-8");
            Equal(g.statns("/é").st_size, (long)bytes.Length);
            g.setxattr("user.x", "a\nb", 3, "/é");
            Equal(Encoding.UTF8.GetString(g.getxattrs("/é").Single(x => x.attrname == "user.x").attrval), "a\nb");
            // With as much in it as C# has characters.
            var odd = new byte[256];
            for (int i = 0; i < odd.Length; i++)
                odd[i] = (byte)i;
            g.write("/odd", odd);
            That(g.pread("/odd", 256, 0).SequenceEqual(odd), "odd");
            g.shutdown();
        }
        string names = Handle.event_to_string(all);
        Equal(names, "appliance,close,enter,launch_done,library,progress,trace");
        Console.WriteLine("ok");
    }
}
