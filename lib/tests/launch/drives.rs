//! Launches with drives of every kind.

use crate::help::{handle, launch, scratch, serial, MIB};
use guestfs::protocol::opts::{AddDriveOpts, AddDriveScratchOpts};
use guestfs::{Error, ErrorKind, Handle, LaunchFailure};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

pub fn qemu_img(dir: &Path, args: &[&str]) {
    let out = Command::new("qemu-img").args(args).current_dir(dir).output().unwrap();
    assert!(out.status.success(), "{args:?}: {out:?}");
}

/// A raw image of `mib` MiB that begins with `mark`.
pub fn raw(dir: &Path, name: &OsStr, mib: u64, mark: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, mark).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_len(mib << 20).unwrap();
    path
}

pub fn add(g: &Handle, path: &Path, opts: AddDriveOpts) {
    g.add_drive(path.as_os_str().as_bytes(), opts).unwrap();
}

pub fn read(g: &Handle, device: &str, len: usize) -> String {
    String::from_utf8(g.pread_device(device, len as i32, 0).unwrap()).unwrap()
}

pub fn failed(e: &Error) -> &LaunchFailure {
    match e.kind() {
        ErrorKind::Launch(failure) => failure,
        other => panic!("{other:?}: {e}"),
    }
}

#[test]
fn launch_with_formats_names_and_overlays() {
    let _serial = serial();
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path();
    let plain = raw(dir, OsStr::new("plain.img"), 3, "plain disk");
    let odd = raw(dir, OsStr::from_bytes(b"odd, name=\xff\"'.img"), 4, "odd name");
    raw(dir, OsStr::new("base.img"), 5, "backing file");
    qemu_img(dir, &["create", "-q", "-f", "qcow2", "-b", "base.img", "-F", "raw", "child.qcow2"]);
    qemu_img(dir, &["convert", "-O", "vmdk", "plain.img", "disk.vmdk"]);
    qemu_img(dir, &["convert", "-O", "vdi", "plain.img", "disk.vdi"]);
    let mut files: Vec<PathBuf> =
        ["base.img", "child.qcow2", "disk.vmdk", "disk.vdi"].iter().map(|n| dir.join(n)).collect();
    files.push(odd.clone());
    let before: Vec<Vec<u8>> = files.iter().map(|f| std::fs::read(f).unwrap()).collect();

    let g = launch("six drives", |g| {
        add(g, &plain, AddDriveOpts::new().format("raw").label("plain"));
        let ro = || AddDriveOpts::new().readonly(true);
        add(g, &odd, ro());
        add(g, &dir.join("child.qcow2"), ro().copyonread(true));
        add(g, &dir.join("disk.vmdk"), ro());
        add(g, &dir.join("disk.vdi"), ro().format("vdi").blocksize(4096));
        g.add_drive("/dev/null", AddDriveOpts::new()).unwrap();
    });
    let names = ["/dev/sda", "/dev/sdb", "/dev/sdc", "/dev/sdd", "/dev/sde", "/dev/sdf"];
    assert_eq!(g.list_devices().unwrap(), names);
    let sizes: Vec<i64> = names.iter().map(|n| g.blockdev_getsize64(n).unwrap()).collect();
    assert_eq!(sizes, [3 * MIB, 4 * MIB, 5 * MIB, 3 * MIB, 3 * MIB, 4096]);
    for (name, mark) in names.iter().zip(["plain disk", "odd name", "backing file", "plain disk", "plain disk"]) {
        assert_eq!(read(&g, name, mark.len()), mark, "{name}");
        assert_eq!(g.pwrite_device(name, b"OVERWRITTEN", 0).unwrap(), 11, "{name}");
        assert_eq!(read(&g, name, 11), "OVERWRITTEN", "{name}");
    }
    assert_eq!(g.blockdev_getss("/dev/sda").unwrap(), 512);
    assert_eq!(g.blockdev_getss("/dev/sde").unwrap(), 4096);
    assert_eq!(read(&g, "/dev/disk/guestfs/plain", 5), "OVERW");
    g.shutdown().unwrap();

    assert!(std::fs::read(&plain).unwrap().starts_with(b"OVERWRITTEN"));
    for (file, before) in files.iter().zip(before) {
        assert!(std::fs::read(file).unwrap() == before, "{} was changed", file.display());
    }
}

#[test]
fn launch_with_a_writable_qcow2() {
    let _serial = serial();
    let tmp = tempfile::tempdir().unwrap();
    qemu_img(tmp.path(), &["create", "-q", "-f", "qcow2", "disk", "1G"]);
    let g = launch("qcow2", |g| {
        add(g, &tmp.path().join("disk"), AddDriveOpts::new().discard("enable").cachemode("unsafe"));
    });
    assert_eq!(g.blockdev_getsize64("/dev/sda").unwrap(), 1 << 30);
    g.pwrite_device("/dev/sda", b"kept", 0).unwrap();
    g.shutdown().unwrap();
    qemu_img(tmp.path(), &["check", "-q", "disk"]);
    qemu_img(tmp.path(), &["convert", "-O", "raw", "disk", "disk.raw"]);
    assert!(std::fs::read(tmp.path().join("disk.raw")).unwrap().starts_with(b"kept"));
}

