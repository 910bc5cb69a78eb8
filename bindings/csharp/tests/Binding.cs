// What a handle has beside calls: closing, the collector, texts, options, errors, events, threads, cancelling; with
// handles that are not launched.

using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Threading;
using Guestfs;
using Handle = Guestfs.Guestfs;

class Binding : Check
{
    static string directory;

    static void Closing()
    {
        int closed = 0;
        EventCallback count = (evt, eh, text, array) =>
        {
            That(evt == Handle.EVENT_CLOSE && text == null && array.Length == 0, text);
            Interlocked.Increment(ref closed);
        };
        var g = new Handle();
        g.set_event_callback(count, Handle.EVENT_CLOSE);
        g.Close();
        g.Close();
        g.Dispose();
        Equal(closed, 1);
        Says<ObjectDisposedException>("get_memsize: handle is closed", () => g.get_memsize());
        Says<ObjectDisposedException>("set_event_callback: handle is closed",
            () => g.set_event_callback(count, Handle.EVENT_ALL));
        Says<ObjectDisposedException>("handle is closed", () => g.delete_event_callback(0));
        using (var h = new Handle())
            h.set_event_callback(count, Handle.EVENT_CLOSE);
        Equal(closed, 2);

        // By the callback of a call in progress: the call still ends.
        var own = new Handle();
        own.set_trace(true);
        own.set_event_callback((evt, eh, text, array) => own.Close(), Handle.EVENT_TRACE);
        Equal(own.get_smp(), 1);
        Says<ObjectDisposedException>("handle is closed", () => own.get_smp());

        // Left to the collector: even one whose callback refers to it.
        Apart(() => new Handle().set_event_callback(count, Handle.EVENT_CLOSE));
        Soon("the collector did not close it", () => closed == 3);
        int before = Files() + 4;
        Apart(() =>
        {
            for (int i = 0; i < 20; i++)
                RefersToItself();
        });
        Soon("the collector did not close those that refer to themselves", () => Files() < before);
    }

    static void RefersToItself()
    {
        Handle g = Daemon(directory + "/sock", () => { });
        g.set_event_callback((evt, eh, text, array) => g.Close(), Handle.EVENT_SUBPROCESS_QUIT);
    }

    class Mine : Handle
    {
        internal bool Disposed;

        internal Mine()
            : base(environment: false)
        {
        }

        protected override void Dispose(bool disposing)
        {
            base.Dispose(disposing);
            Disposed = disposing;
        }
    }

    static void Subclass()
    {
        var g = new Mine();
        using (g)
            g.set_program("x");
        That(g.Disposed, "not disposed of");
    }

    static void Texts()
    {
        var g = new Handle();
        // Four bytes in UTF-8; no UTF-8, two ways; beside what stands for a fault; what a surrogate, too long a form
        // and more than the last character would be in UTF-8; cut off.
        string[] texts =
        {
            "", "é€😀", "\uDC80x\uDCFF", "\uFFFD\uDCC3", "\uFFFD", "\uDCED\uDCA0\uDC80", "\uDCC0\uDC80", "\uDCE0\uDC80\uDC80",
            "\uDCF4\uDC90\uDC80\uDC80", "é\uDCE2\uDC82", "\uDCF0\uDC8F\uDCBF\uDCBF", "😀\uDCFE",
        };
        foreach (string s in texts)
        {
            g.set_program(s);
            Equal(g.get_program(), s);
        }
        That(g.internal_test_rbufferout("\uDCFFé").SequenceEqual(new byte[] { 255, 195, 169 }), "bytes");
        Says<ArgumentException>("Guestfs.set_program: argument 1 has a NUL inside", () => g.set_program("a\0b"));
        Says<ArgumentException>("half a character at 1: U+D83D", () => g.set_program("x\uD83D"));
        Says<ArgumentException>("half a character", () => g.set_program("\uDE00"));
        Equal(Fails<ArgumentNullException>(() => g.set_program(null)).ParamName, "program");
        Says<ArgumentNullException>("Guestfs.set_program", () => g.set_program(null));
        Equal(Fails<ArgumentNullException>(() => g.set_backend_settings(null)).ParamName, "settings");
        Says<ArgumentNullException>("argument 1 has null in place 1",
            () => g.set_backend_settings(new[] { "a", null }));
        Equal(Fails<ArgumentNullException>(() => g.write("/x", null)).ParamName, "content");
        // A name that is not UTF-8, in the host; 64 bits.
        string disk = directory + "/é\uDCFF.img";
        g.disk_create(disk, "raw", (1L << 32) + 4096);
        Equal(g.disk_virtual_size(disk), (1L << 32) + 4096);
    }

