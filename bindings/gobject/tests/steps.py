"""Runs the test steps through introspection: tests/conformance/run_steps.py, with a `guestfs` made of `gi`'s Guestfs.

steps.py: takes the arguments of run_steps.py. Everything is found by reflection: methods by name, and classes of options
as the properties that they have.
"""

import os
import sys
import threading
import time
import types

import gi

gi.require_version("Guestfs", "1.0")
from gi.repository import Gio, GLib, GObject, Guestfs  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../..")
# Classes of options by their names in lower case, which are those of their calls without underscores.
CLASSES = {
    name.lower(): getattr(Guestfs, name)
    for name in dir(Guestfs)
    if isinstance(getattr(Guestfs, name), type) and issubclass(getattr(Guestfs, name), GObject.Object)
}
# An option that is -1 is one that is not given.
left_out = []


def plain(value):
    """A result as the steps spell it."""
    if isinstance(value, list):
        return [plain(v) for v in value]
    if hasattr(type(value), "__info__"):
        fields = {f.get_name(): getattr(value, f.get_name()) for f in type(value).__info__.get_fields()}
        # Of 32 characters, or of a buffer.
        return {k: bytes(v) if isinstance(v, list) else chr(v) if k.endswith("typ") else v for k, v in fields.items()}
    return value


class GuestFS:
    """A session that looks like a handle of the Python binding."""

    def __init__(self, python_return_dict):
        self._session = Guestfs.Session()
        self._errno = 0

    def last_errno(self):
        return self._errno

    def __getattr__(self, call):
        method = getattr(self._session, call)
        names = [a.get_name() for a in getattr(Guestfs.Session, call).get_arguments()]
        name = call.replace("_", "")
        options = CLASSES.get(name) or CLASSES.get(name + "opts")
        truth = str(getattr(Guestfs.Session, call).get_return_type().get_tag_as_string()) == "gint8"

        def run(*args, **given):
            args = list(args)
            if "optargs" in names:
                given = {k.rstrip("_"): Guestfs.Tristate(int(v)) if isinstance(v, bool) else v for k, v in given.items()}
                args.append(options(**given) if given else None)
            elif given:
                raise AssertionError(f"{call} has no options")
            if "cancellable" in names:
                args.append(None)
            result = method(*args)
            return bool(result) if truth else plain(result)

        def guarded(*args, **given):
            if -1 in given.values():
                left_out.append(call)
                self._errno = 22
                raise RuntimeError("an option that is -1 cannot be given")
            try:
                return run(*args, **given)
            except GLib.Error as e:
                self._errno = e.code
                raise RuntimeError(e.message) from e

        return guarded


def threads():
    """Other threads run during a call, and a cancellable of theirs ends it."""
    g = Guestfs.Session()
    g.add_drive_scratch(1 << 20, None)
    g.launch()
    cancellable = Gio.Cancellable()
    turns = 0

    def soon():
        nonlocal turns
        begun = time.monotonic()
        while time.monotonic() - begun < 1:
            time.sleep(0.01)
            turns += 1
        cancellable.cancel()

    thread = threading.Thread(target=soon)
    cancellable.push_current()
    thread.start()
    begun = time.monotonic()
    try:
        g.debug("sh", ["sleep 60"])
        raise AssertionError("was not cancelled")
    except GLib.Error as e:
        assert e.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED), e
    cancellable.pop_current()
    thread.join()
    assert turns > 50 and time.monotonic() - begun < 20, turns
    g.close()


if __name__ == "__main__":
    threads()
    sys.modules["guestfs"] = types.SimpleNamespace(GuestFS=GuestFS, ClosedHandle=RuntimeError)
    sys.path.insert(0, os.path.join(ROOT, "tests/conformance"))
    import run_steps  # noqa: E402

    status = run_steps.main(*sys.argv[1:])
    print("options that are -1, which cannot be given:", ", ".join(left_out))
    sys.exit(status)
