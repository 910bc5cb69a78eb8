"""Databases of RPM in all the formats that it has had, with packages that are built here.

In: the working directory. Out: `rpmdb.sqlite` (by rpm itself), below `unclean/` the same as a guest has it that was
not shut down, `Packages` (by db_load of Berkeley DB) and
`Packages.db` (by hand: Debian's rpm does not know ndb)."""
import glob
import os
import shutil
import sqlite3
import struct
import subprocess
import zlib

SPEC = """Name: first
Epoch: 2
Version: 1.4
Release: 3.el9
Summary: The first of them
License: MIT
URL: https://first.example/
%description
It does one thing.
And another.
%package sub
Summary: A part of the first
BuildArch: noarch
%description sub
Part.
%files
%files sub
"""


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def headers():
    """Numbers and headers of the packages, as rpm itself has put them into its database."""
    with open("first.spec", "w") as f:
        f.write(SPEC)
    here = os.getcwd()
    run("rpmbuild", "-bb", "--define", f"_topdir {here}/top", "--define", f"_rpmdir {here}/rpms", "first.spec")
    packages = glob.glob("rpms/*/*.rpm")
    run("rpm", "--root", f"{here}/root", "--define", "_dbpath /var/lib/rpm", "--define", "_db_backend sqlite", "-i",
        "--nodeps", "--noscripts", "--nosignature", "--ignorearch", *packages)
    database = "root/var/lib/rpm/rpmdb.sqlite"
    with sqlite3.connect(database) as c:
        # Nothing is left in the journal beside it.
        c.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        rows = c.execute("SELECT hnum, blob FROM Packages ORDER BY hnum").fetchall()
    os.rename(database, "rpmdb.sqlite")
    return rows


def unclean(rows):
    """All packages are in the journal only."""
    os.mkdir("unclean")
    c = sqlite3.connect("unclean.sqlite", isolation_level=None)
    c.execute("PRAGMA journal_mode = WAL")
    c.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB)")
    c.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    c.executemany("INSERT INTO Packages VALUES (?, ?)", rows)
    for end in "", "-wal":
        shutil.copy("unclean.sqlite" + end, "unclean/rpmdb.sqlite" + end)


def berkeley(rows):
    # The first record is the next number.
    records = [(0, struct.pack("<I", rows[-1][0] + 1)), *rows]
    lines = ["VERSION=3", "format=bytevalue", "type=hash", "db_pagesize=4096", "HEADER=END"]
    lines += [f" {data.hex()}" for number, blob in records for data in (struct.pack("<I", number), blob)]
    subprocess.run(["db_load", "Packages"], input="\n".join([*lines, "DATA=END\n"]), text=True, check=True)


def ndb(rows):
    table = bytearray(4096)
    struct.pack_into("<4sIIII", table, 0, b"RpmP", 0, 1, 1, rows[-1][0] + 1)
    for at in range(32, len(table), 16):
        table[at:at + 4] = b"Slot"
    blobs = b""
    for n, (number, blob) in enumerate(rows):
        place = len(table) + len(blobs)
        record = struct.pack("<4sIII", b"BlbS", number, 1, len(blob)) + blob
        record += bytes(-(len(record) + 12) % 16)
        record += struct.pack("<II4s", zlib.adler32(record), len(blob), b"BlbE")
        struct.pack_into("<4sIII", table, 32 + 16 * n, b"Slot", number, place // 16, len(record) // 16)
        blobs += record
    with open("Packages.db", "wb") as f:
        f.write(table + blobs)


found = headers()
unclean(found)
berkeley(found)
ndb(found)
