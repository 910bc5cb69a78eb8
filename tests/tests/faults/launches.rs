//! The machine dies, or stands still, while it is being launched.
//!
//! In a cache directory of its own: a saved machine that does not come up is given up, which is right
//! and would slow the other tests down.

use super::help::{children, entries, signal, Scene, Watch, DEADLINE, MIB};
use guestfs::{Error, ErrorKind, EventClass, Handle, LaunchFailure, State};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn failure(e: &Error) -> &LaunchFailure {
    match e.kind() {
        ErrorKind::Launch(failure) => failure,
        other => panic!("{other:?}: {e}"),
    }
}

/// A handle whose machines boot, or come from wherever they come.
fn handle(scene: &Scene, cache: &Path, boots: bool) -> Handle {
    let g = scene.handle();
    g.set_cachedir(Some(cache.to_str().unwrap().into())).unwrap();
    if boots {
        g.set_backend_settings(&["no_snapshot"]).unwrap();
    }
    g
}

/// What a launch has come to when its machine is killed.
#[derive(Debug, Clone, Copy)]
enum At {
    /// So many milliseconds after qemu's exec.
    Exec(u64),
    /// At the first message of the library that contains this.
    Said(&'static str),
    /// At the first words on the console that contain this.
    Console(&'static str),
}

/// Of a machine that boots.
const BOOTED: &[At] = &[
    At::Exec(0),
    At::Exec(10),
    At::Exec(40),
    At::Exec(100),
    At::Exec(400),
    At::Said("started, process"),
    At::Said("machine started after"),
    At::Console(""),
    At::Console("guestfsd"),
    At::Said("daemon says"),
    At::Said("launched in"),
];

/// Of a restored one: each costs a boot, and the next launch a boot and a save.
const RESTORED: &[At] = &[At::Exec(0), At::Exec(50), At::Said("machine started after"), At::Said("launched in")];

/// The builder starts programs too: only machines are meant.
fn machines() -> Vec<i32> {
    let is_qemu = |pid: &i32| {
        std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.starts_with("qemu-system"))
    };
    children().into_iter().filter(is_qemu).collect()
}

fn kill_machine(done: &AtomicBool) -> bool {
    let found = machines();
    if let (Some(pid), false) = (found.first(), done.swap(!found.is_empty(), Ordering::SeqCst)) {
        signal(*pid, libc::SIGKILL);
        return true;
    }
    false
}

/// Launch; the first qemu is killed at this stage. When, if it came to that, and how the launch ended.
fn launch_killed(g: &Handle, at: At) -> (Option<Instant>, guestfs::Result<()>) {
    let done = Arc::new(AtomicBool::new(false));
    let when = Arc::new(std::sync::Mutex::new(None));
    let strike = {
        let (done, when) = (done.clone(), when.clone());
        move || {
            if kill_machine(&done) {
                *when.lock().unwrap() = Some(Instant::now());
            }
        }
    };
    g.set_verbose(true).unwrap();
    let event = |class: EventClass, text: &'static str, wanted: bool| {
        let (strike, seen) = (strike.clone(), std::sync::Mutex::new(String::new()));
        g.add_event_callback(class.bit(), move |_, e| {
            // The console comes in pieces.
            let mut seen = seen.lock().unwrap();
            seen.push_str(&String::from_utf8_lossy(e.data));
            if wanted && seen.contains(text) {
                strike();
            }
        })
    };
    let (library, console) = match at {
        At::Said(text) => (event(EventClass::Library, text, true), event(EventClass::Appliance, "", false)),
        At::Console(text) => (event(EventClass::Library, "", false), event(EventClass::Appliance, text, true)),
        At::Exec(_) => (event(EventClass::Library, "", false), event(EventClass::Appliance, "", false)),
    };
    let over = &AtomicBool::new(false);
    let result = std::thread::scope(|s| {
        if let At::Exec(ms) = at {
            let strike = &strike;
            s.spawn(move || {
                while machines().is_empty() && !over.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_micros(200));
                }
                std::thread::sleep(Duration::from_millis(ms));
                strike();
            });
        }
        let result = g.launch();
        over.store(true, Ordering::SeqCst);
        result
    });
    g.set_verbose(false).unwrap();
    g.delete_event_callback(library);
    g.delete_event_callback(console);
    let when = *when.lock().unwrap();
    (when, result)
}

