//! Workers, the processes of foreign libraries, that go wrong in every way there is: each gives a clear error in
//! time, its handle is gone and says why, and the session goes on.
//!
//! In: `debug worker` of the daemon. Out: what the calls said.

use super::help::{Scene, Watch};
use guestfs::{ErrorKind, Handle};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

fn worker(g: &Handle, words: &str) -> guestfs::Result<String> {
    let words: Vec<&str> = words.split(' ').collect();
    g.debug("worker", &words).map(|text| text.to_string())
}

fn gone_wrong(g: &Handle, words: &str) -> (i32, String) {
    let begun = Watch::start();
    let e = worker(g, words).unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(10), "{words}: it took {:?}", begun.elapsed());
    (e.errno(), e.to_string())
}

#[test]
fn a_worker_that_goes_wrong_takes_nothing_along() {
    let scene = Scene::new("workers: crash, hang, grow, lie");
    let g = scene.mounted();
    g.write("/file", b"text").unwrap();
    for (words, errno, what) in [
        ("crash", libc::EIO, "the trial library crashed (SIGSEGV) while it worked on /file"),
        ("abort", libc::EIO, "the trial library crashed (SIGABRT) while it worked on /file"),
        ("exit 3", libc::EIO, "the worker of the trial library ended with status 3 while it worked on /file"),
        ("spin", libc::ETIMEDOUT, "the trial library showed no sign of life for "),
        ("hang", libc::ETIMEDOUT, "the trial library showed no sign of life for "),
        ("eat", libc::ENOMEM, "MiB of memory"),
        ("lie", libc::EIO, "the worker of the trial library answered with nonsense"),
    ] {
        assert_eq!(worker(&g, "open /file").unwrap(), "text", "{words}");
        let (got, text) = gone_wrong(&g, words);
        assert!(got == errno && text.contains(what), "{words}: {got} {text}");
        assert!(text.contains("/file") && text.ends_with("; the trial is not open any more"), "{words}: {text}");
        // The handle is gone, and says so as often as it is asked.
        for _ in 0..2 {
            let (_, text) = gone_wrong(&g, "echo x");
            let why = text.contains("the trial /file is not open any more, since ") && text.contains(what);
            assert!(why && text.ends_with("; open it again with debug worker open"), "{words}: {text}");
        }
        // All else goes on.
        assert_eq!(g.cat("/file").unwrap(), "text", "{words}");
        assert_eq!(g.mounts().unwrap(), ["/dev/sda"], "{words}");
        assert_eq!(worker(&g, "once echo still").unwrap(), "still", "{words}");
    }
    assert_eq!(worker(&g, "open /file").unwrap(), "text");
    assert_eq!(worker(&g, "echo here").unwrap(), "here");
    worker(&g, "close").unwrap();
    assert!(gone_wrong(&g, "echo x").1.contains("no trial is open: call debug worker open first"));
    scene.end(g);
}

#[test]
fn a_worker_that_does_well() {
    let scene = Scene::new("workers: long results, long work, rights, unmounting");
    let g = scene.mounted();
    g.write("/file", b"text").unwrap();
    worker(&g, "open /file").unwrap();
    assert_eq!(worker(&g, "babble 100000").unwrap(), "100000 pieces, sum 4999950000");
    // What is not wanted after all ends the call and not the worker.
    assert!(worker(&g, "refuse").unwrap_err().to_string().contains("refused to take it"));
    assert!(worker(&g, "no-such-thing").unwrap_err().to_string().contains("has no function no-such-thing"));
    // Far longer than it may be silent.
    worker(&g, "beat 6000").unwrap();
    // Nothing of what it must not do can it do.
    assert_eq!(worker(&g, "rights").unwrap(), "");
    // It does not keep a file system from being unmounted.
    g.umount("/", Default::default()).unwrap();
    let text = worker(&g, "echo x").unwrap_err().to_string();
    assert!(text.contains("is not open any more, since its file system was unmounted"), "{text}");
    g.mkfs("ext4", "/dev/sda", Default::default()).unwrap();
    g.mount("/dev/sda", "/").unwrap();
    g.write("/file", b"other").unwrap();
    assert_eq!(worker(&g, "open /file").unwrap(), "other");
    // user_cancel ends it at once.
    let canceller = g.canceller();
    let begun = Watch::start();
    // One that comes before the call has begun is forgotten.
    let (done, watch) = mpsc::channel::<()>();
    let soon = std::thread::spawn(move || {
        while watch.recv_timeout(Duration::from_millis(300)) == Err(RecvTimeoutError::Timeout) {
            canceller.cancel();
        }
    });
    let e = worker(&g, "spin").unwrap_err();
    drop(done);
    soon.join().unwrap();
    assert!(matches!(e.kind(), ErrorKind::Cancelled) || e.errno() == libc::EINTR, "{e}");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(g.cat("/file").unwrap(), "other");
    // Shutting down with one open is as quick as without.
    worker(&g, "open /file").unwrap();
    g.shutdown().unwrap();
    scene.end(g);
}

/// Memory that is short ends workers before all else.
#[test]
fn a_prober_that_is_ended_is_replaced() {
    let scene = Scene::new("workers: the prober is killed");
    let g = scene.mounted();
    assert_eq!(g.vfs_type("/dev/sda").unwrap(), "ext4");
    let kill = "for p in /proc/[0-9]*; do case $(tr '\\0' ' ' <$p/cmdline) in \
                guestfs-worker\\ blkid*) kill -9 ${p#/proc/} && echo killed;; esac; done";
    for _ in 0..2 {
        assert_eq!(g.debug("sh", &[kill]).unwrap().to_string().trim(), "killed");
        assert_eq!(g.vfs_type("/dev/sda").unwrap(), "ext4");
    }
    scene.end(g);
}
