// Results on their way from C.
// SPDX-License-Identifier: LGPL-2.1-or-later

using System;
using System.Collections.Generic;

namespace Guestfs
{
    /// <summary>Numbers and texts in a row, as put_item of call.c writes them.</summary>
    internal sealed class Reader
    {
        private readonly byte[] bytes;
        private int at;

        internal Reader(byte[] bytes)
        {
            this.bytes = bytes;
        }

        internal long Number()
        {
            long number = BitConverter.ToInt64(bytes, at);
            at += sizeof(long);
            return number;
        }

        /// <summary>Null is not there.</summary>
        internal float? Percent()
        {
            float percent = BitConverter.ToSingle(BitConverter.GetBytes((int)Number()), 0);
            return percent < 0 ? (float?)null : percent;
        }

        /// <summary>Null is not there.</summary>
        internal byte[] Bytes()
        {
            long size = Number();
            if (size < 0)
                return null;
            var part = new byte[size];
            Buffer.BlockCopy(bytes, at, part, 0, part.Length);
            at += part.Length;
            return part;
        }

        internal string String()
        {
            return Text.Of(Bytes());
        }

        internal string[] Strings()
        {
            return All(r => r.String());
        }

        internal T[] All<T>(Func<Reader, T> next)
        {
            var list = new T[Number()];
            for (int i = 0; i < list.Length; i++)
                list[i] = next(this);
            return list;
        }

        /// <summary>Of a key that comes twice the last value counts.</summary>
        internal Dictionary<string, string> Table()
        {
            var table = new Dictionary<string, string>();
            for (long n = Number(); n > 0; n--)
            {
                string key = String();
                table[key] = String();
            }
            return table;
        }

        /// <summary>The only one of a list.</summary>
        internal T One<T>(Func<Reader, T> next)
        {
            Number();
            return next(this);
        }
    }
}
