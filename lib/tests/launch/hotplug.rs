//! Drives that come and go while the machine runs, and what lies on them.

use super::failure;
use super::help::{children, launch, scratch, serial, MIB};
use guestfs::protocol::opts::{AddDriveOpts, AddDriveScratchOpts};
use guestfs::{Error, ErrorKind, Handle, LaunchFailure, State};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

fn image(dir: &Path, name: &str, mib: u64, mark: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, mark).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_len(mib << 20).unwrap();
    path
}

fn add(g: &Handle, path: &Path, opts: AddDriveOpts) -> Result<(), Error> {
    g.add_drive(path.to_str().unwrap(), opts)
}

fn labelled_image(g: &Handle, path: &Path) {
    add(g, path, raw().label("image")).unwrap();
}

fn raw() -> AddDriveOpts {
    AddDriveOpts::new().format("raw")
}

fn labelled(g: &Handle, mib: i64, label: &str) {
    g.add_drive_scratch(mib * MIB, AddDriveScratchOpts::new().label(label)).unwrap();
}

fn read(g: &Handle, device: &str, len: usize) -> String {
    String::from_utf8(g.pread_device(device, len as i32, 0).unwrap()).unwrap()
}

fn sh(g: &Handle, line: &str) -> String {
    g.debug("sh", &[line]).unwrap().to_string().trim().to_owned()
}

/// The kernel's nodes of disks of this size.
fn kernel(g: &Handle, mib: i64) -> Vec<String> {
    let found = sh(g, &format!("grep -lx {} /sys/block/sd*/size", mib * MIB / 512));
    found.lines().map(|line| format!("/dev/{}", line.split('/').nth(3).unwrap())).collect()
}

/// Nobody else's, as far as qemu's locks go.
fn unlocked(image: &Path) -> bool {
    let out = Command::new("qemu-io").args(["-f", "raw", "-c", "read 0 512"]).arg(image).output().unwrap();
    out.status.success()
}

/// Descriptors of the machine's process that lead to a file.
fn held(g: &Handle, image: &Path) -> usize {
    let fds = std::fs::read_dir(format!("/proc/{}/fd", g.get_pid().unwrap())).unwrap().flatten();
    fds.filter(|fd| std::fs::read_link(fd.path()).is_ok_and(|to| to == image)).count()
}

fn ready(g: &Handle) {
    assert_eq!(g.state(), State::Ready);
    g.ping_daemon().unwrap();
}

#[test]
fn hotplug_adds_drives_of_every_kind() {
    let _serial = serial();
    let tmp = tempfile::tempdir().unwrap();
    let plain = image(tmp.path(), "plain", 3, "plain disk");
    let base = image(tmp.path(), "base, odd=name", 4, "base");
    let g = launch("one drive", |g| scratch(g, 10));
    let start = Instant::now();
    add(&g, &plain, raw().label("plain")).unwrap();
    println!("one drive added: {:.3} s", start.elapsed().as_secs_f64());
    g.add_drive(base.to_str().unwrap(), AddDriveOpts::new().readonly(true)).unwrap();
    add(&g, &base, AddDriveOpts::new().readonly(true).copyonread(true).blocksize(4096).label("ro")).unwrap();
    g.add_drive_scratch(5 * MIB, AddDriveScratchOpts::new().blocksize(4096)).unwrap();
    g.add_drive("/dev/null", AddDriveOpts::new().readonly(true)).unwrap();
    let names = ["/dev/sda", "/dev/sdb", "/dev/sdc", "/dev/sdd", "/dev/sde", "/dev/sdf"];
    assert_eq!(g.list_devices().unwrap(), names);
    let sizes: Vec<i64> = names.iter().map(|n| g.blockdev_getsize64(n).unwrap()).collect();
    assert_eq!(sizes, [10 * MIB, 3 * MIB, 4 * MIB, 4 * MIB, 5 * MIB, 4096]);
    assert_eq!(names[3..5].iter().map(|n| g.blockdev_getss(n).unwrap()).collect::<Vec<_>>(), [4096, 4096]);
    assert_eq!(read(&g, "/dev/disk/guestfs/plain", 10), "plain disk");
    for name in ["/dev/sdb", "/dev/sdc", "/dev/disk/guestfs/ro"] {
        g.pwrite_device(name, b"WRITTEN", 0).unwrap();
        assert_eq!(read(&g, name, 7), "WRITTEN");
    }
    g.shutdown().unwrap();
    assert!(std::fs::read(&plain).unwrap().starts_with(b"WRITTEN"));
    assert!(std::fs::read(&base).unwrap().starts_with(b"base\0"));
    assert_eq!(children().len(), 0);
}

