//! Scripted misbehaviours, one line or a few each: replies.
//!
//! In: what a call does and what the daemon does. Out: for each the promised end — an error that names
//! what was wrong, little memory, a handle closed within two seconds — all of them checked at once.

use super::count_quits;
use crate::client::info;
use crate::error::{ErrorKind, Result};
use crate::fake::{adopt, bounded_by, machine, ok_frame, peak_allocation, Peer, Raw};
use crate::handle::{Handle, State};
use crate::rpc::Files;
use guestfs_protocol::message::{frame, Direction, Header, Progress, Status, CANCEL_FLAG, LAUNCH_FLAG, PROGRESS_FLAG};
use guestfs_protocol::rets::IsFileRet;
use guestfs_protocol::xdr::{self, MESSAGE_MAX};
use std::sync::atomic::Ordering;
use std::thread::{Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

/// How a call ends.
#[derive(Clone, Copy)]
pub(super) enum End {
    /// Well.
    Fine,
    /// With an error that contains this; the connection is as good as before.
    Failed(&'static str),
    /// With an error that contains this; the connection is closed and the handle in CONFIG.
    Lost(&'static str),
}

/// What the daemon does after its script.
pub(super) enum Then {
    /// Behaves.
    Serve,
    /// Reads and says nothing.
    Silent,
    Close,
}

/// One misbehaviour.
pub(super) struct Case {
    pub name: &'static str,
    pub call: fn(&Handle) -> Result<()>,
    /// Given the call's header, which was read already.
    pub script: fn(&mut Peer, Header) -> Then,
    pub end: End,
}

/// What an error may take: its own patience in these tests is 0.4 s, and 0.6 s after a cancel.
const SOON: Duration = Duration::from_secs(2);
const MEMORY: usize = 16 << 20;

/// Run all cases at once; panic with everything that was wrong.
pub(super) fn check(cases: &[Case]) {
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let running: Vec<_> = cases.iter().map(|case| (case.name, named(scope, case))).collect();
        let ended = running.into_iter().map(|(name, thread)| (name, thread.join()));
        ended
            .filter_map(|(name, result)| match result {
                Ok(Ok(())) => None,
                Ok(Err(why)) => Some(format!("{name}: {why}")),
                Err(_) => Some(format!("{name}: panicked, see above")),
            })
            .collect()
    });
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    println!("{} misbehaviours", cases.len());
}

/// A thread that says by its name what hangs, if it does.
fn named<'s>(scope: &'s Scope<'s, '_>, case: &'s Case) -> ScopedJoinHandle<'s, std::result::Result<(), String>> {
    let run = || bounded_by(10 * SOON, || one(case));
    std::thread::Builder::new().name(case.name.into()).spawn_scoped(scope, run).unwrap()
}

fn one(case: &Case) -> std::result::Result<(), String> {
    let script = case.script;
    let g = adopt(machine(move |mut peer| {
        let Some((header, _)) = peer.request() else { return };
        match script(&mut peer, header) {
            Then::Serve => peer.serve(),
            Then::Silent => drop(std::io::copy(&mut peer.sock, &mut std::io::sink())),
            Then::Close => {}
        }
    }));
    let quits = count_quits(&g);
    let (begun, call) = (Instant::now(), case.call);
    let (peak, result) = peak_allocation(|| call(&g));
    let took = begun.elapsed();
    let (state, quits) = (g.state(), quits.load(Ordering::SeqCst));
    let ensure = |what: &str, holds: bool| if holds { Ok(()) } else { Err(format!("{what}: {result:?} {state:?}")) };
    ensure(&format!("took {took:?}"), took < SOON)?;
    ensure(&format!("took {peak} bytes of memory"), peak < MEMORY)?;
    match (case.end, &result) {
        (End::Fine, Ok(())) => {}
        (End::Failed(says) | End::Lost(says), Err(e)) => {
            ensure(&format!("does not say {says:?}"), e.message().to_string().contains(says))?;
            ensure("says too much", e.message().len() < 70_000)?;
        }
        _ => return ensure("ended otherwise", false),
    }
    if let End::Lost(_) = case.end {
        ensure("is not closed", state == State::Config && quits == 1)?;
        let after = g.ping_daemon().err().map(|e| e.kind().clone());
        ensure(&format!("then {after:?}"), after == Some(ErrorKind::NotLaunched))?;
    } else {
        ensure("was closed", state == State::Ready && quits == 0)?;
        let next = g.ping_daemon();
        ensure(&format!("then {next:?}"), next.is_ok())?;
    }
    let closing = Instant::now();
    g.close();
    ensure(&format!("close took {:?}", closing.elapsed()), closing.elapsed() < SOON)
}

fn is_file(g: &Handle) -> Result<()> {
    g.is_file("/x", Default::default()).map(drop)
}

/// What comes too much is noticed when the second call begins if it came together with the reply, or
/// else in place of the second reply: the words differ.
fn twice(g: &Handle) -> Result<()> {
    g.ping_daemon().unwrap();
    // What comes too much shall have come.
    std::thread::sleep(Duration::from_millis(50));
    g.ping_daemon()
}

fn list(g: &Handle) -> Result<()> {
    g.list_devices().map(drop)
}

fn cat(g: &Handle) -> Result<()> {
    g.rpc::<(), bstr::BString>(&info::PING_DAEMON, 0, &(), Files::default()).map(drop)
}

fn buffer(g: &Handle) -> Result<()> {
    g.pread("/x", 10, 0).map(drop)
}

fn optional(g: &Handle) -> Result<()> {
    g.rpc::<(), Option<u32>>(&info::PING_DAEMON, 0, &(), Files::default()).map(drop)
}

/// A good reply with a wrong header.
fn with(p: &mut Peer, h: &Header, change: fn(&mut Header)) -> Then {
    let mut reply = Header::reply(h.proc, h.serial, Status::Ok);
    change(&mut reply);
    p.raw(&frame(&reply, |e| e.put(&IsFileRet { fileflag: true })).unwrap());
    Then::Silent
}

/// A good reply with a wrong word in its header.
fn word(p: &mut Peer, h: &Header, at: usize, word: u32) -> Then {
    let mut bytes = ok_frame(h, &IsFileRet { fileflag: true });
    bytes[4 + at..8 + at].copy_from_slice(&word.to_be_bytes());
    p.raw(&bytes);
    Then::Silent
}

pub(super) fn words(p: &mut Peer, words: &[u32]) -> Then {
    for w in words {
        p.raw(&w.to_be_bytes());
    }
    Then::Silent
}

/// A good header, then these words.
fn body(p: &mut Peer, h: &Header, words: &[u32]) -> Then {
    p.ok(h, &Raw(words.iter().flat_map(|w| w.to_be_bytes()).collect()));
    Then::Silent
}

fn failure(p: &mut Peer, h: &Header, errno: &[u8], text: &[u8]) -> Then {
    p.raw(
        &frame(&Header::reply(h.proc, h.serial, Status::Error), |e| {
            e.opaque(errno)?;
            e.opaque(text)
        })
        .unwrap(),
    );
    Then::Serve
}

pub(super) fn progress(p: &mut Peer, message: &Progress) -> bool {
    let bytes = [&PROGRESS_FLAG.to_be_bytes()[..], &xdr::to_vec(message).unwrap()].concat();
    p.raw(&bytes)
}

use End::{Failed, Fine, Lost};

#[rustfmt::skip]
const REPLIES: &[Case] = &[
    Case { name: "wrong program", call: is_file, script: |p, h| with(p, &h, |r| r.program ^= 1), end: Lost("program") },
    Case { name: "wrong version", call: is_file, script: |p, h| with(p, &h, |r| r.version = 1), end: Lost("version 1 instead of 4") },
    Case { name: "wrong procedure", call: is_file, script: |p, h| with(p, &h, |r| r.proc += 1), end: Lost("procedure") },
    Case { name: "negative procedure", call: is_file, script: |p, h| with(p, &h, |r| r.proc = -1), end: Lost("procedure -1") },
    Case { name: "serial of the call before", call: is_file, script: |p, h| with(p, &h, |r| r.serial -= 1), end: Lost("serial") },
    Case { name: "serial of the next call", call: is_file, script: |p, h| with(p, &h, |r| r.serial += 1), end: Lost("serial") },
    Case { name: "a call", call: is_file, script: |p, h| with(p, &h, |r| r.direction = Direction::Call), end: Lost("a call instead of a reply") },
    Case { name: "direction 2", call: is_file, script: |p, h| word(p, &h, 12, 2), end: Lost("direction") },
    Case { name: "status 2", call: is_file, script: |p, h| word(p, &h, 36, 2), end: Lost("status") },
    Case { name: "status -1", call: is_file, script: |p, h| word(p, &h, 36, u32::MAX), end: Lost("status") },
    Case { name: "length 0", call: is_file, script: |p, _| words(p, &[0]), end: Lost("truncated") },
    Case { name: "length 1", call: is_file, script: |p, _| words(p, &[1, 0]), end: Lost("truncated") },
    Case { name: "length of a header less 1", call: is_file, script: |p, _| words(p, &[39, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), end: Lost("protocol") },
    Case { name: "length max + 1", call: is_file, script: |p, _| words(p, &[MESSAGE_MAX as u32 + 1]), end: Lost("4194305") },
    Case { name: "length 2^31 - 1", call: is_file, script: |p, _| words(p, &[0x7fff_ffff]), end: Lost("2147483647") },
    Case { name: "length 2^31", call: is_file, script: |p, _| words(p, &[0x8000_0000]), end: Lost("2147483648") },
    Case { name: "length 2^32 - 1", call: is_file, script: |p, _| words(p, &[u32::MAX]), end: Lost("4294967295") },
    Case { name: "length max, and nothing of it", call: is_file, script: |p, _| words(p, &[MESSAGE_MAX as u32]), end: Lost("the rest of a message") },
    Case { name: "launch word again", call: is_file, script: |p, _| words(p, &[LAUNCH_FLAG]), end: Lost("a launch word") },
    Case { name: "two cancel words for a call without files", call: is_file, script: |p, _| words(p, &[CANCEL_FLAG, CANCEL_FLAG]), end: Lost("a cancel word") },
    Case { name: "half a word, then silence", call: is_file, script: |p, _| { p.raw(&[0, 0]); Then::Silent }, end: Lost("the rest of a message") },
    Case { name: "half a word, then the end", call: is_file, script: |p, _| { p.raw(&[0, 0]); Then::Close }, end: Lost("closed the connection") },
    Case { name: "the end", call: is_file, script: |_, _| Then::Close, end: Lost("closed the connection") },
    Case { name: "reply twice", call: twice, script: |p, h| { p.ok(&h, &()); p.ok(&h, &()); Then::Serve }, end: Lost("broke the protocol") },
    Case { name: "reply to nobody", call: twice, script: |p, h| {
        p.ok(&h, &());
        p.ok(&Header::call(h.proc + 1, h.serial + 9, 0, 0), &());
        Then::Serve
    }, end: Lost("broke the protocol") },
    Case { name: "chunk instead of a reply", call: is_file, script: |p, _| { p.send_chunk(false, &[1; 100]); Then::Silent }, end: Lost("protocol") },
    Case { name: "cancelling chunk instead of a reply", call: is_file, script: |p, _| { p.send_chunk(true, &[]); Then::Silent }, end: Lost("protocol") },
    Case { name: "chunks after a reply", call: twice, script: |p, h| { p.ok(&h, &()); p.send_chunk(false, &[1; 100]); Then::Serve }, end: Lost("protocol") },
    Case { name: "no body", call: is_file, script: |p, h| body(p, &h, &[]), end: Lost("truncated") },
    Case { name: "stray bytes", call: is_file, script: |p, h| body(p, &h, &[1, 0]), end: Lost("4 stray bytes") },
    Case { name: "bool 2", call: is_file, script: |p, h| body(p, &h, &[2]), end: Lost("bool") },
    Case { name: "optional 2", call: optional, script: |p, h| body(p, &h, &[2, 7]), end: Lost("bool") },
    Case { name: "optional without its value", call: optional, script: |p, h| body(p, &h, &[1]), end: Lost("truncated") },
    Case { name: "list of 2^32 - 1", call: list, script: |p, h| body(p, &h, &[u32::MAX, 0, 0]), end: Lost("list of 4294967295") },
    Case { name: "list of 2^28 with little data", call: list, script: |p, h| body(p, &h, &[1 << 28, 1, 2, 3]), end: Lost("list") },
    Case { name: "list one short", call: list, script: |p, h| body(p, &h, &[2, 0]), end: Lost("list") },
    Case { name: "structs, 2^30 of them", call: |g| g.lvs_full().map(drop), script: |p, h| body(p, &h, &[1 << 30, 0]), end: Lost("list") },
    Case { name: "string longer than the message", call: cat, script: |p, h| body(p, &h, &[100, 0]), end: Lost("truncated") },
    Case { name: "string of 2^32 - 1", call: cat, script: |p, h| body(p, &h, &[u32::MAX, 0]), end: Lost("4294967295") },
    Case { name: "string with padding that is not 0", call: cat, script: |p, h| body(p, &h, &[1, 0x4100_0001]), end: Lost("padding") },
    Case { name: "string with a NUL", call: cat, script: |p, h| body(p, &h, &[4, 0x4100_4242]), end: Lost("NUL") },
    Case { name: "string that is not UTF-8", call: cat, script: |p, h| { body(p, &h, &[4, 0xfffe_c080]); Then::Serve }, end: Fine },
    Case { name: "buffer of size -1", call: buffer, script: |p, h| body(p, &h, &[-1i32 as u32]), end: Lost("4294967295") },
    Case { name: "buffer longer than the message", call: buffer, script: |p, h| body(p, &h, &[4 << 20, 0]), end: Lost("protocol") },
    Case { name: "table with a key too many", call: |g| g.mountpoints().map(drop), script: |p, h| { body(p, &h, &[1, 0]); Then::Serve }, end: Failed("odd number") },
    Case { name: "error without a body", call: is_file, script: |p, h| { p.raw(&frame(&Header::reply(h.proc, h.serial, Status::Error), |_| Ok(())).unwrap()); Then::Silent }, end: Lost("truncated") },
    Case { name: "error with an errno nobody knows", call: is_file, script: |p, h| failure(p, &h, b"EWHATEVER", b"no"), end: Failed("is_file: no") },
    Case { name: "error with an errno of 33 letters", call: is_file, script: |p, h| failure(p, &h, &[b'E'; 33], b"no"), end: Lost("33") },
    Case { name: "error with a text too long", call: is_file, script: |p, h| failure(p, &h, b"EIO", &[b'x'; 64 * 1024 + 1]), end: Lost("65537") },
    Case { name: "error with the longest text", call: is_file, script: |p, h| failure(p, &h, b"EIO", &[b'x'; 64 * 1024]), end: Failed("xxx") },
    Case { name: "error with a NUL in its text", call: is_file, script: |p, h| failure(p, &h, b"EIO", b"a\0b"), end: Lost("NUL") },
    Case { name: "error without a text", call: is_file, script: |p, h| failure(p, &h, b"", b""), end: Failed("is_file") },
    Case { name: "error twice", call: |g| { assert!(is_file(g).is_err()); is_file(g) }, script: |p, h| { failure(p, &h, b"EIO", b"1"); failure(p, &h, b"EIO", b"2") }, end: Lost("broke the protocol") },
    Case { name: "progress beyond its total", call: is_file, script: |p, h| { p.progress(&h, 3, 2); p.ok(&h, &IsFileRet { fileflag: true }); Then::Serve }, end: Fine },
    Case { name: "progress 0 of 0", call: is_file, script: |p, h| { p.progress(&h, 0, 0); p.ok(&h, &IsFileRet { fileflag: true }); Then::Serve }, end: Fine },
    Case { name: "progress 2^64 - 1", call: is_file, script: |p, h| { p.progress(&h, u64::MAX, u64::MAX); p.ok(&h, &IsFileRet { fileflag: true }); Then::Serve }, end: Fine },
    Case { name: "progress of another call", call: is_file, script: |p, h| {
        progress(p, &Progress { proc: -1, serial: h.serial ^ 1, position: 1, total: 2 });
        p.ok(&h, &IsFileRet { fileflag: true });
        Then::Serve
    }, end: Fine },
    Case { name: "much progress, then the end", call: is_file, script: |p, h| { for i in 0..20_000 { p.progress(&h, i, 1); } Then::Close }, end: Lost("closed the connection") },
    Case { name: "progress cut short", call: is_file, script: |p, h| words(p, &[PROGRESS_FLAG, h.proc as u32, h.serial]), end: Lost("the rest of a message") },
    Case { name: "a byte at a time", call: is_file, script: |p, h| {
        for byte in ok_frame(&h, &IsFileRet { fileflag: true }) {
            p.raw(&[byte]);
            std::thread::sleep(Duration::from_millis(5));
        }
        Then::Serve
    }, end: Fine },
];

#[test]
fn replies() {
    check(REPLIES);
}

/// A reply in two pieces, wherever it is cut, is a reply.
#[test]
fn replies_in_two_pieces() {
    let g = adopt(machine(|mut peer| {
        for cut in 1..48 {
            let Some((h, _)) = peer.request() else { return };
            let bytes = ok_frame(&h, &IsFileRet { fileflag: true });
            peer.raw(&bytes[..cut.min(bytes.len())]);
            std::thread::sleep(Duration::from_millis(3));
            peer.raw(&bytes[cut.min(bytes.len())..]);
        }
        peer.serve();
    }));
    for _ in 1..48 {
        assert!(g.is_file("/x", Default::default()).unwrap());
    }
    g.ping_daemon().unwrap();
}

/// The console never ends: calls do, and little of it is kept.
#[test]
fn endless_console_output() {
    use std::io::Write;
    let (console, mut screen) = std::os::unix::net::UnixStream::pair().unwrap();
    console.set_nonblocking(true).unwrap();
    let printer = std::thread::spawn(move || {
        let mut printed = 0;
        // Until the library hangs up.
        while let Ok(n) = screen.write(&[b'x'; 65536]) {
            printed += n;
        }
        printed
    });
    let mut m = machine(|mut peer| {
        let Some((h, _)) = peer.request() else { return };
        std::thread::sleep(Duration::from_millis(300));
        peer.ok(&h, &());
        let _ = peer.request();
        // Half an answer: patience ends in spite of the noise.
        peer.raw(&[0]);
        let _ = std::io::copy(&mut peer.sock, &mut std::io::sink());
    });
    m.console = Some(console);
    let g = adopt(m);
    let (peak, error) = peak_allocation(|| {
        g.ping_daemon().unwrap();
        let begun = Instant::now();
        let error = g.ping_daemon().unwrap_err();
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
        error
    });
    assert!(peak < 2 << 20, "{peak}");
    assert!(error.message().to_string().contains("the rest of a message"), "{error}");
    assert!(error.console().len() < 20_000, "{}", error.console().len());
    drop(g);
    assert!(printer.join().unwrap() > 1 << 20);
}
