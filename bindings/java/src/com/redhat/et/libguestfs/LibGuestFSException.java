// SPDX-License-Identifier: LGPL-2.1-or-later

package com.redhat.et.libguestfs;

/** A call failed; the message says why. */
public class LibGuestFSException extends Exception {
  private static final long serialVersionUID = 1L;

  private final int errno;

  /** An error without a number. */
  public LibGuestFSException (String message) {
    this (message, 0);
  }

  /** An error with the number that Linux has for it, or 0. */
  public LibGuestFSException (String message, int errno) {
    super (message);
    this.errno = errno;
  }

  /**
   * The number that Linux has for this error, or 0: 2 is ENOENT, no such file; 4 is EINTR, cancelled; 9 is EBADF, the
   * handle is closed.
   */
  public int getErrno () {
    return errno;
  }
}
