//! `user_cancel` from other threads and from a signal handler.

#![allow(unsafe_code)]

use super::{assert_lost, assert_sound, count_quits};
use crate::error::ErrorKind;
use crate::fake::{bounded, ready, Peer};
use crate::handle::{Canceller, Handle};
use guestfs_protocol::message::{Header, CANCEL_FLAG};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Take chunks until one is the cancelling one.
fn until_cancelled(peer: &mut Peer) -> u64 {
    let mut bytes = 0;
    loop {
        match peer.chunk().unwrap() {
            (true, _) => return bytes,
            (false, data) => {
                assert!(!data.is_empty(), "ended instead of cancelled");
                bytes += data.len() as u64;
            }
        }
    }
}

fn cancel_later(g: &Handle) -> std::thread::JoinHandle<()> {
    let canceller = g.canceller();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        canceller.cancel();
    })
}

#[test]
fn an_upload_is_cancelled() {
    bounded(|| {
        let g = ready(|mut peer| {
            for _ in 0..2 {
                let (h, _) = peer.request().unwrap();
                until_cancelled(&mut peer);
                peer.error(&h, "EINTR", "cancelled");
            }
            peer.serve();
        });
        for _ in 0..2 {
            let later = cancel_later(&g);
            let e = g.upload("/dev/zero", "/x").unwrap_err();
            later.join().unwrap();
            assert_eq!(*e.kind(), ErrorKind::Cancelled);
            assert_eq!(e.errno(), libc::EINTR);
            assert_eq!(e.message(), "upload: operation cancelled by user");
        }
        g.ping_daemon().unwrap();
    });
}

/// The source is a pipe with nothing in it.
#[test]
fn an_upload_that_waits_for_its_source_is_cancelled() {
    bounded(|| {
        let g = ready(|mut peer| {
            let (h, _) = peer.request().unwrap();
            until_cancelled(&mut peer);
            peer.error(&h, "EINTR", "cancelled");
            peer.serve();
        });
        let (reader, writer) = crate::fake::pipe();
        let later = cancel_later(&g);
        let path = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
        let started = Instant::now();
        let e = g.upload(path.as_bytes(), "/x").unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(2));
        assert_eq!(e.errno(), libc::EINTR);
        drop(writer);
        later.join().unwrap();
        assert_sound(&g, &e);
    });
}

#[test]
fn a_download_is_cancelled() {
    bounded(|| {
        let g = ready(|mut peer| {
            let (h, _) = peer.request().unwrap();
            peer.ok(&h, &());
            let mut reader = peer.sock.try_clone().unwrap();
            let stop = std::thread::spawn(move || {
                let mut word = [0; 4];
                std::io::Read::read_exact(&mut reader, &mut word).unwrap();
                assert_eq!(u32::from_be_bytes(word), CANCEL_FLAG);
            });
            while !stop.is_finished() {
                peer.send_chunk(false, &[7; 8192]);
            }
            peer.send_chunk(true, &[]);
            peer.serve();
        });
        let later = cancel_later(&g);
        let e = g.download("/x", "/dev/null").unwrap_err();
        later.join().unwrap();
        assert_eq!(e.errno(), libc::EINTR);
        assert_sound(&g, &e);
    });
}

/// The daemon is thinking and sends nothing: cancelling still ends the call.
#[test]
fn a_silent_download_is_cancelled_and_given_up() {
    bounded(|| {
        let g = ready(|mut peer| {
            let (h, _) = peer.request().unwrap();
            peer.ok(&h, &());
            let _ = std::io::copy(&mut peer.sock, &mut std::io::sink());
        });
        let quits = count_quits(&g);
        let later = cancel_later(&g);
        let e = g.download("/x", "/dev/null").unwrap_err();
        later.join().unwrap();
        assert_lost(&g, &quits, &e, &ErrorKind::ApplianceDied);
    });
}

/// A daemon that never answers a cancelled upload is cut off.
#[test]
fn a_cancelled_upload_without_an_answer() {
    bounded(|| {
        let g = ready(|mut peer| {
            peer.request().unwrap();
            until_cancelled(&mut peer);
            let _ = std::io::copy(&mut peer.sock, &mut std::io::sink());
        });
        let quits = count_quits(&g);
        let later = cancel_later(&g);
        let e = g.upload("/dev/zero", "/x").unwrap_err();
        later.join().unwrap();
        assert_lost(&g, &quits, &e, &ErrorKind::ApplianceDied);
    });
}

/// A cancellation while nothing runs is forgotten.
#[test]
fn an_early_cancel_is_forgotten() {
    bounded(|| {
        let g = ready(|mut peer| {
            let (h, _) = peer.request().unwrap();
            while !peer.chunk().unwrap().1.is_empty() {}
            peer.ok(&h, &());
            peer.serve();
        });
        g.user_cancel().unwrap();
        g.user_cancel().unwrap();
        g.upload("/proc/self/status", "/x").unwrap();
    });
}

