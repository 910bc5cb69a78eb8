"""Runs the test steps through Python: every test of generated/tests/steps.json on one handle a scenario.

In: optionally the beginning of a test's name. Out: a line per failure, a summary, the exit status.
"""

import contextlib
import errno
import json
import keyword
import os
import shutil
import sys
import tempfile
import threading
import time
import warnings

import guestfs

STEPS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../generated/tests/steps.json")
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


def python_name(name):
    """Keywords have an underscore behind them in Python."""
    return name + "_" if keyword.iskeyword(name) else name


class Run:
    """One test: the handle and a private host directory."""

    def __init__(self, g, tmp):
        self.g = g
        self.tmp = tmp

    def value(self, v):
        """A value of the file as Python's."""
        if isinstance(v, str):
            return v.replace("%tmp", self.tmp)
        if isinstance(v, list):
            return [self.value(i) for i in v]
        if isinstance(v, dict):
            if list(v) == ["bytes"]:
                return bytes.fromhex(v["bytes"])
            return {k: self.value(i) for k, i in v.items()}
        return v

    def action(self, step):
        """Do what the step says."""
        if "local_write" in step:
            with open(self.value(step["local_write"]["path"]), "wb") as f:
                f.write(self.value(step["local_write"]["content"]))
            return None
        if "local_read" in step:
            with open(self.value(step["local_read"]["path"]), "rb") as f:
                return f.read()
        options = {python_name(k): self.value(v) for k, v in step["opts"].items()}
        return getattr(self.g, python_name(step["call"]))(*self.value(step["args"]), **options)

    def step(self, index, step):
        ((kind, want),) = step["expect"].items()
        try:
            got = normal(self.action(step))
        except (RuntimeError, guestfs.ClosedHandle) as e:
            if kind != "error":
                raise Failure(f"step {index}: unexpected error: {e}") from e
            name = errno.errorcode.get(self.g.last_errno(), "no errno")
            # One number, two names; api.toml uses the first.
            name = "ENOTSUP" if name == "EOPNOTSUPP" else name
            if want is not None and name != want:
                raise Failure(f"step {index}: failed with {name} ({e}), not {want}") from e
            return
        if kind == "error":
            raise Failure(f"step {index}: succeeded with {got!r}, but must fail")
        want = normal(self.value(want))
        if kind == "equals":
            ok = matches(got, want)
        elif kind == "unordered":
            ok = matches_unordered(got, want)
        elif kind == "contains":
            ok = want in got
        else:
            ok = kind == "ok"
        if not ok:
            raise Failure(f"step {index}: got {got!r}, expected {kind} {want!r}")


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
    with open(STEPS, encoding="utf-8") as f:
        tests = [t for t in json.load(f)["tests"] if t["name"].startswith(prefix)]
    # Steps show deprecated calls as well.
    warnings.simplefilter("ignore", DeprecationWarning)
    passed = failed = 0
    for scenario in ("none", "disks", "scratch-fs"):
        start = time.monotonic()
        chosen = [t for t in tests if t["scenario"] == scenario]
        g = open_scenario(scenario) if chosen else None
        for test in chosen:
            tmp = tempfile.mkdtemp(prefix="guestfs-steps-")
            try:
                # Tests of a handle that is not launched change its properties: each gets a new one.
                if scenario == "none":
                    g.close()
                    g = open_scenario(scenario)
                with limited(g):
                    reset(g, scenario)
                    run = Run(g, tmp)
                    for index, step in enumerate(test["steps"]):
                        run.step(index, step)
                passed += 1
            except (Failure, RuntimeError, OSError) as e:
                failed += 1
                print(f"{test['name']}, {e}", file=sys.stderr)
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