/// ext4 calls blocks free when the deletion is on the disk, not before.
#[test]
fn launch_and_give_back_what_was_just_deleted() {
    use std::os::unix::fs::MetadataExt;
    let _serial = serial();
    let tmp = tempfile::tempdir().unwrap();
    let disk = tmp.path().join("disk");
    std::fs::File::create(&disk).unwrap().set_len(128 << 20).unwrap();
    let g = launch("discard", |g| add(g, &disk, AddDriveOpts::new().format("raw").discard("enable")));
    g.mkfs("ext4", "/dev/sda", Default::default()).unwrap();
    g.mount("/dev/sda", "/").unwrap();
    g.fill(1, 32 << 20, "/file").unwrap();
    g.sync().unwrap();
    let blocks = || std::fs::metadata(&disk).unwrap().blocks();
    let full = blocks();
    g.rm("/file").unwrap();
    g.fstrim("/", Default::default()).unwrap();
    let trimmed = blocks();
    g.shutdown().unwrap();
    // Of 512 bytes each.
    assert!(trimmed + (30 << 11) < full, "{full} blocks, {trimmed} after fstrim");
}

#[test]
fn launch_with_as_many_drives_as_possible() {
    let _serial = serial();
    let count = 255;
    let start = Instant::now();
    let g = launch("255 drives", |g| {
        for n in 0..count {
            g.add_drive_scratch((n as i64 + 1) * 4096, AddDriveScratchOpts::new()).unwrap();
        }
    });
    println!("255 drives: {:.2} s", start.elapsed().as_secs_f64());
    let names = g.list_devices().unwrap();
    assert_eq!(names.len(), 255);
    assert_eq!(names.last().unwrap(), "/dev/sdiu");
    // By name, not by the order in which the kernel happened to find them.
    for n in [0, 1, 25, 26, 100, 200, 254] {
        assert_eq!(g.blockdev_getsize64(&names[n]).unwrap(), (n as i64 + 1) * 4096, "{}", names[n]);
    }
    g.shutdown().unwrap();
    let g = handle();
    for _ in 0..256 {
        g.add_drive_scratch(4096, AddDriveScratchOpts::new()).unwrap();
    }
    let e = g.launch().unwrap_err();
    assert!(e.message().to_string().contains("too many drives"), "{e}");
}

#[test]
fn launch_refuses_bad_images_clearly() {
    let _serial = serial();
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path();
    let image = raw(dir, OsStr::new("image"), 1, "just bytes");
    let fails = |path: &Path, opts: AddDriveOpts| {
        let g = handle();
        add(&g, path, opts);
        let start = Instant::now();
        let e = g.launch().unwrap_err();
        println!("refused after {:.2} s: {}", start.elapsed().as_secs_f64(), e.message());
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(e.message().to_string().contains(name), "{e}");
        e
    };

    // Gone between add_drive and launch.
    let gone = raw(dir, OsStr::new("gone"), 1, "");
    let g = handle();
    add(&g, &gone, AddDriveOpts::new().format("raw"));
    std::fs::remove_file(&gone).unwrap();
    let e = g.launch().unwrap_err();
    assert_eq!((failed(&e), e.errno()), (&LaunchFailure::ImageMissing, libc::ENOENT), "{e}");

    let e = fails(&image, AddDriveOpts::new().format("qcow2"));
    assert_eq!(failed(&e), &LaunchFailure::ImageUnusable);
    assert!(e.help().is_some_and(|h| h.contains("format")), "{e}");

    let e = fails(&image, AddDriveOpts::new().format("nosuchformat"));
    assert_eq!(failed(&e), &LaunchFailure::ImageUnusable);

    qemu_img(dir, &["create", "-q", "-u", "-f", "qcow2", "-b", "lost.img", "-F", "raw", "orphan", "1M"]);
    let e = fails(&dir.join("orphan"), AddDriveOpts::new().readonly(true));
    assert_eq!(failed(&e), &LaunchFailure::ImageMissing);
    assert!(e.message().to_string().contains("lost.img"), "{e}");

    std::fs::write(dir.join("cut"), b"QFI\xfb\0\0\0\x03 and no more").unwrap();
    let e = fails(&dir.join("cut"), AddDriveOpts::new());
    assert_eq!(failed(&e), &LaunchFailure::ImageUnusable);

    let g = handle();
    add(&g, &image, AddDriveOpts::new().format("raw"));
    add(&g, &image, AddDriveOpts::new().format("raw"));
    let e = g.launch().unwrap_err();
    assert!(matches!(failed(&e), LaunchFailure::ImageLocked { .. }), "{e}");
    assert!(e.help().unwrap().contains("twice"), "{e}");
}

