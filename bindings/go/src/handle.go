// SPDX-License-Identifier: LGPL-2.1-or-later

package guestfs

/*
#cgo CPPFLAGS: -I${SRCDIR}
#cgo CFLAGS: -std=gnu11 -pthread
#cgo pkg-config: libguestfs
#include "go_guestfs.h"
*/
import "C"

import (
	"context"
	"runtime"
	"sync"
	"syscall"
)

// Guestfs is a handle: disk images are added to it, Launch starts the appliance that sees them, and the other calls
// look at them and change them.
//
// Goroutines can share it: its calls wait for each other.
type Guestfs struct {
	handle *handle
	ctx    context.Context // or nil
}

// What all Guestfs of one handle share. Its owner, not this, has the finalizer: callbacks may refer to the handle, and
// Go never collects a circle that has one.
type handle struct {
	owner     *owner
	token     uintptr // its number, which C has in place of a pointer
	calls     int     // in progress; guarded by inside
	closed    bool    // no callbacks are needed when they have ended
	callbacks map[uintptr]*callback
}

type owner struct {
	c *C.struct_glue_handle
}

// Handles with calls in progress: only these have events.
var inside = struct {
	sync.Mutex
	last    uintptr
	handles map[uintptr]*handle
}{handles: map[uintptr]*handle{}}

// CreateFlags are added to each other.
type CreateFlags uint

const (
	// CREATE_NO_ENVIRONMENT ignores the environment: no settings are taken from it.
	CREATE_NO_ENVIRONMENT = CreateFlags(C.GUESTFS_CREATE_NO_ENVIRONMENT)
	// CREATE_NO_CLOSE_ON_EXIT is accepted: Go closes no handle when a program ends.
	CREATE_NO_CLOSE_ON_EXIT = CreateFlags(C.GUESTFS_CREATE_NO_CLOSE_ON_EXIT)
)

// Create makes a handle. Close it; one that nothing refers to any more is closed some time.
func Create() (*Guestfs, error) {
	return Create_flags(0)
}

// Create_flags makes a handle with flags.
func Create_flags(flags CreateFlags) (*Guestfs, error) {
	inside.Lock()
	inside.last++
	h := &handle{token: inside.last, callbacks: map[uintptr]*callback{}}
	inside.Unlock()
	c, err := C.go_create(C.uint(flags), C.uintptr_t(h.token))
	if c == nil {
		errno, _ := err.(syscall.Errno)
		return nil, &GuestfsError{Op: "create", Errmsg: "no handle could be made", Errno: errno}
	}
	h.owner = &owner{c}
	// Stopping an appliance takes time, and other finalizers wait for this one.
	runtime.SetFinalizer(h.owner, func(o *owner) { go C.glue_free(o.c) })
	return &Guestfs{handle: h}, nil
}

// WithContext is the same handle: closing one closes both. Calls by this one are cancelled when the context is, as by
// User_cancel: they fail with EINTR and errors.Is finds the context's error. A handle does one thing at a time, and
// that is what is cancelled.
func (g *Guestfs) WithContext(ctx context.Context) *Guestfs {
	if ctx == nil {
		panic("guestfs: WithContext needs a context")
	}
	return &Guestfs{handle: g.handle, ctx: ctx}
}

// Close closes the handle; when calls are in progress, then as soon as the last of them has ended. What was written is
// on the disk then: errors of that are those of Shutdown, to be called before. Closing again is an error.
func (g *Guestfs) Close() error {
	h := g.usable()
	if h == nil {
		return closedHandle("close")
	}
	h.enter()
	defer h.leave()
	if C.go_close(h.owner.c) == 0 {
		return closedHandle("close")
	}
	inside.Lock()
	h.closed = true
	inside.Unlock()
	return nil
}

// String is for debugging.
func (g *Guestfs) String() string {
	return "&Guestfs{}"
}

// A Guestfs that Create has not made is closed.
func (g *Guestfs) usable() *handle {
	if g == nil {
		return nil
	}
	return g.handle
}

func closedHandle(op string) error {
	return &GuestfsError{Op: op, Errmsg: "handle is closed"}
}

// Until leave the collector does not close the handle, and events find it.
func (h *handle) enter() {
	inside.Lock()
	h.calls++
	inside.handles[h.token] = h
	inside.Unlock()
}

func (h *handle) leave() {
	inside.Lock()
	h.calls--
	if h.calls == 0 {
		delete(inside.handles, h.token)
		if h.closed {
			h.callbacks = nil
		}
	}
	inside.Unlock()
	runtime.KeepAlive(h.owner)
}
