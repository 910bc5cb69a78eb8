// Runs generated/tests/steps.json: every test on one handle a scenario, as tests/conformance/run_steps.py.
//
// STEPS.json TMP [PREFIX]: PREFIX picks tests by the beginning of their names; TMP is an empty directory.

using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.ExceptionServices;
using System.Text;
using Guestfs;
using Handle = Guestfs.Guestfs;
using Table = System.Collections.Generic.Dictionary<string, object>;

class Steps : Check
{
    const int MiB = 1 << 20;
    const string Errnos = " 1 EPERM 2 ENOENT 5 EIO 13 EACCES 16 EBUSY 17 EEXIST 18 EXDEV 19 ENODEV 20 ENOTDIR "
        + "21 EISDIR 22 EINVAL 27 EFBIG 28 ENOSPC 30 EROFS 34 ERANGE 36 ENAMETOOLONG 39 ENOTEMPTY 40 ELOOP 61 ENODATA "
        + "71 EPROTO 95 ENOTSUP ";
    static readonly Encoding Latin1 = Encoding.GetEncoding("iso-8859-1");
    static string tmp;

    /// <summary>A value of the file as TYPE, or as it is.</summary>
    static object Value(object v, Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        var table = v as Table;
        if (table != null && table.Count == 1 && table.ContainsKey("bytes"))
        {
            var hex = (string)table["bytes"];
            return Enumerable.Range(0, hex.Length / 2).Select(i => Convert.ToByte(hex.Substring(2 * i, 2), 16)).ToArray();
        }
        if (v is string)
        {
            string text = ((string)v).Replace("%tmp", tmp);
            return type == typeof(byte[]) ? (object)Encoding.UTF8.GetBytes(text) : text;
        }
        if (v is List<object>)
        {
            List<object> list = ((List<object>)v).Select(item => Value(item, typeof(object))).ToList();
            return type == typeof(string[]) ? (object)list.Cast<string>().ToArray() : list;
        }
        return v is long && type == typeof(int) ? checked((int)(long)v) : v;
    }

    static object Call(Handle g, string name, List<object> args, Table opts)
    {
        MethodInfo method = typeof(Handle).GetMethod(name) ?? typeof(Handle).GetMethod(name + "_");
        ParameterInfo[] parameters = method.GetParameters();
        var values = new object[parameters.Length];
        for (int i = 0; i < args.Count; i++)
            values[i] = Value(args[i], parameters[i].ParameterType);
        foreach (KeyValuePair<string, object> option in opts)
        {
            int at = Array.FindIndex(parameters, args.Count, p => p.Name.TrimEnd('_') == option.Key);
            values[at] = Value(option.Value, parameters[at].ParameterType);
        }
        try
        {
            return method.Invoke(g, values);
        }
        catch (TargetInvocationException e)
        {
            ExceptionDispatchInfo.Capture(e.InnerException).Throw();
            throw;
        }
    }

    static object Do(Handle g, Table step)
    {
        object local;
        if (step.TryGetValue("local_write", out local))
        {
            var content = (byte[])Value(((Table)local)["content"], typeof(byte[]));
            File.WriteAllBytes((string)Value(((Table)local)["path"], typeof(string)), content);
            return null;
        }
        if (step.TryGetValue("local_read", out local))
            return File.ReadAllBytes((string)Value(((Table)local)["path"], typeof(string)));
        return Call(g, (string)step["call"], (List<object>)step["args"], (Table)step["opts"]);
    }

    /// <summary>A result as the file spells it; bytes are characters of one byte.</summary>
    static object Normal(object v)
    {
        if (v is byte[])
            return Latin1.GetString((byte[])v);
        if (v is int || v is uint || v is ulong)
            return unchecked(v is ulong ? (long)(ulong)v : Convert.ToInt64(v));
        if (v is char)
            return v.ToString();
        if (v is Dictionary<string, string>)
            return ((Dictionary<string, string>)v).ToDictionary(e => e.Key, e => (object)e.Value);
        if (v is Array)
            return ((Array)v).Cast<object>().Select(Normal).ToList();
        if (v != null && v.GetType().Assembly == typeof(Handle).Assembly)
            return v.GetType().GetFields().ToDictionary(f => f.Name.TrimEnd('_'), f => Normal(f.GetValue(v)));
        return v;
    }

