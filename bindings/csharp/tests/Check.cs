// What the tests share, and where they begin.

using System;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading;

class Check
{
    /// <summary>Tests.exe TEST ARGUMENTS.</summary>
    static int Main(string[] args)
    {
        var rest = new string[args.Length - 1];
        Array.Copy(args, 1, rest, 0, rest.Length);
        switch (args[0])
        {
            case "arguments": Arguments.Run(rest); break;
            case "binding": Binding.Run(rest[0]); break;
            case "launched": Launched.Run(); break;
            case "memory": Memory.Run(); break;
            case "ending": Ending.Run(rest); break;
            default: return Steps.Run(rest);
        }
        return 0;
    }

    internal static void That(bool condition, object message)
    {
        if (!condition)
            throw new Exception("failed: " + message);
    }

    internal static void Equal(object got, object wanted)
    {
        That(Equals(got, wanted), "got " + got + ", not " + wanted);
    }

    internal static T Fails<T>(Action action) where T : Exception
    {
        try
        {
            action();
        }
        catch (Exception e)
        {
            if (e.GetType() == typeof(T))
                return (T)e;
            throw new Exception("another exception than " + typeof(T), e);
        }
        throw new Exception("did not fail");
    }

    internal static void Says<T>(string words, Action action) where T : Exception
    {
        string message = Fails<T>(action).Message;
        That(message.Contains(words), message);
    }

    /// <summary>Collect garbage until something holds.</summary>
    internal static void Soon(string what, Func<bool> holds)
    {
        for (int i = 0; i < 500; i++)
        {
            if (holds())
                return;
            GC.Collect();
            GC.WaitForPendingFinalizers();
            Thread.Sleep(10);
        }
        throw new Exception(what);
    }

    /// <summary>In a thread of its own, whose stack the collector finds nothing in afterwards.</summary>
    internal static void Apart(Action action)
    {
        Together(1, action);
    }

    internal static void Together(int n, Action action)
    {
        Exception why = null;
        var threads = new Thread[n];
        for (int i = 0; i < n; i++)
        {
            threads[i] = new Thread(() =>
            {
                try
                {
                    action();
                }
                catch (Exception e)
                {
                    why = e;
                }
            });
            threads[i].IsBackground = true;
            threads[i].Start();
        }
        foreach (Thread thread in threads)
            That(thread.Join(60000), "deadlock");
        if (why != null)
            throw new Exception("in a thread", why);
    }

    /// <summary>KiB of this process.</summary>
    internal static long Resident()
    {
        foreach (string line in File.ReadAllLines("/proc/self/status"))
            if (line.StartsWith("VmRSS:"))
                return long.Parse(line.Substring(6).Replace("kB", "").Trim());
        throw new Exception("no VmRSS");
    }

    internal static int Files()
    {
        return Directory.GetFileSystemEntries("/proc/self/fd").Length;
    }

    /// <summary>The address of a socket by its path, which netstandard2.0 has no class for.</summary>
    sealed class UnixAddress : EndPoint
    {
        readonly byte[] path;

        internal UnixAddress(string path)
        {
            this.path = Encoding.UTF8.GetBytes(path);
        }

        public override AddressFamily AddressFamily
        {
            get { return AddressFamily.Unix; }
        }

        public override SocketAddress Serialize()
        {
            var address = new SocketAddress(AddressFamily.Unix, 2 + path.Length + 1);
            for (int i = 0; i < path.Length; i++)
                address[2 + i] = path[i];
            return address;
        }

        public override EndPoint Create(SocketAddress address)
        {
            return this;
        }
    }

    /// <summary>A handle whose daemon is a thread here: ANSWER is called with the first request.</summary>
    internal static Guestfs.Guestfs Daemon(string path, Action answer)
    {
        File.Delete(path);
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, 0);
        listener.Bind(new UnixAddress(path));
        listener.Listen(1);
        var thread = new Thread(() =>
        {
            try
            {
                using (listener)
                using (Socket connection = listener.Accept())
                {
                    connection.Send(new byte[] { 0xF5, 0xF5, 0x5F, 0xF5 });
                    var request = new byte[4096];
                    if (connection.Receive(request) > 0)
                        answer();
                    while (connection.Receive(request) > 0)
                    {
                    }
                }
            }
            catch (SocketException)
            {
                // The library has hung up.
            }
        });
        thread.IsBackground = true;
        thread.Start();
        var g = new Guestfs.Guestfs();
        g.set_backend("unix:" + path);
        g.set_autosync(false);
        g.launch();
        return g;
    }
}
