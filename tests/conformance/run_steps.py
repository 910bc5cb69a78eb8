"""Runs the Python test steps: every test of generated/tests/steps.py on one handle a scenario.

In: optionally the beginning of a test's name. Out: a line per failure, a summary, the exit status.
"""

import contextlib
import errno
import os
import shutil
import sys
import tempfile
import threading
import time

import guestfs

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../generated/tests"))
import steps  # noqa: E402

MIB = 1 << 20
# Seconds. A test that takes longer hangs: its call is cancelled, which fails the test and names the call.
LIMIT = 120


class Failure(Exception):
    """A step did not do what it says."""


def normal(value):
    """Results as the expectations spell them: no byte strings."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, list):
        return [normal(v) for v in value]
    if isinstance(value, dict):
        return {k: normal(v) for k, v in value.items()}
    return value


def matches(got, want):
    """Equal; of tables only the wanted keys count, and booleans may come as integers."""
    if isinstance(want, dict):
        return isinstance(got, dict) and all(k in got and matches(got[k], v) for k, v in want.items())
    if isinstance(want, list):
        return isinstance(got, list) and len(got) == len(want) and all(map(matches, got, want))
    if isinstance(want, float):
        return abs(got - want) < 0.01
    return got == want


def matches_unordered(got, want):
    left = list(got)
    for w in want:
        found = next((i for i, g in enumerate(left) if matches(g, w)), None)
        if found is None:
            return False
        del left[found]
    return not left


class Run:
    """One test: the handle and a private host directory."""

    def __init__(self, g, tmp):
        self.g = g
        self.tmp = tmp

    def path(self, text):
        return text.replace("%tmp", self.tmp)

    def local_write(self, path, content):
        with open(path, "wb") as f:
            f.write(content)

    def local_read(self, path):
        with open(path, "rb") as f:
            return f.read()

    def step(self, index, action, expect):
        kind, *want = expect
        try:
            got = normal(action())
        except (RuntimeError, guestfs.ClosedHandle) as e:
            if kind != "error":
                raise Failure(f"step {index}: unexpected error: {e}") from e
            name = errno.errorcode.get(self.g.last_errno(), "no errno")
            # One number, two names; api.toml uses the first.
            name = "ENOTSUP" if name == "EOPNOTSUPP" else name
            if want[0] is not None and name != want[0]:
                raise Failure(f"step {index}: failed with {name} ({e}), not {want[0]}") from e
            return
        if kind == "error":
            raise Failure(f"step {index}: succeeded with {got!r}, but must fail")
        if kind == "equals":
            ok = matches(got, want[0])
        elif kind == "unordered":
            ok = matches_unordered(got, want[0])
        elif kind == "contains":
            ok = want[0] in got
        else:
            ok = True
        if not ok:
            raise Failure(f"step {index}: got {got!r}, expected {kind} {want[0]!r}")


def wipe(g, device, both_ends):
    """Overwrite what identifies a disk: labels, superblocks and LVM headers at both ends."""
    size = g.blockdev_getsize64(device)
    g.pwrite_device(device, bytes(min(size, MIB)), 0)
    if both_ends and size > MIB:
        g.pwrite_device(device, bytes(MIB), size - MIB)


def reset(g, scenario):
    """Put the handle in the state that the scenario promises."""
    if scenario == "disks":
        g.umount_all()
        g.vg_activate_all(False)
        parts = g.list_partitions()
        for part in parts:
            wipe(g, part, False)
        for disk in ("/dev/sda", "/dev/sdb"):
            if any(p.startswith(disk) for p in parts):
                # Writing an empty table makes the kernel forget the old partitions.
                g.part_init(disk, "mbr")
            wipe(g, disk, True)
    elif scenario == "scratch-fs":
        g.umount_all()
        g.mount("/dev/sdc", "/")
        g.umask(0o22)
        for name in g.ls("/"):
            if name != "lost+found":
                g.rm_rf("/" + name)


@contextlib.contextmanager
def limited(g):
    """Cancel what still runs after LIMIT."""
    ended = threading.Event()

    def watch():
        wait = LIMIT
        while not ended.wait(wait):
            g.user_cancel()
            wait = 1  # Between two calls it is not heard.

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def open_scenario(scenario):
    g = guestfs.GuestFS(python_return_dict=True)
    if scenario != "none":
        for size in (1024, 256, 256) if scenario == "scratch-fs" else (1024, 256):
            g.add_drive_scratch(size * MIB)
        g.launch()
        if scenario == "scratch-fs":
            g.mkfs("ext4", "/dev/sdc")
    return g


def main(prefix=""):
    passed = failed = 0
    for scenario in ("none", "disks", "scratch-fs"):
        start = time.monotonic()
        chosen = [t for t in steps.TESTS if t[1] == scenario and t[0].startswith(prefix)]
        g = open_scenario(scenario) if chosen else None
        for name, _, function in chosen:
            tmp = tempfile.mkdtemp(prefix="guestfs-steps-")
            try:
                # Tests of a handle that is not launched change its properties: each gets a new one.
                if scenario == "none":
                    g.close()
                    g = open_scenario(scenario)
                with limited(g):
                    reset(g, scenario)
                    function(Run(g, tmp))
                passed += 1
            except (Failure, RuntimeError, OSError) as e:
                failed += 1
                print(f"{name}, {e}", file=sys.stderr)
                # What it left behind is not the next one's to meet.
                g.close()
                g = open_scenario(scenario)
            finally:
                shutil.rmtree(tmp)
        if g is not None:
            g.close()
        print(f"Python steps, scenario {scenario}: {len(chosen)} tests in {time.monotonic() - start:.1f} s")
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
