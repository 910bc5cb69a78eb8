// The binding-test calls, by nothing but what upstream's binding has as well, so that it runs with either.
//
// arguments OUT [whole]: the library writes the arguments that it received to OUT, for comparison with
// ../../../c/tests/bindtests.expected. What results say is printed; with "whole" also what upstream's gets wrong.
package main

import (
	"fmt"
	"math"
	"os"
	"sort"

	"libguestfs.org/guestfs"
)

var whole = len(os.Args) > 2

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func show(pv *guestfs.PV) {
	fmt.Println(pv.Pv_name, pv.Pv_fmt, pv.Pv_size, pv.Dev_size, pv.Pv_free, pv.Pv_used, pv.Pv_attr, pv.Pv_pe_count,
		pv.Pv_pe_alloc_count, pv.Pv_tags, pv.Pe_start, pv.Pv_mda_count, pv.Pv_mda_free)
	if whole && string(pv.Pv_uuid[:]) != "12345678901234567890123456789012" {
		panic(pv.Pv_uuid)
	}
}

func fails(err error) {
	fmt.Println(err.(*guestfs.GuestfsError).Op, err.(*guestfs.GuestfsError).Errmsg)
}

func main() {
	g, err := guestfs.Create_flags(guestfs.CREATE_NO_ENVIRONMENT | guestfs.CREATE_NO_CLOSE_ON_EXIT)
	must(err)
	type opts = guestfs.OptargsInternal_test
	def, empty := "def", ""
	none, two := []string{}, []string{"a b", "é"}
	must(g.Internal_test_set_output(os.Args[1]))
	must(g.Internal_test("abc", &def, none, false, 0, 0, "123", "456", []byte("abc\x00abc"), &opts{}))
	must(g.Internal_test("abc", nil, none, false, 0, 0, "123", "456", []byte("abc\x00abc"), nil))
	must(g.Internal_test("", &empty, []string{"1"}, true, -1, -1, "", "", []byte(""), &opts{Obool_is_set: true, Obool: true}))
	must(g.Internal_test("x\xffy", &def, two, true, math.MaxInt32, math.MaxInt64, "i", "o", []byte("\x01\x7f"),
		&opts{Oint_is_set: true, Oint: -math.MaxInt32, Oint64_is_set: true, Oint64: -math.MaxInt64}))
	must(g.Internal_test("abc", &def, two, false, 5, 6, "i", "o", []byte("z"),
		&opts{Obool_is_set: true, Ostring_is_set: true, Ostring: "string", Ostringlist_is_set: true, Ostringlist: two}))
	must(g.Internal_test("abc", &def, none, false, 5, 6, "i", "o", []byte("z"),
		&opts{Ostring_is_set: true, Ostringlist_is_set: true, Ostringlist: none, Obool: true}))
	must(g.Internal_test_only_optargs(nil))
	must(g.Internal_test_only_optargs(&guestfs.OptargsInternal_test_only_optargs{Test_is_set: true, Test: 7}))
	must(g.Internal_test_63_optargs(&guestfs.OptargsInternal_test_63_optargs{Opt1_is_set: true, Opt1: 1,
		Opt32_is_set: true, Opt32: 32, Opt63_is_set: true, Opt63: -63}))
	must(g.Internal_test_close_output())

	for _, s := range []string{"10", "-2147483648"} {
		n, err := g.Internal_test_rint(s)
		fmt.Println(n, err)
	}
	for _, s := range []string{"10", "-9223372036854775807"} {
		n, err := g.Internal_test_rint64(s)
		fmt.Println(n, err)
	}
	for _, s := range []string{"true", "false"} {
		b, err := g.Internal_test_rbool(s)
		fmt.Println(b, err)
	}
	text, err := g.Internal_test_rconststring("x")
	fmt.Println(text, err)
	optional, err := g.Internal_test_rconstoptstring("x")
	must(err)
	if whole && *optional != "static string" {
		panic(*optional)
	}
	text, err = g.Internal_test_rstring("é\xff")
	fmt.Println(text, err)
	for _, n := range []string{"0", "1", "3"} {
		list, err := g.Internal_test_rstringlist(n)
		fmt.Println(list, err)
		table, err := g.Internal_test_rhashtable(n)
		must(err)
		var keys []string
		for key, value := range table {
			keys = append(keys, key+"="+value)
		}
		sort.Strings(keys)
		fmt.Println(keys)
		pvs, err := g.Internal_test_rstructlist(n)
		must(err)
		for i := range *pvs {
			show(&(*pvs)[i])
		}
	}
	bytes, err := g.Internal_test_rbufferout("01234")
	fmt.Printf("<%s> %v\n", bytes, err)
	pv, err := g.Internal_test_rstruct("unused")
	must(err)
	show(pv)

	_, err = g.Internal_test_rinterr()
	fails(err)
	_, err = g.Internal_test_rint64err()
	fails(err)
	_, err = g.Internal_test_rboolerr()
	fails(err)
	_, err = g.Internal_test_rconststringerr()
	fails(err)
	optional, err = g.Internal_test_rconstoptstringerr()
	fmt.Println(optional == nil, err) // nil is no error there
	_, err = g.Internal_test_rstringerr()
	fails(err)
	_, err = g.Internal_test_rstringlisterr()
	fails(err)
	_, err = g.Internal_test_rstructerr()
	fails(err)
	_, err = g.Internal_test_rstructlisterr()
	fails(err)
	_, err = g.Internal_test_rhashtableerr()
	fails(err)
	_, err = g.Internal_test_rbufferouterr()
	fails(err)
	if err := g.Close(); err != nil {
		panic(err)
	}
	fails(g.Close())
	_, err = g.Internal_test_rint("1")
	fails(err)
}
