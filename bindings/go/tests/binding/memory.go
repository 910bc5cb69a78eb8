package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"libguestfs.org/guestfs"
)

// resident is KiB of this process, without garbage.
func resident() (kib int) {
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/status")
	must(err)
	_, after, _ := strings.Cut(string(text), "VmRSS:")
	_, err = fmt.Sscan(after, &kib)
	must(err)
	return kib
}

// No growth: 10,000 calls of each shape, and 200 handles.
func memory() {
	g := create()
	must(g.Internal_test_set_output("/dev/null"))
	def, list, buffer := "def", []string{"a", "b"}, make([]byte, 1000)
	options := &guestfs.OptargsInternal_test{Obool_is_set: true, Oint_is_set: true, Oint64_is_set: true,
		Ostring_is_set: true, Ostring: "s", Ostringlist_is_set: true, Ostringlist: list}
	ignore := func(guestfs.Event, guestfs.EventHandle, string, []uint64) {}
	shapes := []func(){
		func() { must(g.Internal_test("abc", &def, list, false, 0, 0, "123", "456", buffer, options)) },
		func() { fails(g.Set_program("\x00"), "NUL") },
		func() {
			g.Internal_test_rint("1")
			g.Internal_test_rint64("1")
			g.Internal_test_rbool("true")
		},
		func() {
			g.Internal_test_rconststring("x")
			g.Internal_test_rconstoptstring("x")
			g.Internal_test_rstring("x")
		},
		func() {
			g.Internal_test_rstringlist("20")
			g.Internal_test_rhashtable("20")
		},
		func() {
			g.Internal_test_rbufferout("01234567")
			g.Internal_test_rstruct("x")
			g.Internal_test_rstructlist("20")
		},
		func() {
			_, err := g.Internal_test_rstructerr()
			fails(err, "error")
		},
		func() {
			id, err := g.SetEventCallback(ignore, guestfs.EVENT_ENTER|guestfs.EVENT_PROGRESS)
			must(err)
			g.Get_smp()
			must(g.DeleteEventCallback(id))
		},
	}
	for i, shape := range shapes {
		for n := 0; n < 1000; n++ {
			shape()
		}
		growth := 1 << 30
		// Go's own memory goes up and down: a leak is there each time.
		for again := 0; growth > 512 && again < 4; again++ {
			before := resident()
			for n := 0; n < 10000; n++ {
				shape()
			}
			growth = resident() - before
		}
		that(growth <= 512, "shape ", i, " grew by ", growth, " KiB")
	}
	var before int
	for round := 0; round < 3; round++ {
		if round == 1 {
			before = resident()
		}
		for i := 0; i < 200; i++ {
			h := create()
			_, err := h.SetEventCallback(func(guestfs.Event, guestfs.EventHandle, string, []uint64) { h.Close() },
				guestfs.EVENT_SUBPROCESS_QUIT)
			must(err)
		}
		runtime.GC()
		time.Sleep(200 * time.Millisecond)
	}
	growth := resident() - before
	that(growth < 2048, "handles grew by ", growth, " KiB")
}
