// SPDX-License-Identifier: LGPL-2.1-or-later

package guestfs

import (
	"errors"
	"strings"
	"syscall"
)

// GuestfsError is the error of every call that fails: errors.As finds it.
//
// errors.Is compares it with its number (syscall.ENOENT, os.ErrNotExist), and, when a context has cancelled the call,
// with the context's error.
type GuestfsError struct {
	Op     string        // the call, as C names it
	Errmsg string        // what failed, on what, and why
	Errno  syscall.Errno // the number that Linux has for it, or 0
	cause  error         // what cancelled the call
}

// Error says which call failed and why; the number's meaning is added unless the message ends with it.
func (e *GuestfsError) Error() string {
	if e == nil {
		return "no error"
	}
	text := e.Op + ": " + e.Errmsg
	if e.Errno != 0 && !strings.HasSuffix(strings.ToLower(e.Errmsg), e.Errno.Error()) {
		text += ": " + e.Errno.Error()
	}
	return text
}

// String is the same text.
func (e *GuestfsError) String() string {
	return e.Error()
}

// Unwrap is the number, when there is one.
func (e *GuestfsError) Unwrap() error {
	if e == nil || e.Errno == 0 {
		return nil
	}
	return e.Errno
}

// Is finds the error of a context that has cancelled the call.
func (e *GuestfsError) Is(target error) bool {
	return e != nil && e.cause != nil && errors.Is(e.cause, target)
}
