//! The machine dies in the middle of something.
//!
//! Each point is a call and how the machine ends: killed, killed by the call itself at a certain moment,
//! or by its own kernel.

use super::help::{signal, within, Killer, Scene, Watch, DEADLINE};
use guestfs::{ErrorKind, EventClass, Handle, Result, State};
use std::time::{Duration, Instant};

/// Everything a point may use.
struct Stage<'a> {
    g: &'a Handle,
    scene: &'a Scene,
    killer: &'a Killer,
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    /// Killed so many milliseconds after the call began.
    Killed(u64),
    /// The call arranges for it.
    Arranged,
}

struct Point {
    name: &'static str,
    end: End,
    call: fn(&Stage<'_>) -> Result<()>,
}

fn forever(mut call: impl FnMut() -> Result<()>) -> Result<()> {
    loop {
        call()?;
    }
}

/// Have the guest do something to itself.
fn guest(s: &Stage<'_>, line: &str) -> Result<()> {
    s.killer.died();
    s.g.debug("sh", &[line])?;
    // It may answer before it happens.
    std::thread::sleep(Duration::from_secs(1));
    s.g.ping_daemon()
}

/// Kill it at the first event of this class.
fn at_event(s: &Stage<'_>, class: EventClass) {
    let killer = s.killer.clone();
    s.g.add_event_callback(class.bit(), move |_, _| killer.kill());
}

/// A tar archive without an end.
fn endless_tar(s: &Stage<'_>) -> (std::process::Child, String) {
    let file = s.scene.sparse("huge", 64 << 30);
    let mut tar = std::process::Command::new("tar");
    tar.args(["-cf", "-", &file]).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null());
    let child = tar.spawn().unwrap();
    let fd = std::os::fd::AsRawFd::as_raw_fd(child.stdout.as_ref().unwrap());
    (child, format!("/dev/fd/{fd}"))
}

fn huge_file(s: &Stage<'_>) -> Result<()> {
    s.g.touch("/huge")?;
    s.g.truncate_size("/huge", 64 << 30)
}

use End::{Arranged, Killed};

