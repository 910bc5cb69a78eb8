package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"reflect"
	"strings"
	"syscall"
	"time"

	"libguestfs.org/guestfs"
)

const mib = 1 << 20

type action struct{ Path, Content any }

type step struct {
	Call       string
	Args       []any
	Opts       map[string]any
	Expect     map[string]any
	LocalWrite *action `json:"local_write"`
	LocalRead  *action `json:"local_read"`
}

var tmp string

func raised(name string) string {
	return strings.ToUpper(name[:1]) + name[1:]
}

// text of the file: bytes, or a string in which %tmp is the directory.
func text(v any) string {
	if table, ok := v.(map[string]any); ok {
		b, err := hex.DecodeString(table["bytes"].(string))
		must(err)
		return string(b)
	}
	return strings.ReplaceAll(v.(string), "%tmp", tmp)
}

// pass gives a value of the file the type that a method wants.
func pass(v any, to reflect.Type) reflect.Value {
	switch to.Kind() {
	case reflect.Pointer:
		out := reflect.New(to.Elem())
		if v == nil {
			return reflect.Zero(to)
		}
		out.Elem().Set(pass(v, to.Elem()))
		return out
	case reflect.Slice:
		if to.Elem().Kind() == reflect.Uint8 {
			return reflect.ValueOf([]byte(text(v)))
		}
		list := reflect.MakeSlice(to, 0, 0)
		for _, i := range v.([]any) {
			list = reflect.Append(list, pass(i, to.Elem()))
		}
		return list
	case reflect.String:
		return reflect.ValueOf(text(v))
	case reflect.Bool:
		b, ok := v.(bool)
		return reflect.ValueOf(ok && b)
	}
	n, err := v.(json.Number).Int64()
	must(err)
	return reflect.ValueOf(n).Convert(to)
}

func (s step) run(g *guestfs.Guestfs) (any, error) {
	if s.LocalWrite != nil {
		return nil, os.WriteFile(text(s.LocalWrite.Path), []byte(text(s.LocalWrite.Content)), 0o666)
	}
	if s.LocalRead != nil {
		return os.ReadFile(text(s.LocalRead.Path))
	}
	method := reflect.ValueOf(g).MethodByName(raised(s.Call))
	that(method.IsValid(), "no method ", s.Call)
	var values []reflect.Value
	for i, v := range s.Args {
		values = append(values, pass(v, method.Type().In(i)))
	}
	if method.Type().NumIn() > len(values) {
		options := reflect.New(method.Type().In(len(values)).Elem())
		for name, v := range s.Opts {
			field := options.Elem().FieldByName(raised(name))
			field.Set(pass(v, field.Type()))
			options.Elem().FieldByName(raised(name) + "_is_set").SetBool(true)
		}
		values = append(values, options)
	}
	results := method.Call(values)
	err, _ := results[len(results)-1].Interface().(error)
	if len(results) == 1 {
		return nil, err
	}
	return results[0].Interface(), err
}

// matches says whether a result is what the file has; of tables only the wanted keys count.
func matches(got reflect.Value, want any) bool {
	if got.Kind() == reflect.Pointer {
		return want == nil && got.IsNil() || !got.IsNil() && matches(got.Elem(), want)
	}
	switch w := want.(type) {
	case []any:
		ok := got.Kind() == reflect.Slice && got.Len() == len(w)
		for i := 0; ok && i < len(w); i++ {
			ok = matches(got.Index(i), w[i])
		}
		return ok
	case json.Number:
		if got.CanFloat() {
			f, _ := w.Float64()
			return math.Abs(got.Float()-f) < 0.01
		}
		return fmt.Sprint(got) == w.String()
	case bool:
		return fmt.Sprint(got) == fmt.Sprint(w) || got.CanInt() && (got.Int() != 0) == w
	case map[string]any:
		if _, ok := w["bytes"]; !ok || got.Kind() == reflect.Map || got.Kind() == reflect.Struct {
			for key, v := range w {
				field := reflect.Value{}
				if got.Kind() == reflect.Map {
					field = got.MapIndex(reflect.ValueOf(key))
				} else {
					field = got.FieldByName(raised(key))
				}
				if !field.IsValid() || !matches(field, v) {
					return false
				}
			}
			return true
		}
	case nil:
		return !got.IsValid()
	}
	return plain(got) == text(want)
}

// plain is a text, bytes or a character as a string.
func plain(got reflect.Value) string {
	switch {
	case got.Kind() == reflect.String:
		return got.String()
	case got.Kind() == reflect.Uint8:
		return string([]byte{byte(got.Uint())})
	case got.Kind() == reflect.Array || got.Kind() == reflect.Slice && got.Type().Elem().Kind() == reflect.Uint8:
		b := make([]byte, got.Len())
		reflect.Copy(reflect.ValueOf(b), got)
		return string(b)
	}
	return fmt.Sprint(got)
}

func contains(got reflect.Value, want any) bool {
	if got.Kind() == reflect.Slice && got.Type().Elem().Kind() != reflect.Uint8 {
		for i := 0; i < got.Len(); i++ {
			if matches(got.Index(i), want) {
				return true
			}
		}
		return false
	}
	return strings.Contains(plain(got), text(want))
}

