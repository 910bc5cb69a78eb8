//! `user_cancel` on a real appliance: every call that streams a file, at several moments, from a thread
//! and from a signal handler; calls that a tool or the daemon itself works for; and one that nothing stops.
//!
//! In: the generated facts about all calls: one that streams a file and is not listed here fails the
//! test. Out: EINTR in 200 ms, and a channel in step.

#![allow(unsafe_code)]

use super::help::{Scene, Watch, DEADLINE};
use guestfs::opts::TarInOpts;
use guestfs::{Canceller, ErrorKind, EventClass, Handle, Result};
use std::cell::RefCell;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// From the cancellation to the end of the call.
const SOON: Duration = Duration::from_millis(200);

thread_local! {
    /// The handler runs on the thread that makes the call: it takes no lock.
    static MINE: RefCell<Option<Canceller>> = const { RefCell::new(None) };
}

extern "C" fn on_signal(_: libc::c_int) {
    MINE.with(|mine| {
        if let Ok(Some(canceller)) = mine.try_borrow().as_deref() {
            canceller.cancel();
        }
    });
}

/// What a call needs: an endless source that is a tar archive too, and a large file at /huge.
struct Material<'a> {
    g: &'a Handle,
    scene: &'a Scene,
}

type Call = fn(&Material<'_>) -> Result<()>;

/// Every call that streams a file by its name. Long enough to be interrupted, all of them.
const CALLS: &[(&str, Call)] = &[
    ("upload", |m| m.g.upload("/dev/zero", "/x")),
    ("upload_offset", |m| m.g.upload_offset("/dev/zero", "/x", 5)),
    ("tar_in", |m| {
        let (mut tar, path) = endless_tar(m);
        let result = m.g.tar_in(path, "/", Default::default());
        let _ = tar.kill();
        tar.wait().unwrap();
        result
    }),
    ("download", |m| m.g.download("/huge", "/dev/null")),
    ("download_offset", |m| m.g.download_offset("/huge", "/dev/null", 5, 1 << 40)),
    ("tar_out", |m| m.g.tar_out("/", "/dev/null", Default::default())),
    ("base64_in", |m| m.g.base64_in("/dev/zero", "/x")),
    ("base64_out", |m| m.g.base64_out("/huge", "/dev/null")),
    ("checksums_out", |m| m.g.checksums_out("md5", "/", "/dev/null")),
    ("cpio_out", |m| m.g.cpio_out("/large", "/dev/null", Default::default())),
    ("compress_out", |m| m.g.compress_out("gzip", "/huge", "/dev/null", Default::default())),
];

/// Not cancelled here, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    ("find0", "a list of names is sent in one go: too short to be interrupted"),
    ("ls0", "as find0"),
    ("internal_journal_get", "an entry of the journal is sent in one go: too short to be interrupted"),
    ("internal_readdir", "as find0"),
    ("internal_upload", "upload under another name"),
    ("debug_upload", "as upload, into the appliance, which has no room for what takes long"),
    ("tgz_in", "tar_in under another name"),
    ("txz_in", "tar_in under another name"),
    ("tgz_out", "tar_out under another name"),
    ("txz_out", "tar_out under another name"),
    ("compress_device_out", "a tool's output, sent as that of compress_out"),
    ("mksquashfs", "as compress_device_out"),
    ("ntfsclone_out", "as compress_device_out"),
    ("ntfscat_i", "as compress_device_out"),
    ("download_inode", "as compress_device_out"),
    ("download_blocks", "as compress_device_out"),
    ("ntfsclone_in", "feeds a tool as tar_in does"),
    ("command_out", "a program of a guest, which this disk does not have"),
    ("sh_out", "as command_out"),
    ("internal_filesystem_walk", "what a worker finds; a worker's cancelling is tested with the workers"),
    ("internal_find_inode", "as internal_filesystem_walk"),
    ("internal_yara_scan", "as internal_filesystem_walk"),
    ("yara_load", "at most 64 MiB: too short to be interrupted"),
    ("internal_rhbz914931", "ends the daemon on purpose"),
];

