#!/bin/sh
# Our figures beside those of Debian's libguestfs on the same machine, in one run, under TCG.
# In: a built tree; N (repetitions of ours, default 7), PEER (of Debian's, default 3, 0 for none), WHAT (launch,
# process, look, bulk, first or all), SIZE in MiB (default 512), FILES (default 10000). Out: a table on stdout, with what
# is wanted of each figure and whether it is reached; the exit status does not tell.
set -eu
cd "$(dirname "$0")/.."
out=${OUT:-$PWD/target/out}
python=${PYTHON:-/usr/bin/python3}
what=${WHAT:-all}
export LIBGUESTFS_BACKEND_SETTINGS=force_tcg

ours=$(LD_LIBRARY_PATH="$out/lib" PYTHONPATH="$out/python" "$python" tests/bench.py "$what" "${N:-7}")
peer='{}'
if [ "${PEER:-3}" -gt 0 ]; then
  if dpkg-query -W python3-guestfs >/dev/null 2>&1; then
    # Where the host has no kernel to boot, the peer's builder takes the one that was fetched for ours.
    if ! ls /boot/vmlinuz-* >/dev/null 2>&1; then
      data=${GUESTFS_RS_DATADIR:-${XDG_DATA_HOME:-$HOME/.local/share}/guestfs-rs}
      kernel=$(ls -d "$data"/kernel/linux-image-*/boot/vmlinuz-* | sort -V | tail -n 1)
      SUPERMIN_KERNEL=$kernel SUPERMIN_KERNEL_VERSION=${kernel##*/vmlinuz-}
      SUPERMIN_MODULES=$(dirname "$(dirname "$kernel")")/lib/modules/$SUPERMIN_KERNEL_VERSION
      export SUPERMIN_KERNEL SUPERMIN_KERNEL_VERSION SUPERMIN_MODULES
    fi
    # Its appliance is slow to start: fewer repetitions, as the table says.
    # Whatever is wrong with it, our figures are worth showing.
    peer=$(LIBGUESTFS_BACKEND=direct "$python" tests/bench.py "$what" "${PEER:-3}") || peer='{}'
  else
    echo "python3-guestfs is not installed: no figures of Debian's libguestfs" >&2
  fi
fi
"$python" - "$ours" "$peer" <<'END'
import json
import sys

# What is wanted, the smallest or (below zero) the largest value.
WANTED = {
    "launch, 1 disk, s": -0.25,
    "launch, 20 disks, s": -1,
    "launch, first ever, s": -8,
    "whole process, s": -0.6,
    "list_filesystems, s": -0.1,
    "upload, MiB/s": 350,
    "download, MiB/s": 500,
    "tar-in, s": -3,
    "tar-out, s": -1.5,
    "ping_daemon /s": 12000,
    "is_file /s": 6000,
    "statns /s": 6000,
    "qemu RSS at launch, MiB": -150,
    "qemu RSS after bulk, MiB": -400,
    "appliance on disk, MiB": -250,
}
ours, peer = map(json.loads, sys.argv[1:])


def shown(figure):
    return f"{figure['value']:10.2f} {'(' + str(figure['n']) + ')':>4}" if figure else f"{'-':>15}"


print(f"{'median (n)':26} {'ours':>15} {'Debian':>15} {'ratio':>8} {'wanted':>9}")
names = [name for name in WANTED if name in ours] + [name for name in ours if name not in WANTED]
for name in names:
    mine, other, wanted = ours[name], peer.get(name), WANTED.get(name)
    ratio = f"{mine['value'] / other['value']:8.2f}" if other and other["value"] else " " * 8
    verdict = ""
    if wanted is not None:
        reached = mine["value"] <= -wanted if wanted < 0 else mine["value"] >= wanted
        verdict = f"{'<=' if wanted < 0 else '>='}{abs(wanted):>7} {'ok' if reached else 'MISSED'}"
    print(f"{name:26} {shown(mine)} {shown(other)} {ratio} {verdict}".rstrip())
END
