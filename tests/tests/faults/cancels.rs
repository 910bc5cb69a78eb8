//! `user_cancel` on a real appliance: every call that streams a file, at several moments, from a thread
//! and from a signal handler.
//!
//! In: the generated facts about all calls: one that streams a file and is not listed here fails the
//! test. Out: EINTR in 200 ms, and a channel in step.

#![allow(unsafe_code)]

use super::help::{Scene, Watch, DEADLINE};
use guestfs::{call, Canceller, ErrorKind, EventClass, Handle, Result};
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
    ("internal_readdir", "as find0"),
    ("internal_upload", "upload under another name"),
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
    assert_eq!(m.g.debug("print", &["in step"]).unwrap(), "in step", "{name}");
    took
}

#[test]
fn transfers_on_a_real_appliance() {
    let streams = call::all().iter().filter(|c| c.is_daemon() && !c.planned && (c.file_in || c.file_out));
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