/// Made of several calls in the library.
const COMPOSED: &[(&str, Call)] = &[
    ("copy_in", |m| m.g.copy_in(m.scene.sparse("huge-here", 64 << 30), "/")),
    ("copy_out", |m| m.g.copy_out("/huge", m.scene.data.path().to_str().unwrap())),
];

fn endless_tar(m: &Material<'_>) -> (Child, String) {
    let file = m.scene.sparse("huge-here", 64 << 30);
    let mut tar = Command::new("tar");
    tar.args(["-cf", "-", &file]).stdout(Stdio::piped()).stderr(Stdio::null());
    let child = tar.spawn().unwrap();
    let fd = std::os::fd::AsRawFd::as_raw_fd(child.stdout.as_ref().unwrap());
    (child, format!("/dev/fd/{fd}"))
}

/// Cancel `call` after so long; how long it then took.
fn cancelled(m: &Material<'_>, name: &str, call: Call, after: Duration, by_signal: bool) -> Duration {
    let watch = Watch::start();
    let canceller = m.g.canceller();
    MINE.with(|mine| *mine.borrow_mut() = Some(canceller.clone()));
    // SAFETY: no preconditions.
    let me = unsafe { libc::pthread_self() } as usize;
    // What is cancelled before the call begins is forgotten: wait for it to begin.
    let (begun, begins) = std::sync::mpsc::channel();
    let entered = m.g.add_event_callback(EventClass::Enter.bit(), move |_, _| {
        let _ = begun.send(());
    });
    let later = std::thread::spawn(move || {
        begins.recv().unwrap();
        std::thread::sleep(after);
        let now = Instant::now();
        if by_signal {
            // SAFETY: the thread is alive: it waits for this one below.
            unsafe { libc::pthread_kill(me as libc::pthread_t, libc::SIGUSR2) };
        } else {
            canceller.cancel();
        }
        now
    });
    let result = call(m);
    let ended = Instant::now();
    let took = watch.share(ended.saturating_duration_since(later.join().unwrap()));
    m.g.delete_event_callback(entered);
    let e = result.expect_err(name);
    assert_eq!((e.kind(), e.errno()), (&ErrorKind::Cancelled, libc::EINTR), "{name} after {after:?}: {e:?}");
    m.g.ping_daemon().unwrap_or_else(|e| panic!("{name}: out of step: {e}"));
    assert_eq!(m.g.debug("spew", &["7"]).unwrap(), "xxxxxxx", "{name}");
    took
}

#[test]
fn transfers_on_a_real_appliance() {
    let streams = guestfs::ALL_CALLS.iter().filter(|c| c.is_daemon() && (c.file_in || c.file_out));
    let known = |name: &str| CALLS.iter().any(|c| c.0 == name) || LEFT_OUT.iter().any(|c| c.0 == name);
    let unknown: Vec<_> = streams.map(|c| c.name).filter(|name| !known(name)).collect();
    assert!(unknown.is_empty(), "these calls stream files and are not cancelled here: {unknown:?}");
    for (name, why) in LEFT_OUT {
        println!("{name}: {why}");
    }
    // SAFETY: the handler only does what `Canceller::cancel` promises to be async-signal-safe.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_signal as *const () as usize;
        assert_eq!(libc::sigaction(libc::SIGUSR2, &action, std::ptr::null_mut()), 0);
    }
    let scene = Scene::new("cancelled transfers");
    let g = scene.mounted();
    g.touch("/huge").unwrap();
    g.truncate_size("/huge", 64 << 30).unwrap();
    // All that the format of cpio can hold.
    g.mkdir("/large").unwrap();
    g.touch("/large/file").unwrap();
    g.truncate_size("/large/file", (4 << 30) - 1).unwrap();
    let m = Material { g: &g, scene: &scene };
    for (name, call) in CALLS.iter().chain(COMPOSED) {
        let mut took = Vec::new();
        for after in [2, 20, 150] {
            for by_signal in [false, true] {
                took.push(cancelled(&m, name, *call, Duration::from_millis(after), by_signal));
                g.rm_f("/x").unwrap();
                g.rm_rf("/huge-here").unwrap();
            }
        }
        took.sort();
        println!("{name}: EINTR after {:.1?} at most, {:.1?} as a rule", took[5], took[2]);
        // Other programs may have the processor, and a tool of the guest must be ended first.
        assert!(took[1] <= SOON && took[5] < DEADLINE, "{name}: {took:?}");
    }
    MINE.with(|mine| *mine.borrow_mut() = None);
    scene.end(g);
}

