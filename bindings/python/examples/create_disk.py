"""Make a disk image with a partition, a file system and a few files.

create_disk.py DISK
"""

import sys

import guestfs

output = sys.argv[1] if len(sys.argv) > 1 else "disk.img"

with guestfs.GuestFS(python_return_dict=True) as g:
    # A sparse raw image of 512 MiB, attached to the handle, whose machine is then started.
    g.disk_create(output, "raw", 512 * 1024 * 1024)
    g.add_drive(output, format="raw", readonly=False)
    g.launch()

    (device,) = g.list_devices()
    g.part_disk(device, "mbr")
    (partition,) = g.list_partitions()

    g.mkfs("ext4", partition, label="python")
    g.mount(partition, "/")
    g.touch("/empty")
    g.write("/hello", "Hello, world\n")
    g.mkdir("/foo")

    # Errors of shutdown are the last chance to learn that something was not written.
    g.shutdown()
