//! Full disks and disks with errors, of the host and of the guest.

use super::help::{entries, signal, within, Scene, Tmpfs, Watch, DEADLINE, MIB};
use guestfs::opts::AddDriveOpts;
use guestfs::{ErrorKind, Handle};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Longest time until an error of a disk is told: the guest's kernel may try again.
const PATIENCE: Duration = Duration::from_secs(30);

fn in_step(g: &Handle) {
    g.ping_daemon().unwrap();
    assert_eq!(g.debug("spew", &["1"]).unwrap(), "x");
}

#[test]
fn a_full_disk_of_the_host_under_a_download() {
    let scene = Scene::new("download to a full disk");
    let g = scene.mounted();
    g.write("/file", &vec![7; 3 << 20]).unwrap();
    let mut targets = vec!["/dev/full".to_owned()];
    let small = Tmpfs::new("a full disk of the host", "size=1m");
    targets.extend(small.as_ref().map(|t| format!("{}/file", t.path())));
    for target in &targets {
        for what in ["download", "tar_out", "copy_out", "compress_out"] {
            if let Some(t) = &small {
                for name in super::help::names(t.dir()) {
                    std::fs::remove_file(name).unwrap();
                }
            }
            let begun = Watch::start();
            let e = match what {
                "download" => g.download("/file", target),
                "tar_out" => g.tar_out("/", target, Default::default()),
                "compress_out" if target == "/dev/full" => g.compress_out("gzip", "/file", target, Default::default()),
                // Three megabytes of the same byte compress well.
                "compress_out" => continue,
                _ if target == "/dev/full" => continue,
                _ => g.copy_out("/file", Path::new(target).parent().unwrap().to_str().unwrap()),
            }
            .expect_err(what);
            assert!(begun.elapsed() < DEADLINE, "{what} to {target}: {:?}", begun.elapsed());
            println!("{what} to {target}: {:.0?}: {e}", begun.elapsed());
            assert_eq!(e.errno(), libc::ENOSPC, "{what} to {target}: {e:?}");
            in_step(&g);
        }
    }
    drop(small);
    scene.end(g);
}

#[test]
fn a_source_of_the_host_that_cannot_be_read() {
    let scene = Scene::new("upload from what cannot be read");
    let g = scene.mounted();
    for (source, errno) in [("/proc/self/mem", libc::EIO), ("/", libc::EISDIR), ("/nonexistent", libc::ENOENT)] {
        let e = g.upload(source, "/x").expect_err(source);
        assert_eq!(e.errno(), errno, "{source}: {e:?}");
        in_step(&g);
    }
    scene.end(g);
}

#[test]
fn a_full_file_system_of_the_guest() {
    let scene = Scene::new("guest file system full");
    let g = Handle::new().unwrap();
    g.set_tmpdir(Some(scene.tmp.path().to_str().unwrap().into())).unwrap();
    g.add_drive_scratch(32 * MIB, Default::default()).unwrap();
    g.launch().unwrap();
    g.mkfs("ext4", "/dev/sda", Default::default()).unwrap();
    g.mount("/dev/sda", "/").unwrap();
    let data = scene.data.path();
    std::fs::write(data.join("big"), vec![0x55; 64 << 20]).unwrap();
    let tar = data.join("big.tar");
    assert!(Command::new("tar").arg("-cf").arg(&tar).arg("-C").arg(data).arg("big").status().unwrap().success());
    let (big, tar) = (data.join("big").to_str().unwrap().to_owned(), tar.to_str().unwrap().to_owned());
    for what in
        ["upload", "upload_offset", "tar_in", "copy_in", "write_append", "fallocate64", "fill", "endless upload"]
    {
        let begun = Watch::start();
        let e = match what {
            "upload" => g.upload(&big, "/big"),
            "upload_offset" => g.touch("/big").and_then(|()| g.upload_offset(&big, "/big", 4096)),
            "tar_in" => g.tar_in(&tar, "/", Default::default()),
            "copy_in" => g.copy_in(&big, "/"),
            "write_append" => (0..64).try_for_each(|_| g.write_append("/big", &[9; 1 << 20])),
            "fallocate64" => g.fallocate64("/big", 64 * MIB),
            "fill" => g.fill(7, 64 << 20, "/big"),
            _ => g.upload("/dev/zero", "/big"),
        }
        .expect_err(what);
        println!("{what}: {:.0?}: {e}", begun.elapsed());
        assert!(begun.elapsed() < 2 * DEADLINE, "{what}: {:?}", begun.elapsed());
        // tar is a program: its errors are words, and the first of them may be that a write was short.
        let by_tool = what == "tar_in" || what == "copy_in";
        let text = e.message().to_string();
        assert!(e.errno() == libc::ENOSPC || by_tool, "{what}: {e:?}");
        assert!(text.contains("No space left on device") || by_tool && text.contains("Wrote only"), "{what}: {e}");
        in_step(&g);
        g.rm_f("/big").unwrap();
    }
    g.write("/small", b"there is room again").unwrap();
    scene.end(g);
}

/// Write until it hurts; what is written last must not be lost silently.
fn fill_device(g: &Handle, what: &str) -> guestfs::Error {
    let pid = g.get_pid().unwrap();
    let begun = Instant::now();
    let e = within(PATIENCE, what, pid, || {
        for at in 0..64 {
            g.pwrite_device("/dev/sda", &[at as u8; 1 << 20], at * MIB)?;
        }
        g.sync()
    })
    .expect_err(what);
    println!("{what}: {:.0?}: {e}", begun.elapsed());
    e
}

