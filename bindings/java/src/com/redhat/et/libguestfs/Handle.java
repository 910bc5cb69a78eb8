// What a handle is beside its calls.
// SPDX-License-Identifier: LGPL-2.1-or-later

package com.redhat.et.libguestfs;

import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** The open handle, its callbacks, and the ways of a call through the native library. */
abstract class Handle implements AutoCloseable {
  private static final Cleaner CLEANER = Cleaner.create ();
  private static final int NO_ENVIRONMENT = 1, NO_CLOSE_ON_EXIT = 2;

  private final long handle;
  /** C holds them weakly: a callback that refers to its handle does not keep it. */
  private final Map<Integer, EventCallback> callbacks = new ConcurrentHashMap<> ();

  Handle (Map<String, Object> options) throws LibGuestFSException {
    int flags = 0;
    if (options != null)
      for (Map.Entry<String, Object> option : options.entrySet ()) {
        int flag;
        switch (String.valueOf (option.getKey ())) {
        case "environment": flag = NO_ENVIRONMENT; break;
        case "close_on_exit": flag = NO_CLOSE_ON_EXIT; break;
        default: throw new IllegalArgumentException ("GuestFS: unknown optional argument '" + option.getKey () + "'");
        }
        if (option.getValue () != null && !(Boolean) option.getValue ())
          flags |= flag;
      }
    long made = Native.create (flags);
    handle = made;
    CLEANER.register (this, () -> Native.free (made));
  }

  /**
   * Close the handle: end its appliance, and write what is left to its disks. While other threads are in calls, or in
   * a callback, this happens when the last of them is done. Closing again does nothing.
   */
  @Override
  public void close () throws LibGuestFSException {
    try {
      Native.close (handle);
    } finally {
      Reference.reachabilityFence (this);
    }
  }

  /**
   * Have a callback called for events.
   *
   * @param callback what is called, until it is deleted or the handle is closed
   * @param events GuestFS.EVENT_*, added
   * @return a number for delete_event_callback
   * @throws LibGuestFSException when the handle is closed
   */
  public int set_event_callback (EventCallback callback, long events) throws LibGuestFSException {
    if (callback == null)
      throw new NullPointerException ("GuestFS.set_event_callback: callback is null");
    try {
      int id = Native.setEventCallback (handle, callback, events);
      callbacks.put (id, callback);
      return id;
    } finally {
      Reference.reachabilityFence (this);
    }
  }

  /**
   * Stop calling a callback, perhaps from itself. Numbers that are not known are ignored.
   *
   * @param eh what set_event_callback returned
   * @throws LibGuestFSException when the handle is closed
   */
  public void delete_event_callback (int eh) throws LibGuestFSException {
    try {
      Native.deleteEventCallback (handle, eh);
      callbacks.remove (eh);
    } finally {
      Reference.reachabilityFence (this);
    }
  }

  // The ways of a call: its number in the table, its options or null, and its arguments.

  final void run (int index, Map<String, Object> options, Object... arguments) throws LibGuestFSException {
    call (index, options, arguments, null);
  }

  final long runNumber (int index, Map<String, Object> options, Object... arguments) throws LibGuestFSException {
    long[] number = new long[1];
    call (index, options, arguments, number);
    return number[0];
  }

  final byte[] runBytes (int index, Map<String, Object> options, Object... arguments) throws LibGuestFSException {
    return (byte[]) call (index, options, arguments, null);
  }

  final String runText (int index, Map<String, Object> options, Object... arguments) throws LibGuestFSException {
    return Text.of (runBytes (index, options, arguments));
  }

  final String[] runTexts (int index, Map<String, Object> options, Object... arguments) throws LibGuestFSException {
    return Text.of ((byte[][]) call (index, options, arguments, null));
  }

  final Map<String, String> runTable (int index, Map<String, Object> options, Object... arguments)
      throws LibGuestFSException {
    String[] texts = runTexts (index, options, arguments);
    HashMap<String, String> table = new LinkedHashMap<> ();
    for (int i = 0; i + 1 < texts.length; i += 2)
      table.put (texts[i], texts[i + 1]);
    return table;
  }

  final Records runRecords (int index, Map<String, Object> options, Object... arguments) throws LibGuestFSException {
    return (Records) call (index, options, arguments, null);
  }

  private Object call (int index, Map<String, Object> options, Object[] arguments, long[] number)
      throws LibGuestFSException {
    Call call = Call.at (index);
    try {
      Call.Values values = call.new Values (arguments, options);
      Interruption interruption = call.blocks ? Interruption.enter (handle, call.name) : null;
      try {
        return Native.call (handle, index, values.objects, values.numbers, values.mask);
      } finally {
        if (number != null)
          number[0] = values.numbers[0];
        if (interruption != null)
          interruption.leave ();
      }
    } finally {
      Reference.reachabilityFence (this);
    }
  }
}
