//! `user_cancel` of every call that streams a file, at its first, a middle and its last chunk, from a
//! thread and from a signal handler.
//!
//! In: the generated facts about all calls, so that a new one is covered. Out: for each EINTR within
//! 200 ms of the cancellation, and a channel in step. A last chunk may have gone before the
//! cancellation is seen: then the call succeeds.

#![allow(unsafe_code)]

use crate::call::CallInfo;
use crate::error::{ErrorKind, Result};
use crate::fake::{bounded, ready, Peer, Raw};
use crate::handle::{Canceller, Handle};
use crate::rpc::Files;
use guestfs_protocol::message::{Header, CANCEL_FLAG, MAX_CHUNK_SIZE};
use std::cell::RefCell;
use std::io::Write;
use std::sync::mpsc::{channel, Receiver, Sender};
use std::time::{Duration, Instant};

/// From the cancellation to the end of the call.
const SOON: Duration = Duration::from_millis(200);
const CHUNKS: usize = 9;

#[derive(Debug, Clone, Copy, PartialEq)]
enum At {
    First,
    Middle,
    Last,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum From {
    Thread,
    Signal,
}

thread_local! {
    /// The handler runs on the thread that makes the call: no lock is taken in it.
    static MINE: RefCell<Option<Canceller>> = const { RefCell::new(None) };
}

extern "C" fn on_signal(_: libc::c_int) {
    MINE.with(|mine| {
        if let Ok(Some(canceller)) = mine.try_borrow().as_deref() {
            canceller.cancel();
        }
    });
}

fn streams() -> Vec<&'static CallInfo> {
    crate::ALL_CALLS.iter().copied().filter(|c| c.is_daemon() && (c.file_in || c.file_out)).collect()
}

/// The daemon's side of an upload: take `stop_after` chunks, have the call cancelled, take the rest.
fn take(peer: &mut Peer, h: &Header, stop_after: usize, tell: &Sender<()>) {
    let mut chunks = 0;
    loop {
        let Some((cancel, data)) = peer.chunk() else { return };
        if cancel {
            peer.error(h, "EINTR", "cancelled");
            return;
        }
        if data.is_empty() {
            peer.ok(h, &());
            return;
        }
        chunks += 1;
        if chunks == stop_after {
            let _ = tell.send(());
        }
    }
}

/// The daemon's side of a download: give chunks; have the call cancelled after some; obey.
fn give(peer: &mut Peer, h: &Header, stop_after: usize, tell: &Sender<()>) {
    peer.ok(h, &());
    for n in 1..=CHUNKS {
        peer.send_chunk(false, &[7; MAX_CHUNK_SIZE]);
        if n == stop_after {
            let _ = tell.send(());
            let mut word = [0; 4];
            std::io::Read::read_exact(&mut peer.sock, &mut word).unwrap();
            assert_eq!(u32::from_be_bytes(word), CANCEL_FLAG);
            peer.send_chunk(true, &[]);
            return;
        }
    }
    unreachable!("{stop_after} is one of {CHUNKS}");
}

/// Cancels when told to; the moment at which it did.
fn canceller(g: &Handle, from: From, told: Receiver<()>) -> std::thread::JoinHandle<Option<Instant>> {
    let canceller = g.canceller();
    // SAFETY: no preconditions.
    let me = unsafe { libc::pthread_self() } as usize;
    std::thread::spawn(move || {
        told.recv().ok()?;
        let now = Instant::now();
        match from {
            From::Thread => canceller.cancel(),
            // SAFETY: the thread is alive: it waits for this one before it ends.
            From::Signal => drop(unsafe { libc::pthread_kill(me as libc::pthread_t, libc::SIGUSR2) }),
        }
        Some(now)
    })
}

fn run(g: &Handle, info: &'static CallInfo, here: &str) -> Result<()> {
    let path = Some(here.as_bytes());
    let files = Files { file_in: path.filter(|_| info.file_in), file_out: path.filter(|_| info.file_out) };
    // Which arguments does not matter: the daemon here reads none.
    g.rpc::<Raw, ()>(info, 0, &Raw(Vec::new()), files)
}

fn cancelled(info: &'static CallInfo, at: At, from: From) {
    let name = format!("{} at its {at:?} chunk from a {from:?}", info.name);
    bounded(|| {
        let (tell, told) = channel();
        let upload = info.file_in;
        let stop_after = match at {
            At::First => 1,
            At::Middle => CHUNKS / 2,
            At::Last => CHUNKS,
        };
        let g = ready(move |mut peer| {
            let Some((h, _)) = peer.request() else { return };
            if upload {
                take(&mut peer, &h, stop_after, &tell);
            } else {
                give(&mut peer, &h, stop_after, &tell);
            }
            peer.serve();
        });
        MINE.with(|mine| *mine.borrow_mut() = Some(g.canceller()));
        let (reader, mut writer) = crate::fake::pipe();
        let source = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
        let later = canceller(&g, from, told);
        // Exactly so many chunks, and then nothing, neither data nor an end: the file is at its last chunk.
        let feeder = std::thread::spawn(move || {
            for _ in 0..CHUNKS {
                // Chunk by chunk: a pipe hands out what it has.
                if writer.write_all(&[1; MAX_CHUNK_SIZE]).is_err() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(2));
            }
            writer
        });
        let result = run(&g, info, if upload { &source } else { "/dev/null" });
        let ended = Instant::now();
        let error = result.expect_err(&name);
        assert_eq!((error.kind(), error.errno()), (&ErrorKind::Cancelled, libc::EINTR), "{name}: {error}");
        assert_eq!(error.message(), format!("{}: operation cancelled by user", info.name));
        let told_at = later.join().unwrap().unwrap_or_else(|| panic!("{name}: never came to it"));
        assert!(ended - told_at < SOON, "{name}: took {:?}", ended - told_at);
        g.ping_daemon().unwrap_or_else(|e| panic!("{name}: out of step: {e}"));
        // With nobody to read the rest the feeder ends.
        drop(reader);
        drop(feeder.join().unwrap());
    });
}

#[test]
fn every_transfer_is_cancelled_wherever_it_is() {
    // SAFETY: the handler only does what `Canceller::cancel` promises to be async-signal-safe.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_signal as *const () as usize;
        assert_eq!(libc::sigaction(libc::SIGUSR2, &action, std::ptr::null_mut()), 0);
    }
    let calls = streams();
    assert!(calls.iter().any(|c| c.name == "upload") && calls.iter().any(|c| c.name == "download"), "{calls:?}");
    for info in &calls {
        assert!(!(info.file_in && info.file_out), "{}: this test knows one direction at a time", info.name);
        for at in [At::First, At::Middle, At::Last] {
            for from in [From::Thread, From::Signal] {
                cancelled(info, at, from);
            }
        }
    }
    println!("{} calls: {:?}", calls.len(), calls.iter().map(|c| c.name).collect::<Vec<_>>());
}

/// What says that it can be cancelled can be: all streams of files say so.
#[test]
fn streams_are_cancellable() {
    let deaf: Vec<_> = streams().into_iter().filter(|c| !c.cancellable).map(|c| c.name).collect();
    println!("streams a file without the flag `cancellable`: {deaf:?}");
    // The flag is upstream's and about documentation: the library obeys in any case. What ends the daemon
    // is said to be cancellable although nothing is streamed.
    for info in crate::ALL_CALLS.iter().filter(|c| c.is_daemon() && c.cancellable && c.name != "internal_exit") {
        assert!(info.file_in || info.file_out, "{}: cancellable without a stream", info.name);
    }
}
