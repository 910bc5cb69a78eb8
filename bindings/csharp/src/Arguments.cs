// Values on their way to C.
// SPDX-License-Identifier: LGPL-2.1-or-later

using System;
using System.IO;
using System.Runtime.InteropServices;

namespace Guestfs
{
    /// <summary>As struct value of csharp.h.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Value
    {
        internal enum Tag : long { Absent, Number, Wide, Text, Texts, Bytes, Pointer }

        internal Tag Kind;
        internal long Number;
        internal long Size;
    }

    /// <summary>The arguments and options of a call: numbers, and beside them all bytes in a row.</summary>
    internal sealed class Arguments
    {
        internal readonly Value[] Values;
        /// <summary>What is behind the last byte is of no meaning.</summary>
        internal readonly byte[] Data;
        private readonly MemoryStream bytes = new MemoryStream(256);
        private readonly string call;

        /// <summary>Null is an option that is not given; C knows which arguments may not be null.</summary>
        internal Arguments(string call, object[] values)
        {
            this.call = call;
            // Arrays have addresses only when there is something in them.
            Values = new Value[Math.Max(1, values.Length)];
            for (int i = 0; i < values.Length; i++)
                Values[i] = Put(values[i], i);
            Data = bytes.GetBuffer();
        }

        private Value Put(object value, int place)
        {
            long at = bytes.Length;
            if (value == null)
                return new Value { Kind = Value.Tag.Absent };
            if (value is bool)
                return new Value { Kind = Value.Tag.Number, Number = (bool)value ? 1 : 0 };
            if (value is int)
                return new Value { Kind = Value.Tag.Number, Number = (int)value };
            if (value is long)
                return new Value { Kind = Value.Tag.Wide, Number = (long)value };
            if (value is IntPtr)
                return new Value { Kind = Value.Tag.Pointer, Number = ((IntPtr)value).ToInt64() };
            if (value is string)
            {
                Text.Write(bytes, (string)value, What(place));
                return new Value { Kind = Value.Tag.Text, Number = at };
            }
            var data = value as byte[];
            if (data != null)
            {
                bytes.Write(data, 0, data.Length);
                return new Value { Kind = Value.Tag.Bytes, Number = at, Size = data.Length };
            }
            var list = (string[])value;
            for (int i = 0; i < list.Length; i++)
            {
                if (list[i] == null)
                    throw new ArgumentNullException(null, What(place) + " has null in place " + i);
                Text.Write(bytes, list[i], What(place));
            }
            return new Value { Kind = Value.Tag.Texts, Number = at, Size = list.Length };
        }

        private string What(int place)
        {
            return string.Format("Guestfs.{0}: argument {1}", call, place + 1);
        }
    }
}
