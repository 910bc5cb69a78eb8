// The native library: src/*.c has the other side.
// SPDX-License-Identifier: LGPL-2.1-or-later

package com.redhat.et.libguestfs;

/** Functions in C, and what they call. Handles are pointers to C's struct glue_handle. */
final class Native {
  private Native () {}

  static {
    Loader.load ();
    boolean same;
    try {
      same = table () == GuestFS.TABLE;
    } catch (UnsatisfiedLinkError e) {
      // Another library of this name: upstream's.
      same = false;
    }
    if (!same)
      throw new UnsatisfiedLinkError ("libguestfs_jni.so and the jar that loads it are not from one build: "
          + "see that java.library.path leads to the library that was built with the jar");
  }

  /** What the table of calls comes to. */
  private static native long table ();

  static native int count ();

  /** NAME ARGUMENTS BLOCKS, and the digit of its shape and the name of each argument and option. */
  static native String describe (int index);

  static native long create (int flags) throws LibGuestFSException;

  /** Close now, or when the calls in progress have ended. */
  static native void close (long handle);

  /** Close, and forget the handle itself. */
  static native void free (long handle);

  /** Cancel what the handle is doing. */
  static native void cancel (long handle);

  /**
   * Call.
   *
   * @param objects for each argument and option byte[], byte[][] or null
   * @param numbers the same for those that are numbers; the result when it is one
   * @param mask the options that are given
   * @return byte[], byte[][] or Records
   */
  static native Object call (long handle, int index, Object[] objects, long[] numbers, long mask)
      throws LibGuestFSException;

  /** The callback is held weakly. */
  static native int setEventCallback (long handle, EventCallback callback, long events) throws LibGuestFSException;

  static native void deleteEventCallback (long handle, int id) throws LibGuestFSException;

  static native byte[] eventToString (long events);

  // Called by C.

  private static void fail (byte[] message, int errno) throws LibGuestFSException {
    throw new LibGuestFSException (Text.of (message), errno);
  }

  private static void noMemory () {
    throw new LibGuestFSOutOfMemory ("libguestfs: there is no memory for the values of a call");
  }

  private static Records records (int count, long[] numbers, byte[][] texts) {
    return new Records (count, numbers, texts);
  }

  private static void event (EventCallback callback, long event, int id, byte[] text, long[] array) {
    try {
      callback.event (event, id, Text.of (text), array);
    } catch (Throwable e) {
      System.err.println ("libguestfs: exception in a callback:");
      e.printStackTrace ();
    }
  }
}
