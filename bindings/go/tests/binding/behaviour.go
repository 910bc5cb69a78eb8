package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"libguestfs.org/guestfs"
)

// What a handle has beside calls, with handles that are not launched.
func behaviour(dir string) {
	for _, part := range []func(string){closing, collector, values, failures, events, panics, threads, contexts} {
		part(dir)
	}
}

var _ io.Closer = (*guestfs.Guestfs)(nil)

func closing(string) {
	g := create()
	closed := 0
	_, err := g.SetEventCallback(func(event guestfs.Event, _ guestfs.EventHandle, text string, numbers []uint64) {
		that(event == guestfs.EVENT_CLOSE && text == "" && numbers == nil, event)
		closed++
	}, guestfs.EVENT_CLOSE)
	must(err)
	err = g.Close()
	that(err == nil && closed == 1, err, closed)
	that(fails(g.Close(), "close: handle is closed").Errno == 0)
	_, err = g.Get_memsize()
	fails(err, "get_memsize: handle is closed")
	_, err = g.SetEventCallback(func(guestfs.Event, guestfs.EventHandle, string, []uint64) {}, guestfs.EVENT_ALL)
	fails(err, "handle is closed")
	fails(g.DeleteEventCallback(0), "handle is closed")
	fails((&guestfs.Guestfs{}).Launch(), "handle is closed")
	fails((*guestfs.Guestfs)(nil).Launch(), "handle is closed")
	fails(new(guestfs.Guestfs).Close(), "handle is closed")

	// By the callback of a call in progress: the call still ends.
	h := create()
	_, err = h.SetEventCallback(func(guestfs.Event, guestfs.EventHandle, string, []uint64) { h.Close() },
		guestfs.EVENT_ENTER)
	must(err)
	smp, err := h.Get_smp()
	that(err == nil && smp == 1, err)
	_, err = h.Get_smp()
	fails(err, "handle is closed")
}

func files() int {
	list, err := os.ReadDir("/proc/self/fd")
	must(err)
	return len(list)
}

// Handles left to the collector are closed, also those whose callback refers to them.
func collector(dir string) {
	before := files() + 3
	for i := 0; i < 10; i++ {
		g := daemon(dir + "/sock")
		_, err := g.SetEventCallback(func(guestfs.Event, guestfs.EventHandle, string, []uint64) { g.Close() },
			guestfs.EVENT_SUBPROCESS_QUIT)
		must(err)
	}
	that(files() > before, "no descriptors")
	soon("the collector did not close them", func() bool { return files() <= before })
	// One whose last use is a call is not closed during it.
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	var over atomic.Bool
	go func() {
		for !over.Load() {
			runtime.GC()
		}
	}()
	err := daemon(dir + "/sock").WithContext(ctx).Ping_daemon()
	over.Store(true)
	that(errors.Is(err, context.DeadlineExceeded), err)
}

func values(dir string) {
	g := create()
	for _, s := range []string{"", "é€😀", "\xff\x80x"} {
		must(g.Set_program(s))
		got, err := g.Get_program()
		that(err == nil && got == s, got)
		bytes, err := g.Internal_test_rbufferout(s)
		that(err == nil && string(bytes) == s, bytes)
	}
	that(fails(g.Set_program("a\x00b"), `set_program: "a\x00b" has a NUL inside`).Errno == syscall.EINVAL)
	fails(g.Set_backend_settings([]string{"a", "b\x00"}), "NUL")
	wide := math.MaxInt32 + 1
	fails(g.Set_memsize(wide), "more than 32 bits")
	disk := dir + "/é\xff.img"
	must(g.Disk_create(disk, "raw", 1<<32+4096, nil))
	size, err := g.Disk_virtual_size(disk)
	that(err == nil && size == 1<<32+4096, size)
	appended, err := g.Get_append()
	that(err == nil && appended == nil, appended)
	text := "a b"
	must(g.Set_append(&text))
	appended, err = g.Get_append()
	that(err == nil && *appended == "a b", *appended)
	must(g.Set_append(nil))
	// An option that is not set does not count.
	must(g.Add_drive(disk, &guestfs.OptargsAdd_drive{Format: "nonsense", Readonly_is_set: true, Readonly: true}))
	version, err := g.Version()
	that(err == nil && version.Major == 1, version)
	var pointer int64
	fails(g.Set_memsize(1), "set_memsize")
	_, err = g.Add_libvirt_dom(pointer, nil)
	fails(err, "add_libvirt_dom")
	must(g.Close())
}

