// Make a disk image with a partition, a file system and a few files.
//
// gjs create_disk.js DISK

const { Guestfs } = imports.gi;
const output = ARGV[0] || 'disk.img';
const g = new Guestfs.Session();

// A sparse raw image of 512 MiB, attached to the session, whose machine is then started. Options are an object, or null.
g.disk_create(output, 'raw', 512 * 1024 * 1024, null);
g.add_drive(output, new Guestfs.AddDrive({ format: 'raw', readonly: Guestfs.Tristate.FALSE }));
g.launch();

const [device] = g.list_devices();
g.part_disk(device, 'mbr');
const [partition] = g.list_partitions();

g.mkfs('ext4', partition, new Guestfs.Mkfs({ label: 'gobject' }));
g.mount(partition, '/');
g.touch('/empty');
g.write('/hello', new TextEncoder().encode('Hello, world\n'));
g.mkdir('/foo');

// Errors of shutdown are the last chance to learn that something was not written.
g.shutdown();
g.close();
