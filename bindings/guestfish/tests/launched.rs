//! guestfish with a running appliance: the same output and status as Debian's.
//!
//! `UPDATE=1` records `launched.txt` anew from Debian's guestfish, which must be able to launch.

#[path = "support/corpus.rs"]
mod cases;
#[path = "support/environment.rs"]
mod environment;
#[path = "support/terminal.rs"]
mod terminal;

use cases::{compare, run, Corpus};
use std::path::Path;
use std::time::{Duration, Instant};
use terminal::{Terminal, PROMPT};

#[test]
fn launched() {
    let mut corpus = Corpus::read("launched.txt");
    if std::env::var_os("UPDATE").is_none() {
        return compare(&corpus, Path::new(env!("CARGO_BIN_EXE_guestfish")));
    }
    for case in &mut corpus.cases {
        case.answer(run(Path::new("/usr/bin/guestfish"), case));
    }
    corpus.write();
}

/// A shell with a mounted file system.
fn mounted() -> Terminal {
    let mut t = Terminal::open(&["-N", "fs:ext4:1G", "-m", "/dev/sda1"], &[]);
    t.wait(PROMPT);
    t
}

#[test]
fn ctrl_c_cancels_the_call_and_not_the_shell() {
    let mut t = mounted();
    t.keys("upload /dev/zero /endless\r");
    t.wait("/endless");
    // Before the disk is full: that takes two seconds.
    std::thread::sleep(Duration::from_millis(300));
    t.keys("\x03");
    t.wait("error: ");
    t.wait("cancel");
    t.wait(PROMPT);
    t.keys("rm-f /endless\r");
    t.wait(PROMPT);
    t.keys("write /f still-there\r");
    t.wait(PROMPT);
    t.keys("cat /f | tr a-z A-Z\r");
    t.wait("STILL-THERE");
    t.keys("quit\r");
    assert_eq!(t.end(), 0);
}

#[test]
fn ctrl_c_ends_a_launch_and_not_the_shell() {
    // A boot takes long enough to be interrupted.
    let mut t = Terminal::open(&[], &[("LIBGUESTFS_BACKEND_SETTINGS", "no_snapshot")]);
    t.wait(PROMPT);
    t.keys("sparse disk.img 100M\r");
    t.wait(PROMPT);
    t.keys("run\r");
    std::thread::sleep(Duration::from_millis(400));
    let interrupted = Instant::now();
    t.keys("\x03");
    t.wait("cancelled");
    t.wait(PROMPT);
    assert!(interrupted.elapsed() < Duration::from_secs(2), "{:?}", interrupted.elapsed());
    t.keys("run\r");
    t.wait(PROMPT);
    t.keys("list-devices\r");
    t.wait("/dev/sda");
    t.keys("quit\r");
    assert_eq!(t.end(), 0);
}

#[test]
fn ctrl_c_stops_a_download_wherever_it_is() {
    let mut t = mounted();
    t.keys("touch /huge\r");
    t.wait(PROMPT);
    t.keys("truncate-size /huge 64G\r");
    t.wait(PROMPT);
    for after in [0, 30, 300] {
        t.keys("download /huge /dev/null\r");
        t.wait("/dev/null");
        std::thread::sleep(Duration::from_millis(50 + after));
        let interrupted = Instant::now();
        t.keys("\x03");
        t.wait("cancel");
        t.wait(PROMPT);
        assert!(interrupted.elapsed() < Duration::from_secs(2), "{:?}", interrupted.elapsed());
    }
    t.keys("write /f still-there\r");
    t.wait(PROMPT);
    t.keys("cat /f | tr a-z A-Z\r");
    t.wait("STILL-THERE");
    t.keys("quit\r");
    assert_eq!(t.end(), 0);
}

/// Without a prompt there is nothing to come back to.
#[test]
fn ctrl_c_ends_a_command_line() {
    let mut t = Terminal::open(&["-N", "fs:ext4:1G", "-m", "/dev/sda1", "upload", "/dev/zero", "/endless"], &[]);
    // Nothing says how far it is: before, during or after the launch.
    std::thread::sleep(Duration::from_secs(1));
    let interrupted = Instant::now();
    t.keys("\x03");
    assert_eq!(t.end(), 1);
    assert!(interrupted.elapsed() < Duration::from_secs(2), "{:?}", interrupted.elapsed());
}

#[test]
fn completion_looks_into_the_guest() {
    let mut t = mounted();
    t.keys("mkdir '/dir with blanks'\r");
    t.wait(PROMPT);
    t.keys("touch /Unique-name\r");
    t.wait(PROMPT);
    t.keys("is-file /uni\t");
    t.wait("/Unique-name ");
    t.keys("\r");
    t.wait("true");
    t.wait(PROMPT);
    t.keys("is-dir /dir\t");
    t.wait("'/dir with blanks/'");
    t.keys("\r");
    t.wait("true");
    t.wait(PROMPT);
    t.keys("blockdev-getsize64 /dev/sda1\t");
    t.wait("/dev/sda1 ");
    t.keys("\r");
    t.wait("107361");
    t.wait(PROMPT);
    t.keys("quit\r");
    assert_eq!(t.end(), 0);
}

#[test]
fn long_calls_show_how_far_they_are() {
    let mut t = mounted();
    // Bars come after two seconds, which no transfer takes for certain.
    t.keys("debug progress 5\r");
    t.wait("% [#");
    t.wait(PROMPT);
    t.keys("quit\r");
    assert_eq!(t.end(), 0);
}