func failures(string) {
	g := create()
	err := g.Add_drive("/nonexistent/\xff", nil)
	e := fails(err, "/nonexistent/\xff")
	that(e.Errno == syscall.ENOENT && errors.Is(err, os.ErrNotExist) && errors.Is(err, syscall.ENOENT), e.Errno)
	e = &guestfs.GuestfsError{Op: "op", Errmsg: "what", Errno: syscall.EPERM}
	that(e.Error() == "op: what: operation not permitted", e)
	e.Errmsg = "x: Operation not permitted"
	that(e.Error() == "op: x: Operation not permitted" && e.String() == e.Error(), e)
	that(errors.Unwrap(&guestfs.GuestfsError{}) == nil, "errno 0")
	e = nil
	that(e.Error() == "no error", "nil")
}

func events(string) {
	all := []guestfs.Event{guestfs.EVENT_CLOSE, guestfs.EVENT_SUBPROCESS_QUIT, guestfs.EVENT_LAUNCH_DONE,
		guestfs.EVENT_PROGRESS, guestfs.EVENT_APPLIANCE, guestfs.EVENT_LIBRARY, guestfs.EVENT_TRACE,
		guestfs.EVENT_ENTER, guestfs.EVENT_LIBVIRT_AUTH, guestfs.EVENT_WARNING}
	for i, event := range all {
		that(event == 1<<i, event)
	}
	that(guestfs.EVENT_ALL == 0x3ff, guestfs.EVENT_ALL)
	that((guestfs.EVENT_CLOSE|guestfs.EVENT_TRACE).String() == "close,trace", "names")

	g := create()
	var seen []string
	note := func(event guestfs.Event, eh guestfs.EventHandle, text string, numbers []uint64) {
		seen = append(seen, fmt.Sprint(event, eh, " ", text, len(numbers)))
	}
	trace, err := g.SetEventCallback(note, guestfs.EVENT_TRACE)
	must(err)
	enter, err := g.SetEventCallback(note, guestfs.EVENT_ENTER)
	must(err)
	must(g.Set_trace(true))
	seen = nil
	_, err = g.Get_smp()
	must(err)
	said := fmt.Sprint(seen)
	that(said == fmt.Sprintf("[enter %d get_smp 0 trace %d get_smp 0 trace %d get_smp = 1 0]", enter, trace, trace) ||
		len(seen) == 3, said)
	must(g.DeleteEventCallback(trace))
	must(g.DeleteEventCallback(4711))
	must(g.DeleteEventCallback(enter))
	_, err = g.SetEventCallback(func(guestfs.Event, guestfs.EventHandle, string, []uint64) {}, guestfs.EVENT_TRACE)
	must(err) // or it is printed
	seen = nil
	must(g.Set_trace(false))
	that(len(seen) == 0, seen)
	_, err = g.SetEventCallback(nil, guestfs.EVENT_ALL)
	fails(err, "nil")

	// A callback may delete itself and call back.
	h := create()
	count := 0
	var id guestfs.EventHandle
	id, err = h.SetEventCallback(func(_ guestfs.Event, eh guestfs.EventHandle, _ string, _ []uint64) {
		count++
		must(h.DeleteEventCallback(eh))
		memsize, err := h.Get_memsize()
		that(err == nil && memsize > 0 && eh == id, err)
	}, guestfs.EVENT_ENTER)
	must(err)
	for i := 0; i < 2; i++ {
		_, err = h.Get_smp()
		must(err)
	}
	that(count == 1, count)
}

// A callback that panics is told of, and does no harm.
func panics(dir string) {
	g := create()
	_, err := g.SetEventCallback(func(guestfs.Event, guestfs.EventHandle, string, []uint64) { panic("broken callback") },
		guestfs.EVENT_ENTER)
	must(err)
	printed, err := os.Create(dir + "/printed")
	must(err)
	stderr := os.Stderr
	os.Stderr = printed
	smp, err := g.Get_smp()
	os.Stderr = stderr
	that(err == nil && smp == 1, err)
	must(printed.Close())
	text, err := os.ReadFile(dir + "/printed")
	must(err)
	fails(&guestfs.GuestfsError{Errmsg: string(text)}, "callback for enter: panic: broken callback")
}

