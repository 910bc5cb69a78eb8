//! Cache directories that are of no use, and sixteen processes that all want one made.

use super::help::{names, Scene, Tmpfs, MIB};
use guestfs::{Error, EventClass, Handle};
use std::os::unix::fs::{chown, symlink, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Time for a build, a boot and a save on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The directory that the library makes in a cache directory.
fn own(cachedir: &Path) -> PathBuf {
    let uid = cachedir.metadata().unwrap().uid();
    cachedir.join(format!(".guestfs-{uid}"))
}

/// Appliances and saved machines, and what may be left of half made ones.
fn made(cachedir: &Path) -> Vec<PathBuf> {
    let rs = own(cachedir).join("rs");
    if rs.is_dir() {
        names(&rs).into_iter().filter(|p| p.is_dir()).collect()
    } else {
        Vec::new()
    }
}

/// Launch with this cache directory and make a call. What the library said on the way.
fn launch(scene: &Scene, cachedir: &Path) -> (Result<(), Error>, Vec<String>) {
    let g = scene.handle();
    g.set_cachedir(Some(cachedir.to_str().unwrap().into())).unwrap();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let copy = lines.clone();
    g.set_verbose(true).unwrap();
    g.add_event_callback(EventClass::Appliance.bit(), |_, _| {});
    g.add_event_callback(EventClass::Library.bit() | EventClass::Warning.bit(), move |_, event| {
        copy.lock().unwrap().push(String::from_utf8_lossy(event.data).into_owned());
    });
    let result = g.launch().and_then(|()| g.ping_daemon()).and_then(|()| g.shutdown());
    drop(g);
    let lines = lines.lock().unwrap().clone();
    (result, lines)
}

/// Nothing is trusted that is not ours and nothing is changed in it; the launch does without.
fn does_without(what: &str, prepare: impl FnOnce(&Path)) {
    let scene = Scene::new(what);
    let dir = tempfile::tempdir().unwrap();
    prepare(dir.path());
    let begun = Instant::now();
    let (result, lines) = launch(&scene, dir.path());
    println!("{what}: {:.1?}: {result:?}", begun.elapsed());
    assert!(begun.elapsed() < PATIENCE, "{what}: {:?}", begun.elapsed());
    result.unwrap_or_else(|e| panic!("{what}: {e}"));
    let said = lines.iter().find(|l| l.contains("built for this launch alone"));
    assert!(said.is_some(), "{what}: nobody said that there is no cache: {lines:#?}");
    println!("{what}: {}", said.unwrap());
    scene.end(None);
}

#[test]
fn a_file_a_symlink_and_a_strangers_directory() {
    does_without("the cache is a file", |dir| std::fs::write(own(dir), "").unwrap());
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("trap");
    std::fs::create_dir(&target).unwrap();
    does_without("the cache is a symlink", |dir| symlink(&target, own(dir)).unwrap());
    assert_eq!(names(&target), Vec::<PathBuf>::new(), "the symlink was followed");
    let mut trap = PathBuf::new();
    let mut could = true;
    let foreign = |dir: &Path| {
        trap = own(dir);
        std::fs::create_dir(&trap).unwrap();
        could = chown(&trap, Some(12345), Some(12345)).is_ok();
        if !could {
            // Something else that is of no use.
            std::fs::remove_dir(&trap).unwrap();
            std::fs::write(&trap, "").unwrap();
        }
    };
    does_without("the cache is a stranger's", foreign);
    if !could {
        println!("not run: a cache directory of another user: only root can give one away");
    }
}

#[test]
fn a_read_only_and_a_full_cache_directory() {
    let scene = Scene::new("read-only cache");
    let Some(small) = Tmpfs::new("a cache directory that is read-only or full", "size=1m") else { return };
    // 1 MiB: neither an appliance nor a saved machine fits.
    for (options, what) in [("size=1m", "full"), ("ro", "read-only")] {
        small.remount(options);
        let begun = Instant::now();
        let (result, lines) = launch(&scene, small.dir());
        println!("{what}: {:.1?}: {result:?}", begun.elapsed());
        assert!(begun.elapsed() < PATIENCE);
        if let Err(e) = &result {
            assert!([libc::ENOSPC, libc::EROFS].contains(&e.errno()), "{what}: {e:?} {lines:#?}");
            assert!(e.message().to_string().contains(small.path()), "{what}: does not say where: {e}");
        }
        if options != "ro" {
            assert_eq!(made(small.dir()), Vec::<PathBuf>::new(), "{what}: half of something is left");
        }
    }
    drop(small);
    scene.end(None);
}

/// Room for half of an appliance, for one, or for an appliance and half of a saved machine.
#[test]
fn a_cache_with_a_little_room() {
    let scene = Scene::new("a cache with a little room");
    let Some(small) = Tmpfs::new("a cache directory with a little room", "size=40m") else { return };
    for size in ["40m", "150m", "165m", "180m"] {
        small.remount(&format!("size={size}"));
        let (result, lines) = launch(&scene, small.dir());
        result.unwrap_or_else(|e| panic!("{size}: {e}: {lines:#?}"));
        // Whatever is there is whole.
        let halves: Vec<_> = made(small.dir()).into_iter().filter(|p| is_half(p)).collect();
        assert_eq!(halves, Vec::<PathBuf>::new(), "{size}");
    }
    drop(small);
    scene.end(None);
}

fn is_half(path: &Path) -> bool {
    path.file_name().unwrap().to_str().unwrap().starts_with("tmp-")
}

/// What was a file is something that keeps whoever opens it waiting, or has no end.
#[test]
fn a_cache_of_fifos_and_devices() {
    let scene = Scene::new("a cache of FIFOs");
    let dir = tempfile::tempdir().unwrap();
    launch(&scene, dir.path()).0.unwrap();
    let rs = own(dir.path()).join("rs");
    let files = |dir: &Path| names(dir).into_iter().filter(|p| p.is_file()).collect::<Vec<_>>();
    // First those beside the appliances, then those that belong to one.
    let beside = files(&rs);
    let within: Vec<PathBuf> = made(dir.path()).iter().flat_map(|d| files(d)).collect();
    assert!(beside.len() > 2 && within.len() > 4, "{beside:?} {within:?}");
    for (what, list) in [("beside", beside), ("within", within)] {
        for path in list.iter().filter(|p| p.exists()) {
            std::fs::remove_file(path).unwrap();
            // Only root can make a device.
            let device = Command::new("mknod").arg(path).args(["c", "1", "5"]).stderr(Stdio::null()).status();
            if what == "beside" || !device.unwrap().success() {
                let _ = std::fs::remove_file(path);
                assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
            }
        }
        let begun = Instant::now();
        let (result, lines) = launch(&scene, dir.path());
        result.unwrap_or_else(|e| panic!("{what}: {e}: {lines:#?}"));
        assert!(begun.elapsed() < PATIENCE, "{what}: {:?}", begun.elapsed());
    }
    scene.end(None);
}

#[test]
fn a_cache_that_disappears() {
    let scene = Scene::new("a cache that disappears");
    let dir = tempfile::tempdir().unwrap();
    launch(&scene, dir.path()).0.unwrap();
    // Of the first launch: everything that a second one finds is gone or half of it.
    let entries = made(dir.path());
    assert!(!entries.is_empty());
    for file in entries.iter().flat_map(|d| names(d)) {
        std::fs::File::options().write(true).open(&file).unwrap().set_len(100).unwrap();
    }
    launch(&scene, dir.path()).0.unwrap();
    std::fs::remove_dir_all(own(dir.path())).unwrap();
    launch(&scene, dir.path()).0.unwrap();
    scene.end(None);
}

/// One of the sixteen.
#[test]
#[ignore = "run by sixteen_processes_with_a_cold_cache"]
fn one_of_many() {
    let g = Handle::new().unwrap();
    g.add_drive_scratch(64 * MIB, Default::default()).unwrap();
    g.launch().unwrap();
    g.mkfs("ext2", "/dev/sda", Default::default()).unwrap();
    g.mount("/dev/sda", "/").unwrap();
    g.write("/x", std::process::id().to_string().as_bytes()).unwrap();
    assert_eq!(g.cat("/x").unwrap(), std::process::id().to_string().as_str());
    println!("uuid {}", g.vfs_uuid("/dev/sda").unwrap());
    g.shutdown().unwrap();
}

#[test]
fn sixteen_processes_with_a_cold_cache() {
    let scene = Scene::new("sixteen processes");
    let dir = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let start = |_| {
        let mut c = Command::new(std::env::current_exe().unwrap());
        c.args(["--exact", "caches::one_of_many", "--ignored", "--nocapture"]);
        c.env("LIBGUESTFS_CACHEDIR", dir.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        c.spawn().unwrap()
    };
    let all: Vec<_> = (0..16).map(start).collect();
    let mut uuids = Vec::new();
    for child in all {
        let out = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.status.success(), "{text}\n{}", String::from_utf8_lossy(&out.stderr));
        uuids.extend(text.lines().filter_map(|l| l.split("uuid ").nth(1)).map(str::to_owned));
    }
    let took = begun.elapsed();
    println!("sixteen processes with a cold cache: {:.1} s", took.as_secs_f64());
    assert!(took < 2 * PATIENCE, "{took:?}");
    assert_eq!(uuids.len(), 16);
    uuids.sort();
    uuids.dedup();
    assert_eq!(uuids.len(), 16, "two guests had the same random numbers");
    // One appliance, and at most one saved machine.
    let dirs = made(dir.path());
    let saved = dirs.iter().filter(|p| p.file_name().unwrap().to_str().unwrap().starts_with("snap-")).count();
    assert!(saved <= 1 && dirs.len() - saved == 1, "{dirs:?}");
    scene.end(None);
}
