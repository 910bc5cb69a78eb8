// SPDX-License-Identifier: LGPL-2.1-or-later

package guestfs

// #include "go_guestfs.h"
import "C"

import (
	"context"
	"fmt"
	"math"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// A call that is being made up: its values are added in their order, then one of the results below is asked for.
type call struct {
	g       *Guestfs
	op      string
	index   int // in the table of calls
	numbers []int64
	sizes   []int64
	bytes   []byte
	mask    uint64
	place   int
	err     error // a value that cannot be passed
}

// newCall has room for arguments and options.
func newCall(g *Guestfs, op string, index, places int) *call {
	return &call{g: g, op: op, index: index, numbers: make([]int64, places+1), sizes: make([]int64, places+1)}
}

// option says that the next value is that of an option, whose place is given.
func (c *call) option(bit, place int) *call {
	c.mask |= 1 << bit
	c.place = place
	return c
}

func (c *call) int64(n int64) {
	c.numbers[c.place] = n
	c.place++
}

func (c *call) int(n int) {
	if int64(n) != int64(int32(n)) {
		c.fail(fmt.Sprintf("%d is more than 32 bits", n))
	}
	c.int64(int64(n))
}

func (c *call) bool(b bool) {
	n := int64(0)
	if b {
		n = 1
	}
	c.int64(n)
}

func (c *call) str(s string) {
	at := len(c.bytes)
	c.add(s)
	c.int64(int64(at))
}

func (c *call) optStr(s *string) {
	if s == nil {
		c.int64(-1)
		return
	}
	c.str(*s)
}

func (c *call) strList(list []string) {
	at := len(c.bytes)
	for _, s := range list {
		c.add(s)
	}
	c.sizes[c.place] = int64(len(list))
	c.int64(int64(at))
}

func (c *call) buffer(b []byte) {
	at := len(c.bytes)
	c.bytes = append(append(c.bytes, b...), 0)
	c.sizes[c.place] = int64(len(b))
	c.int64(int64(at))
}

func (c *call) add(s string) {
	if strings.IndexByte(s, 0) >= 0 {
		c.fail(fmt.Sprintf("%q has a NUL inside", s))
	}
	c.bytes = append(append(c.bytes, s...), 0)
}

func (c *call) fail(why string) {
	if c.err == nil {
		c.err = &GuestfsError{Op: c.op, Errmsg: why, Errno: syscall.EINVAL}
	}
}

// raw makes the call. What it returns without an error is to be freed.
func (c *call) raw() (C.struct_go_reply, error) {
	h := c.g.usable()
	if h == nil {
		return C.struct_go_reply{}, closedHandle(c.op)
	}
	if c.err != nil {
		return C.struct_go_reply{}, c.err
	}
	h.enter()
	defer h.leave()
	ctx := c.g.ctx
	if ctx != nil {
		if why := ctx.Err(); why != nil {
			return C.struct_go_reply{}, &GuestfsError{c.op, why.Error(), syscall.EINTR, why}
		}
		defer h.watch(ctx)()
	}
	var bytes *C.char
	if len(c.bytes) > 0 {
		bytes = (*C.char)(unsafe.Pointer(&c.bytes[0]))
	}
	r := C.go_call(h.owner.c, C.int(c.index), (*C.int64_t)(&c.numbers[0]), (*C.int64_t)(&c.sizes[0]), bytes,
		C.uint64_t(c.mask))
	if r.failed != 0 {
		err := failure(c.op, r)
		if ctx != nil && err.Errno == syscall.EINTR {
			err.cause = ctx.Err()
		}
		return r, err
	}
	if uint64(r.size) > math.MaxInt {
		C.go_free(r)
		return r, &GuestfsError{Op: c.op, Errmsg: "the result does not fit into memory", Errno: syscall.EFBIG}
	}
	return r, nil
}

// watch cancels what the handle does when the context is cancelled, until the function that it returns is called. A
// call that has not begun yet does not hear it: it is told again.
func (h *handle) watch(ctx context.Context) func() {
	if ctx.Done() == nil {
		return func() {} // such a context is never cancelled
	}
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-over:
			return
		case <-ctx.Done():
		}
		for {
			C.glue_cancel(h.owner.c)
			select {
			case <-over:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	return func() {
		close(over)
		<-ended
	}
}

func failure(op string, r C.struct_go_reply) *GuestfsError {
	defer C.go_free(r)
	return &GuestfsError{Op: op, Errmsg: texts(r.bytes, r.size), Errno: syscall.Errno(r.errnum)}
}

func texts(bytes *C.char, size C.size_t) string {
	if bytes == nil || size == 0 {
		return ""
	}
	return string(unsafe.Slice((*byte)(unsafe.Pointer(bytes)), int(size)))
}

// A result: its values are taken in their order.
type result struct {
	count   int
	numbers []int64
	texts   string
}

func (c *call) run() (*result, error) {
	r, err := c.raw()
	if err != nil {
		return nil, err
	}
	defer C.go_free(r)
	numbers := append([]int64(nil), unsafe.Slice((*int64)(r.numbers), int(r.nr_numbers))...)
	return &result{int(r.count), numbers, texts(r.bytes, r.size)}, nil
}

func (r *result) number() int64 {
	n := r.numbers[0]
	r.numbers = r.numbers[1:]
	return n
}

func (r *result) str() string {
	n := r.number()
	if n < 0 {
		return ""
	}
	s := r.texts[:n]
	r.texts = r.texts[n:]
	return s
}

func (r *result) data() []byte {
	return []byte(r.str())
}

func (r *result) uuid() (u [32]byte) {
	copy(u[:], r.str())
	return u
}

// percent is -1 where there is none: as a float, not as the bits of one.
func (r *result) percent() float32 {
	n := r.number()
	if n == -1 {
		return -1
	}
	return math.Float32frombits(uint32(n))
}

func (c *call) noResult() error {
	_, err := c.run()
	return err
}

func (c *call) int64Result() (int64, error) {
	r, err := c.run()
	if err != nil {
		return 0, err
	}
	return r.number(), nil
}

func (c *call) intResult() (int, error) {
	n, err := c.int64Result()
	return int(n), err
}

func (c *call) boolResult() (bool, error) {
	n, err := c.int64Result()
	return n != 0, err
}

func (c *call) strResult() (string, error) {
	r, err := c.run()
	if err != nil {
		return "", err
	}
	return r.str(), nil
}

// Nil is no error there.
func (c *call) optStrResult() (*string, error) {
	r, err := c.run()
	if err != nil || r.numbers[0] < 0 {
		return nil, err
	}
	s := r.str()
	return &s, nil
}

func (c *call) bufferResult() ([]byte, error) {
	r, err := c.raw()
	if err != nil {
		return nil, err
	}
	defer C.go_free(r)
	b := make([]byte, int(r.size))
	copy(b, unsafe.Slice((*byte)(unsafe.Pointer(r.bytes)), len(b)))
	return b, nil
}

func (c *call) strListResult() ([]string, error) {
	r, err := c.run()
	if err != nil {
		return nil, err
	}
	list := make([]string, r.count)
	for i := range list {
		list[i] = r.str()
	}
	return list, nil
}

func (c *call) hashResult() (map[string]string, error) {
	r, err := c.run()
	if err != nil {
		return nil, err
	}
	table := make(map[string]string, r.count)
	for i := 0; i < r.count; i++ {
		key := r.str()
		table[key] = r.str()
	}
	return table, nil
}

func structResult[T any](c *call, read func(*result) T) (*T, error) {
	r, err := c.run()
	if err != nil {
		return nil, err
	}
	s := read(r)
	return &s, nil
}

func structListResult[T any](c *call, read func(*result) T) (*[]T, error) {
	r, err := c.run()
	if err != nil {
		return nil, err
	}
	list := make([]T, r.count)
	for i := range list {
		list[i] = read(r)
	}
	return &list, nil
}
