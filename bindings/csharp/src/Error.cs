// What a call that fails throws.
// SPDX-License-Identifier: LGPL-2.1-or-later

using System;

namespace Guestfs
{
    /// <summary>A call failed. The message says what failed and why.</summary>
    public class Error : ApplicationException
    {
        /// <summary>The number that Linux has for the error, or 0 when it has none: 2 is ENOENT.</summary>
        public int Errno { get; }

        /// <summary>An error with a message and its number.</summary>
        public Error(string message, int errno = 0)
            : base(message)
        {
            Errno = errno;
        }
    }

    /// <summary>What is called for events.</summary>
    /// <param name="evt">The event: one of <c>Guestfs.EVENT_*</c>.</param>
    /// <param name="eh">What set_event_callback returned.</param>
    /// <param name="text">The text of the event, or null when it has none.</param>
    /// <param name="array">The numbers of the event; of a progress event its procedure, serial number, position
    /// and total.</param>
    public delegate void EventCallback(ulong evt, int eh, string text, ulong[] array);
}
