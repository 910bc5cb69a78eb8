//! Before the hello nothing else is served, and a bad one changes nothing.

mod common;

use common::Daemon;
use guestfs_protocol::args::{DebugArgs, MkdirArgs, UploadArgs};
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
