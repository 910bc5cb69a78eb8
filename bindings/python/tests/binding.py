"""What class GuestFS has beside calls: closing, events, threads, errors, aliases, deprecations, exit.

binding.py DIR: works in DIR, with a handle that is not launched.
"""

import gc
import io
import os
import subprocess
import sys
import threading
import warnings
import weakref
from contextlib import redirect_stderr

import guestfs

directory = sys.argv[1]


def fails(error, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except error as e:
        return e
    raise AssertionError(f"{call.__name__} did not fail")


def closing():
    g = guestfs.GuestFS()
    closed = []
    g.set_event_callback(lambda *a: closed.append(a), guestfs.EVENT_CLOSE)
    g.close()
    assert [(a[0], a[2], a[3]) for a in closed] == [(guestfs.EVENT_CLOSE, None, [])], closed
    for call in g.close, g.get_memsize, g.last_errno:
        e = fails(guestfs.ClosedHandle, call)
        assert isinstance(e, ValueError) and "closed" in str(e)

    with guestfs.GuestFS() as g:
        g.set_event_callback(lambda *a: closed.append(a), guestfs.EVENT_CLOSE)
    assert len(closed) == 2
    fails(guestfs.ClosedHandle, g.__enter__)

    # A callback of the handle refers to it: the collector finds the cycle only through Python's objects,
    # so this one stays until it is closed; without the reference it goes at once.
    g = guestfs.GuestFS()
    g.set_event_callback(lambda *a: closed.append(a), guestfs.EVENT_CLOSE)
    gone = weakref.ref(g)
    del g
    gc.collect()
    assert gone() is None and len(closed) == 3

    # Closed by the callback of a call in progress: the call still finishes.
    g = guestfs.GuestFS()
    g.set_trace(True)
    g.set_event_callback(lambda *a: g._o and g.close(), guestfs.EVENT_TRACE)
    assert g.get_smp() == 1
    fails(guestfs.ClosedHandle, g.get_smp)


def errors():
    g = guestfs.GuestFS()
    assert g.last_errno() == 0
    e = fails(RuntimeError, g.add_drive, "/nonexistent/disk.img")
    assert type(e) is RuntimeError and "/nonexistent/disk.img" in str(e)
    assert g.last_errno() == 2
    # Bytes that are not UTF-8 survive both ways.
    e = fails(RuntimeError, g.add_drive, "/nonexistent/\udcff")
    assert "/nonexistent/\udcff" in str(e), ascii(str(e))
    g.set_program("\udcfe é")
    assert g.get_program() == "\udcfe é"
    assert guestfs.GuestFS().get_program() == "binding.py"


def options():
    g = guestfs.GuestFS(environment=False, close_on_exit=False)
    disk = os.path.join(directory, "python.qcow2")
    g.disk_create(disk, "qcow2", 1 << 20, preallocation=None, clustersize=65536)
    assert g.disk_format(disk) == "qcow2"
    assert g.disk_virtual_size(disk) == 1 << 20
    g.add_drive(disk, readonly=True, format="qcow2")
    g.add_drive_opts(disk, format="qcow2", label="abc")
    assert g.add_drive_opts.__func__ is g.add_drive.__func__
    v = g.version()
    assert v["major"] == 1 and isinstance(v["extra"], str)
    assert g.get_append() is None
    g.set_append("a b")
    assert g.get_append() == "a b"
    g.set_backend_settings(["force_tcg", "x=é"])
    assert g.get_backend_settings() == ["force_tcg", "x=é"]


def events():
    assert guestfs.EVENT_CLOSE == 1 and guestfs.EVENT_WARNING == 0x200 and guestfs.EVENT_ALL == 0x3FF
    assert guestfs.event_to_string(guestfs.EVENT_CLOSE | guestfs.EVENT_TRACE) == "close,trace"
    g = guestfs.GuestFS()
    seen = []
    trace = g.set_event_callback(lambda *a: seen.append(a), guestfs.EVENT_TRACE)
    enter = g.set_event_callback(lambda *a: seen.append(a), guestfs.EVENT_ENTER)
    g.set_trace(True)
    del seen[:]
    g.get_smp()
    assert (guestfs.EVENT_ENTER, enter, "get_smp", []) in seen
    assert (guestfs.EVENT_TRACE, trace, "get_smp = 1", []) in seen
    g.delete_event_callback(trace)
    g.delete_event_callback(4711)
    g.set_trace(False)
    g.delete_event_callback(enter)
    del seen[:]
    g.get_smp()
    assert seen == []
    fails(TypeError, g.set_event_callback, 3, guestfs.EVENT_ALL)

    # An exception is printed; what should end the program comes out of the call.
    def broken(*_):
        raise LookupError("broken callback")

    h = g.set_event_callback(broken, guestfs.EVENT_ENTER)
    with redirect_stderr(io.StringIO()) as printed:
        assert g.get_smp() == 1
    assert "LookupError: broken callback" in printed.getvalue()
    g.delete_event_callback(h)
    for error in KeyboardInterrupt, SystemExit:

        def interrupted(*_):
            raise error("now")

        h = g.set_event_callback(interrupted, guestfs.EVENT_ENTER)
        assert fails(error, g.get_smp).args == ("now",)
        g.delete_event_callback(h)
        assert g.get_smp() == 1

    # The callback may use the handle.
    inside = []
    h = g.set_event_callback(lambda *a: inside.append(g.get_memsize()) if a[2] == "get_smp" else None, guestfs.EVENT_ENTER)
    g.get_smp()
    assert inside == [g.get_memsize()]


def threads():
    """Calls that wait for each other's lock while callbacks want the GIL: nobody may hold one for the other."""
    g = guestfs.GuestFS()
    g.set_trace(True)
    count = [0]
    lock = threading.Lock()

    def callback(*_):
        with lock:
            count[0] += 1

    g.set_event_callback(callback, guestfs.EVENT_TRACE)

    def work(n):
        for i in range(n):
            g.internal_test_rstringlist("3")
            g.get_memsize()

    before = count[0]
    workers = [threading.Thread(target=work, args=(200,), daemon=True) for _ in range(4)]
    for w in workers:
        w.start()
    for w in workers:
        w.join(60)
        assert not w.is_alive(), "deadlock"
    assert count[0] - before == 4 * 200 * 4

    # Errors belong to threads.
    fails(RuntimeError, g.add_drive, "/nonexistent/disk.img")
    errnos = []
    w = threading.Thread(target=lambda: errnos.append(g.last_errno()))
    w.start()
    w.join()
    assert errnos == [0] and g.last_errno() == 2

    # Closing while others are inside calls.
    for _ in range(20):
        g = guestfs.GuestFS()

        def until_closed():
            try:
                while True:
                    g.internal_test_rint("1")
            except ValueError:
                pass

        workers = [threading.Thread(target=until_closed, daemon=True) for _ in range(3)]
        for w in workers:
            w.start()
        g.close()
        for w in workers:
            w.join(60)
            assert not w.is_alive()


def deprecated():
    g = guestfs.GuestFS()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fails(RuntimeError, g.stat, "/")
    (w,) = caught
    assert w.category is DeprecationWarning and "GuestFS.statns" in str(w.message)
    assert os.path.basename(w.filename) == "binding.py"


def at_exit():
    """An open handle is closed when the program ends, while callbacks can still run."""
    program = """
import guestfs, sys
g = guestfs.GuestFS(close_on_exit={})
g.set_event_callback(lambda *a: print("closed", a[0]), guestfs.EVENT_CLOSE)
if {}: g.cycle = g
print("end")
"""
    for close_on_exit, cycle, expected in [(True, False, "end\nclosed 1\n"), (True, True, "end\nclosed 1\n")]:
        out = subprocess.run(
            [sys.executable, "-c", program.format(close_on_exit, cycle)], capture_output=True, text=True, check=True
        )
        assert out.stdout == expected and out.stderr == "", out


for test in closing, errors, options, events, threads, deprecated, at_exit:
    test()
print("ok")