static SIGNALLED: OnceLock<Canceller> = OnceLock::new();

extern "C" fn on_signal(_: libc::c_int) {
    if let Some(canceller) = SIGNALLED.get() {
        canceller.cancel();
    }
}

#[test]
fn a_signal_handler_cancels() {
    bounded(|| {
        let g = ready(|mut peer| {
            let (h, _) = peer.request().unwrap();
            until_cancelled(&mut peer);
            peer.error(&h, "EINTR", "cancelled");
            peer.serve();
        });
        SIGNALLED.set(g.canceller()).ok().unwrap();
        // SAFETY: the handler only does what `Canceller::cancel` promises to be async-signal-safe.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_signal as *const () as usize;
            assert_eq!(libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()), 0);
        }
        // SAFETY: no preconditions.
        let me = unsafe { libc::pthread_self() } as usize;
        let later = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            // SAFETY: the thread is alive: it waits for this one below.
            unsafe { libc::pthread_kill(me as libc::pthread_t, libc::SIGUSR1) };
        });
        let e = g.upload("/dev/zero", "/x").unwrap_err();
        later.join().unwrap();
        assert_eq!(e.errno(), libc::EINTR);
        assert_sound(&g, &e);
    });
}

/// Wait for the library's wish to stop.
fn cancel_word(peer: &mut Peer) {
    let mut word = [0; 4];
    std::io::Read::read_exact(&mut peer.sock, &mut word).unwrap();
    assert_eq!(u32::from_be_bytes(word), CANCEL_FLAG);
}

/// A handle whose daemon listens to cancel words in every call.
fn heeding(script: impl FnOnce(Peer) + Send + 'static) -> Handle {
    let g = ready(script);
    let mut lease = g.lease(&crate::client::info::DEBUG).unwrap();
    lease.connection().unwrap().heeds_cancel = true;
    lease.release();
    g
}

#[test]
fn any_call_is_cancelled() {
    bounded(|| {
        let g = heeding(|mut peer| {
            let (h, _) = peer.request().unwrap();
            cancel_word(&mut peer);
            peer.raw(&CANCEL_FLAG.to_be_bytes());
            peer.error(&h, "EINTR", "cancelled by the library");
            peer.serve();
        });
        let later = cancel_later(&g);
        let e = g.ping_daemon().unwrap_err();
        later.join().unwrap();
        assert_eq!((e.kind(), e.errno()), (&ErrorKind::Cancelled, libc::EINTR));
        assert_eq!(e.message(), "ping_daemon: operation cancelled by user");
        assert_sound(&g, &e);
    });
}

/// It was done already: the word is on its way, and stands in front of the next request.
#[test]
fn a_call_that_was_just_done_succeeds() {
    bounded(|| {
        let g = heeding(|mut peer| {
            for _ in 0..2 {
                let (h, _) = peer.request().unwrap();
                cancel_word(&mut peer);
                peer.ok(&h, &());
            }
            peer.serve();
        });
        for _ in 0..2 {
            let later = cancel_later(&g);
            g.ping_daemon().unwrap();
            later.join().unwrap();
        }
        g.ping_daemon().unwrap();
    });
}

/// One that says it is at it gets more time, but not for ever.
#[test]
fn a_daemon_that_is_stopping() {
    for times in [4, 1000] {
        bounded(|| {
            let g = heeding(move |mut peer| {
                let Some((h, _)) = peer.request() else { return };
                cancel_word(&mut peer);
                for _ in 0..times {
                    peer.raw(&CANCEL_FLAG.to_be_bytes());
                    std::thread::sleep(Duration::from_millis(200));
                }
                peer.error(&h, "EINTR", "cancelled by the library");
                peer.serve();
            });
            let quits = count_quits(&g);
            let later = cancel_later(&g);
            let e = g.ping_daemon().unwrap_err();
            later.join().unwrap();
            assert_eq!(e.errno(), libc::EINTR);
            match times {
                4 => assert_sound(&g, &e),
                _ => assert_lost(&g, &quits, &e, &ErrorKind::ApplianceDied),
            }
        });
    }
}

