// SPDX-License-Identifier: LGPL-2.1-or-later

package guestfs

// #include "go_guestfs.h"
import "C"

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"unsafe"
)

// Event is one class of events, or several added to each other.
type Event uint64

// EventHandle is the number of a callback, for DeleteEventCallback.
type EventHandle int

// EventCallback is told of an event: which, by which callback's number, and its text and numbers, if it has any. It may
// make calls, delete itself and close the handle, which is then closed when the call is over. It runs in the middle of a
// call, on another goroutine than the caller's where the library has threads. A panic is printed and goes no further.
type EventCallback func(event Event, eh EventHandle, text string, numbers []uint64)

type callback struct {
	function EventCallback
	id       EventHandle // -1: not known yet
}

// SetEventCallback has a function called for events (EVENT_TRACE | EVENT_PROGRESS). It is kept until it is deleted or
// the handle is closed, and may refer to the handle, which the collector closes all the same.
func (g *Guestfs) SetEventCallback(function EventCallback, events Event) (EventHandle, error) {
	const op = "set_event_callback"
	h := g.usable()
	if h == nil {
		return -1, closedHandle(op)
	}
	if function == nil {
		return -1, &GuestfsError{Op: op, Errmsg: "the function is nil", Errno: syscall.EINVAL}
	}
	h.enter()
	defer h.leave()
	cb := &callback{function, -1}
	inside.Lock()
	inside.last++
	token := inside.last
	if h.callbacks != nil {
		h.callbacks[token] = cb
	}
	inside.Unlock()
	r := C.go_set_event_callback(h.owner.c, C.uint64_t(events), C.uintptr_t(token))
	inside.Lock()
	defer inside.Unlock()
	if r.failed != 0 {
		delete(h.callbacks, token)
		return -1, failure(op, r)
	}
	cb.id = EventHandle(r.count)
	return cb.id, nil
}

// DeleteEventCallback ends a callback; numbers that are none are ignored.
func (g *Guestfs) DeleteEventCallback(eh EventHandle) error {
	h := g.usable()
	if h == nil {
		return closedHandle("delete_event_callback")
	}
	h.enter()
	defer h.leave()
	if C.go_delete_event_callback(h.owner.c, C.int(eh)) == 0 {
		return closedHandle("delete_event_callback")
	}
	inside.Lock()
	for token, cb := range h.callbacks {
		if cb.id == eh {
			delete(h.callbacks, token)
		}
	}
	inside.Unlock()
	return nil
}

// String is the names of the events, with commas between them.
func (e Event) String() string {
	var names []string
	for i, name := range eventNames {
		if e&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

//export guestfsGoEvent
func guestfsGoEvent(owner, token C.uintptr_t, event C.uint64_t, id C.int, text *C.char, size C.size_t,
	array *C.uint64_t, n C.size_t) {
	var function EventCallback
	inside.Lock()
	if h := inside.handles[uintptr(owner)]; h != nil {
		if cb := h.callbacks[uintptr(token)]; cb != nil {
			function = cb.function
		}
	}
	inside.Unlock()
	if function == nil {
		return
	}
	// It would go through C, whose calls are not made for that.
	defer func() {
		if why := recover(); why != nil {
			fmt.Fprintf(os.Stderr, "guestfs: callback for %v: panic: %v\n%s", Event(event), why, debug.Stack())
		}
	}()
	var numbers []uint64
	if n > 0 {
		numbers = append(numbers, unsafe.Slice((*uint64)(array), int(n))...)
	}
	function(Event(event), EventHandle(id), texts(text, size), numbers)
}
