//! Windows guests of three generations, made here, and what inspection says of them.
//!
//! In: disks with systems (`windows/systems.rs`). Out: the answers of all calls about systems.
//! What Debian's library says of them is in `peers.txt`.

#[path = "windows/hive.rs"]
mod hive;
#[path = "windows/systems.rs"]
mod systems;
#[path = "windows/unclean.rs"]
mod unclean;

use bstr::{BString, ByteSlice};
use guestfs::{structs::Application2, Handle};
use std::path::Path;
use systems::{launched, make, Guest, GUESTS};

fn line(app: &Application2) -> String {
    let fields = [
        &app.app2_name,
        &app.app2_display_name,
        &app.app2_version,
        &app.app2_arch,
        &app.app2_install_path,
        &app.app2_publisher,
        &app.app2_url,
    ];
    bstr::join("|", fields).to_str().unwrap().to_owned()
}

fn check(guest: &Guest, image: &Path) {
    let name = guest.name;
    let g = launched(image, true);
    assert_eq!(g.inspect_os().unwrap(), [guest.root], "{name}: roots");
    let root = guest.root;
    let said: [BString; 9] = [
        g.inspect_get_type(root).unwrap(),
        g.inspect_get_distro(root).unwrap(),
        g.inspect_get_product_name(root).unwrap(),
        g.inspect_get_product_variant(root).unwrap(),
        g.inspect_get_major_version(root).unwrap().to_string().into(),
        g.inspect_get_minor_version(root).unwrap().to_string().into(),
        g.inspect_get_arch(root).unwrap(),
        g.inspect_get_osinfo(root).unwrap(),
        g.inspect_get_build_id(root).unwrap(),
    ];
    assert_eq!(said, guest.answers, "{name}");
    assert_eq!(g.inspect_get_hostname(root).unwrap(), guest.hostname);
    assert_eq!(g.inspect_get_package_format(root).unwrap(), "unknown");
    assert_eq!(g.inspect_get_package_management(root).unwrap(), "unknown");
    assert_eq!(g.inspect_get_windows_systemroot(root).unwrap(), guest.systemroot);
    let config = format!("{}/{}/{}", guest.systemroot, guest.names[0], guest.names[1]);
    let [software, system] = guest.hives.map(|hive| format!("{config}/{hive}"));
    assert_eq!(g.inspect_get_windows_software_hive(root).unwrap(), software);
    assert_eq!(g.inspect_get_windows_system_hive(root).unwrap(), system);
    assert_eq!(g.inspect_get_windows_current_control_set(root).unwrap(), "ControlSet002");
    assert_eq!(g.inspect_get_windows_group_policy(root).unwrap(), guest.group_policy);
    let pairs = |all: &[(&str, &str)]| -> Vec<(BString, BString)> {
        all.iter().map(|(a, b)| (BString::from(*a), BString::from(*b))).collect()
    };
    assert_eq!(g.inspect_get_drive_mappings(root).unwrap(), pairs(guest.drives), "{name}: drives");
    assert_eq!(g.inspect_get_mountpoints(root).unwrap(), pairs(&[("/", root)]));
    assert_eq!(g.inspect_get_filesystems(root).unwrap(), guest.filesystems, "{name}: file systems");
    g.mount_ro(root, "/").unwrap();
    let cmd = g.case_sensitive_path("/windows/SYSTEM32/Cmd.Exe").unwrap();
    assert_eq!(g.file_architecture(cmd).unwrap(), guest.answers[6]);
    let apps: Vec<String> = g.inspect_list_applications2(root).unwrap().iter().map(line).collect();
    assert_eq!(apps, guest.apps, "{name}: programs");
    assert_eq!(g.inspect_list_applications(root).unwrap().len(), apps.len());
    assert!(g.inspect_get_icon(root, Default::default()).unwrap().is_empty());
    g.shutdown().unwrap();
}

