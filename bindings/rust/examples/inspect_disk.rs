//! Say which operating systems are in a disk image, or which file systems: `inspect_disk DISK`.

use guestfs_upstream as guestfs; // Not in a program whose Cargo.toml calls the package guestfs.

fn main() -> Result<(), guestfs::Error> {
    let Some(disk) = std::env::args().nth(1) else {
        eprintln!("usage: inspect_disk DISK");
        std::process::exit(2);
    };
    let g = guestfs::Handle::create()?;

    // Read-only: the image cannot be changed, and a guest may be using it.
    g.add_drive(&disk, guestfs::AddDriveOptArgs { readonly: Some(true), ..Default::default() })?;
    g.launch()?;

    let roots = g.inspect_os()?;
    for root in &roots {
        show(&g, root)?;
    }
    if roots.is_empty() {
        println!("no operating system found; file systems:");
        for (device, kind) in g.list_filesystems()? {
            println!("  {device}: {kind}");
        }
    }
    Ok(())
}

fn show(g: &guestfs::Handle, root: &str) -> Result<(), guestfs::Error> {
    println!("Root device: {root}");
    println!("  Product name: {}", g.inspect_get_product_name(root)?);
    println!("  Version:      {}.{}", g.inspect_get_major_version(root)?, g.inspect_get_minor_version(root)?);
    println!("  Type:         {}", g.inspect_get_type(root)?);
    println!("  Distro:       {}", g.inspect_get_distro(root)?);

    // Short mount points first, so that /boot is mounted after /.
    let mut points: Vec<(String, String)> = g.inspect_get_mountpoints(root)?.into_iter().collect();
    points.sort_by_key(|(point, _)| point.len());
    for (point, device) in &points {
        if let Err(e) = g.mount_ro(device, point) {
            println!("{e} (ignored)");
        }
    }
    if g.is_file("/etc/issue", Default::default())? {
        println!("--- /etc/issue ---\n{}", g.cat("/etc/issue")?);
    }
    g.umount_all()
}
