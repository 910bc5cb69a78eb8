//! Launching machines that behave, and machines that do not.

use super::*;
use crate::error::ErrorKind;
use crate::fake::{bounded, handle, machine, Fleet, Machine, Peer};
use guestfs_protocol::message::{CANCEL_FLAG, LAUNCH_FLAG};
use guestfs_protocol::rets::DebugRet;
use guestfs_protocol::xdr;
use std::io::Write;
use std::os::unix::net::UnixStream;

fn launch_word(peer: &mut Peer) {
    peer.raw(&LAUNCH_FLAG.to_be_bytes());
}

fn failure(e: &Error) -> &LaunchFailure {
    match e.kind() {
        ErrorKind::Launch(f) => f,
        other => panic!("{other:?}: {e}"),
    }
}

fn with_console(mut m: Machine) -> (Machine, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    m.console = Some(ours);
    (m, theirs)
}

#[test]
fn up_and_down() {
    bounded(|| {
        let g = handle();
        let m = machine(|mut peer| {
            launch_word(&mut peer);
            peer.serve();
        });
        launch_on(&g, &mut Fleet(vec![m])).unwrap();
        assert_eq!(g.state(), State::Ready);
        g.ping_daemon().unwrap();
        let e = g.set_memsize(500).unwrap_err();
        assert_eq!(e.message(), "set_memsize: this function can only be called in the config state");
        g.shutdown().unwrap();
        assert_eq!(g.state(), State::Config);
        g.shutdown().unwrap();
        let m = machine(|mut peer| {
            launch_word(&mut peer);
            peer.serve();
        });
        launch_on(&g, &mut Fleet(vec![m])).unwrap();
        g.ping_daemon().unwrap();
    });
}

#[test]
fn close_syncs() {
    bounded(|| {
        let (seen, calls) = std::sync::mpsc::channel();
        let g = handle();
        g.set_autosync(true).unwrap();
        let m = machine(move |mut peer| {
            launch_word(&mut peer);
            while let Some((h, _)) = peer.request() {
                seen.send(h.proc).unwrap();
                peer.ok(&h, &());
            }
        });
        launch_on(&g, &mut Fleet(vec![m])).unwrap();
        g.close();
        assert_eq!(calls.iter().collect::<Vec<_>>(), [guestfs_protocol::procs::INTERNAL_AUTOSYNC]);
    });
}

#[test]
fn the_hello_negotiates_chunks() {
    bounded(|| {
        let g = handle();
        let mut m = machine(|mut peer| {
            launch_word(&mut peer);
            let (h, args) = peer.request().unwrap();
            let args: DebugArgs = xdr::from_slice(&args).unwrap();
            assert_eq!(args.subcmd, "guestfs-rs");
            assert_eq!(args.extraargs, ["v=1", "chunk=262144"]);
            peer.ok(&h, &DebugRet { result: "v=1 chunk=65536 version=0.1 new=thing".into() });
            let (h, _) = peer.request().unwrap();
            let mut sizes = Vec::new();
            while let Some((false, data)) = peer.chunk() {
                sizes.push(data.len());
                if data.is_empty() {
                    break;
                }
            }
            assert_eq!(sizes, [65536, 65536, 10, 0]);
            peer.ok(&h, &());
            peer.serve();
        });
        m.hello = Some(vec!["v=1".into(), "chunk=262144".into()]);
        launch_on(&g, &mut Fleet(vec![m])).unwrap();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&vec![1; 2 * 65536 + 10]).unwrap();
        g.upload(file.path().as_os_str().as_encoded_bytes(), "/x").unwrap();
        g.ping_daemon().unwrap();
    });
}
use guestfs_protocol::args::DebugArgs;

#[test]
fn a_plain_daemon_refuses_the_hello() {
    for optional in [true, false] {
        bounded(|| {
            let g = handle();
            let mut m = machine(|mut peer| {
                launch_word(&mut peer);
                let (h, _) = peer.request().unwrap();
                peer.error(&h, "EINVAL", "use 'debug help 0' to list the supported commands");
                peer.serve();
            });
            m.hello = Some(vec!["v=1".into()]);
            m.hello_optional = optional;
            let result = launch_on(&g, &mut Fleet(vec![m]));
            if optional {
                result.unwrap();
                g.ping_daemon().unwrap();
            } else {
                assert_eq!(*failure(&result.unwrap_err()), LaunchFailure::VersionSkew);
                assert_eq!(g.state(), State::Config);
            }
        });
    }
}