func (s step) check(g *guestfs.Guestfs) error {
	got, err := s.run(g)
	for kind, want := range s.Expect {
		if kind == "error" {
			var e *guestfs.GuestfsError
			if err == nil || !errors.As(err, &e) {
				return fmt.Errorf("got %v, %v, not an error of a call", got, err)
			}
			if want != nil && errno(e.Errno) != want {
				return fmt.Errorf("failed with %v (%w), not %v", errno(e.Errno), err, want)
			}
			return nil
		}
		value := reflect.ValueOf(got)
		ok := err == nil
		switch {
		case err != nil:
		case kind == "equals":
			ok = matches(value, want)
		case kind == "contains":
			ok = contains(value, want)
		case kind == "unordered":
			value = reflect.Indirect(value)
			ok = value.Len() == len(want.([]any))
			for _, w := range want.([]any) {
				ok = ok && contains(value, w)
			}
		default:
			ok = kind == "ok"
		}
		if !ok {
			return fmt.Errorf("got %v, %v, expected %s %v", got, err, kind, want)
		}
	}
	return nil
}

// reset makes the state that the scenario promises.
func reset(g *guestfs.Guestfs, scenario string) {
	wipe := func(device string, bothEnds bool) {
		size, err := g.Blockdev_getsize64(device)
		must(err)
		n := int64(mib)
		if size < n {
			n = size
		}
		_, err = g.Pwrite_device(device, make([]byte, n), 0)
		must(err)
		if bothEnds && size > mib {
			_, err = g.Pwrite_device(device, make([]byte, mib), size-mib)
			must(err)
		}
	}
	switch scenario {
	case "disks":
		must(g.Umount_all())
		must(g.Vg_activate_all(false))
		parts, err := g.List_partitions()
		must(err)
		for _, part := range parts {
			wipe(part, false)
		}
		for _, disk := range []string{"/dev/sda", "/dev/sdb"} {
			if strings.Contains(strings.Join(parts, " "), disk) {
				must(g.Part_init(disk, "mbr"))
			}
			wipe(disk, true)
		}
	case "scratch-fs":
		must(g.Umount_all())
		must(g.Mount("/dev/sdc", "/"))
		_, err := g.Umask(0o22)
		must(err)
		names, err := g.Ls("/")
		must(err)
		for _, name := range names {
			if name != "lost+found" {
				must(g.Rm_rf("/" + name))
			}
		}
	}
}

func open(scenario string) *guestfs.Guestfs {
	g := create()
	if scenario == "none" {
		return g
	}
	for _, size := range []int64{1024, 256} {
		must(g.Add_drive_scratch(size*mib, nil))
	}
	if scenario == "scratch-fs" {
		must(g.Add_drive_scratch(256*mib, nil))
	}
	must(g.Launch())
	if scenario == "scratch-fs" {
		must(g.Mkfs("ext4", "/dev/sdc", nil))
	}
	return g
}

// steps runs the tests of FILE in DIR.
func steps(args []string) {
	tmp = args[1]
	file, err := os.ReadFile(args[0])
	must(err)
	var all struct {
		Tests []struct {
			Name, Scenario string
			Steps          []step
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(file))
	decoder.UseNumber()
	must(decoder.Decode(&all))
	passed, failed := 0, 0
	for _, scenario := range []string{"none", "disks", "scratch-fs"} {
		var g *guestfs.Guestfs
		for _, test := range all.Tests {
			if test.Scenario != scenario || len(args) > 2 && !strings.HasPrefix(test.Name, args[2]) {
				continue
			}
			if g == nil {
				g = open(scenario)
			}
			// What takes two minutes hangs.
			watch := time.AfterFunc(2*time.Minute, func() { g.User_cancel() })
			reset(g, scenario)
			ok := true
			for i, s := range test.Steps {
				if err := s.check(g); err != nil {
					fmt.Fprintf(os.Stderr, "%s, step %d: %v\n", test.Name, i, err)
					ok = false
					break
				}
			}
			watch.Stop()
			if ok {
				passed++
			} else {
				failed++
			}
			if !ok || scenario == "none" {
				must(g.Close())
				g = nil
			}
		}
		if g != nil {
			must(g.Close())
		}
	}
	fmt.Println(passed, "passed,", failed, "failed")
	that(passed > 0 && failed == 0, "failed")
}

// errno is the name that the file has for a number.
func errno(n syscall.Errno) string {
	names := map[syscall.Errno]string{
		syscall.EACCES:    "EACCES",
		syscall.EBADF:     "EBADF",
		syscall.EBUSY:     "EBUSY",
		syscall.EEXIST:    "EEXIST",
		syscall.EFBIG:     "EFBIG",
		syscall.EINTR:     "EINTR",
		syscall.EINVAL:    "EINVAL",
		syscall.EIO:       "EIO",
		syscall.EISDIR:    "EISDIR",
		syscall.ENODATA:   "ENODATA",
		syscall.ENODEV:    "ENODEV",
		syscall.ENOENT:    "ENOENT",
		syscall.ENOMEM:    "ENOMEM",
		syscall.ENOSPC:    "ENOSPC",
		syscall.ENOTDIR:   "ENOTDIR",
		syscall.ENOTEMPTY: "ENOTEMPTY",
		syscall.ENOTSUP:   "ENOTSUP",
		syscall.ENXIO:     "ENXIO",
		syscall.EPERM:     "EPERM",
		syscall.ERANGE:    "ERANGE",
		syscall.EROFS:     "EROFS",
		syscall.ESRCH:     "ESRCH",
		syscall.EXDEV:     "EXDEV",
	}
	return names[n]
}