func threads(string) {
	g := create()
	var count atomic.Int64
	_, err := g.SetEventCallback(func(guestfs.Event, guestfs.EventHandle, string, []uint64) { count.Add(1) },
		guestfs.EVENT_TRACE)
	must(err)
	must(g.Set_trace(true))
	count.Store(0)
	together(4, func() {
		for i := 0; i < 200; i++ {
			list, err := g.Internal_test_rstringlist("3")
			that(err == nil && len(list) == 3, err)
			_, err = g.Get_memsize()
			must(err)
			_, err = g.Internal_test_rinterr()
			fails(err, "error")
		}
	})
	that(count.Load() == 4*200*6, count.Load())
	// Closing while others are inside calls.
	for i := 0; i < 20; i++ {
		h := create()
		var in atomic.Int64
		together(4, func() {
			if in.Add(1) == 4 {
				must(h.Close())
			}
			var err error
			for err == nil {
				_, err = h.Internal_test_rint("1")
			}
			fails(err, "handle is closed")
		})
	}
}

func together(n int, action func()) {
	var wait sync.WaitGroup
	for i := 0; i < n; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			action()
		}()
	}
	wait.Wait()
}

// Contexts and User_cancel end a call that waits for its daemon; meanwhile others run.
func contexts(dir string) {
	g := daemon(dir + "/sock")
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	begun, ticks := time.Now(), int64(0)
	ticker := time.AfterFunc(50*time.Millisecond, func() { atomic.AddInt64(&ticks, 1) })
	err := g.WithContext(ctx).Ping_daemon()
	cancel()
	e := fails(err, "ping_daemon")
	that(e.Errno == syscall.EINTR && errors.Is(err, context.DeadlineExceeded), err)
	that(time.Since(begun) < 20*time.Second && atomic.LoadInt64(&ticks) == 1 && !ticker.Stop(), "late")
	err = g.WithContext(ctx).Set_trace(false)
	that(errors.Is(err, context.DeadlineExceeded) && fails(err, "deadline").Errno == syscall.EINTR, err)
	memsize, err := g.WithContext(context.Background()).Get_memsize()
	that(err == nil && memsize > 0, err)
	must(g.WithContext(ctx).Close())
	fails(g.Close(), "handle is closed")

	h := daemon(dir + "/sock")
	time.AfterFunc(200*time.Millisecond, func() { must(h.User_cancel()) })
	err = h.Ping_daemon()
	that(fails(err, "ping_daemon").Errno == syscall.EINTR && !errors.Is(err, context.Canceled), err)
	must(h.Close())
}

// On the appliance: a long call ends soon, the handle goes on, and all events of a launch come.
func cancelReal() {
	g := create()
	must(g.Add_drive_scratch(64<<30, nil))
	must(g.Set_verbose(true))
	must(g.Set_trace(true))
	var seen atomic.Uint64
	_, err := g.SetEventCallback(func(event guestfs.Event, _ guestfs.EventHandle, text string, numbers []uint64) {
		for old := seen.Load(); !seen.CompareAndSwap(old, old|uint64(event)); old = seen.Load() {
		}
		that(event != guestfs.EVENT_PROGRESS || len(numbers) == 4, numbers)
		that(event&(guestfs.EVENT_APPLIANCE|guestfs.EVENT_LIBRARY|guestfs.EVENT_TRACE) == 0 || text != "", event)
	}, guestfs.EVENT_ALL)
	must(err)
	must(g.Launch())
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	begun := time.Now()
	err = g.WithContext(ctx).Zero_device("/dev/sda")
	that(fails(err, "zero_device").Errno == syscall.EINTR && errors.Is(err, context.DeadlineExceeded), err)
	that(time.Since(begun) < 20*time.Second, time.Since(begun))
	devices, err := g.List_devices()
	that(err == nil && len(devices) == 1, err)
	// A machine that dies is an event and an error.
	pid, err := g.Get_pid()
	must(err)
	must(syscall.Kill(pid, syscall.SIGKILL))
	_, err = g.List_devices()
	fails(err, "list_devices")
	must(g.Close())
	wanted := guestfs.EVENT_ALL &^ (guestfs.EVENT_LIBVIRT_AUTH | guestfs.EVENT_WARNING)
	that(guestfs.Event(seen.Load())&wanted == wanted, guestfs.Event(seen.Load()))
}