#[test]
fn a_hello_that_is_not_answered() {
    for cancel in [false, true] {
        bounded(|| {
            let g = handle();
            let mut m = machine(|mut peer| {
                launch_word(&mut peer);
                let _ = std::io::copy(&mut peer.sock, &mut std::io::sink());
            });
            m.hello = Some(vec!["v=1".into()]);
            m.silence = Duration::from_millis(if cancel { 30_000 } else { 300 });
            let canceller = g.canceller();
            let later = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(150));
                if cancel {
                    canceller.cancel();
                }
            });
            let e = launch_on(&g, &mut Fleet(vec![m])).unwrap_err();
            later.join().unwrap();
            match failure(&e) {
                LaunchFailure::Cancelled => assert!(cancel),
                LaunchFailure::NoSignOfLife { .. } => assert!(!cancel),
                _ => panic!("{e}"),
            }
        });
    }
}

#[test]
fn silence_has_an_end_that_moves() {
    bounded(|| {
        let g = handle();
        let (mut m, mut screen) = with_console(machine(|mut peer| {
            let _ = std::io::copy(&mut peer.sock, &mut std::io::sink());
        }));
        m.silence = Duration::from_millis(400);
        let talker = std::thread::spawn(move || {
            for i in 0..8 {
                // The library hangs up in the end.
                let _ = writeln!(screen, "[    0.{i}] booting");
                std::thread::sleep(Duration::from_millis(200));
            }
            std::thread::sleep(Duration::from_secs(1));
        });
        let started = Instant::now();
        let e = launch_on(&g, &mut Fleet(vec![m])).unwrap_err();
        let took = started.elapsed();
        assert!(took > Duration::from_millis(1500), "{took:?}: gave up while the machine still talked");
        assert!(took < Duration::from_millis(3500), "{took:?}");
        assert!(matches!(failure(&e), LaunchFailure::NoSignOfLife { stage } if stage.contains("kernel")), "{e}");
        assert!(e.console().ends_with(b"0.7] booting"), "{e}");
        assert_eq!(g.state(), State::Config);
        talker.join().unwrap();
    });
}

#[test]
fn a_panic_is_named() {
    bounded(|| {
        let g = handle();
        let (m, mut screen) = with_console(machine(|peer| {
            std::thread::sleep(Duration::from_millis(100));
            drop(peer);
        }));
        screen.write_all(b"[ 1.0] Kernel panic - not syncing: No working init found.\n[ 1.1] Rebooting\n").unwrap();
        drop(screen);
        let e = launch_on(&g, &mut Fleet(vec![m])).unwrap_err();
        let LaunchFailure::Panic { line } = failure(&e) else { panic!("{e}") };
        assert!(line.ends_with(b"No working init found."));
        assert!(e.console().ends_with(b"Rebooting"));
        assert!(e.help().is_some());
    });
}

#[test]
fn strange_first_words() {
    for bytes in [vec![0, 0, 0, 40], CANCEL_FLAG.to_be_bytes().to_vec(), b"HTTP/1.1".to_vec()] {
        bounded(|| {
            let g = handle();
            let m = machine(move |mut peer| {
                peer.raw(&bytes);
                let _ = std::io::copy(&mut peer.sock, &mut std::io::sink());
            });
            let e = launch_on(&g, &mut Fleet(vec![m])).unwrap_err();
            assert_eq!(*failure(&e), LaunchFailure::VersionSkew, "{e}");
        });
    }
}

/// The first machine hangs; the backend has another way.
#[test]
fn another_way_is_tried() {
    bounded(|| {
        let g = handle();
        let mut dead = machine(|mut peer| {
            let _ = std::io::copy(&mut peer.sock, &mut std::io::sink());
        });
        dead.silence = Duration::from_millis(100);
        let good = machine(|mut peer| {
            launch_word(&mut peer);
            peer.serve();
        });
        launch_on(&g, &mut Fleet(vec![dead, good])).unwrap();
        g.ping_daemon().unwrap();
    });
}

#[test]
fn a_launch_is_cancelled() {
    bounded(|| {
        let g = handle();
        let m = machine(|mut peer| {
            let _ = std::io::copy(&mut peer.sock, &mut std::io::sink());
        });
        let canceller = g.canceller();
        let later = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            canceller.cancel();
        });
        let e = launch_on(&g, &mut Fleet(vec![m])).unwrap_err();
        later.join().unwrap();
        assert_eq!(*failure(&e), LaunchFailure::Cancelled);
        assert_eq!(e.errno(), libc::EINTR);
    });
}

#[test]
fn nothing_to_launch() {
    let g = handle();
    for backend in ["direct", "libvirt", "libvirt:null"] {
        g.set_backend(backend).unwrap();
        let e = g.launch().unwrap_err();
        assert_eq!(e.message(), "you must call guestfs_add_drive before guestfs_launch");
    }
    assert_eq!(g.set_backend("nonsense").unwrap_err().message(), "invalid backend: nonsense");
}
