// Say which operating systems are in a disk image, and show what their file systems hold.
//
// gjs inspect_disk.js DISK

const { Guestfs } = imports.gi;
const g = new Guestfs.Session();

// Read-only: the image cannot be changed, and a guest may be using it.
g.add_drive(ARGV[0], new Guestfs.AddDrive({ readonly: Guestfs.Tristate.TRUE }));
g.launch();

const roots = g.inspect_os();
for (const root of roots) {
  print(`Root device: ${root}`);
  print(`  Product name: ${g.inspect_get_product_name(root)}`);
  print(`  Version:      ${g.inspect_get_major_version(root)}.${g.inspect_get_minor_version(root)}`);
  print(`  Type:         ${g.inspect_get_type(root)}`);
  print(`  Distro:       ${g.inspect_get_distro(root)}`);

  // Short mount points first, so that /boot is mounted after /.
  const devices = g.inspect_get_mountpoints(root);
  for (const point of Object.keys(devices).sort((a, b) => a.length - b.length)) {
    try {
      g.mount_ro(devices[point], point);
    } catch (e) {
      print(`${e.message} (ignored)`);
    }
  }
  if (g.is_file('/etc/issue', null))
    print(`--- /etc/issue ---\n${g.cat('/etc/issue')}`);
  g.umount_all();
}
if (roots.length === 0) {
  print('no operating system found; file systems:');
  for (const [device, kind] of Object.entries(g.list_filesystems()))
    print(`  ${device}: ${kind}`);
}
g.close();