/// What goes on for ever in the guest: in the daemon, in a tool, in what a tool has started, in the kernel.
const ENDLESS: &[(&str, Call)] = &[
    ("checksum", |m| m.g.checksum("md5", "/huge").map(drop)),
    ("copy_file_to_file", |m| m.g.copy_file_to_file("/huge", "/copy", Default::default())),
    ("zero_free_space", |m| m.g.zero_free_space("/")),
    ("debug sh", |m| m.g.debug("sh", &["sleep 1000"]).map(drop)),
    ("debug sh, in the background", |m| m.g.debug("sh", &["(sleep 1000; sleep 1000) | cat"]).map(drop)),
    ("grep", |m| {
        let regex = "((a{1,100}){1,100}){1,100}";
        m.g.grep(regex, "/text", guestfs::opts::GrepOpts::new().extended(true)).map(drop)
    }),
];

#[test]
fn calls_that_never_end() {
    let scene = Scene::new("cancelled calls");
    let g = scene.mounted();
    g.touch("/huge").unwrap();
    g.truncate_size("/huge", 64 << 30).unwrap();
    g.write("/text", b"a\n").unwrap();
    let m = Material { g: &g, scene: &scene };
    for (name, call) in ENDLESS {
        let mut took: Vec<_> = [2, 100, 400]
            .iter()
            .map(|after| cancelled(&m, name, *call, Duration::from_millis(*after), false))
            .collect();
        took.sort();
        println!("{name}: EINTR after {took:.1?}");
        assert!(took[2] < DEADLINE, "{name}: {took:?}");
        g.rm_f("/copy").unwrap();
        let left = g.debug("sh", &["ls -l /proc/*/exe 2>/dev/null | grep -c /sleep || true"]).unwrap();
        assert_eq!(left.trim_ascii(), b"0", "{name}");
    }
    MINE.with(|mine| *mine.borrow_mut() = None);
    scene.end(g);
}

/// Tools that neither take what they are fed nor give anything, and how much of the file they wait in front of.
const HUNG: &[(&str, Call)] = &[
    ("gzip, an endless archive", |m| m.g.tar_in("/dev/zero", "/", TarInOpts::new().compress("gzip"))),
    ("gzip, a short archive", |m| m.g.tar_in(m.scene.sparse("short", 100_000), "/", TarInOpts::new().compress("gzip"))),
    ("tar, an endless archive", |m| m.g.tar_in("/dev/zero", "/", TarInOpts::new().xattrs(true))),
    ("tar, a short archive", |m| m.g.tar_in(m.scene.sparse("short", 100_000), "/", TarInOpts::new().xattrs(true))),
];

