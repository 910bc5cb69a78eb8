// Tests of the binding: behaviour DIR, memory, quiet, cancel, steps FILE DIR [PREFIX].
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"time"

	"libguestfs.org/guestfs"
)

func that(condition bool, about ...any) {
	if !condition {
		panic(fmt.Sprint(about...))
	}
}

func must(err error) {
	that(err == nil, err)
}

// fails is the error that there must be, and that contains words.
func fails(err error, words string) *guestfs.GuestfsError {
	that(err != nil, "did not fail: ", words)
	that(strings.Contains(err.Error(), words), err)
	var e *guestfs.GuestfsError
	that(errors.As(err, &e), err)
	return e
}

func create() *guestfs.Guestfs {
	g, err := guestfs.Create()
	must(err)
	return g
}

// soon collects garbage until something holds.
func soon(what string, holds func() bool) {
	for i := 0; i < 500; i++ {
		if holds() {
			return
		}
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
	}
	panic(what)
}

// daemon is a handle whose daemon is here: it takes a request and never answers.
func daemon(path string) *guestfs.Guestfs {
	os.Remove(path)
	listener, err := net.Listen("unix", path)
	must(err)
	go func() {
		connection, err := listener.Accept()
		listener.Close()
		if err == nil {
			connection.Write(binary.BigEndian.AppendUint32(nil, 0xf5f55ff5))
			io.Copy(io.Discard, connection)
			connection.Close()
		}
	}()
	g := create()
	must(g.Set_backend("unix:" + path))
	must(g.Set_autosync(false))
	must(g.Launch())
	return g
}

func main() {
	switch os.Args[1] {
	case "behaviour":
		behaviour(os.Args[2])
	case "memory":
		memory()
	case "quiet":
		threads("")
	case "cancel":
		cancelReal()
	case "steps":
		steps(os.Args[2:])
	}
	fmt.Println("ok")
}