#[test]
fn killed_at_every_stage() {
    let cache = tempfile::tempdir().unwrap();
    {
        // The appliance is there, and a saved machine.
        let scene = Scene::new("prepared");
        let g = handle(&scene, cache.path(), false);
        g.launch().unwrap();
        scene.end(g);
    }
    for boots in [true, false] {
        let mut failed = 0;
        for at in if boots { BOOTED } else { RESTORED } {
            let scene = Scene::new(&format!("{at:?}, {}", if boots { "booted" } else { "restored" }));
            let g = handle(&scene, cache.path(), boots);
            let watch = Watch::start();
            let (when, result) = launch_killed(&g, *at);
            match (when, result) {
                (None, Ok(())) => {
                    println!("{}: did not come to that", scene.name());
                    g.shutdown().unwrap();
                }
                (None, Err(e)) => panic!("{}: nobody killed it: {e}", scene.name()),
                // What was restored may be booted instead; what was up may have died since.
                (Some(when), Ok(())) => {
                    println!("{}: launched all the same, {:.0?} after", scene.name(), when.elapsed());
                    let next = g.ping_daemon();
                    assert!(next.is_ok() || g.state() == State::Config, "{}: {next:?}", scene.name());
                    g.shutdown().unwrap();
                }
                (Some(when), Err(e)) => {
                    let took = watch.share(when.elapsed());
                    println!("{}: {took:.0?} after: {e}", scene.name());
                    assert!(took < DEADLINE, "{}: took {took:?}: {e}", scene.name());
                    assert_eq!(failure(&e), &LaunchFailure::Exited, "{}: {e}", scene.name());
                    assert_eq!(g.state(), State::Config);
                    failed += 1;
                }
            }
            assert_eq!(children(), Vec::<i32>::new(), "{}", scene.name());
            // What was done to the cache does no harm.
            let fresh = handle(&scene, cache.path(), false);
            drop(g);
            fresh.launch().unwrap_or_else(|e| panic!("{}: afterwards: {e}", scene.name()));
            fresh.ping_daemon().unwrap();
            scene.end(fresh);
        }
        assert!(failed >= 6 || !boots, "only {failed} launches failed: the kills come too late");
    }
    // Nothing half made is left in the cache.
    let made = |dir: &Path| super::help::names(dir).into_iter().filter(|p| p.is_dir()).collect::<Vec<_>>();
    let all: Vec<_> = made(cache.path()).iter().flat_map(|d| made(d)).flat_map(|d| made(&d)).collect();
    assert!(!all.is_empty());
    for dir in all {
        assert!(!dir.file_name().unwrap().to_str().unwrap().starts_with("tmp-"), "{dir:?} is left in the cache");
    }
}

/// A launch that failed leaves its handle with its drives: it can be launched again as it is.
#[test]
fn launched_again_after_a_failure() {
    let scene = Scene::new("the same handle again");
    let g = scene.handle();
    g.set_backend_settings(&["no_snapshot"]).unwrap();
    let (when, result) = launch_killed(&g, At::Said("machine started after"));
    assert!(when.is_some());
    result.unwrap_err();
    g.launch().unwrap();
    assert_eq!(g.blockdev_getsize64("/dev/sda").unwrap(), 512 * MIB);
    scene.end(g);
}

fn wrapper(dir: &Path, text: &str) -> String {
    let path = dir.join("wrapper");
    std::fs::write(&path, format!("#!/bin/sh -\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Hypervisors that do not get as far as being one.
#[test]
fn hypervisors_that_fail() {
    for (text, says) in [
        ("exit 3", "exited with status 3"),
        ("echo it is broken >&2; exit 1", "it is broken"),
        ("kill -9 $$", "killed by signal 9"),
        ("exec 3>&-; sleep 1; exit 0", ""),
        ("exec /bin/cat /dev/null", "exited with status"),
        ("printf garbage >&3; sleep 5", ""),
        ("head -c 100000 /dev/zero >&3; exit 1", ""),
    ] {
        let scene = Scene::new(&format!("wrapper: {text}"));
        let dir = tempfile::tempdir().unwrap();
        let g = scene.handle();
        g.set_hv(wrapper(dir.path(), text)).unwrap();
        let begun = Watch::start();
        let e = g.launch().expect_err(text);
        // Twice: something was asked for its version, or tried without its sandbox.
        println!("{text}: {:.0?}: {e}", begun.elapsed());
        assert!(begun.elapsed() < 3 * DEADLINE, "{text}: {:?}: {e}", begun.elapsed());
        assert!(e.message().to_string().contains(says), "{text}: {e}");
        failure(&e);
        assert_eq!(g.state(), State::Config);
        drop(dir);
        scene.end(g);
    }
}

/// Stopped for good: only the user's patience ends the launch, and that at once.
#[test]
fn stopped_and_cancelled() {
    for (name, text) in [("before qemu", "kill -STOP $$"), ("a wrapper that waits", "exec sleep 1000")] {
        let scene = Scene::new(name);
        let dir = tempfile::tempdir().unwrap();
        let g = scene.handle();
        g.set_hv(wrapper(dir.path(), text)).unwrap();
        let canceller = g.canceller();
        let watch = Watch::start();
        let later = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(400));
            let now = Instant::now();
            canceller.cancel();
            now
        });
        let e = g.launch().unwrap_err();
        let took = watch.share(later.join().unwrap().elapsed());
        println!("{name}: {took:.0?} after the cancellation: {e}");
        assert_eq!(failure(&e), &LaunchFailure::Cancelled, "{e}");
        assert!(took < Duration::from_millis(500), "{name}: {took:?}");
        assert_eq!(entries(scene.tmp.path()), 1, "the handle's own directory");
        scene.end(g);
    }
}