#[test]
fn hotplug_adds_and_removes_twenty_drives() {
    let _serial = serial();
    let g = launch("one drive", |g| scratch(g, 1));
    let letters: Vec<String> = (b'a'..b'a' + 20).map(|c| char::from(c).to_string()).collect();
    for round in 0..2 {
        let start = Instant::now();
        for (n, label) in letters.iter().enumerate() {
            labelled(&g, n as i64 + 2 + round, label);
        }
        println!("twenty drives added: {:.3} s", start.elapsed().as_secs_f64());
        assert_eq!(g.list_devices().unwrap().len(), 21);
        for (n, label) in letters.iter().enumerate() {
            let sizes = [format!("/dev/disk/guestfs/{label}"), format!("/dev/sd{}", char::from(b'b' + n as u8))]
                .map(|name| g.blockdev_getsize64(&name).unwrap());
            assert_eq!(sizes, [(n as i64 + 2 + round) * MIB; 2]);
        }
        let start = Instant::now();
        for label in letters.iter().rev() {
            g.remove_drive(label).unwrap();
        }
        println!("twenty drives removed: {:.3} s", start.elapsed().as_secs_f64());
        assert_eq!(g.list_devices().unwrap(), ["/dev/sda"]);
    }
    g.shutdown().unwrap();
}

#[test]
fn hotplug_has_the_limits_of_launch() {
    let _serial = serial();
    let g = launch("254 drives", |g| {
        for _ in 0..253 {
            scratch(g, 1);
        }
        labelled(g, 1, "last");
    });
    scratch(&g, 1);
    let e = g.add_drive_scratch(MIB, AddDriveScratchOpts::new()).unwrap_err();
    assert!(e.message().to_string().contains("too many drives"), "{e}");
    g.remove_drive("last").unwrap();
    scratch(&g, 2);
    assert_eq!(g.blockdev_getsize64("/dev/sdit").unwrap(), 2 * MIB);
    assert_eq!(g.list_devices().unwrap().len(), 255);
    g.shutdown().unwrap();
}