    static void Options()
    {
        var g = new Handle(environment: false, close_on_exit: false);
        string disk = directory + "/csharp.qcow2";
        g.disk_create(disk, "qcow2", 1 << 20, clustersize: 65536, preallocation: null);
        Equal(g.disk_format(disk), "qcow2");
        g.add_drive(disk, readonly_: true, format: "qcow2");
        g.add_drive_opts(disk, format: "qcow2", label: "abc");
        g.add_drive_opts(disk);
        g.add_drive_ro(disk);
        g.add_drive_scratch(1 << 20, blocksize: 512);
        Says<Error>("", () => g.add_drive(disk, protocol: "file", server: new[] { "localhost" }));
        Equal(g.get_append(), null);
        g.set_append("a b");
        Equal(g.get_append(), "a b");
        g.set_append(null);
        Equal(g.get_append(), null);
        Equal(g.version().major, 1L);
        That(g.version().extra.Length > 0, "extra");
    }

    static void Errors()
    {
        var g = new Handle();
        Error e = Fails<Error>(() => g.add_drive("/nonexistent/\uDCFF"));
        That(e.Errno == 2 && e.Message.Contains("/nonexistent/\uDCFF"), e);
        That(e is ApplicationException, "upstream's base");
        // Errors belong to threads.
        int errno = 0;
        Apart(() => errno = Fails<Error>(() => g.set_memsize(1)).Errno);
        That(errno != 2, errno);
        Equal(new Error("x").Errno, 0);
    }

    /// <summary>As if the assembly were from another build than the native library: what it does not know is said, and
    /// no value is taken for another.</summary>
    static void Builds()
    {
        var g = new Handle();
        MethodInfo run = typeof(Handle).GetMethod("Run", BindingFlags.NonPublic | BindingFlags.Instance);
        foreach (string call in new[] { "nosuch", "get_smp", "set_smp", "set_program", "set_backend_settings" })
        {
            var e = Fails<TargetInvocationException>(() => run.Invoke(g, new object[] { call, new object[] { 1L } }));
            That(e.InnerException is InvalidOperationException
                && e.InnerException.Message.Contains(call + ": Guestfs.dll and libguestfs_csharp.so"), e);
        }
    }

    static void Events()
    {
        ulong[] all =
        {
            Handle.EVENT_CLOSE, Handle.EVENT_SUBPROCESS_QUIT, Handle.EVENT_LAUNCH_DONE, Handle.EVENT_PROGRESS,
            Handle.EVENT_APPLIANCE, Handle.EVENT_LIBRARY, Handle.EVENT_TRACE, Handle.EVENT_ENTER,
            Handle.EVENT_LIBVIRT_AUTH, Handle.EVENT_WARNING,
        };
        for (int i = 0; i < all.Length; i++)
            Equal(all[i], 1UL << i);
        Equal(Handle.EVENT_ALL, 0x3FFUL);
        Equal(Handle.event_to_string(Handle.EVENT_CLOSE | Handle.EVENT_TRACE), "close,trace");
        Equal(Handle.event_to_string(0), "");

        var g = new Handle();
        var seen = new List<string>();
        EventCallback note = (evt, eh, text, array) => seen.Add(evt + " " + eh + " " + text + " " + array.Length);
        int trace = g.set_event_callback(note, Handle.EVENT_TRACE);
        int enter = g.set_event_callback(note, Handle.EVENT_ENTER);
        g.set_trace(true);
        seen.Clear();
        g.get_smp();
        That(seen.Contains(Handle.EVENT_ENTER + " " + enter + " get_smp 0"), string.Join(",", seen));
        That(seen.Contains(Handle.EVENT_TRACE + " " + trace + " get_smp = 1 0"), string.Join(",", seen));
        g.delete_event_callback(trace);
        g.delete_event_callback(4711);
        g.delete_event_callback(enter);
        g.set_event_callback((evt, eh, text, array) => { }, Handle.EVENT_TRACE); // or it is printed
        g.set_trace(false);
        seen.Clear();
        // What is set and not held by anybody else is held by the handle.
        g.set_event_callback((evt, eh, text, array) => seen.Add(text), Handle.EVENT_ENTER);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        g.get_smp();
        Equal(string.Join(",", seen), "get_smp");
        Fails<ArgumentNullException>(() => g.set_event_callback(null, Handle.EVENT_ALL));

        // A callback may delete itself, call back, and fail.
        var h = new Handle();
        int count = 0;
        h.set_event_callback((evt, eh, text, array) =>
        {
            count++;
            h.delete_event_callback(eh);
            That(h.get_memsize() > 0, "calls back");
        }, Handle.EVENT_ENTER);
        h.get_smp();
        h.get_smp();
        Equal(count, 1);
        h.set_event_callback((evt, eh, text, array) => { throw new FormatException("broken callback"); },
            Handle.EVENT_ENTER);
        TextWriter stderr = Console.Error;
        var printed = new StringWriter();
        Console.SetError(printed);
        Equal(h.get_smp(), 1);
        Console.SetError(stderr);
        That(printed.ToString().Contains("broken callback"), printed);
        Exception told = null;
        Handle.CallbackFailed += e => told = e;
        Equal(h.get_smp(), 1);
        That(told is FormatException, told);
        h.set_event_callback((evt, eh, text, array) => Thread.CurrentThread.Abort(), Handle.EVENT_ENTER);
        Equal(h.get_smp(), 1);
    }

