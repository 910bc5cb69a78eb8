"""The binding-test calls through Python: every type of argument, option and result, and every error.

bindtests.py OUT: the library writes the arguments it received to OUT, for comparison with
../../c/tests/bindtests.expected; results are checked here. Runs as well on Debian's python3-guestfs, save for
what only our binding can do (strings that are not UTF-8).
"""

import sys

import guestfs

ours = hasattr(guestfs.GuestFS, "__enter__")
g = guestfs.GuestFS(python_return_dict=True)


def fails(call, *args, error=RuntimeError, **kwargs):
    try:
        call(*args, **kwargs)
    except error as e:
        return str(e)
    raise AssertionError(f"{call.__name__} did not fail")


# Arguments, in the order of bindtests.expected.
g.internal_test_set_output(sys.argv[1])
g.internal_test("abc", "def", [], False, 0, 0, "123", "456", b"abc\0abc")
g.internal_test("abc", None, [], False, 0, 0, "123", "456", b"abc\0abc")
g.internal_test("", "", ["1"], True, -1, -1, "", "", b"", obool=True)
text, two = ("x\udcffy" if ours else "x?y"), ["a b", "é"]
big = 2**63 - 1
g.internal_test(text, "def", two, True, 2**31 - 1, big, "i", "o", b"\1\x7f", oint=1 - 2**31, oint64=-big)
g.internal_test("abc", "def", two, False, 5, 6, "i", "o", b"z", obool=False, ostring="string", ostringlist=two)
g.internal_test("abc", "def", (), False, 5, 6, "i", "o", b"z", ostring="", ostringlist=[])
g.internal_test_only_optargs()
g.internal_test_only_optargs(test=7)
g.internal_test_63_optargs(opt1=1, opt32=32, opt63=-63)
g.internal_test_close_output()

# Wrong arguments are Python's errors, before the library sees anything.
args = ["abc", None, [], False, 0, 0, "", "", b""]
for place, wrong, error in [
    (0, None, TypeError), (0, b"abc", TypeError), (0, "a\0b", ValueError), (1, 1, TypeError), (2, None, TypeError),
    (3, "x", TypeError), (4, 2**31, OverflowError), (4, 1.5, TypeError), (5, 2**63, OverflowError),
    (8, None, TypeError),
]:
    fails(g.internal_test, *args[:place], wrong, *args[place + 1 :], error=error)
if ours:  # Debian's crashes
    fails(g.internal_test, "abc", None, ["a", 1], False, 0, 0, "", "", b"", error=TypeError)
fails(g.internal_test, *args, oint="x", error=TypeError)
fails(g.internal_test, *args, nosuch=1, error=TypeError)

# Results.
assert g.internal_test_rint("10") == 10
assert g.internal_test_rint64("10") == 10
assert g.internal_test_rbool("true") == 1
assert g.internal_test_rbool("false") == 0
assert g.internal_test_rconststring("x") == "static string"
assert g.internal_test_rconstoptstring("x") == "static string"
assert g.internal_test_rstring("string") == "string"
if ours:
    assert g.internal_test_rstring("\udcff") == "\udcff"
assert g.internal_test_rstringlist("0") == []
assert g.internal_test_rstringlist("3") == ["0", "1", "2"]
assert g.internal_test_rhashtable("2") == {"0": "0", "1": "1"}
assert guestfs.GuestFS().internal_test_rhashtable("2") == [("0", "0"), ("1", "1")]
assert g.internal_test_rbufferout("01234") == b"01234"
assert g.internal_test_rbufferout("") == b""


def pv(i):
    return {
        "pv_name": f"pv{i}", "pv_uuid": "12345678901234567890123456789012", "pv_fmt": "unknown", "pv_size": i,
        "dev_size": i, "pv_free": i, "pv_used": i, "pv_attr": f"attr{i}", "pv_pe_count": i, "pv_pe_alloc_count": i,
        "pv_tags": f"tag{i}", "pe_start": i, "pv_mda_count": i, "pv_mda_free": i,
    }


assert g.internal_test_rstruct("unused") == pv(0)
assert g.internal_test_rstructlist("0") == []
assert g.internal_test_rstructlist("5") == [pv(i) for i in range(5)]

# Errors.
kinds = ["int", "int64", "bool", "conststring", "string", "stringlist", "struct", "structlist", "hashtable", "bufferout"]
for kind in kinds:
    assert fails(getattr(g, f"internal_test_r{kind}err")) == "error"
assert g.internal_test_rconstoptstringerr() is None  # not an error in this type
assert "expecting int" in fails(g.internal_test_rint, "x")

g.close()
fails(g.internal_test_rint, "1", error=guestfs.ClosedHandle)
print("ok")