/// Where a hive is damaged, the other one and the files still tell what they know.
fn damaged(guest: &Guest, image: &Path) {
    let g = launched(image, true);
    g.mount(guest.root, "/").unwrap();
    let config = format!("{}/{}/{}", guest.systemroot, guest.names[0], guest.names[1]);
    let software = format!("{config}/{}", guest.hives[0]);
    let whole = g.read_file(&software).unwrap();
    let mut seed = 0x0bad_cafe_u32;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as usize % below
    };
    for round in 0..6 {
        let mut hive = whole.clone();
        match round {
            0 => hive.truncate(0),
            1 => hive.truncate(hive.len() / 2),
            _ => (0..20 << round).for_each(|_| hive[4096 + random(whole.len() - 4096)] = random(256) as u8),
        }
        g.write(&software, &hive).unwrap();
        g.umount_all().unwrap();
        assert_eq!(g.inspect_os().unwrap(), [guest.root]);
        assert_eq!(g.inspect_get_type(guest.root).unwrap(), "windows");
        assert_eq!(g.inspect_get_arch(guest.root).unwrap(), guest.answers[6]);
        assert_eq!(g.inspect_get_hostname(guest.root).unwrap(), guest.hostname);
        assert_eq!(g.inspect_get_windows_software_hive(guest.root).unwrap(), software);
        if round == 0 {
            assert_eq!(g.inspect_get_product_name(guest.root).unwrap(), "unknown");
            assert!(g.inspect_get_windows_group_policy(guest.root).is_err());
        }
        g.mount(guest.root, "/").unwrap();
    }
    g.umount_all().unwrap();
    g.shutdown().unwrap();
}

#[test]
fn windows_is_recognised() {
    let dir = tempfile::Builder::new().prefix("windows").tempdir_in("/var/tmp").unwrap();
    for guest in &GUESTS {
        let image = match make(guest, dir.path()) {
            Ok(image) => image,
            Err(why) => return println!("not run: inspection of Windows guests, {why}"),
        };
        check(guest, &image);
        if guest.name == "2008r2" {
            damaged(guest, &image);
        }
        if let Some(keep) = std::env::var_os("KEEP") {
            std::fs::copy(&image, Path::new(&keep).join(guest.name)).unwrap();
        }
    }
}

/// A file system that was not unmounted: read as it is, written to once its journal is emptied.
#[test]
fn ntfs_that_was_not_unmounted() {
    const DISK: &str = "/dev/sda";
    const UNCLEAN: i32 = 15;
    const HIBERNATED: i32 = 14;
    let g = Handle::new().unwrap();
    g.add_drive_scratch(64 << 20, Default::default()).unwrap();
    g.launch().unwrap();
    g.mkfs("ntfs", DISK, Default::default()).unwrap();
    g.mount(DISK, "/").unwrap();
    g.write("/before", b"text").unwrap();
    g.umount_all().unwrap();
    let (start, _) = unclean::place(&g, DISK);
    let journal = || g.pread_device(DISK, 4, start).unwrap();
    let probe = |rw| g.ntfs_3g_probe(rw, DISK).unwrap();
    assert_eq!((probe(true), journal()), (0, vec![0xff; 4]));

    // Nothing changes what is only read.
    unclean::leave(&g, DISK, unclean::USUAL);
    assert_eq!((probe(true), probe(false)), (UNCLEAN, 0));
    let sum = || g.checksum_device("sha256", DISK).unwrap();
    let left = sum();
    g.mount_ro(DISK, "/").unwrap();
    assert_eq!(g.cat("/before").unwrap(), "text");
    g.umount_all().unwrap();
    assert_eq!(sum(), left);
    let refused = g.mount_options("norecover", DISK, "/").unwrap_err();
    assert_eq!(refused.errno(), libc::EROFS, "{}", refused.message());
    assert!(refused.message().to_string().contains("norecover"), "{}", refused.message());
    assert!(g.mounts().unwrap().is_empty());
    assert_eq!(sum(), left);

    // To be written to, the journal is emptied.
    g.mount(DISK, "/").unwrap();
    assert_eq!(g.cat("/before").unwrap(), "text");
    g.write("/after", b"more").unwrap();
    g.umount_all().unwrap();
    assert_eq!((probe(true), journal()), (0, vec![0xff; 4]));

    // So it is by the program that does nothing else.
    unclean::leave(&g, DISK, unclean::USUAL);
    g.ntfsfix(DISK, Default::default()).unwrap();
    assert_eq!((probe(true), journal()), (0, vec![0xff; 4]));
    g.mount(DISK, "/").unwrap();
    assert_eq!(g.cat("/after").unwrap(), "more");
    g.umount_all().unwrap();

    // What Windows keeps to itself is not given up.
    unclean::leave(&g, DISK, unclean::KEPT);
    assert_eq!((probe(true), probe(false)), (HIBERNATED, 0));
    let left = sum();
    for refused in [g.mount(DISK, "/"), g.ntfsfix(DISK, Default::default())] {
        let refused = refused.unwrap_err();
        assert_eq!(refused.errno(), libc::EROFS, "{}", refused.message());
        assert!(refused.message().to_string().contains("mount_ro"), "{}", refused.message());
    }
    assert!(g.mounts().unwrap().is_empty());
    g.mount_ro(DISK, "/").unwrap();
    assert_eq!(g.cat("/after").unwrap(), "more");
    g.umount_all().unwrap();
    assert_eq!(sum(), left);
    g.shutdown().unwrap();
}