/// The host's disk is full below the overlay of a read-only drive, below an image, and below a scratch
/// disk: an I/O error in the guest, and not a machine that stands still.
#[test]
fn a_full_disk_of_the_host_under_a_guest_disk() {
    for what in ["overlay", "image", "scratch disk"] {
        let scene = Scene::new(&format!("full below: {what}"));
        let Some(small) = Tmpfs::new("a full disk of the host under a guest's", "size=16m") else { return };
        let g = Handle::new().unwrap();
        let image = if what == "image" { format!("{}/image", small.path()) } else { scene.sparse("image", 128 << 20) };
        if what == "image" {
            std::fs::File::create(&image).unwrap().set_len(128 << 20).unwrap();
            g.set_tmpdir(Some(scene.tmp.path().to_str().unwrap().into())).unwrap();
        } else {
            g.set_tmpdir(Some(small.path().into())).unwrap();
        }
        match what {
            "scratch disk" => g.add_drive_scratch(128 * MIB, Default::default()).unwrap(),
            _ => g.add_drive(&image, AddDriveOpts::new().format("raw").readonly(what == "overlay")).unwrap(),
        }
        g.launch().unwrap();
        let e = fill_device(&g, what);
        assert_eq!(*e.kind(), ErrorKind::Daemon, "{what}: {e:?}");
        assert!([libc::EIO, libc::ENOSPC].contains(&e.errno()), "{what}: {e:?}");
        in_step(&g);
        // What is there can still be read.
        within(PATIENCE, what, g.get_pid().unwrap(), || g.pread_device("/dev/sda", 4096, 0)).unwrap();
        // The sync may say again that something was lost.
        if let Err(e) = within(PATIENCE, what, g.get_pid().unwrap(), || g.shutdown()) {
            println!("{what}: {e}");
        }
        drop(g);
        if what != "image" {
            assert_eq!(entries(small.dir()), 0, "temporary files are left");
        }
        drop(small);
        scene.end(None);
    }
}

/// A network disk whose server dies: reads fail, nothing hangs.
#[test]
fn a_disk_that_goes_away() {
    if !Path::new("/usr/bin/qemu-nbd").exists() {
        println!("not run: a disk that goes away: there is no qemu-nbd here");
        return;
    }
    let scene = Scene::new("a disk that goes away");
    let image = scene.sparse("image", 64 << 20);
    let socket = scene.data.path().join("nbd");
    let mut server = Command::new("/usr/bin/qemu-nbd");
    server.args(["-f", "raw", "-t", "-e", "4", "-k"]).arg(&socket).arg(&image);
    let mut server = server.spawn().unwrap();
    let soon = Instant::now() + PATIENCE;
    while !socket.exists() && Instant::now() < soon {
        std::thread::sleep(Duration::from_millis(10));
    }
    let g = Handle::new().unwrap();
    g.set_tmpdir(Some(scene.tmp.path().to_str().unwrap().into())).unwrap();
    let place = format!("unix:{}", socket.display());
    g.add_drive("", AddDriveOpts::new().format("raw").protocol("nbd").server([place])).unwrap();
    g.launch().unwrap();
    let pid = g.get_pid().unwrap();
    g.pwrite_device("/dev/sda", b"hello", 0).unwrap();
    signal(i32::try_from(server.id()).unwrap(), libc::SIGKILL);
    server.wait().unwrap();
    let begun = Instant::now();
    let e = within(PATIENCE, "read", pid, || g.pread_device("/dev/sda", 1 << 20, 32 * MIB)).unwrap_err();
    println!("read: {:.0?}: {e}", begun.elapsed());
    assert_eq!((e.kind(), e.errno()), (&ErrorKind::Daemon, libc::EIO), "{e:?}");
    in_step(&g);
    let begun = Instant::now();
    let e = within(PATIENCE, "write", pid, || {
        g.pwrite_device("/dev/sda", b"lost", 0)?;
        g.sync()
    });
    println!("write: {:.0?}: {e:?}", begun.elapsed());
    assert!(e.is_err(), "what was written is lost, and nobody said so");
    in_step(&g);
    // The sync of the shutdown says so again, or not.
    if let Err(e) = within(PATIENCE, "shutdown", pid, || g.shutdown()) {
        println!("shutdown: {e}");
    }
    scene.end(g);
}

/// No room at all for the handle's own files.
#[test]
fn no_room_for_temporary_files() {
    let scene = Scene::new("no room for temporary files");
    let Some(small) = Tmpfs::new("no room for temporary files", "size=64k,nr_inodes=3") else { return };
    for (options, what) in [("size=64k,nr_inodes=3", "few inodes"), ("ro", "read-only")] {
        small.remount(options);
        let g = Handle::new().unwrap();
        g.set_tmpdir(Some(small.path().into())).unwrap();
        g.add_drive(scene.sparse("image", 1 << 30), AddDriveOpts::new().format("raw").readonly(true)).unwrap();
        let begun = Watch::start();
        match g.launch() {
            // Few files are needed, and they are small.
            Ok(()) => g.shutdown().unwrap(),
            Err(e) => {
                println!("{what}: {:.0?}: {e}", begun.elapsed());
                assert!([libc::ENOSPC, libc::EROFS].contains(&e.errno()), "{what}: {e:?}");
                assert!(e.message().to_string().contains(small.path()), "{what}: does not say where: {e}");
            }
        }
        assert!(begun.elapsed() < DEADLINE, "{what}: {:?}", begun.elapsed());
        drop(g);
        assert_eq!(entries(small.dir()), 0, "{what}: temporary files are left");
    }
    drop(small);
    scene.end(None);
}