    /// <summary>Of tables only the wanted keys count.</summary>
    static bool Matches(object got, object want)
    {
        object value;
        var table = got as Table;
        var list = got as List<object>;
        if (want is Table)
            return table != null
                && ((Table)want).All(e => table.TryGetValue(e.Key, out value) && Matches(value, e.Value));
        if (want is List<object>)
            return list != null && list.Count == ((List<object>)want).Count
                && list.Zip((List<object>)want, Matches).All(equal => equal);
        if (want is double)
            return got != null && Math.Abs(Convert.ToDouble(got) - (double)want) < 0.01;
        return Equals(got, want);
    }

    static bool Unordered(List<object> left, List<object> want)
    {
        foreach (object w in want)
        {
            int found = left.FindIndex(v => Matches(v, w));
            if (found < 0)
                return false;
            left.RemoveAt(found);
        }
        return left.Count == 0;
    }

    static void Step(Handle g, Table step)
    {
        KeyValuePair<string, object> expect = ((Table)step["expect"]).Single();
        object got;
        try
        {
            got = Do(g, step);
        }
        catch (Error e)
        {
            if (expect.Key == "error"
                && (expect.Value == null || Errnos.Contains(" " + e.Errno + " " + expect.Value + " ")))
                return;
            throw;
        }
        object want = Value(expect.Value, got is byte[] ? typeof(byte[]) : typeof(object));
        want = Normal(want);
        got = Normal(got);
        bool ok = expect.Key == "ok" || (expect.Key == "equals" && Matches(got, want))
            || (expect.Key == "unordered" && Unordered((List<object>)got, (List<object>)want))
            || (expect.Key == "contains" && (got is string ? ((string)got).Contains((string)want)
                : ((List<object>)got).Any(v => Matches(v, want))));
        That(ok, "got " + got + ", expected " + expect.Key + " " + want);
    }

    static void Wipe(Handle g, string device, bool bothEnds)
    {
        long size = g.blockdev_getsize64(device);
        g.pwrite_device(device, new byte[Math.Min(size, MiB)], 0);
        if (bothEnds && size > MiB)
            g.pwrite_device(device, new byte[MiB], size - MiB);
    }

    /// <summary>The state that the scenario promises.</summary>
    static void Reset(Handle g, string scenario)
    {
        if (scenario == "disks")
        {
            g.umount_all();
            g.vg_activate_all(false);
            string[] parts = g.list_partitions();
            foreach (string part in parts)
                Wipe(g, part, false);
            foreach (string disk in new[] { "/dev/sda", "/dev/sdb" })
            {
                if (parts.Any(p => p.StartsWith(disk)))
                    g.part_init(disk, "mbr");
                Wipe(g, disk, true);
            }
        }
        else if (scenario == "scratch-fs")
        {
            g.umount_all();
            g.mount("/dev/sdc", "/");
            g.umask(18);
            foreach (string name in g.ls("/").Where(n => n != "lost+found"))
                g.rm_rf("/" + name);
        }
    }

    static Handle Open(string scenario)
    {
        var g = new Handle();
        if (scenario != "none")
        {
            foreach (int size in scenario == "scratch-fs" ? new[] { 1024, 256, 256 } : new[] { 1024, 256 })
                g.add_drive_scratch((long)size * MiB);
            g.launch();
            if (scenario == "scratch-fs")
                g.mkfs("ext4", "/dev/sdc");
        }
        return g;
    }

    internal static int Run(string[] args)
    {
        tmp = args[1];
        var tests = (List<object>)((Table)Json.Parse(File.ReadAllText(args[0])))["tests"];
        int passed = 0, failed = 0;
        foreach (string scenario in new[] { "none", "disks", "scratch-fs" })
        {
            Handle g = null;
            foreach (Table test in tests.Cast<Table>().Where(t => (string)t["scenario"] == scenario))
            {
                string name = (string)test["name"], place = "reset";
                if (args.Length > 2 && !name.StartsWith(args[2]))
                    continue;
                // Tests of a handle that is not launched change its properties: each gets a new one.
                if (g != null && scenario == "none")
                {
                    g.Close();
                    g = null;
                }
                try
                {
                    g = g ?? Open(scenario);
                    Reset(g, scenario);
                    var steps = (List<object>)test["steps"];
                    for (int i = 0; i < steps.Count; i++)
                    {
                        place = "step " + i;
                        Step(g, (Table)steps[i]);
                    }
                    passed++;
                }
                catch (Exception e)
                {
                    failed++;
                    Console.Error.WriteLine(name + ", " + place + ": " + e);
                    if (g != null)
                        g.Close();
                    g = null;
                }
            }
            if (g != null)
                g.Close();
        }
        Console.WriteLine(passed + " passed, " + failed + " failed");
        return passed > 0 && failed == 0 ? 0 : 1;
    }
}
