"""What class GuestFS has beside calls: closing, events, threads, errors, aliases, deprecations, exit.

binding.py DIR: works in DIR, with a handle that is not launched.
"""

import errno
import gc
import io
import multiprocessing
import os
import pathlib
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
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


class Named:
    """A path of the other kind: its name is bytes."""

    def __init__(self, name):
        self.name = name

    def __fspath__(self):
        return self.name


def strings():
    g = guestfs.GuestFS()
    # Not the list of its letters.
    for wrong in "force_tcg", b"force_tcg", bytearray(b"x"):
        e = fails(TypeError, g.set_backend_settings, wrong)
        assert "must be a list of strings, not " + type(wrong).__name__ in str(e), e
    for wrong in [1], [b"x"], None, 7:
        fails(TypeError, g.set_backend_settings, wrong)
    assert g.get_backend_settings() == []
    for settings in ("a", "b"), iter(["a", "b"]), {"a": 1, "b": 2}:
        g.set_backend_settings(settings)
        assert g.get_backend_settings() == ["a", "b"]

    # Files by whatever names files in Python; texts only as texts.
    disk = pathlib.Path(directory, "path-\udcff.img")
    g.disk_create(disk, "raw", 1 << 20)
    assert os.stat(os.fsencode(disk)).st_size == 1 << 20
    overlay = os.fsencode(directory) + b"/overlay-\xff.qcow2"
    g.disk_create(overlay, "qcow2", -1, backingfile=Named(os.fsencode(disk)), backingformat="raw")
    for name in overlay, Named(overlay), os.fsdecode(overlay), pathlib.Path(os.fsdecode(overlay)):
        assert g.disk_format(name) == "qcow2" and g.disk_has_backing_file(name) == 1
    g.add_drive(disk, format="raw")
    g.add_drive_ro(overlay)
    g.set_tmpdir(pathlib.Path(directory))
    assert g.get_tmpdir() == directory
    # Guests have paths, too: these fail for want of a launched handle only.
    for call, args in (g.mkdir, (pathlib.PurePosixPath("/a"),)), (g.mount, (b"/dev/sda1", Named("/"))), (
        g.upload, (disk, b"/x")), (g.lstatnslist, (b"/", [Named(b"a"), pathlib.PurePosixPath("b"), b"c"])):
        e = fails(RuntimeError, call, *args)
        assert "launch" in str(e), e
    assert "must be str, bytes or os.PathLike, not int" in str(fails(TypeError, g.add_drive, 7))
    assert "must be str, bytes or os.PathLike, not Named" in str(fails(TypeError, g.add_drive, Named(7)))
    fails(ZeroDivisionError, g.add_drive, type("Broken", (), {"__fspath__": lambda self: 1 // 0})())
    fails(ValueError, g.add_drive, b"a\0b")
    fails(TypeError, g.set_identifier, b"text")
    fails(TypeError, g.set_identifier, disk)
    fails(TypeError, g.disk_create, disk, b"raw", 1 << 20)


def libvirt_domains():
    """A virDomain of python3-libvirt, of libvirt's test driver."""
    import libvirt

    connection = libvirt.open("test:///default")
    domain = connection.defineXML(f"""
<domain type='test'><name>with disks</name><memory>1024</memory><os><type>hvm</type></os>
<devices><disk type='file'><driver name='qemu' type='raw'/><source file='{directory}/domain.img'/>
<target dev='vda'/></disk></devices></domain>""")
    g = guestfs.GuestFS()
    g.disk_create(os.path.join(directory, "domain.img"), "raw", 1 << 20)
    assert g.add_libvirt_dom(domain, readonly=True) == 1
    assert "domain.img" in g.debug_drives()[0]
    for wrong in None, 0, "with disks", connection, g:
        e = fails(TypeError, guestfs.GuestFS().add_libvirt_dom, wrong)
        assert "must be a libvirt.virDomain" in str(e), e


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


def ignored_children():
    """A program that ignores SIGCHLD learns all the same how the library's children ended."""
    program = """
import guestfs, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
g = guestfs.GuestFS()
g.disk_create(sys.argv[1], "qcow2", 1 << 20)
print(g.disk_format(sys.argv[1]))
try:
    g.disk_create("/nonexistent/x", "qcow2", 1 << 20)
except RuntimeError as e:
    print("No such file" in str(e))
"""
    with tempfile.TemporaryDirectory() as place:
        args = [sys.executable, "-c", program, os.path.join(place, "image")]
        out = subprocess.run(args, capture_output=True, text=True, check=False)
    assert out.stdout == "qcow2\nTrue\n" and out.stderr == "", out


def daemon(answer):
    """A handle whose daemon is a thread here: answer(connection, header) is called with the first request."""
    directory = tempfile.TemporaryDirectory()
    path = os.path.join(directory.name, "sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()

    def serve():
        with listener, listener.accept()[0] as connection:
            connection.sendall(struct.pack(">I", 0xF5F55FF5))
            size = struct.unpack(">I", connection.recv(4, socket.MSG_WAITALL))[0]
            answer(connection, connection.recv(size, socket.MSG_WAITALL))
            # Until the library hangs up.
            while connection.recv(4096):
                pass

    threading.Thread(target=serve, daemon=True).start()
    g = guestfs.GuestFS()
    g.set_backend("unix:" + path)
    g.set_autosync(False)
    g.launch()
    directory.cleanup()
    return g


def reply(connection, request):
    """Success without a result: the header with its direction changed."""
    program, version, proc, _, serial = struct.unpack(">IIiII", request[:20])
    connection.sendall(struct.pack(">IIIiIIQQI", 40, program, version, proc, 1, serial, 0, 0, 0))


def interrupt():
    """Ctrl-C ends the running call, and nothing else changes for the program."""
    # Where the tests run in the background it is ignored.
    at_first = signal.getsignal(signal.SIGINT)
    before = signal.default_int_handler
    signal.signal(signal.SIGINT, before)

    def silent(connection, request):
        os.kill(os.getpid(), signal.SIGINT)

    for nested in False, True:
        g = daemon(silent)
        call = g.ping_daemon
        if nested:
            # From a callback of another handle.
            other = guestfs.GuestFS()
            first = [g]
            other.set_event_callback(lambda *a: first and first.pop().ping_daemon(), guestfs.EVENT_TRACE)
            other.set_trace(True)
            call = other.get_memsize
        begun = time.monotonic()
        fails(KeyboardInterrupt, call)
        assert time.monotonic() - begun < 30
        # The daemon did not stop.
        assert not g.is_ready()
        fails(RuntimeError, g.ping_daemon)
        g.close()

    # A program's own handler runs when the call is over, which goes on.
    seen = []

    def soon(connection, request):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.2)
        reply(connection, request)

    signal.signal(signal.SIGINT, lambda *a: seen.append(1))
    g = daemon(soon)
    g.ping_daemon()
    assert seen == [1] and g.is_ready()
    g.close()
    signal.signal(signal.SIGINT, before)

    # A handler that a callback sets stays.
    g = guestfs.GuestFS()
    ours = lambda *a: None
    g.set_event_callback(lambda *a: signal.signal(signal.SIGINT, ours), guestfs.EVENT_TRACE)
    g.set_trace(True)
    g.get_memsize()
    assert signal.getsignal(signal.SIGINT) is ours
    os.kill(os.getpid(), signal.SIGINT)
    g.close()
    signal.signal(signal.SIGINT, before)
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(30)
        raise AssertionError("no KeyboardInterrupt")
    except KeyboardInterrupt:
        pass
    signal.signal(signal.SIGINT, at_first)


def forked():
    """In a forked child every call fails, and its end leaves the parent's machine alone."""

    def one(connection, request):
        reply(connection, request)

    def child(g):
        e = fails(RuntimeError, g.ping_daemon)
        assert "belongs to the process that made it" in str(e) and g.last_errno() == errno.EPERM
        fails(RuntimeError, g.get_memsize)

    g = daemon(one)
    g.ping_daemon()
    for end in sys.exit, lambda: g.close(), lambda: None:
        pid = os.fork()
        if pid == 0:
            try:
                child(g)
                end()
            except SystemExit:
                pass
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            # As at a normal end.
            del g
            guestfs.libguestfsmod.close_all()
            gc.collect()
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
    context = multiprocessing.get_context("fork")
    worker = context.Process(target=child, args=(g,))
    worker.start()
    worker.join()
    assert worker.exitcode == 0
    assert g.is_ready()
    g.close()


def short_of_memory():
    """A file that does not fit into memory is an error, not the end of the program."""

    def limited(megabytes):
        def stream(connection, request):
            reply(connection, request)
            chunk = struct.pack(">III", 8192 + 8, 0, 8192) + bytes(8192)
            for _ in range(megabytes):
                connection.sendall(chunk * 128)
            connection.sendall(struct.pack(">III", 8, 0, 0))

        g = daemon(stream)
        with open("/proc/self/statm") as f:
            used = int(f.read().split()[0]) * resource.getpagesize()
        limit = used + (300 << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        e = fails(RuntimeError, g.read_file, "/x")
        assert g.last_errno() == errno.ENOMEM, e
        assert g.is_ready()
        os._exit(0)

    # It cannot be received; it can, but not be handed to C as well.
    for megabytes in 600, 200:
        worker = multiprocessing.get_context("fork").Process(target=limited, args=(megabytes,))
        worker.start()
        worker.join(120)
        assert worker.exitcode == 0, (megabytes, worker.exitcode)


TESTS = [closing, errors, strings, libvirt_domains, options, events, threads, deprecated]
for test in [*TESTS, at_exit, ignored_children, interrupt, forked, short_of_memory]:
    test()
print("ok")