const POINTS: &[Point] = &[
    Point {
        name: "zero_device",
        end: Killed(300),
        call: |s| {
            s.g.umount_all()?;
            forever(|| {
                s.g.pwrite_device("/dev/sda", &[1; 4096], 256 << 20)?;
                s.g.zero_device("/dev/sda")
            })
        },
    },
    Point { name: "upload", end: Killed(300), call: |s| s.g.upload(s.scene.sparse("zeroes", 64 << 30), "/big") },
    Point {
        name: "upload from a pipe that waits",
        end: Killed(200),
        call: |s| {
            let (reader, writer) = rustix::pipe::pipe().unwrap();
            let path = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
            let result = s.g.upload(path, "/x");
            drop(writer);
            result
        },
    },
    Point {
        name: "download",
        end: Killed(300),
        call: |s| {
            huge_file(s)?;
            s.g.download("/huge", "/dev/null")
        },
    },
    Point {
        name: "download into a pipe that nobody reads",
        end: Killed(300),
        call: |s| {
            huge_file(s)?;
            let (reader, writer) = rustix::pipe::pipe().unwrap();
            let path = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&writer));
            let result = s.g.download("/huge", path);
            drop(reader);
            result
        },
    },
    Point {
        name: "tar_in",
        end: Killed(300),
        call: |s| {
            let (mut child, path) = endless_tar(s);
            let result = s.g.tar_in(path, "/", Default::default());
            let _ = child.kill();
            child.wait().unwrap();
            result
        },
    },
    Point {
        name: "tar_out",
        end: Killed(300),
        call: |s| {
            huge_file(s)?;
            s.g.tar_out("/", "/dev/null", Default::default())
        },
    },
    Point { name: "copy_in", end: Killed(300), call: |s| s.g.copy_in(s.scene.sparse("huge", 64 << 30), "/") },
    Point {
        name: "copy_out",
        end: Killed(300),
        call: |s| {
            huge_file(s)?;
            s.g.copy_out("/huge", s.scene.data.path().to_str().unwrap())
        },
    },
    Point { name: "between small calls", end: Killed(200), call: |s| forever(|| s.g.ping_daemon()) },
    Point { name: "large arguments", end: Killed(200), call: |s| forever(|| s.g.write("/x", &[7; 3 << 20])) },
    Point { name: "large results", end: Killed(200), call: |s| forever(|| s.g.debug("spew", &["3000000"]).map(drop)) },
    Point {
        name: "mkfs",
        end: Killed(200),
        call: |s| {
            s.g.umount_all()?;
            forever(|| s.g.mkfs("ext4", "/dev/sda", Default::default()))
        },
    },
    Point { name: "a tool that runs long", end: Killed(200), call: |s| s.g.debug("sh", &["sleep 60"]).map(drop) },
    Point {
        name: "idle",
        end: Killed(0),
        call: |s| {
            std::thread::sleep(Duration::from_millis(200));
            s.g.ping_daemon()
        },
    },
    Point {
        name: "progress",
        end: Arranged,
        call: |s| {
            at_event(s, EventClass::Progress);
            s.g.debug("progress", &["10", "50"]).map(drop)
        },
    },
    Point {
        name: "the beginning of a call",
        end: Arranged,
        call: |s| {
            at_event(s, EventClass::Enter);
            s.g.ping_daemon()
        },
    },
    Point {
        name: "a cancelled upload",
        end: Arranged,
        call: |s| {
            let (canceller, killer) = (s.g.canceller(), s.killer.clone());
            let later = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(200));
                signal(killer.pid, libc::SIGSTOP);
                // Nobody answers the cancellation any more.
                canceller.cancel();
                std::thread::sleep(Duration::from_millis(200));
                killer.kill();
            });
            let result = s.g.upload("/dev/zero", "/x");
            later.join().unwrap();
            result
        },
    },
    Point {
        name: "a cancelled download",
        end: Arranged,
        call: |s| {
            huge_file(s)?;
            let (canceller, killer) = (s.g.canceller(), s.killer.clone());
            let later = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(200));
                signal(killer.pid, libc::SIGSTOP);
                canceller.cancel();
                std::thread::sleep(Duration::from_millis(200));
                killer.kill();
            });
            let result = s.g.download("/huge", "/dev/null");
            later.join().unwrap();
            result
        },
    },
    Point {
        name: "stopped, and then killed",
        end: Arranged,
        call: |s| {
            let killer = s.killer.clone();
            let later = std::thread::spawn(move || {
                signal(killer.pid, libc::SIGSTOP);
                std::thread::sleep(Duration::from_millis(300));
                killer.kill();
            });
            let result = forever(|| s.g.ping_daemon());
            later.join().unwrap();
            result
        },
    },
    Point { name: "a panic of the guest's kernel", end: Arranged, call: |s| guest(s, "echo c > /proc/sysrq-trigger") },
    Point { name: "a reboot of the guest", end: Arranged, call: |s| guest(s, "echo b > /proc/sysrq-trigger") },
    Point {
        name: "a guest that switches itself off",
        end: Arranged,
        call: |s| guest(s, "echo o > /proc/sysrq-trigger"),
    },
    Point {
        name: "the end of the daemon",
        end: Arranged,
        // Its code is overwritten: it dies by a signal in its next step.
        call: |s| {
            guest(
                s,
                "a=$(sed -n 's/^\\([0-9a-f]*\\)-.* r-xp .*/\\1/p' /proc/1/maps | head -n 1); \
                 dd if=/dev/zero of=/proc/1/mem bs=4096 seek=$((0x$a / 4096)) count=400 conv=notrunc",
            )
        },
    },
];

fn dies(point: &Point) {
    let scene = Scene::new(point.name);
    let g = scene.mounted();
    let killer = Killer::new(g.get_pid().unwrap());
    let name = scene.name();
    let watch = Watch::start();
    let error = std::thread::scope(|s| {
        if let Killed(after) = point.end {
            let killer = killer.clone();
            s.spawn(move || {
                std::thread::sleep(Duration::from_millis(after));
                killer.kill();
            });
        }
        (point.call)(&Stage { g: &g, scene: &scene, killer: &killer }).expect_err(name)
    });
    let failed_at = Instant::now();
    let killed_at = killer.killed_at().unwrap_or_else(|| panic!("{name}: failed before it was killed: {error}"));
    assert!(failed_at >= killed_at, "{name}: failed before the kill: {error}");
    let took = watch.share(failed_at - killed_at);
    println!("{name}: {took:.0?} after the fault: {error}");
    assert!(took < DEADLINE, "{name}: took {took:?}: {error}");
    assert_eq!(*error.kind(), ErrorKind::ApplianceDied, "{name}: {error:?}");
    let again = Watch::start();
    assert_eq!(*g.ping_daemon().expect_err(name).kind(), ErrorKind::NotLaunched, "{name}");
    assert_eq!(g.state(), State::Config, "{name}");
    g.shutdown().unwrap();
    assert!(again.elapsed() < DEADLINE);
    scene.relaunch(&g);
    scene.end(g);
}

