// The native library: library.c and call.c have the other side.
// SPDX-License-Identifier: LGPL-2.1-or-later

using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Threading;
using Microsoft.Win32.SafeHandles;

namespace Guestfs
{
    /// <summary>Functions in C.</summary>
    internal static class Native
    {
        private const string Library = "guestfs_csharp";

        internal enum Status { Done, Failed, Closed, NoMemory, NullArgument, Mismatch }

        /// <summary>As struct answer of csharp.h.</summary>
        [StructLayout(LayoutKind.Sequential)]
        internal struct Answer
        {
            internal Status Status;
            internal int Code;
            internal long Number;
            internal IntPtr Bytes;
            internal long Size;
        }

        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
        private delegate void EventFunction(
            IntPtr callback, ulong evt, int id, IntPtr text, long size, IntPtr array, long count);

        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
        private delegate void ForgetFunction(IntPtr callback);

        // C has their addresses: they live as long as the program.
        private static readonly EventFunction OnEvent = Event;
        private static readonly ForgetFunction OnForget = callback => GCHandle.FromIntPtr(callback).Free();

        static Native()
        {
            Start(OnEvent, OnForget);
            AppDomain.CurrentDomain.ProcessExit += (sender, args) => End();
        }

        [DllImport(Library, EntryPoint = "guestfs_csharp_start", CallingConvention = CallingConvention.Cdecl)]
        private static extern void Start(EventFunction evt, ForgetFunction forget);

        [DllImport(Library, EntryPoint = "guestfs_csharp_end", CallingConvention = CallingConvention.Cdecl)]
        private static extern void End();

        [DllImport(Library, EntryPoint = "guestfs_csharp_create", CallingConvention = CallingConvention.Cdecl)]
        internal static extern Handle Create(uint flags, out int code);

        /// <summary>Close now, or when the calls in progress have ended.</summary>
        [DllImport(Library, EntryPoint = "guestfs_csharp_close", CallingConvention = CallingConvention.Cdecl)]
        internal static extern void Close(Handle handle);

        /// <summary>Close, and forget the handle itself.</summary>
        [DllImport(Library, EntryPoint = "guestfs_csharp_free", CallingConvention = CallingConvention.Cdecl)]
        internal static extern void Free(IntPtr handle);

        [DllImport(Library, EntryPoint = "guestfs_csharp_cancel", CallingConvention = CallingConvention.Cdecl)]
        internal static extern void Cancel(Handle handle);

        /// <summary>Whether the call may take long.</summary>
        [DllImport(Library, EntryPoint = "guestfs_csharp_waits", CallingConvention = CallingConvention.Cdecl)]
        internal static extern int Waits([MarshalAs(UnmanagedType.LPStr)] string name);

        [DllImport(Library, EntryPoint = "guestfs_csharp_call", CallingConvention = CallingConvention.Cdecl)]
        internal static extern void Call(
            Handle handle, [MarshalAs(UnmanagedType.LPStr)] string name, [In] Value[] values, int count,
            [In] byte[] data, ref Answer answer);

        /// <summary>Free what an answer or a text has.</summary>
        [DllImport(Library, EntryPoint = "guestfs_csharp_release", CallingConvention = CallingConvention.Cdecl)]
        internal static extern void Release(IntPtr bytes);

        [DllImport(Library, EntryPoint = "guestfs_csharp_set_event_callback",
            CallingConvention = CallingConvention.Cdecl)]
        internal static extern void SetEventCallback(Handle handle, ulong events, IntPtr callback, ref Answer answer);

        [DllImport(Library, EntryPoint = "guestfs_csharp_delete_event_callback",
            CallingConvention = CallingConvention.Cdecl)]
        internal static extern void DeleteEventCallback(Handle handle, int id, ref Answer answer);

        [DllImport(Library, EntryPoint = "guestfs_csharp_event_to_string",
            CallingConvention = CallingConvention.Cdecl)]
        internal static extern IntPtr EventToString(ulong events);

        /// <summary>A copy; null is absent.</summary>
        internal static byte[] Copy(IntPtr bytes, long size)
        {
            if (bytes == IntPtr.Zero)
                return null;
            var copy = new byte[size];
            Marshal.Copy(bytes, copy, 0, copy.Length);
            return copy;
        }

        /// <summary>Exceptions end here: there is only C to take them.</summary>
        private static void Event(IntPtr callback, ulong evt, int id, IntPtr text, long size, IntPtr array, long count)
        {
            try
            {
                // Collected, because the handle is, which is being closed for that.
                var function = (EventCallback)GCHandle.FromIntPtr(callback).Target;
                if (function == null)
                    return;
                var signed = new long[count];
                if (count > 0)
                    Marshal.Copy(array, signed, 0, signed.Length);
                function(evt, id, Text.Of(Copy(text, size)), Array.ConvertAll(signed, n => unchecked((ulong)n)));
            }
            catch (ThreadAbortException e)
            {
                Thread.ResetAbort();
                Guestfs.Failed(e);
            }
            catch (Exception e)
            {
                Guestfs.Failed(e);
            }
        }
    }

    /// <summary>C's handle. It is freed when it is collected, and no call is in progress on it then.</summary>
    internal sealed class Handle : SafeHandleZeroOrMinusOneIsInvalid
    {
        /// <summary>By their numbers. C holds them weakly, so that one that refers to its handle does not keep it.
        /// </summary>
        internal readonly Dictionary<int, EventCallback> Callbacks = new Dictionary<int, EventCallback>();

        private Handle()
            : base(true)
        {
        }

        protected override bool ReleaseHandle()
        {
            Native.Free(handle);
            return true;
        }
    }
}