    static void Threads()
    {
        var g = new Handle();
        int count = 0;
        g.set_trace(true);
        g.set_event_callback((evt, eh, text, array) => Interlocked.Increment(ref count), Handle.EVENT_TRACE);
        Together(4, () =>
        {
            for (int i = 0; i < 200; i++)
            {
                Equal(g.internal_test_rstringlist("3").Length, 3);
                g.get_memsize();
            }
        });
        Equal(count, 4 * 200 * 4);
        // Closing while others are inside calls.
        for (int i = 0; i < 20; i++)
        {
            var h = new Handle();
            int inside = 0;
            Together(4, () =>
            {
                if (Interlocked.Increment(ref inside) == 4)
                    h.Close();
                Fails<ObjectDisposedException>(() =>
                {
                    for (;;)
                        h.internal_test_rint("1");
                });
            });
        }
    }

    /// <summary>A token ends the running call, also one that a callback makes, and one that has not begun.</summary>
    static void Cancelling()
    {
        foreach (bool nested in new[] { false, true })
        {
            var source = new CancellationTokenSource();
            bool asked = false, running = false;
            int others = 0;
            Handle g = Daemon(directory + "/sock", () =>
            {
                asked = true;
                Thread.Sleep(200);
                running = others > 0;
                source.Cancel();
            });
            g.CancellationToken = source.Token;
            // Other threads run meanwhile, and the collector with them.
            var other = new Thread(() =>
            {
                while (!asked)
                    Thread.Sleep(1);
                for (; others < 50; others++)
                {
                    GC.Collect();
                    Thread.Sleep(1);
                }
            });
            other.Start();
            DateTime begun = DateTime.UtcNow;
            OperationCanceledException e = null;
            if (nested)
            {
                var outer = new Handle();
                outer.set_trace(true);
                outer.set_event_callback((evt, eh, text, array) =>
                {
                    e = e ?? Fails<OperationCanceledException>(() => g.ping_daemon());
                }, Handle.EVENT_TRACE);
                outer.get_memsize();
            }
            else
                e = Fails<OperationCanceledException>(() => g.ping_daemon());
            Equal(e.CancellationToken, source.Token);
            Equal(((Error)e.InnerException).Errno, 4);
            That(running, "other threads did not run");
            That((DateTime.UtcNow - begun).TotalSeconds < 30, "late");
            Equal(Fails<OperationCanceledException>(() => g.ping_daemon()).InnerException, null);
            That(g.get_memsize() > 0, "what does not wait goes on");
            g.CancellationToken = CancellationToken.None;
            Fails<Error>(() => g.ping_daemon());
            g.Close();
            other.Join();
        }
        // From another thread.
        Handle h = Daemon(directory + "/sock", () => { });
        new Timer(state => h.user_cancel(), null, 200, Timeout.Infinite);
        Equal(Fails<Error>(() => h.ping_daemon()).Errno, 4);
        h.Close();
    }

    internal static void Run(string where)
    {
        directory = where;
        Closing();
        Subclass();
        Texts();
        Options();
        Errors();
        Builds();
        Events();
        Threads();
        Cancelling();
        Console.WriteLine("ok");
    }
}
