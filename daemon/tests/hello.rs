//! Before the hello nothing else is served, and a bad one changes nothing.

mod common;

use common::Daemon;
use guestfs_protocol::args::{ChecksumArgs, DebugArgs, MkdirArgs, UploadArgs};
use guestfs_protocol::message::{Status, CANCEL_FLAG};
use guestfs_protocol::procs;
use guestfs_protocol::rets::DebugRet;

fn waiting() -> Daemon {
    Daemon::with(|ctx| ctx.await_hello())
}

fn debug(words: &[&str]) -> DebugArgs {
    let (first, rest) = words.split_first().unwrap();
    DebugArgs { subcmd: (*first).into(), extraargs: rest.iter().map(|w| (*w).into()).collect() }
}

#[test]
fn everything_else_is_refused_until_then() {
    let mut d = waiting();
    assert_eq!(d.call(procs::PING_DAEMON, &()).error().0, "EPROTO");
    assert_eq!(d.call(procs::MKDIR, &MkdirArgs { path: "/d".into() }).error().0, "EPROTO");
    assert_eq!(d.call(procs::DEBUG, &debug(&["help"])).error().0, "EPROTO");
    let header = d.header(procs::UPLOAD);
    d.send(&header, &UploadArgs { remotefilename: "/f".into() });
    d.file_in(b"content");
    assert_eq!(d.answer(&header).error().0, "EPROTO");
    assert_eq!(std::fs::read_dir(d.guest()).unwrap().count(), 0);

    let ret: DebugRet = d.ok(procs::DEBUG, &debug(&["guestfs-rs", "v=1"]));
    assert!(ret.result.starts_with(b"v=1 chunk=8192 version="), "{}", ret.result);
    d.ping();
}

#[test]
fn a_bad_hello_is_none() {
    let mut d = waiting();
    for bad in [
        &["guestfs-rs"][..],
        &["guestfs-rs", "v=2"],
        &["guestfs-rs", "v=1", "nonsense"],
        &["guestfs-rs", "v=1", "chunk=many"],
        &["guestfs-rs", "v=1", "time=now"],
        &["guestfs-rs", "v=1", "entropy=00"],
        &["guestfs-rs", "v=1", "disk=0:floppy:0"],
    ] {
        d.call(procs::DEBUG, &debug(bad)).error();
        assert_eq!(d.call(procs::PING_DAEMON, &()).error().0, "EPROTO", "{bad:?}");
    }
    let _: DebugRet = d.ok(procs::DEBUG, &debug(&["guestfs-rs", "v=1", "later=words"]));
    d.ping();
}

/// A session in which cancel words are heard in every call, and a file that takes long to be read.
fn heeding() -> Daemon {
    let mut d = Daemon::start();
    let ret: DebugRet = d.ok(procs::DEBUG, &debug(&["guestfs-rs", "v=1", "cancel=1"]));
    assert!(ret.result.ends_with(b" cancel=1"), "{}", ret.result);
    std::fs::File::create(d.file("huge")).unwrap().set_len(1 << 40).unwrap();
    d
}

#[test]
fn any_call_is_cancelled() {
    let mut d = heeding();
    for _ in 0..2 {
        let header = d.header(procs::CHECKSUM);
        d.send(&header, &ChecksumArgs { csumtype: "md5".into(), path: "/huge".into() });
        d.word(CANCEL_FLAG);
        // The word was heard: it comes back before the answer.
        let (heard, answer) = d.answer_after(&header);
        let (errno, message) = answer.error();
        assert_eq!((heard, errno.as_str()), (1, "EINTR"), "{message}");
    }
    // Behind an upload, too.
    let header = d.header(procs::UPLOAD);
    d.send(&header, &UploadArgs { remotefilename: "/f".into() });
    d.file_in(b"content");
    d.word(CANCEL_FLAG);
    // It may have been as good as done.
    let (_, answer) = d.answer_after(&header);
    assert!(answer.header.status == Status::Ok || answer.error().0 == "EINTR");
    d.ping();
}

#[test]
fn a_cancel_word_that_comes_too_late_means_nothing() {
    let mut d = heeding();
    for _ in 0..3 {
        d.ping();
        // The answer was on its way already: the word stands in front of the next request.
        d.word(CANCEL_FLAG);
        d.word(CANCEL_FLAG);
        let header = d.header(procs::MKDIR);
        d.send(&header, &MkdirArgs { path: "/d".into() });
        let (heard, answer) = d.answer_after(&header);
        assert_eq!(heard, 0);
        let () = answer.ok();
        std::fs::remove_dir(d.file("d")).unwrap();
    }
}

/// Debian's library never says so, and a word from it outside of a transfer is none.
#[test]
fn without_the_word_of_the_hello_nothing_is_cancelled() {
    let mut d = Daemon::start();
    let header = d.header(procs::DEBUG);
    d.send(&header, &debug(&["progress", "1", "100"]));
    d.word(CANCEL_FLAG);
    let (heard, answer) = d.answer_after(&header);
    assert_eq!(heard, 0);
    let _: DebugRet = answer.ok();
    d.ping();
}

#[test]
fn a_library_that_hangs_up_ends_the_running_call() {
    let mut d = heeding();
    let header = d.header(procs::CHECKSUM);
    d.send(&header, &ChecksumArgs { csumtype: "md5".into(), path: "/huge".into() });
    let error = d.end().unwrap_err();
    assert!(error.contains("channel to the library"), "{error}");
}