#[test]
fn hotplug_removes_what_was_written_and_lets_go_of_the_image() {
    let _serial = serial();
    let tmp = tempfile::tempdir().unwrap();
    let path = image(tmp.path(), "image", 64, "");
    let g = launch("three drives", |g| {
        labelled(g, 1, "one");
        add(g, &path, raw().label("data")).unwrap();
        labelled(g, 3, "three");
    });
    assert!(!unlocked(&path));
    g.mkfs("ext4", "/dev/disk/guestfs/data", Default::default()).unwrap();
    g.mount("/dev/sdb", "/").unwrap();
    g.mkdir("/dir").unwrap();
    g.write("/dir/file", b"content").unwrap();

    let e = g.remove_drive("data").unwrap_err();
    assert_eq!((e.errno(), e.kind()), (libc::EBUSY, &ErrorKind::Daemon), "{e}");
    assert_eq!(e.message(), "remove_drive: /dev/sdb: is in use: mounted on /", "{e}");
    assert!(e.help().is_some());
    assert_eq!(g.read_file("/dir/file").unwrap(), b"content");
    g.umount_all().unwrap();
    // Not on any file system, and not flushed by anybody.
    let [node] = <[String; 1]>::try_from(kernel(&g, 64)).unwrap();
    sh(&g, &format!("printf tail | dd of={node} bs=1 seek=67108860 conv=notrunc 2>&1"));
    let start = Instant::now();
    g.remove_drive("data").unwrap();
    println!("one drive removed: {:.3} s", start.elapsed().as_secs_f64());
    assert!(unlocked(&path));
    assert_eq!(held(&g, &path), 0);
    assert!(std::fs::read(&path).unwrap().ends_with(b"\0tail"));
    assert_eq!(g.list_devices().unwrap(), ["/dev/sda", "/dev/sdc"]);
    assert_eq!(g.blockdev_getsize64("/dev/disk/guestfs/three").unwrap(), 3 * MIB);
    assert_eq!(g.blockdev_getsize64("/dev/sdb").unwrap_err().errno(), libc::ENOENT);
    let e = g.remove_drive("data").unwrap_err();
    assert_eq!(e.errno(), libc::ENOENT, "{e}");
    let e = g.remove_drive("neverwas").unwrap_err();
    assert!(e.message().to_string().contains("neverwas") && e.errno() == libc::ENOENT, "{e}");

    // Another machine may write to it while the first one still runs.
    let other = launch("the same image elsewhere", |g| add(g, &path, raw()).unwrap());
    other.mount("/dev/sda", "/").unwrap();
    assert_eq!(other.read_file("/dir/file").unwrap(), b"content");
    other.write("/dir/file", b"changed").unwrap();
    other.shutdown().unwrap();

    // And back again: the same label, the same name, the new content.
    add(&g, &path, raw().label("data")).unwrap();
    assert_eq!(g.list_devices().unwrap(), ["/dev/sda", "/dev/sdb", "/dev/sdc"]);
    g.mount("/dev/disk/guestfs/data", "/").unwrap();
    assert_eq!(g.read_file("/dir/file").unwrap(), b"changed");
    g.shutdown().unwrap();
}

#[test]
fn hotplug_names_what_uses_a_drive() {
    let _serial = serial();
    let g = launch("a volume group on two drives", |g| {
        labelled(g, 64, "pv");
        labelled(g, 64, "swap");
        labelled(g, 300, "btrfsa");
        labelled(g, 300, "btrfsb");
        scratch(g, 64);
    });
    g.pvcreate("/dev/sda").unwrap();
    g.vgcreate("VG", &["/dev/sda"]).unwrap();
    g.lvcreate("LV", "VG", 16).unwrap();
    let busy = |label: &str, by: &str| {
        let e = g.remove_drive(label).unwrap_err();
        assert_eq!(e.errno(), libc::EBUSY, "{e}");
        assert!(e.message().to_string().contains(by), "{e}");
        ready(&g);
    };
    busy("pv", "/dev/sda: is in use: by /dev/VG/LV");
    g.vg_activate_all(false).unwrap();
    g.remove_drive("pv").unwrap();
    assert_eq!(g.vgs().unwrap().len(), 0);

    g.part_disk("/dev/sdb", "mbr").unwrap();
    let swap = sh(&g, "ls /sys/block/*/*/partition").split('/').nth(4).unwrap().to_owned();
    sh(&g, &format!("mkswap /dev/{swap} && swapon /dev/{swap}"));
    busy("swap", "/dev/sdb1: is in use: swap space");
    sh(&g, &format!("swapoff /dev/{swap}"));
    g.remove_drive("swap").unwrap();

    // The second disk of a btrfs is nowhere to be seen.
    let nodes = kernel(&g, 300);
    sh(&g, &format!("mkfs.btrfs -q -f {}", nodes.join(" ")));
    g.mount("/dev/disk/guestfs/btrfsa", "/").unwrap();
    busy("btrfsb", "is in use");
    busy("btrfsa", "is in use");
    g.umount_all().unwrap();
    g.remove_drive("btrfsb").unwrap();
    g.remove_drive("btrfsa").unwrap();
    assert_eq!(g.list_devices().unwrap(), ["/dev/sde"]);
    g.shutdown().unwrap();
}

