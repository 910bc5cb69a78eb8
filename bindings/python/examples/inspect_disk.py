"""Say which operating systems are in a disk image, and show what their file systems hold.

inspect_disk.py DISK
"""

import sys

import guestfs

if len(sys.argv) != 2:
    sys.exit("usage: inspect_disk.py DISK")

with guestfs.GuestFS(python_return_dict=True) as g:
    # Read-only: the image cannot be changed, and a guest may be using it.
    g.add_drive(sys.argv[1], readonly=True)
    g.launch()

    roots = g.inspect_os()
    for root in roots:
        print(f"Root device: {root}")
        print(f"  Product name: {g.inspect_get_product_name(root)}")
        print(f"  Version:      {g.inspect_get_major_version(root)}.{g.inspect_get_minor_version(root)}")
        print(f"  Type:         {g.inspect_get_type(root)}")
        print(f"  Distro:       {g.inspect_get_distro(root)}")

        # Short mount points first, so that /boot is mounted after /.
        for point, device in sorted(g.inspect_get_mountpoints(root).items(), key=lambda entry: len(entry[0])):
            try:
                g.mount_ro(device, point)
            except RuntimeError as error:
                print(f"{error} (ignored)")
        if g.is_file("/etc/issue"):
            print(f"--- /etc/issue ---\n{g.cat('/etc/issue')}")
        g.umount_all()
    if not roots:
        print("no operating system found; file systems:")
        for device, kind in g.list_filesystems().items():
            print(f"  {device}: {kind}")
