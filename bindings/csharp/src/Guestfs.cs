// What a handle is beside its calls.
// SPDX-License-Identifier: LGPL-2.1-or-later

using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Threading;

namespace Guestfs
{
    public partial class Guestfs : IDisposable
    {
        private const uint NoEnvironment = 1, NoCloseOnExit = 2;
        private const int EIntr = 4, EFBig = 27;

        private readonly Handle handle;

        /// <summary>A new handle.</summary>
        /// <param name="environment">Settings are read from environment variables.</param>
        /// <param name="close_on_exit">The handle is closed when the program ends.</param>
        /// <exception cref="Error">None can be made.</exception>
        public Guestfs(bool environment = true, bool close_on_exit = true)
        {
            handle = Native.Create((environment ? 0 : NoEnvironment) | (close_on_exit ? 0 : NoCloseOnExit), out int code);
            if (handle.IsInvalid)
                throw new Error("Guestfs: cannot create a handle", code);
        }

        /// <summary>Close the handle: end its appliance, and write what is left to its disks. While other threads are in
        /// calls, or in a callback, this happens when the last of them is done. Closing again does nothing.</summary>
        public void Close()
        {
            // A callback may try it while the collector does.
            if (!handle.IsClosed)
                Native.Close(handle);
        }

        /// <summary>As <see cref="Close"/>.</summary>
        public void Dispose()
        {
            Dispose(true);
            GC.SuppressFinalize(this);
        }

        /// <summary>For classes that are made of this one.</summary>
        protected virtual void Dispose(bool disposing)
        {
            if (disposing)
                Close();
        }

        /// <summary>Cancels what the handle is doing, as <c>user_cancel</c> does, and lets no call that may take
        /// long begin, from when it is cancelled. The call throws OperationCanceledException.</summary>
        public CancellationToken CancellationToken { get; set; }

        /// <summary>Is given exceptions that callbacks have thrown, which do not reach the call. Without it they are
        /// written to Console.Error.</summary>
        public static event Action<Exception> CallbackFailed;

        internal static void Failed(Exception e)
        {
            try
            {
                Action<Exception> tell = CallbackFailed;
                if (tell != null)
                    tell(e);
                else
                    Console.Error.WriteLine("libguestfs: exception in a callback: " + e);
            }
            catch (Exception)
            {
                // There is nobody left to tell, and only C to return to.
            }
        }

        /// <summary>Have a callback called for events, in any thread.</summary>
        /// <param name="callback">What is called, until it is deleted or the handle is closed.</param>
        /// <param name="events">EVENT_*, together.</param>
        /// <returns>A number for <see cref="delete_event_callback"/>.</returns>
        /// <exception cref="ObjectDisposedException">The handle is closed.</exception>
        public int set_event_callback(EventCallback callback, ulong events)
        {
            if (callback == null)
                throw new ArgumentNullException(nameof(callback));
            // Also while the handle is being finalized.
            var reference = GCHandle.Alloc(callback, GCHandleType.WeakTrackResurrection);
            var answer = new Native.Answer();
            Native.SetEventCallback(handle, events, GCHandle.ToIntPtr(reference), ref answer);
            if (answer.Status != Native.Status.Done)
                reference.Free();
            Take("set_event_callback", ref answer);
            lock (handle.Callbacks)
                handle.Callbacks[(int)answer.Number] = callback;
            return (int)answer.Number;
        }

        /// <summary>Stop calling a callback, perhaps from itself. Numbers that are not known are ignored.</summary>
        /// <param name="eh">What <see cref="set_event_callback"/> returned.</param>
        /// <exception cref="ObjectDisposedException">The handle is closed.</exception>
        public void delete_event_callback(int eh)
        {
            var answer = new Native.Answer();
            Native.DeleteEventCallback(handle, eh, ref answer);
            Take("delete_event_callback", ref answer);
            lock (handle.Callbacks)
                handle.Callbacks.Remove(eh);
        }

        /// <summary>The names of events, with commas between them.</summary>
        public static string event_to_string(ulong events)
        {
            IntPtr names = Native.EventToString(events);
            try
            {
                return Marshal.PtrToStringAnsi(names);
            }
            finally
            {
                Native.Release(names);
            }
        }

        // The ways of a call: its name, and its arguments and options.

        private static readonly object[] None = new object[0];

        private void Run(string call, object[] values)
        {
            RunBytes(call, values);
        }

        private long RunNumber(string call, object[] values)
        {
            return Call(call, values, out _);
        }

        private byte[] RunBytes(string call, object[] values)
        {
            Call(call, values, out byte[] bytes);
            return bytes;
        }

        private string RunText(string call, object[] values)
        {
            return Text.Of(RunBytes(call, values));
        }

        private Reader Read(string call, object[] values)
        {
            return new Reader(RunBytes(call, values));
        }

        private long Call(string call, object[] values, out byte[] bytes)
        {
            CancellationToken token = CancellationToken;
            var arguments = new Arguments(call, values);
            var answer = new Native.Answer();
            if (!token.CanBeCanceled || Native.Waits(call) == 0)
            {
                Native.Call(handle, call, arguments.Values, values.Length, arguments.Data, ref answer);
                bytes = Take(call, ref answer);
                return answer.Number;
            }
            token.ThrowIfCancellationRequested();
            using (new Cancelling(handle, token))
                Native.Call(handle, call, arguments.Values, values.Length, arguments.Data, ref answer);
            try
            {
                bytes = Take(call, ref answer);
            }
            catch (Error e) when (e.Errno == EIntr && token.IsCancellationRequested)
            {
                throw new OperationCanceledException(e.Message, e, token);
            }
            return answer.Number;
        }

        /// <summary>The bytes of an answer, if it is no error.</summary>
        private static byte[] Take(string call, ref Native.Answer answer)
        {
            byte[] bytes = null;
            try
            {
                if (answer.Size > int.MaxValue - 64)
                    throw new Error(string.Format(
                        "{0}: the result of {1} bytes does not fit into an array of C#", call, answer.Size), EFBig);
                bytes = Native.Copy(answer.Bytes, answer.Size);
            }
            finally
            {
                Native.Release(answer.Bytes);
            }
            switch (answer.Status)
            {
                case Native.Status.Done:
                    return bytes;
                case Native.Status.Failed:
                    throw new Error(Text.Of(bytes), answer.Code);
                case Native.Status.Closed:
                    throw new ObjectDisposedException("Guestfs", call + ": handle is closed");
                case Native.Status.NoMemory:
                    throw new OutOfMemoryException(call + ": there is no memory for the values of the call");
                case Native.Status.NullArgument:
                    throw new ArgumentNullException(Text.Of(bytes), "Guestfs." + call);
                default:
                    throw new InvalidOperationException(
                        call + ": Guestfs.dll and libguestfs_csharp.so are not from one build: install both together");
            }
        }
    }
}
