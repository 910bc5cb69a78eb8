//! Scripted misbehaviours: a daemon that answers the hello.

use super::scripted::words;
use crate::error::{ErrorKind, LaunchFailure};
use crate::fake::{bounded_by, handle, machine, peak_allocation, Fleet, Peer};
use crate::handle::State;
use crate::launch::launch_on;
use guestfs_protocol::message::{Header, LAUNCH_FLAG};
use guestfs_protocol::rets::DebugRet;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(20);

struct Case {
    name: &'static str,
    script: fn(&mut Peer, Header),
    /// `None`: the launch goes well; else what the error says.
    says: Option<&'static str>,
}

fn answer(p: &mut Peer, h: &Header, text: &[u8]) {
    p.ok(h, &DebugRet { result: text.into() });
}

#[rustfmt::skip]
const HELLOS: &[Case] = &[
    Case { name: "as it should be", script: |p, h| answer(p, &h, b"v=1 chunk=65536"), says: None },
    Case { name: "another version", script: |p, h| answer(p, &h, b"v=2 chunk=65536"), says: Some("another hello: v=2") },
    Case { name: "no version", script: |p, h| answer(p, &h, b"chunk=65536"), says: Some("another hello") },
    Case { name: "nothing", script: |p, h| answer(p, &h, b""), says: Some("another hello") },
    Case { name: "garbage", script: |p, h| answer(p, &h, b"\xff\xfe=\x01 \x1b[2J"), says: Some("another hello") },
    Case { name: "chunks of 0", script: |p, h| answer(p, &h, b"v=1 chunk=0"), says: None },
    Case { name: "chunks of -1", script: |p, h| answer(p, &h, b"v=1 chunk=-1"), says: None },
    Case { name: "chunks of 2^40", script: |p, h| answer(p, &h, b"v=1 chunk=1099511627776"), says: None },
    Case { name: "chunks of 10^30", script: |p, h| answer(p, &h, b"v=1 chunk=1000000000000000000000000000000"), says: None },
    Case { name: "4 MiB of words", script: |p, h| answer(p, &h, &b"v=1 ".repeat((4 << 20) / 4 - 20)), says: None },
    Case { name: "4 MiB of one word", script: |p, h| answer(p, &h, &vec![b'v'; (4 << 20) - 100]), says: Some("another hello") },
    Case { name: "launch word again", script: |p, _| _ = words(p, &[LAUNCH_FLAG]), says: Some("a launch word") },
    Case { name: "wrong serial", script: |p, h| answer(p, &Header { serial: h.serial + 1, ..h }, b"v=1"), says: Some("serial") },
    Case { name: "length 2^32 - 1", script: |p, _| _ = words(p, &[u32::MAX]), says: Some("4294967295") },
    Case { name: "an error", script: |p, h| { p.error(&h, "EINVAL", "what?"); }, says: Some("refused the library's hello: debug: what?") },
    Case { name: "silence", script: |_, _| {}, says: Some("waited 0.3 s") },
    Case { name: "half a word", script: |p, _| { p.raw(&[0]); }, says: Some("waited") },
    Case { name: "endless progress", script: |p, h| while p.progress(&h, 1, 2) {}, says: Some("waited 0.3 s") },
    Case { name: "an answer that drips", script: |p, _| {
        words(p, &[1 << 20]);
        while p.raw(&[0]) {
            std::thread::sleep(Duration::from_millis(30));
        }
    }, says: Some("waited") },
    Case { name: "the end", script: |p, _| drop(p.sock.shutdown(std::net::Shutdown::Both)), says: Some("ended while being greeted") },
];

fn one(case: &Case) {
    let (name, script) = (case.name, case.script);
    let g = handle();
    let mut m = machine(move |mut peer| {
        peer.raw(&LAUNCH_FLAG.to_be_bytes());
        let Some((h, _)) = peer.request() else { return };
        script(&mut peer, h);
        peer.serve();
    });
    m.hello = Some(vec!["v=1".into(), "chunk=262144".into()]);
    m.silence = Duration::from_millis(300);
    let begun = Instant::now();
    let (peak, result) = peak_allocation(|| launch_on(&g, &mut Fleet(vec![m])));
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(2), "{name}: took {took:?}: {result:?}");
    // The answer, and the line that repeats it.
    assert!(peak < 32 << 20, "{name}: {peak} bytes of memory");
    match (case.says, result) {
        (None, Ok(())) => g.ping_daemon().unwrap(),
        (Some(says), Err(e)) => {
            assert!(e.message().to_string().contains(says), "{name}: {e}");
            assert!(matches!(e.kind(), ErrorKind::Launch(f) if *f != LaunchFailure::Host), "{name}: {e:?}");
            assert!(e.message().len() < 2000, "{name}: a message of {} bytes", e.message().len());
            assert_eq!(g.state(), State::Config, "{name}");
        }
        (says, result) => panic!("{name}: {result:?} instead of {says:?}"),
    }
}

#[test]
fn hellos() {
    std::thread::scope(|scope| {
        for case in HELLOS {
            std::thread::Builder::new()
                .name(case.name.into())
                .spawn_scoped(scope, || bounded_by(LIMIT, || one(case)))
                .unwrap();
        }
    });
}