/// Whatever it does instead, and whether it can be asked at all: the machine is given up.
#[test]
fn a_call_that_does_not_stop() {
    let silent: fn(Peer, Header) = |mut peer, _| drop(std::io::copy(&mut peer.sock, &mut std::io::sink()));
    let talking: fn(Peer, Header) = |mut peer, h| {
        let mut position = 0;
        while peer.progress(&h, position, u64::MAX) {
            position += 1;
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let dripping: fn(Peer, Header) = |mut peer, _| {
        peer.raw(&1000u32.to_be_bytes());
        while peer.raw(&[0]) {
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    for script in [silent, talking, dripping] {
        for asked in [false, true] {
            bounded(|| {
                let script = move |mut peer: Peer| {
                    let (h, _) = peer.request().unwrap();
                    script(peer, h);
                };
                let g = if asked { heeding(script) } else { ready(script) };
                let quits = count_quits(&g);
                let later = cancel_later(&g);
                let begun = Instant::now();
                let e = g.ping_daemon().unwrap_err();
                assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
                later.join().unwrap();
                assert_eq!(e.errno(), libc::EINTR);
                assert!(e.message().to_string().contains("cancelled by user; the appliance did not stop"), "{e}");
                assert_lost(&g, &quits, &e, &ErrorKind::ApplianceDied);
            });
        }
    }
}

/// All of it was sent, and the daemon waits for a disk that takes nothing.
#[test]
fn an_upload_is_cancelled_after_its_last_chunk() {
    bounded(|| {
        let g = ready(|mut peer| {
            let (_h, _) = peer.request().unwrap();
            while !peer.chunk().unwrap().1.is_empty() {}
            let _ = std::io::copy(&mut peer.sock, &mut std::io::sink());
        });
        let quits = count_quits(&g);
        let later = cancel_later(&g);
        let e = g.upload("/proc/self/status", "/x").unwrap_err();
        later.join().unwrap();
        assert_eq!(e.errno(), libc::EINTR);
        assert_lost(&g, &quits, &e, &ErrorKind::ApplianceDied);
    });
}

/// A call of the user's that is made of several does not go on with the next.
#[test]
fn a_cancelled_call_begins_no_other() {
    bounded(|| {
        let g = heeding(|mut peer| {
            let (h, _) = peer.request().unwrap();
            cancel_word(&mut peer);
            peer.error(&h, "EINTR", "cancelled by the library");
            assert!(peer.request().is_none());
        });
        let _outer = g.enter_call();
        let later = cancel_later(&g);
        for _ in 0..2 {
            assert_eq!(*g.ping_daemon().unwrap_err().kind(), ErrorKind::Cancelled);
        }
        later.join().unwrap();
    });
}

/// The sync at the end has an end, unless it gets on.
#[test]
fn shutdown_and_close_end_whatever_the_daemon_does() {
    let silent: fn(Peer, Header) = |mut peer, _| drop(std::io::copy(&mut peer.sock, &mut std::io::sink()));
    let dripping: fn(Peer, Header) = |mut peer, _| {
        peer.raw(&1000u32.to_be_bytes());
        while peer.raw(&[0]) {
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let repeating: fn(Peer, Header) = |mut peer, h| {
        while peer.progress(&h, 1, 2) {
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let rising: fn(Peer, Header) = |mut peer, h| {
        let mut position = 1;
        while peer.progress(&h, position, u64::MAX) {
            position += 1;
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let slow_but_sure: fn(Peer, Header) = |mut peer, h| {
        for position in 1..=8 {
            std::thread::sleep(Duration::from_millis(100));
            peer.progress(&h, position, 8);
        }
        peer.ok(&h, &());
    };
    let cases = [
        ("silent", silent),
        ("dripping", dripping),
        ("repeating", repeating),
        ("rising", rising),
        ("slow", slow_but_sure),
    ];
    for (name, script) in cases {
        for close in [false, true] {
            bounded(|| {
                let g = ready(move |mut peer| {
                    let (h, _) = peer.request().unwrap();
                    script(peer, h);
                });
                g.set_autosync(true).unwrap();
                let begun = Instant::now();
                if close {
                    g.close();
                } else {
                    let result = g.shutdown();
                    assert_eq!(g.state(), crate::State::Config, "{name}");
                    match name {
                        "slow" => result.unwrap(),
                        _ => assert_eq!(result.unwrap_err().errno(), libc::ETIMEDOUT, "{name}"),
                    }
                }
                assert!(begun.elapsed() < Duration::from_secs(10), "{name}: {:?}", begun.elapsed());
            });
        }
    }
}

/// What is not written yet would be lost with the machine.
#[test]
fn a_cancelled_shutdown_leaves_the_machine_and_a_close_is_not_cancelled() {
    bounded(|| {
        let g = heeding(|mut peer| {
            let (h, _) = peer.request().unwrap();
            cancel_word(&mut peer);
            peer.error(&h, "EINTR", "cancelled by the library");
            let (h, _) = peer.request().unwrap();
            std::thread::sleep(Duration::from_millis(500));
            peer.ok(&h, &());
            // No word came while the close was waiting.
            assert!(peer.request().is_none());
        });
        g.set_autosync(true).unwrap();
        let later = cancel_later(&g);
        assert_eq!(*g.shutdown().unwrap_err().kind(), ErrorKind::Cancelled);
        later.join().unwrap();
        assert_eq!(g.state(), crate::State::Ready);
        let later = cancel_later(&g);
        let begun = Instant::now();
        g.close();
        assert!(begun.elapsed() >= Duration::from_millis(400), "{:?}", begun.elapsed());
        later.join().unwrap();
    });
}
