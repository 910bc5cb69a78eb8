//! Make a disk image with a partition, a file system and a few files: `create_disk DISK`.

use guestfs_upstream as guestfs; // Not in a program whose Cargo.toml calls the package guestfs.

fn main() -> Result<(), guestfs::Error> {
    let output = std::env::args().nth(1).unwrap_or_else(|| "disk.img".to_owned());

    // Closed at the end, whatever happens.
    let g = guestfs::Handle::create()?;

    // A sparse raw image of 512 MiB, attached to the handle, whose machine is then started.
    g.disk_create(&output, "raw", 512 << 20, Default::default())?;
    g.add_drive(
        &output,
        guestfs::AddDriveOptArgs { format: Some("raw"), readonly: Some(false), ..Default::default() },
    )?;
    g.launch()?;

    for device in g.list_devices()? {
        g.part_disk(&device, "mbr")?;
    }
    for partition in g.list_partitions()? {
        g.mkfs("ext4", &partition, guestfs::MkfsOptArgs { label: Some("rust"), ..Default::default() })?;
        g.mount(&partition, "/")?;
    }
    g.touch("/empty")?;
    g.write("/hello", b"Hello, world\n")?;
    g.mkdir("/foo")?;

    // Its errors are the last chance to learn that something was not written.
    g.shutdown()
}