#[test]
fn hotplug_failures_leave_the_handle_ready() {
    let _serial = serial();
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path();
    let locked = image(dir, "locked", 1, "locked");
    let text = image(dir, "text", 1, "just text");
    let gone = image(dir, "gone", 1, "");
    let holder = launch("the holder", |g| add(g, &locked, raw()).unwrap());
    let g = launch("one drive", |g| labelled(g, 1, "one"));
    let refused = |path: &Path, opts: AddDriveOpts| {
        let e = add(&g, path, opts.label("new")).unwrap_err();
        println!("{}", e.message());
        ready(&g);
        assert_eq!(held(&g, path), 0);
        assert_eq!(g.list_devices().unwrap(), ["/dev/sda"]);
        assert!(e.message().starts_with(b"add_drive: "), "{e}");
        e
    };
    let e = refused(&locked, raw());
    let LaunchFailure::ImageLocked { by: Some(by) } = failure(&e) else { panic!("{e}") };
    assert!(by.contains(&holder.get_pid().unwrap().to_string()), "{by}");
    let e = refused(&text, AddDriveOpts::new().format("qcow2"));
    assert_eq!(failure(&e), &LaunchFailure::ImageUnusable);
    assert_eq!(failure(&refused(&text, AddDriveOpts::new().format("nosuchformat"))), &LaunchFailure::ImageUnusable);
    // With an overlay, and a copy-on-read filter over that.
    let e = refused(&text, AddDriveOpts::new().format("qcow2").readonly(true).copyonread(true));
    assert_eq!(failure(&e), &LaunchFailure::ImageUnusable);
    std::fs::remove_file(&gone).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(&gone).unwrap();
    assert_eq!(add(&g, &gone, raw()).unwrap_err().errno(), libc::EINVAL);
    assert_eq!(add(&g, &dir.join("missing"), raw()).unwrap_err().errno(), libc::ENOENT);
    let e = add(&g, &text, raw().label("one")).unwrap_err();
    assert!(e.message().to_string().contains("another drive has it"), "{e}");
    ready(&g);
    // The number, the label and every name in qemu are free.
    add(&g, &text, raw().label("new").readonly(true).copyonread(true)).unwrap();
    assert_eq!(read(&g, "/dev/sdb", 9), "just text");
    drop(holder);
    g.remove_drive("new").unwrap();
    add(&g, &locked, raw().label("new")).unwrap();
    assert_eq!(read(&g, "/dev/disk/guestfs/new", 6), "locked");
    g.shutdown().unwrap();
}

#[test]
fn hotplug_reports_a_host_disk_that_is_full() {
    let _serial = serial();
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().to_str().unwrap();
    let status = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "none", dir]).status();
    if !status.is_ok_and(|s| s.success()) {
        println!("not run: an image on a full file system, which needs root");
        return;
    }
    let result = std::panic::catch_unwind(|| {
        let path = image(tmp.path(), "image", 8, "");
        let g = launch("an image without room", |g| add(g, &path, raw().label("full")).unwrap());
        let start = Instant::now();
        let e = g.upload("/dev/zero", "/dev/sda").unwrap_err();
        println!("after {:.2} s: {e}", start.elapsed().as_secs_f64());
        ready(&g);
        assert!(start.elapsed() < Duration::from_secs(60));
        assert_eq!(read(&g, "/dev/sda", 4), "\0\0\0\0");
        // Said once more, and then it does not stand in the way.
        if let Err(e) = g.remove_drive("full") {
            assert_eq!(e.errno(), libc::EIO, "{e}");
            println!("{e}");
            ready(&g);
            g.remove_drive("full").unwrap();
        }
        assert!(unlocked(&path));
        g.shutdown().unwrap();
    });
    let status = Command::new("umount").arg(dir).status();
    result.unwrap();
    assert!(status.unwrap().success());
}

