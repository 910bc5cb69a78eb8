// SPDX-License-Identifier: LGPL-2.1-or-later

package com.redhat.et.libguestfs;

/** There is no memory for the values of a call outside of Java's heap. */
public class LibGuestFSOutOfMemory extends Error {
  private static final long serialVersionUID = 1L;

  /** An error with this message. */
  public LibGuestFSOutOfMemory (String message) {
    super (message);
  }
}
