//! `user_cancel` from other threads and from a signal handler.

#![allow(unsafe_code)]

use super::{assert_lost, assert_sound, count_quits};
use crate::error::ErrorKind;
use crate::fake::{bounded, ready, Peer};
use crate::handle::{Canceller, Handle};
use guestfs_protocol::message::CANCEL_FLAG;
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
        let (reader, writer) = std::io::pipe().unwrap();
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