#[test]
fn hotplug_from_a_server_and_with_a_secret() {
    let _serial = serial();
    let tmp = tempfile::tempdir().unwrap();
    let path = image(tmp.path(), "image", 2, "over the wire");
    let socket = tmp.path().join("nbd socket");
    let mut server = Command::new("qemu-nbd")
        .args(["-t", "-f", "raw", "-e", "8", "-k"])
        .arg(&socket)
        .arg(&path)
        .spawn()
        .expect("qemu-nbd (package qemu-utils)");
    let until = Instant::now() + Duration::from_secs(20);
    while !socket.exists() {
        assert!(Instant::now() < until, "qemu-nbd made no socket");
        std::thread::sleep(Duration::from_millis(20));
    }
    let g = launch("one drive", |g| scratch(g, 1));
    let from = |opts: AddDriveOpts| {
        let address = format!("unix:{}", socket.display());
        g.add_drive("", opts.protocol("nbd").server([&address]).format("raw").label("net"))
    };
    for round in ["over the wire", "firstthe wire"] {
        from(AddDriveOpts::new()).unwrap();
        assert_eq!(read(&g, "/dev/sdb", round.len()), round);
        g.pwrite_device("/dev/sdb", b"first", 0).unwrap();
        g.remove_drive("net").unwrap();
    }
    // A secret is an object of its own in qemu: it goes away as well, or the second would be refused.
    for _ in 0..2 {
        let opts = AddDriveOpts::new().protocol("https").server(["127.0.0.1:1"]).username("me").secret("secret");
        let e = g.add_drive("/image", opts.format("raw").readonly(true)).unwrap_err();
        assert!(!e.message().to_string().contains("duplicate"), "{e}");
        println!("{e}");
        ready(&g);
    }
    server.kill().unwrap();
    server.wait().unwrap();
    let e = from(AddDriveOpts::new()).unwrap_err();
    println!("{e}");
    ready(&g);
    g.shutdown().unwrap();
    assert!(std::fs::read(&path).unwrap().starts_with(b"firstthe wire"));
}

