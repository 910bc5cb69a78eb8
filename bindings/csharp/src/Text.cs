// Texts between C# and C.
// SPDX-License-Identifier: LGPL-2.1-or-later

using System;
using System.IO;
using System.Text;

namespace Guestfs
{
    /// <summary>UTF-8, and a way for bytes that are none: byte N is the character U+DC00 + N, which no text has alone.
    /// What a guest calls its files so survives the way into C# and back.</summary>
    internal static class Text
    {
        private const char Fault = '\uFFFD';

        /// <summary>Null is null.</summary>
        internal static string Of(byte[] bytes)
        {
            if (bytes == null)
                return null;
            string s = Encoding.UTF8.GetString(bytes);
            // What replaces a fault is not common in texts.
            return s.IndexOf(Fault) < 0 ? s : Escaped(bytes);
        }

        private static string Escaped(byte[] bytes)
        {
            var text = new StringBuilder(bytes.Length);
            for (int at = 0; at < bytes.Length;)
            {
                int size = Character(bytes, at);
                if (size > 0)
                    text.Append(Encoding.UTF8.GetString(bytes, at, size));
                else
                    text.Append((char)(0xDC00 + bytes[at]));
                at += Math.Max(1, size);
            }
            return text.ToString();
        }

        /// <summary>The size of the character that begins there, or 0: neither too long a form, nor half a character,
        /// nor beyond the last.</summary>
        private static int Character(byte[] bytes, int at)
        {
            byte first = bytes[at];
            if (first < 0x80)
                return 1;
            int size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
            if (first < 0xC2 || first > 0xF4 || bytes.Length - at < size)
                return 0;
            int code = first & (0x7F >> size);
            for (int i = 1; i < size; i++)
            {
                if ((bytes[at + i] & 0xC0) != 0x80)
                    return 0;
                code = code << 6 | (bytes[at + i] & 0x3F);
            }
            bool tooLong = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
            return tooLong || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF) ? 0 : size;
        }

        /// <summary>Write a text and the NUL that ends it in C. WHAT says whose text it is, in messages.</summary>
        internal static void Write(Stream to, string s, string what)
        {
            bool plain = true;
            foreach (char c in s)
            {
                if (c == '\0')
                    throw new ArgumentException(what + " has a NUL inside");
                plain &= !char.IsSurrogate(c);
            }
            byte[] bytes = plain ? Encoding.UTF8.GetBytes(s) : Unescaped(s, what);
            to.Write(bytes, 0, bytes.Length);
            to.WriteByte(0);
        }

        private static byte[] Unescaped(string s, string what)
        {
            var bytes = new MemoryStream(s.Length + 16);
            for (int i = 0; i < s.Length; i++)
            {
                int size = char.IsSurrogatePair(s, i) ? 2 : 1;
                if (size == 1 && s[i] >= 0xDC80 && s[i] <= 0xDCFF)
                {
                    bytes.WriteByte((byte)s[i]);
                    continue;
                }
                if (size == 1 && char.IsSurrogate(s[i]))
                    throw new ArgumentException(string.Format(
                        "{0} has half a character at {1}: U+{2:X4} without its other half", what, i, (int)s[i]));
                byte[] character = Encoding.UTF8.GetBytes(s.Substring(i, size));
                bytes.Write(character, 0, character.Length);
                i += size - 1;
            }
            return bytes.ToArray();
        }
    }
}
