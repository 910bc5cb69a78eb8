// How a token cancels a call.
// SPDX-License-Identifier: LGPL-2.1-or-later

using System;
using System.Threading;

namespace Guestfs
{
    /// <summary>From the beginning of a call to its end the handle is cancelled when the token is.</summary>
    internal sealed class Cancelling : IDisposable
    {
        /// <summary>Milliseconds between two attempts: a call that has not begun does not hear the first.</summary>
        private const int Again = 500;

        private readonly Handle handle;
        private readonly CancellationTokenRegistration registration;
        private Timer timer;
        private bool ended;

        internal Cancelling(Handle handle, CancellationToken token)
        {
            this.handle = handle;
            registration = token.Register(Begin);
        }

        /// <summary>Not in the thread that cancels the token, which does not wait for the handle.</summary>
        private void Begin()
        {
            lock (this)
            {
                if (!ended)
                    timer = new Timer(Cancel, null, 0, Again);
            }
        }

        private void Cancel(object state)
        {
            lock (this)
            {
                if (!ended)
                    Native.Cancel(handle);
            }
        }

        public void Dispose()
        {
            lock (this)
            {
                ended = true;
                timer?.Dispose();
            }
            registration.Dispose();
        }
    }
}