#[test]
fn launch_names_who_holds_a_lock() {
    let _serial = serial();
    let tmp = tempfile::tempdir().unwrap();
    let image = raw(tmp.path(), OsStr::new("image"), 1, "shared");
    let first = launch("holder", |g| add(g, &image, AddDriveOpts::new().format("raw")));
    let g = handle();
    add(&g, &image, AddDriveOpts::new().format("raw"));
    let e = g.launch().unwrap_err();
    let LaunchFailure::ImageLocked { by: Some(by) } = failed(&e) else { panic!("{e}") };
    assert!(by.contains(&first.get_pid().unwrap().to_string()), "{by}");
    // Reading is allowed meanwhile, as upstream does.
    let reader =
        launch("reader beside the holder", |g| add(g, &image, AddDriveOpts::new().format("raw").readonly(true)));
    assert_eq!(read(&reader, "/dev/sda", 6), "shared");
}

#[test]
fn launch_with_a_drive_on_a_server() {
    let _serial = serial();
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path();
    raw(dir, OsStr::new("image"), 2, "over the wire");
    qemu_img(dir, &["convert", "-O", "qcow2", "image", "image.qcow2"]);
    let socket = dir.join("nbd socket");
    let mut server = Command::new("qemu-nbd")
        .args(["-t", "-r", "-f", "raw", "-e", "8", "-k"])
        .arg(&socket)
        .arg(dir.join("image.qcow2"))
        .spawn()
        .expect("qemu-nbd (package qemu-utils)");
    let until = Instant::now() + std::time::Duration::from_secs(20);
    while !socket.exists() {
        assert!(Instant::now() < until, "qemu-nbd made no socket");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let address = format!("unix:{}", socket.display());
    // No format: it is found out.
    let g = launch("nbd", |g| {
        g.add_drive("", AddDriveOpts::new().protocol("nbd").server([&address]).readonly(true)).unwrap();
    });
    assert_eq!(read(&g, "/dev/sda", 13), "over the wire");
    g.shutdown().unwrap();
    server.kill().unwrap();
    server.wait().unwrap();

    let g = handle();
    let opts = AddDriveOpts::new().protocol("nbd").server([&address]).format("raw");
    g.add_drive("", opts).unwrap();
    let e = g.launch().unwrap_err();
    assert!(e.message().to_string().contains("nbd"), "{e}");
}

#[test]
fn launch_with_character_devices() {
    let _serial = serial();
    let g = launch("character devices", |g| {
        g.add_drive_ro("/dev/zero").unwrap();
        g.add_drive("/dev/full", AddDriveOpts::new().format("raw")).unwrap();
    });
    assert_eq!(g.list_devices().unwrap(), ["/dev/sda", "/dev/sdb"]);
    assert_eq!(g.blockdev_getsize64("/dev/sda").unwrap(), 0);
}

/// What a command in the appliance calls `/dev/sdb` is what the API calls so. `LAUNCHES=200` looks longer.
#[test]
fn launch_gives_disks_the_same_names_for_commands() {
    let _serial = serial();
    let launches = std::env::var("LAUNCHES").ok().and_then(|n| n.parse().ok()).unwrap_or(14);
    let mut times: Vec<Duration> = Vec::new();
    for n in 0..launches {
        let disks = 2 + n % 7;
        let letters = &"abcdefgh"[..disks];
        let g = handle();
        if n == 0 {
            // It finds its disks as it boots, in whatever order.
            g.set_backend_settings(&["no_snapshot"]).unwrap();
        }
        for mib in 1..=disks as i64 {
            scratch(&g, mib);
        }
        let start = Instant::now();
        g.launch().unwrap();
        times.push(start.elapsed());
        let named = |letter: char| format!("/dev/sd{letter}");
        for (letter, mib) in letters.chars().zip(1..) {
            assert_eq!(g.blockdev_getsize64(named(letter)).unwrap(), mib * MIB);
            g.pwrite_device(named(letter), letter.to_string().as_bytes(), 0).unwrap();
        }
        let nodes: Vec<String> = letters.chars().map(named).collect();
        let found = g.debug("sh", &[format!("for d in {}; do head -c 1 $d; done", nodes.join(" "))]).unwrap();
        assert_eq!(found, letters, "launch {n}");
        g.shutdown().unwrap();
    }
    times.sort();
    println!("{launches} launches with 2 to 8 disks: median {:.3} s", times[times.len() / 2].as_secs_f64());
}
