"""Guests of many kinds, and what inspection says of them.

`systems.py make` puts images into the working directory, with no library, and one above it that is for ours alone.
`systems.py show FOLDER` prints what Debian's Python binding finds on all of them at once, on whatever library it
runs."""
import os
import shutil
import subprocess
import sys

from ufs import disk_label, ufs2

PROGRAM = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + b"\x03\0\x3e\0" + b"\0" * 44
MIB = 1 << 20


def linux(release, **more):
    files = {
        "bin/sh": PROGRAM,
        "etc/fstab": "# by hand\n",
        "etc/hostname": "box.example\n",
        "etc/os-release": release,
    }
    return {**files, **more}


DPKG = """Package: dpkg
Status: install ok installed
Source: dpkg-src (1.2)
Architecture: amd64
Version: 1:1.21.22-3~deb1
Homepage: https://wiki.debian.org/
Description: package management
 Two lines of
 description.

Package: gone
Status: deinstall ok config-files
Version: 1.0

Package: held
Status: hold ok installed
Architecture: all
Version: 2-1-1

"""

APK = """C:Q1abc=
P:musl
V:1.2.4-r2
A:x86_64
T:the musl c library (libc) implementation
U:https://musl.libc.org/
o:musl
F:lib

P:alpine-keys
V:2.4-r1
A:x86_64
T:Public keys for Alpine Linux packages

"""

PACMAN = """%NAME%
pacman

%VERSION%
6.0.2-7

%BASE%
pacman

%DESC%
A library-based package manager with dependency support

%URL%
https://www.archlinux.org/pacman/

%ARCH%
x86_64

%DEPENDS%
bash
glibc
"""

DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n'
GROUPS = {"var/lib/dpkg/status": DPKG, "etc/debian_version": "12.5\n"}

# File systems without partitions, each a disk. There is no OpenBSD, which Debian's library takes for FreeBSD.
DISKS = {
    "debian": linux(DEBIAN, **GROUPS),
    "alpine": linux(
        'ID=alpine\nPRETTY_NAME="Alpine Linux v3.18"\nVERSION_ID=3.18.4\n', **{"lib/apk/db/installed": APK}),
    "arch": linux(
        'ID=arch\nPRETTY_NAME="Arch Linux"\n',
        **{"var/lib/pacman/local/ALPM_DB_VERSION": "9\n", "var/lib/pacman/local/pacman-6.0.2-7/desc": PACMAN}),
    "gentoo": linux('ID=gentoo\nPRETTY_NAME="Gentoo Linux"\nVERSION_ID="2.13"\n'),
    "suse": linux('ID="opensuse-leap"\nPRETTY_NAME="openSUSE Leap 15.4"\nVERSION_ID="15.4"\n'),
    "redhat": {
        "bin/sh": PROGRAM,
        "etc/fstab": "LABEL=/ / ext3 defaults 1 1\nLABEL=/gone /gone ext3 defaults\n",
        "etc/redhat-release": "Red Hat Enterprise Linux AS release 4 (Nahant Update 8)\n",
        "etc/sysconfig/network": "NETWORKING=yes\nHOSTNAME=rh.example\n",
    },
    "netbsd": {
        "bin/sh": PROGRAM,
        "etc/fstab": "# none\n",
        "etc/release": "NetBSD 9.3/amd64\n",
        "etc/rc.conf": "hostname=nb.example\n",
        "netbsd": "kernel",
    },
    "hurd": {
        "bin/sh": PROGRAM,
        "etc/debian_version": "12.5\n",
        "etc/fstab": "# none\n",
        "etc/hostname": "hurd.example\n",
        "var/lib/dpkg/status": DPKG,
        **{f"hurd/{name}": "server" for name in ["console", "hello", "null"]},
    },
    "minix": {
        "bin/sh": PROGRAM,
        "etc/fstab": "# none\n",
        "etc/hostname.file": "minix.example\n",
        "etc/version": "3.3.0\n",
        "service/vm": "server",
    },
    # Nothing but the directories can be read as what it should be.
    "damaged": {"bin/sh": b"\x7fEL", "etc/fstab": bytes(range(256)), "etc/os-release": b"ID=\0\xff\nVERSION_ID=9\n"},
    "data": {"home/me/notes": "text", "etc/passwd": "me"},
}

COREOS = 'NAME=CoreOS\nID=coreos\nVERSION={0}\nVERSION_ID={0}\nPRETTY_NAME="CoreOS {0}"\n'


def coreos_usr(version):
    return {
        "bin/sh": PROGRAM,
        "lib/os-release": COREOS.format(version),
        "local/x": "",
        "share/coreos/update.conf": "x",
    }


