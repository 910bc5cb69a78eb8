// How a thread that waits in a call is interrupted.
// SPDX-License-Identifier: LGPL-2.1-or-later

package com.redhat.et.libguestfs;

import java.io.IOException;
import java.nio.channels.spi.AbstractInterruptibleChannel;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A call that may take long, as a channel: Java closes the channel that an interrupted thread waits for, and to close
 * this one is to cancel the call. At the end of the program all calls are cancelled, so that their handles can be
 * closed.
 */
final class Interruption extends AbstractInterruptibleChannel {
  private static final ThreadLocal<Interruption> INNERMOST = new ThreadLocal<> ();
  private static final Set<Interruption> RUNNING = ConcurrentHashMap.newKeySet ();
  private static final int EINTR = 4;
  /** Milliseconds between two attempts: a call that has not begun does not hear the first. */
  private static final int AGAIN = 500;
  /** Milliseconds that the end of the program waits for calls. */
  private static final int AT_EXIT = 15_000;
  /** Nanoseconds: a younger call may be one of the program's own hooks, which tidies up. */
  private static final long YOUNG = 100_000_000;

  private final long handle;
  private final Thread thread = Thread.currentThread ();
  /** Around this one: a callback makes calls, too. */
  private final Interruption outer;
  private final long begun = System.nanoTime ();
  private boolean ended;

  static {
    Runtime.getRuntime ().addShutdownHook (new Thread (Interruption::cancelAll, "libguestfs: cancel calls"));
  }

  private Interruption (long handle) {
    this.handle = handle;
    outer = INNERMOST.get ();
  }

  /** Begin; `leave` is due. */
  static Interruption enter (long handle, String call) throws LibGuestFSException {
    Interruption i = new Interruption (handle);
    INNERMOST.set (i);
    i.begin ();
    if (!i.isOpen ()) {
      i.leave ();
      throw new LibGuestFSException ("GuestFS." + call + ": the thread was interrupted before the call, and nothing "
          + "was done; Thread.interrupted () clears its status", EINTR);
    }
    RUNNING.add (i);
    return i;
  }

  void leave () {
    RUNNING.remove (this);
    leaveChannel ();
    synchronized (this) {
      ended = true;
      notifyAll ();
    }
    if (outer == null)
      INNERMOST.remove ();
    else {
      INNERMOST.set (outer);
      outer.begin ();
    }
  }

  private void leaveChannel () {
    try {
      end (true);
    } catch (IOException e) {
      // The thread keeps its status, and the call says what became of it.
    }
  }

  /** The thread is interrupted, here by another one or, before the call, by itself. */
  @Override
  protected void implCloseChannel () {
    if (thread == Thread.currentThread ())
      return;
    Thread canceller = new Thread (this::cancel, "libguestfs: cancel a call");
    canceller.setDaemon (true);
    canceller.start ();
  }

  private synchronized void cancel () {
    while (!ended) {
      Native.cancel (handle);
      try {
        wait (AGAIN);
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  private static void cancelAll () {
    long now = System.nanoTime ();
    for (Interruption i : RUNNING)
      try {
        if (now - i.begun < YOUNG)
          continue;
        i.close ();
        synchronized (i) {
          long left;
          while (!i.ended && (left = AT_EXIT - (System.nanoTime () - now) / 1_000_000) > 0)
            i.wait (left);
        }
      } catch (IOException | InterruptedException e) {
        return;
      }
  }
}