#[test]
fn tools_that_take_and_give_nothing() {
    let scene = Scene::new("cancelled uploads to tools that hang");
    let g = scene.mounted();
    let hang = r#"printf '#!/bin/sh\nexec sleep 1000\n' >/tmp/hung; chmod +x /tmp/hung
        for tool in gzip tar; do mount --bind /tmp/hung $(readlink -f $(command -v $tool)) || exit 1; done"#;
    g.debug("sh", &[hang]).unwrap();
    let m = Material { g: &g, scene: &scene };
    for (name, call) in HUNG {
        // The longer it goes on, the more lies between the tool and the library's word.
        let mut took: Vec<_> =
            [20, 1500].iter().map(|after| cancelled(&m, name, *call, Duration::from_millis(*after), false)).collect();
        took.sort();
        println!("{name}: EINTR after {took:.1?}");
        assert!(took[1] < 2 * DEADLINE, "{name}: {took:?}");
        let left = g.debug("sh", &["ls -l /proc/*/exe 2>/dev/null | grep -c /sleep || true"]).unwrap();
        assert_eq!(left.trim_ascii(), b"0", "{name}");
    }
    MINE.with(|mine| *mine.borrow_mut() = None);
    scene.end(g);
}

/// What waits in the kernel for a disk that does not answer.
const WAITING: &[(&str, Call)] = &[
    ("sync", |m| m.g.sync()),
    ("umount", |m| m.g.umount("/", Default::default())),
    ("btrfs_subvolume_list", |m| m.g.btrfs_subvolume_list("/dev/vg/btrfs").map(drop)),
];

#[test]
fn a_disk_that_does_not_answer() {
    let scene = Scene::new("cancelled calls that wait for a disk");
    let g = scene.handle();
    g.launch().unwrap();
    g.pvcreate("/dev/sda").unwrap();
    g.vgcreate("vg", &["/dev/sda"]).unwrap();
    for (name, fs) in [("ext4", "ext4"), ("btrfs", "btrfs")] {
        g.lvcreate(name, "vg", 200).unwrap();
        g.mkfs(fs, format!("/dev/vg/{name}"), Default::default()).unwrap();
    }
    g.mount("/dev/vg/ext4", "/").unwrap();
    g.write("/file", b"not on the disk yet").unwrap();
    // Requests to them wait in the kernel until they are resumed.
    let both = |what: &str| g.debug("sh", &[&format!("dmsetup {what} vg-ext4; dmsetup {what} vg-btrfs")]).unwrap();
    both("suspend --noflush --nolockfs");
    let m = Material { g: &g, scene: &scene };
    for (name, call) in WAITING {
        let took = cancelled(&m, name, *call, Duration::from_millis(300), false);
        println!("{name}: EINTR after {took:.1?}");
        assert!(took < DEADLINE, "{name}: {took:?}");
    }
    // What was cancelled goes on where the kernel had it, and does no harm.
    assert_eq!(g.mounts().unwrap(), Vec::<String>::new());
    both("resume");
    g.mount("/dev/vg/ext4", "/").unwrap();
    assert_eq!(g.cat("/file").unwrap(), "not on the disk yet");
    assert_eq!(g.btrfs_subvolume_list("/dev/vg/btrfs").unwrap(), Vec::new());
    MINE.with(|mine| *mine.borrow_mut() = None);
    scene.end(g);
}

/// The kernel keeps who writes to a frozen file system waiting, and no signal reaches him.
#[test]
fn an_upload_to_a_frozen_file_system() {
    let scene = Scene::new("cancelled upload to a frozen file system");
    let g = scene.mounted();
    g.debug("sh", &["fsfreeze -f /sysroot"]).unwrap();
    let file = scene.sparse("small", 1000);
    let canceller = g.canceller();
    let later = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        canceller.cancel();
        Instant::now()
    });
    let watch = Watch::start();
    let e = g.upload(file, "/x").unwrap_err();
    let took = watch.share(later.join().unwrap().elapsed());
    println!("given up after {took:.1?}: {e}");
    assert_eq!((e.kind(), e.errno()), (&ErrorKind::ApplianceDied, libc::EINTR), "{e}");
    assert!(took < 2 * DEADLINE, "{took:?}");
    assert!(g.is_config().unwrap());
    scene.relaunch(&g);
    scene.end(g);
}