def write_tree(files, folder):
    for path, content in files.items():
        path = os.path.join(folder, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(content if isinstance(content, bytes) else content.encode())


def ext2(files, name, label="", mib=2):
    shutil.rmtree("tree", ignore_errors=True)
    write_tree(files, "tree")
    command = ["/sbin/mke2fs", "-q", "-t", "ext2", "-L", label, "-d", "tree", name, f"{mib}M"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def fat(name, files):
    with open(name, "wb") as f:
        f.truncate(4 * MIB)
    subprocess.run(["/sbin/mkfs.vfat", name], check=True, stdout=subprocess.DEVNULL)
    for folder in {os.path.dirname(path) for path in files} - {""}:
        subprocess.run(["mmd", "-i", name, f"::{folder}"], check=True)
    for path in files:
        subprocess.run(["mcopy", "-i", name, "-", f"::{path}"], input=b"x", check=True)


def partitioned(name, script, parts):
    """A disk of 64 MiB with these file systems at these MiB."""
    with open(name, "wb") as f:
        f.truncate(64 * MIB)
    subprocess.run(["/sbin/sfdisk", "-q", name], input=script.encode(), check=True)
    with open(name, "r+b") as f:
        for at, content in parts.items():
            f.seek(at * MIB)
            f.write(content if isinstance(content, bytes) else open(content, "rb").read())


def make():
    for name, files in DISKS.items():
        ext2(files, name, label="/" if name == "redhat" else "")

    fat("freedos", ["FDOS/FREEDOS.BSS", "COMMAND.COM"])

    # Two systems on one disk, and what both use.
    ext2(linux(DEBIAN, **GROUPS, **{"etc/fstab": "LABEL=one / ext2\nLABEL=both /home ext2\n"}),
         "p1", "one")
    ext2(linux('ID=fedora\nPRETTY_NAME="Fedora Linux 38"\nVERSION_ID=38\n',
               **{"etc/fstab": "LABEL=two / ext2\nLABEL=both /home ext2\n", "usr/bin/dnf": "x"}), "p2", "two")
    ext2({"me/notes": "x"}, "p3", "both")
    partitioned("two-systems", "label: gpt\nsize=8M\nsize=8M\nsize=8M\nsize=8M\n", {1: "p1", 9: "p2", 17: "p3"})

    # Container Linux: which of the two /usr is used is up to the boot loader.
    ext2({"etc/coreos/update.conf": "GROUP=stable\n", "etc/hostname": "core.example\n", "root/.x": "", "home/.x": "",
          "usr/.x": ""}, "p1", "ROOT")
    ext2(coreos_usr("1068.8.0"), "p2", "USR-A")
    ext2(coreos_usr("1122.2.0"), "p3", "USR-B")
    partitioned("coreos", "label: gpt\nsize=8M\nsize=8M\nsize=8M\n", {1: "p2", 9: "p3", 17: "p1"})

    root = {
        "bin/freebsd-version": '#!/bin/sh\nUSERLAND_VERSION="12.4-RELEASE"\n',
        "bin/sh": PROGRAM,
        "etc/freebsd-update.conf": "x\n",
        "etc/fstab": "/dev/ada0p1 / ufs rw 1 1\n",
        "etc/motd": "FreeBSD 12.4-RELEASE r372781 GENERIC\n",
        "etc/rc.conf": 'hostname="bsd.example"\n',
    }
    partitioned("freebsd", "label: gpt\nsize=8M\n", {1: ufs2(root)})

    # The same in a slice with a disk label, whose partitions Linux counts from 5 on. Debian's inspection fails on it,
    # since it looks for a fifth partition in the PC's own table.
    root["etc/fstab"] = "/dev/ada0s1a / ufs rw\n/dev/ada0s1b none swap sw\n/dev/ada0s1d /usr ufs rw\n/dev/ada0s1e /x ufs rw\n"
    label = disk_label({"a": (2048, 4096, 7), "b": (8192, 8192, 1), "c": (0, 65536, 0), "d": (16384, 4096, 7)}, 65536)
    slice_ = bytearray(16 * MIB)
    slice_[512:512 + len(label)] = label
    for at, files in [(2048, root), (16384, {"bin/cc": PROGRAM, "home/me/notes": "x"})]:
        content = ufs2(files)
        slice_[at * 512:at * 512 + len(content)] = content
    partitioned("../slices", "label: dos\nsize=32M, type=a5\n", {1: bytes(slice_)})

    # A medium to install from: its system is in an archive.
    shutil.rmtree("tree")
    write_tree({".disk/info": "Debian", "dists/stable/Release": "x", "install.amd/initrd.gz": "x", "live/x.squashfs": "x",
                "isolinux/isolinux.cfg": "default install\n"}, "tree")
    subprocess.run(["genisoimage", "-quiet", "-V", "Debian 12", "-J", "-r", "-o", "medium", "tree"], check=True)
    shutil.rmtree("tree")
    for name in ["p1", "p2", "p3"]:
        os.remove(name)


FACTS = ["type", "distro", "product_name", "major_version", "minor_version", "arch", "hostname", "package_format",
         "package_management", "osinfo"]
PACKAGE = ["name", "epoch", "version", "release", "arch", "url", "summary", "description"]


def show(folder):
    import guestfs
    names = sorted(os.listdir(folder))
    g = guestfs.GuestFS(python_return_dict=True)
    for name in names:
        g.add_drive_opts(os.path.join(folder, name), format="raw", readonly=True)
    g.launch()
    disks = dict(zip(g.list_devices(), names))

    def plain(device):
        disk = device.rstrip("0123456789")
        return disks.get(disk, disk) + device[len(disk):]

    for root in sorted(g.inspect_os(), key=plain):
        print(f"{plain(root)}:", ", ".join(str(getattr(g, f"inspect_get_{fact}")(root)) for fact in FACTS))
        mountpoints = g.inspect_get_mountpoints(root)
        for place, device in sorted(mountpoints.items()):
            print("  on", place, plain(device))
        print("  has", *sorted(map(plain, g.inspect_get_filesystems(root))))
        g.mount_options("ro,ufstype=ufs2" if g.vfs_type(root) == "ufs" else "ro", root, "/")
        # Debian's library cannot look for a database of RPM in the guest.
        if g.inspect_get_package_format(root) == "rpm":
            g.umount_all()
            continue
        for package in g.inspect_list_applications2(root):
            print("  package", *(repr(package[f"app2_{fact}"]) for fact in PACKAGE))
        g.umount_all()


if sys.argv[1] == "make":
    make()
else:
    show(sys.argv[2])
