#!/bin/sh
# The main job on a real disk image, from the shell and from Python, showing each command as typed.
# In: PATH with guestfish, PYTHONPATH with guestfs (both set by `make demo`). Out: what it did, exit status.
set -eu

work=$(mktemp -d "${TMPDIR:-/tmp}/guestfs demo.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
tree=/usr/include
python=${PYTHON:-python3}

say() {
  printf '\n\033[1m# %s\033[0m\n' "$*"
}

# Print a command as a user would type it, then run it.
run() {
  printf '$ %s\n' "$1"
  eval "$1"
}

# One line for every file below a directory: its checksum and name.
manifest() {
  (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum)
}

say "Create a disk image"
run 'guestfish disk-create disk.qcow2 qcow2 4G'

say "Partition it (GPT), put LVM on it, and format an ext4 and an XFS volume"
cat >layout.fish <<'EOF'
run
part-init /dev/sda gpt
part-add /dev/sda p 2048 1050623
part-add /dev/sda p 1050624 -2048
part-set-name /dev/sda 2 system
pvcreate /dev/sda2
vgcreate demo /dev/sda2
lvcreate root demo 1024
lvcreate data demo 2048
mkfs vfat /dev/sda1 label:EFI
mkfs ext4 /dev/demo/root label:root
mkfs xfs /dev/demo/data label:data
list-filesystems
EOF
cat layout.fish
run 'guestfish --format=qcow2 -a disk.qcow2 -f layout.fish'

say "Copy a real directory tree into it: $tree, $(du -sh "$tree" | cut -f1), $(find "$tree" -type f | wc -l) files"
run "guestfish --progress-bars --format=qcow2 -a disk.qcow2 -m /dev/demo/root mkdir /data : mount /dev/demo/data /data : copy-in $tree /data"

say "Edit a file in the image"
run 'guestfish --format=qcow2 -a disk.qcow2 -m /dev/demo/root mkdir-p /etc : write /etc/motd "Hello from the host."'
run 'EDITOR="sed -i s/host/demo/" guestfish --format=qcow2 -a disk.qcow2 -m /dev/demo/root edit /etc/motd'
run 'guestfish --ro --format=qcow2 -a disk.qcow2 -m /dev/demo/root cat /etc/motd' | tee motd
grep -q 'Hello from the demo' motd

say "Read the tree back and compare every file"
mkdir out
run "guestfish --ro --format=qcow2 -a disk.qcow2 -m /dev/demo/root -m /dev/demo/data:/data copy-out /data/$(basename "$tree") out"
manifest "$tree" >want
manifest "out/$(basename "$tree")" >got
cmp want got
printf '%s files, all checksums equal: %s\n' "$(wc -l <got)" "$(sha256sum <got | cut -c1-16)…"

say "The same from Python"
cat >demo.py <<'EOF'
import hashlib
import os
import sys

import guestfs

tree = sys.argv[1]
g = guestfs.GuestFS(python_return_dict=True)
g.disk_create("python.qcow2", "qcow2", 2 << 30)
g.add_drive("python.qcow2", format="qcow2")
g.launch()
g.part_disk("/dev/sda", "gpt")
g.pvcreate("/dev/sda1")
g.vgcreate("vg", ["/dev/sda1"])
g.lvcreate("lv", "vg", 1800)
g.mkfs("xfs", "/dev/vg/lv", label="python")
g.mount("/dev/vg/lv", "/")
g.copy_in(tree, "/")
g.write("/motd", "Hello from Python.\n")
print(g.cat("/motd"), end="")
checked = 0
for directory, _, names in os.walk(tree):
    for name in names[:4]:
        path = os.path.join(directory, name)
        if os.path.isfile(path) and not os.path.islink(path):
            inside = "/" + os.path.relpath(path, os.path.dirname(tree))
            with open(path, "rb") as f:
                assert g.checksum("sha256", inside) == hashlib.sha256(f.read()).hexdigest(), inside
            checked += 1
g.shutdown()
print(f"{checked} files compared inside the image, all equal")
EOF
cat demo.py
run "$python demo.py $tree"

say "Done: every layer from api.toml to the disk image works on this machine"
