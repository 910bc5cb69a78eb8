// SPDX-License-Identifier: LGPL-2.1-or-later

package com.redhat.et.libguestfs;

/** What is called for events: see {@link GuestFS#set_event_callback}. */
public interface EventCallback {
  /**
   * An event has happened. It may come on any thread; the call that it belongs to waits. An exception is printed.
   *
   * @param event one of GuestFS.EVENT_*
   * @param eh what set_event_callback returned
   * @param buffer the event's text, or null
   * @param array the event's numbers, which are unsigned
   */
  void event (long event, int eh, String buffer, long[] array);
}