#[test]
fn hotplug_with_a_machine_that_was_killed() {
    let _serial = serial();
    for remove in [false, true] {
        let g = launch("to be killed", |g| labelled(g, 1, "one"));
        let pid = g.get_pid().unwrap().to_string();
        assert!(Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
        let start = Instant::now();
        let e = match remove {
            true => g.remove_drive("one").unwrap_err(),
            false => g.add_drive_scratch(MIB, AddDriveScratchOpts::new()).unwrap_err(),
        };
        assert!(start.elapsed() < Duration::from_secs(2));
        assert_eq!(e.kind(), &ErrorKind::ApplianceDied, "{e}");
        assert!(e.message().to_string().contains("signal 9"), "{e}");
        assert_eq!(g.state(), State::Config);
        scratch(&g, 1);
        g.launch().unwrap();
        ready(&g);
    }
    assert_eq!(children().len(), 0);
}

/// Launch with both halves of an array, in files.
fn with_halves(a: &Path, b: &Path, more: impl FnOnce(&Handle)) -> Handle {
    let start = Instant::now();
    let g = launch("two halves of an array", |g| {
        add(g, a, raw().label("a")).unwrap();
        add(g, b, raw().label("b")).unwrap();
        more(g);
    });
    println!("with arrays: {:.2} s; {}", start.elapsed().as_secs_f64(), sh(&g, "cat /proc/mdstat 2>&1 || true"));
    g
}

#[test]
fn launch_starts_arrays_and_volumes_on_them() {
    let _serial = serial();
    let tmp = tempfile::tempdir().unwrap();
    let (a, b) = (image(tmp.path(), "a", 64, ""), image(tmp.path(), "b", 64, ""));
    for (metadata, volume) in [("1.1", false), ("1.2", true), ("1.0", false), ("0.90", true)] {
        for path in [&a, &b] {
            let file = std::fs::File::options().write(true).open(path).unwrap();
            file.set_len(0).unwrap();
            file.set_len(64 << 20).unwrap();
        }
        let g = with_halves(&a, &b, |_| {});
        // Version 0.90 cannot say how a RAID0 is laid out.
        let level = if metadata == "0.90" { "linear" } else { "0" };
        let create = format!("mdadm --create /dev/md0 --run --metadata={metadata} --level={level} --raid-devices=2");
        sh(
            &g,
            &format!("{create} /dev/$(ls /sys/block | grep ^sd | head -1) /dev/$(ls /sys/block | grep ^sd | tail -1)"),
        );
        let device = if volume {
            g.pvcreate("/dev/md0").unwrap();
            g.vgcreate("VG", &["/dev/md0"]).unwrap();
            g.lvcreate("LV", "VG", 32).unwrap();
            "/dev/VG/LV"
        } else {
            "/dev/md0"
        };
        g.mkfs("ext4", device, Default::default()).unwrap();
        g.mount(device, "/").unwrap();
        g.write("/file", metadata.as_bytes()).unwrap();
        let e = g.remove_drive("b").unwrap_err();
        assert_eq!(e.errno(), libc::EBUSY);
        assert!(e.message().to_string().contains("/dev/md0"), "{e}");
        g.umount_all().unwrap();
        g.shutdown().unwrap();

        let device = if volume { "/dev/VG/LV" } else { "/dev/md127" };
        let g = with_halves(&a, &b, |_| {});
        let listed = g.list_filesystems().unwrap();
        assert!(listed.iter().any(|(name, kind)| name == device && kind == "ext4"), "{metadata}: {listed:?}");
        g.mount(device, "/").unwrap();
        assert_eq!(g.read_file("/file").unwrap(), metadata.as_bytes());
        g.shutdown().unwrap();

        // Half of it is there at launch, and no reason to fail; the other half comes later.
        let g = launch("half an array", |g| labelled_image(g, &a));
        assert!(g.mount(device, "/").is_err());
        // Half an array holds nothing.
        g.remove_drive("image").unwrap();
        labelled_image(&g, &a);
        add(&g, &b, raw().label("b")).unwrap();
        g.mount(device, "/").unwrap();
        assert_eq!(g.read_file("/file").unwrap(), metadata.as_bytes());
        g.shutdown().unwrap();
    }
}

#[test]
fn launch_starts_a_mirror_with_one_half_on_a_partition() {
    let _serial = serial();
    let tmp = tempfile::tempdir().unwrap();
    let (a, b) = (image(tmp.path(), "a", 64, ""), image(tmp.path(), "b", 64, ""));
    let g = with_halves(&a, &b, |_| {});
    g.part_disk("/dev/sda", "gpt").unwrap();
    let part = sh(&g, "ls -d /sys/block/*/*/partition").split('/').nth(4).unwrap().to_owned();
    let other = sh(&g, "for d in /sys/block/sd*; do ls $d/*/partition >/dev/null 2>&1 || echo ${d##*/}; done");
    sh(&g, &format!("mdadm --create /dev/md/mirror --run --level=1 --raid-devices=2 /dev/{part} /dev/{other}"));
    g.mkfs("ext2", "/dev/md127", Default::default()).unwrap();
    g.shutdown().unwrap();
    let g = launch("one half of a mirror", |g| add(g, &a, raw()).unwrap());
    assert_eq!(g.vfs_type("/dev/md127").unwrap(), "ext2");
    assert!(sh(&g, "cat /proc/mdstat").contains("[2/1]"));
    g.shutdown().unwrap();
}

#[test]
fn launch_is_not_misled_by_a_damaged_superblock() {
    let _serial = serial();
    let tmp = tempfile::tempdir().unwrap();
    let path = image(tmp.path(), "image", 8, "");
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    for at in [0, 4096, (8 << 20) - 8192, (8 << 20) - 65536] {
        file.write_all_at(&[0xfc, 0x4e, 0x2b, 0xa9, 1, 2, 3, 4], at).unwrap();
    }
    let g = launch("nonsense that looks like an array", |g| add(g, &path, raw()).unwrap());
    assert_eq!(g.list_devices().unwrap(), ["/dev/sda"]);
    g.shutdown().unwrap();
}
