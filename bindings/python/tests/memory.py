"""No growth: 10 000 calls of each shape, and 200 handles made and dropped."""

import gc

import guestfs


def resident():
    """This process's memory, in KiB."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def fails(call, *args):
    try:
        call(*args)
    except RuntimeError:
        return
    raise AssertionError(f"{call.__name__} did not fail")


def shapes(g):
    def arguments():
        g.internal_test(
            "abc", "def", ["a", "b"], False, 0, 0, "123", "456", bytes(1000), obool=1, oint=1, oint64=1, ostring="s",
            ostringlist=["a", "b"],
        )

    def refused():
        try:
            g.internal_test("abc", None, ["a", 1], False, 0, 0, "", "", b"")
        except TypeError:
            return
        raise AssertionError("a number was taken for a string")

    def numbers():
        g.internal_test_rint("1")
        g.internal_test_rint64("1")
        g.internal_test_rbool("true")

    def texts():
        g.internal_test_rconststring("x")
        g.internal_test_rconstoptstring("x")
        g.internal_test_rstring("x")

    def lists():
        g.internal_test_rstringlist("20")
        g.internal_test_rhashtable("20")

    def records():
        g.internal_test_rbufferout("01234567")
        g.internal_test_rstruct("x")
        g.internal_test_rstructlist("20")

    def errors():
        fails(g.internal_test_rstructerr)
        fails(g.internal_test_rstringlisterr)

    def events():
        handle = g.set_event_callback(lambda *a: None, guestfs.EVENT_ENTER | guestfs.EVENT_PROGRESS)
        g.get_smp()
        g.delete_event_callback(handle)

    return arguments, refused, numbers, texts, lists, records, errors, events


def grown(call, times):
    gc.collect()
    before = resident()
    for _ in range(times):
        call()
    gc.collect()
    return resident() - before


g = guestfs.GuestFS(python_return_dict=True)
g.internal_test_set_output("/dev/null")
for shape in shapes(g):
    grown(shape, 1_000)
    # Python's own allocator takes and gives back: a leak is of 16 bytes a call and more, each time.
    growths = [grown(shape, 10_000)]
    while growths[-1] > 150 and len(growths) < 4:
        growths.append(grown(shape, 10_000))
    assert growths[-1] <= 150, f"{shape.__name__} grows by {growths} KiB"


def handle():
    h = guestfs.GuestFS()
    h.set_event_callback(lambda *a: None, guestfs.EVENT_ENTER)


grown(handle, 200)
growth = grown(handle, 200)
assert growth <= 2048, f"handles grow by {growth} KiB"
print("ok")