#[test]
fn in_the_middle_of_a_call() {
    let only = std::env::var("POINT").unwrap_or_default();
    for point in POINTS.iter().filter(|p| p.name.contains(&only)) {
        dies(point);
    }
}

/// A machine that stands still for good counts as dead after ten seconds: in a call, at shutdown.
#[test]
fn stopped_for_good() {
    for (what, call) in [("ping", (|g| g.ping_daemon()) as fn(&Handle) -> Result<()>), ("shutdown", |g| g.shutdown())] {
        let scene = Scene::new(&format!("stopped for good: {what}"));
        let g = scene.mounted();
        let pid = g.get_pid().unwrap();
        signal(pid, libc::SIGSTOP);
        let begun = Instant::now();
        let error = within(Duration::from_secs(20), what, pid, || call(&g)).expect_err(what);
        println!("{}: {:?}: {error}", scene.name(), begun.elapsed());
        assert!(error.message().to_string().contains("stopped by a signal"), "{error}");
        assert_eq!(g.state(), State::Config);
        scene.relaunch(&g);
        scene.end(g);
    }
}

/// A machine that stood still for a while goes on where it was.
#[test]
fn stopped_and_continued() {
    let scene = Scene::new("stopped and continued");
    let g = scene.mounted();
    let pid = g.get_pid().unwrap();
    let file = scene.sparse("file", 64 << 20);
    std::thread::scope(|s| {
        s.spawn(move || {
            for _ in 0..5 {
                signal(pid, libc::SIGSTOP);
                std::thread::sleep(Duration::from_millis(60));
                signal(pid, libc::SIGCONT);
                std::thread::sleep(Duration::from_millis(40));
            }
        });
        for _ in 0..3 {
            g.upload(&file, "/file").unwrap();
            g.download("/file", "/dev/null").unwrap();
        }
    });
    assert_eq!(g.filesize("/file").unwrap(), 64 << 20);
    scene.end(g);
}

/// At any moment of a shutdown or close: whatever is said, it is over soon and nothing is left.
#[test]
fn at_shutdown_and_at_close() {
    for (close, after) in [(false, 0), (false, 2), (false, 20), (true, 0), (true, 2), (true, 20)] {
        let what = if close { "close" } else { "shutdown" };
        let scene = Scene::new(&format!("{what}, killed after {after} ms"));
        let g = scene.mounted();
        g.write("/x", &[7; 1 << 20]).unwrap();
        let killer = Killer::new(g.get_pid().unwrap());
        let begun = Watch::start();
        let later = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(after));
            killer.kill();
        });
        let g = if close {
            g.close();
            None
        } else {
            if let Err(e) = g.shutdown() {
                println!("{}: {e}", scene.name());
            }
            Some(g)
        };
        assert!(begun.elapsed() < DEADLINE, "{}: {:?}", scene.name(), begun.elapsed());
        later.join().unwrap();
        if let Some(g) = &g {
            assert_eq!(g.state(), State::Config);
            scene.relaunch(g);
        }
        scene.end(g);
    }
}

/// A machine that is dead already ends well or with an error, but at once.
#[test]
fn before_shutdown_and_before_close() {
    for close in [false, true] {
        let scene = Scene::new(if close { "dead before close" } else { "dead before shutdown" });
        let g = scene.mounted();
        Killer::new(g.get_pid().unwrap()).kill();
        if !close {
            let begun = Watch::start();
            let error = g.shutdown().expect_err("what was not synced is lost");
            assert!(begun.elapsed() < DEADLINE);
            assert_eq!(*error.kind(), ErrorKind::ApplianceDied, "{error}");
            scene.relaunch(&g);
        }
        scene.end(g);
    }
}
