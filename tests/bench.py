"""Measures one libguestfs through its Python binding, so that ours and Debian's run the same code.

In: which `guestfs` module PYTHONPATH gives; WHAT (launch, first, bulk, look, process or all) and how often. Out: one
JSON object on stdout: name of a figure -> {"value": median, "n": repetitions}. Seconds, MiB/s, calls a second, MiB.
"""

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

MIB = 1 << 20
SIZE = int(os.environ.get("SIZE", "512"))
FILES = int(os.environ.get("FILES", "10000"))

# A whole process: launch, mount, read one file, close.
PROCESS = """
import guestfs, sys
g = guestfs.GuestFS(python_return_dict=True)
g.add_drive_opts(sys.argv[1], format="raw", readonly=True)
g.launch()
g.mount_ro("/dev/sda", "/")
assert g.cat("/file") == "text"
g.close()
"""


def timed(action):
    start = time.monotonic()
    action()
    return time.monotonic() - start


def rate(action, seconds=2.0):
    """Calls a second over about two seconds."""
    action()
    count, start = 0, time.monotonic()
    while time.monotonic() - start < seconds:
        for _ in range(20):
            action()
        count += 20
    return count / (time.monotonic() - start)


def opened(disks=1):
    import guestfs

    g = guestfs.GuestFS(python_return_dict=True)
    for _ in range(disks):
        g.add_drive_scratch((2048 if disks == 1 else 64) * MIB)
    return g


def peak(g):
    """Most memory that qemu has had, in MiB."""
    with open(f"/proc/{g.get_pid()}/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


class Figures(dict):
    def add(self, name, values):
        self[name] = {"value": statistics.median(values), "n": len(values)}


def launches(figures, count):
    for disks, name in ((1, "launch, 1 disk, s"), (20, "launch, 20 disks, s")):
        times, memory = [], []
        # The first one may have to make what the others find.
        for _ in range(count + 1):
            g = opened(disks)
            times.append(timed(g.launch))
            memory.append(peak(g))
            g.close()
        figures.add(name, times[1:])
        if disks == 1:
            figures.add("qemu RSS at launch, MiB", memory[1:])


def first(figures, count):
    """Launch with an empty cache, and how large that has grown then."""
    times, sizes = [], []
    for _ in range(count):
        with tempfile.TemporaryDirectory(dir="/var/tmp") as cache:
            environment = dict(os.environ, XDG_CACHE_HOME=cache, LIBGUESTFS_CACHEDIR=cache)
            code = "import guestfs\ng = guestfs.GuestFS(python_return_dict=True)\ng.add_drive_scratch(1 << 26)\n" \
                   "g.launch()\ng.close()"
            times.append(timed(lambda: subprocess.run([sys.executable, "-c", code], env=environment, check=True)))
            # Whatever is made in the background after the launch belongs to it: wait until it stands still.
            size, before = -1, -2
            while size != before:
                before = size
                time.sleep(1)
                size = int(subprocess.run(["du", "-sk", cache], capture_output=True, check=True).stdout.split()[0])
            sizes.append(size / 1024)
    figures.add("launch, first ever, s", times)
    figures.add("appliance on disk, MiB", sizes)


def made(tmp):
    """A disk with a file system and a file."""
    import guestfs

    disk = os.path.join(tmp, "disk")
    g = guestfs.GuestFS(python_return_dict=True)
    g.disk_create(disk, "raw", 64 * MIB)
    g.add_drive_opts(disk, format="raw")
    g.launch()
    g.mkfs("ext4", "/dev/sda")
    g.mount("/dev/sda", "/")
    g.write("/file", "text")
    g.shutdown()
    g.close()
    return disk


def process(figures, count):
    with tempfile.TemporaryDirectory() as tmp:
        run = [sys.executable, "-c", PROCESS, made(tmp)]
        figures.add("whole process, s", [timed(lambda: subprocess.run(run, check=True)) for _ in range(count)])


def look(figures, count):
    """The first calls of a handle that looks into a disk, and then the same again."""
    with tempfile.TemporaryDirectory() as tmp:
        disk = made(tmp)
        times = {}
        for _ in range(count):
            g = opened(0)
            g.add_drive_opts(disk, format="raw", readonly=True)
            g.launch()
            for name, call in (
                ("list_filesystems, s", g.list_filesystems),
                ("mount_ro, s", lambda: g.mount_ro("/dev/sda", "/")),
                ("vfs_type, s", lambda: g.vfs_type("/dev/sda")),
            ):
                times.setdefault(name, []).append(timed(call))
            g.close()
        for name, values in times.items():
            figures.add(name, values)


def small_files(tmp):
    """An archive of many small files in directories of a hundred."""
    tree, archive = os.path.join(tmp, "tree"), os.path.join(tmp, "many.tar")
    numbers = random.Random(1)
    for i in range(FILES):
        directory = os.path.join(tree, f"d{i // 100}")
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, f"f{i}"), "wb") as f:
            f.write(numbers.randbytes(numbers.randint(100, 4000)))
    subprocess.run(["tar", "-C", tree, "-cf", archive, "."], check=True)
    return archive


def bulk(figures, count):
    g = opened()
    g.launch()
    g.mkfs("ext4", "/dev/sda")
    g.mount("/dev/sda", "/")
    g.touch("/file")
    for name, call in (
        ("ping_daemon /s", g.ping_daemon),
        ("is_file /s", lambda: g.is_file("/file")),
        ("statns /s", lambda: g.statns("/file")),
    ):
        figures.add(name, [rate(call) for _ in range(count)])
    with tempfile.TemporaryDirectory(dir="/var/tmp") as tmp:
        data, back = os.path.join(tmp, "data"), os.path.join(tmp, "back")
        with open(data, "wb") as f:
            for _ in range(SIZE):
                f.write(os.urandom(MIB))
        up, down = [], []
        for _ in range(count):
            up.append(SIZE / timed(lambda: g.upload(data, "/data")))
            g.sync()
            down.append(SIZE / timed(lambda: g.download("/data", back)))
        subprocess.run(["cmp", data, back], check=True)
        figures.add("upload, MiB/s", up)
        figures.add("download, MiB/s", down)
        archive = small_files(tmp)
        into, out = [], []
        for i in range(count):
            g.mkdir(f"/tree{i}")
            into.append(timed(lambda: g.tar_in(archive, f"/tree{i}")))
            out.append(timed(lambda: g.tar_out(f"/tree{i}", back)))
            g.sync()
            g.rm_rf(f"/tree{i}")
        figures.add("tar-in, s", into)
        figures.add("tar-out, s", out)
    figures.add("qemu RSS after bulk, MiB", [peak(g)])
    figures.add("shutdown, s", [timed(g.shutdown)])
    g.close()


def main(what, count):
    figures = Figures()
    for name, measure in (
        ("launch", launches),
        ("process", process),
        ("look", look),
        ("bulk", bulk),
        ("first", first),
    ):
        if what in (name, "all"):
            try:
                measure(figures, min(count, 3) if name == "first" else count)
            except (RuntimeError, subprocess.SubprocessError) as e:
                # One library that cannot do one thing must not hide all other figures.
                print(f"{name}: not measured: {e}", file=sys.stderr)
    json.dump(figures, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
