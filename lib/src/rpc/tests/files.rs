//! File transfers, both ways, with everything that can go wrong.

use super::{assert_lost, assert_sound, count_quits};
use crate::error::ErrorKind;
use crate::fake::{adopt, bounded, largest_allocation, machine, ready, Peer};
use guestfs_protocol::message::{Header, CANCEL_FLAG, LAUNCH_FLAG};
use std::io::{Read, Write};
use std::time::Duration;

fn pattern(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i * 7 % 251) as u8).collect()
}

/// Receive a whole FileIn.
fn receive(peer: &mut Peer) -> (bool, Vec<u8>) {
    let mut all = Vec::new();
    loop {
        match peer.chunk().unwrap() {
            (true, _) => return (true, all),
            (false, data) if data.is_empty() => return (false, all),
            (false, data) => {
                assert!(data.len() <= 8192);
                all.extend_from_slice(&data);
            }
        }
    }
}

fn tempfile(content: &[u8]) -> tempfile::NamedTempFile {
    let mut f = tempfile::NamedTempFile::new().unwrap();
    f.write_all(content).unwrap();
    f
}

#[test]
fn upload_sends_every_byte() {
    for size in [0, 1, 3, 4, 8191, 8192, 8193, 300_001] {
        bounded(|| {
            let content = pattern(size);
            let expected = content.clone();
            let g = ready(move |mut peer| {
                let (h, _) = peer.request().unwrap();
                assert_eq!(h.progress_hint, expected.len() as u64);
                assert_eq!(receive(&mut peer), (false, expected));
                peer.ok(&h, &());
                peer.serve();
            });
            let file = tempfile(&content);
            g.upload(file.path().as_os_str().as_encoded_bytes(), "/x").unwrap();
            g.ping_daemon().unwrap();
        });
    }
}

#[test]
fn download_writes_every_byte() {
    for size in [0, 1, 3, 4, 8191, 8192, 8193, 300_001] {
        bounded(|| {
            let content = pattern(size);
            let sent = content.clone();
            let g = ready(move |mut peer| {
                let (h, _) = peer.request().unwrap();
                peer.ok(&h, &());
                for chunk in sent.chunks(8192) {
                    peer.progress(&h, 1, 2);
                    peer.send_chunk(false, chunk);
                }
                peer.send_chunk(false, &[]);
                peer.serve();
            });
            let dir = tempfile::tempdir().unwrap();
            let to = dir.path().join("out");
            let largest = largest_allocation(|| g.download("/x", to.as_os_str().as_encoded_bytes()).unwrap());
            assert_eq!(std::fs::read(&to).unwrap(), content);
            assert!(largest <= 1 << 20, "{largest}");
            g.ping_daemon().unwrap();
        });
    }
}

#[test]
fn in_memory_both_ways() {
    bounded(|| {
        let g = ready(|mut peer| {
            let (h, _) = peer.request().unwrap();
            let (_, all) = receive(&mut peer);
            peer.ok(&h, &());
            let (h, _) = peer.request().unwrap();
            peer.ok(&h, &());
            for chunk in all.chunks(5000) {
                peer.send_chunk(false, chunk);
            }
            peer.send_chunk(false, &[]);
            peer.serve();
        });
        let content = pattern(3 << 20);
        g.write("/x", &content).unwrap();
        assert!(g.read_file("/x").unwrap() == content);
        g.ping_daemon().unwrap();
    });
}

#[test]
fn host_files_that_cannot_be_opened_are_found_out_first() {
    bounded(|| {
        let g = ready(|mut peer| {
            let (h, _) = peer.request().unwrap();
            assert_eq!(h.proc, guestfs_protocol::procs::PING_DAEMON, "nothing was asked before");
            peer.ok(&h, &());
            peer.serve();
        });
        let e = g.upload("/nonexistent/file", "/x").unwrap_err();
        assert_eq!(e.errno(), libc::ENOENT);
        assert_eq!(e.message(), "open: /nonexistent/file: No such file or directory");
        assert_sound(&g, &e);
    });
}

#[test]
fn a_directory_cannot_be_uploaded() {
    bounded(|| {
        let g = ready(|mut peer| {
            let (h, _) = peer.request().unwrap();
            assert_eq!(receive(&mut peer), (true, Vec::new()));
            peer.error(&h, "EIO", "file upload cancelled by user");
            peer.serve();
        });
        let e = g.upload("/tmp", "/x").unwrap_err();
        assert_eq!(e.errno(), libc::EISDIR, "{e}");
        assert_sound(&g, &e);
    });
}

#[test]
fn the_daemon_stops_an_upload() {
    for late in [false, true] {
        bounded(|| {
            let g = ready(move |mut peer| {
                let (h, _) = peer.request().unwrap();
                let cancel = CANCEL_FLAG.to_be_bytes();
                if late {
                    // Only when all is sent: the library no longer looks.
                    assert!(!receive(&mut peer).0);
                    peer.raw(&cancel);
                } else {
                    peer.chunk().unwrap();
                    peer.raw(&cancel);
                    assert!(receive(&mut peer).0);
                }
                peer.error(&h, "ENOSPC", "/x: No space left on device");
                peer.serve();
            });
            let file = tempfile(&pattern(if late { 100 } else { 4 << 20 }));
            let e = g.upload(file.path().as_os_str().as_encoded_bytes(), "/x").unwrap_err();
            assert_eq!(e.errno(), libc::ENOSPC, "{e}");
            assert_eq!(e.message(), "upload: /x: No space left on device");
            assert_sound(&g, &e);
        });
    }
}

#[test]
fn words_that_do_not_belong_into_an_upload() {
    for bytes in [LAUNCH_FLAG.to_be_bytes().to_vec(), vec![0, 0, 0, 40], vec![0xff; 4]] {
        bounded(|| {
            let g = ready(move |mut peer| {
                peer.request().unwrap();
                peer.raw(&bytes);
                let _ = std::io::copy(&mut peer.sock, &mut std::io::sink());
            });
            let quits = count_quits(&g);
            // Never ends by itself.
            let e = g.upload("/dev/zero", "/x").unwrap_err();
            assert_lost(&g, &quits, &e, &ErrorKind::Protocol);
        });
    }
}

#[test]
fn a_second_cancel_word_after_the_file_is_too_much() {
    bounded(|| {
        let g = ready(|mut peer| {
            let (h, _) = peer.request().unwrap();
            receive(&mut peer);
            peer.raw(&CANCEL_FLAG.to_be_bytes());
            peer.raw(&CANCEL_FLAG.to_be_bytes());
            peer.ok(&h, &());
            let _ = std::io::copy(&mut peer.sock, &mut std::io::sink());
        });
        let quits = count_quits(&g);
        let e = g.upload("/dev/null", "/x").unwrap_err();
        assert_lost(&g, &quits, &e, &ErrorKind::Protocol);
    });
}

#[test]
fn an_error_reply_creates_no_file() {
    bounded(|| {
        let g = ready(|mut peer| {
            let (h, _) = peer.request().unwrap();
            peer.error(&h, "ENOENT", "/x: No such file or directory");
            peer.serve();
        });
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("out");
        let e = g.download("/x", to.as_os_str().as_encoded_bytes()).unwrap_err();
        assert!(!to.exists());
        assert_sound(&g, &e);
    });
}

#[test]
fn the_daemon_gives_up_a_download() {
    bounded(|| {
        let g = ready(|mut peer| {
            let (h, _) = peer.request().unwrap();
            peer.ok(&h, &());
            peer.send_chunk(false, b"half of it");
            peer.send_chunk(true, &[]);
            peer.serve();
        });
        let e = g.download("/x", "/dev/null").unwrap_err();
        assert_eq!(*e.kind(), ErrorKind::Daemon);
        assert!(e.message().to_string().contains("cancelled by daemon"), "{e}");
        assert_sound(&g, &e);
    });
}

/// Send chunks until the library says stop, then a few more, then the end.
fn endless(peer: &mut Peer, h: &Header, obey: bool) {
    peer.ok(h, &());
    let mut reader = peer.sock.try_clone().unwrap();
    let stop = std::thread::spawn(move || {
        let mut word = [0; 4];
        reader.read_exact(&mut word).is_ok().then(|| u32::from_be_bytes(word))
    });
    let data = pattern(8192);
    while !(obey && stop.is_finished()) {
        if !peer.send_chunk(false, &data) {
            return;
        }
    }
    assert_eq!(stop.join().unwrap(), Some(CANCEL_FLAG));
    for _ in 0..10 {
        peer.send_chunk(false, &data);
    }
    peer.send_chunk(false, &[]);
}

#[test]
fn a_full_disk_on_the_host_stops_a_download() {
    bounded(|| {
        let g = ready(|mut peer| {
            let (h, _) = peer.request().unwrap();
            endless(&mut peer, &h, true);
            peer.serve();
        });
        let e = g.download("/x", "/dev/full").unwrap_err();
        assert_eq!(e.errno(), libc::ENOSPC, "{e}");
        assert_sound(&g, &e);
    });
}

#[test]
fn a_target_that_cannot_be_opened_stops_a_download() {
    bounded(|| {
        let g = ready(|mut peer| {
            let (h, _) = peer.request().unwrap();
            endless(&mut peer, &h, true);
            peer.serve();
        });
        let e = g.download("/x", "/nonexistent/dir/x").unwrap_err();
        assert_eq!(e.errno(), libc::ENOENT, "{e}");
        assert_eq!(e.message(), "/nonexistent/dir/x: No such file or directory");
        assert_sound(&g, &e);
    });
}

#[test]
fn a_daemon_that_does_not_stop_sending_is_cut_off() {
    bounded(|| {
        let g = ready(|mut peer| {
            let (h, _) = peer.request().unwrap();
            endless(&mut peer, &h, false);
        });
        let quits = count_quits(&g);
        let e = g.download("/x", "/dev/full").unwrap_err();
        assert_lost(&g, &quits, &e, &ErrorKind::ApplianceDied);
    });
}

#[test]
fn chunks_above_the_limit() {
    for len in [8192 + 12u32, 1 << 20, 4 << 20] {
        bounded(|| {
            let g = ready(move |mut peer| {
                let (h, _) = peer.request().unwrap();
                peer.ok(&h, &());
                peer.raw(&len.to_be_bytes());
                peer.raw(&[0; 64]);
                let _ = std::io::copy(&mut peer.sock, &mut std::io::sink());
            });
            let quits = count_quits(&g);
            let mut error = None;
            let largest = largest_allocation(|| error = g.download("/x", "/dev/null").err());
            assert_lost(&g, &quits, &error.unwrap(), &ErrorKind::Protocol);
            assert!(largest <= 1 << 20);
        });
    }
}

#[test]
fn a_download_cut_at_every_byte() {
    let whole = guestfs_protocol::message::frame_chunk(
        &guestfs_protocol::message::Chunk { cancel: false, data: b"hello world" },
        Vec::new(),
    )
    .unwrap();
    for cut in 0..whole.len() {
        let part = whole[..cut].to_vec();
        bounded(|| {
            let g = ready(move |mut peer| {
                let (h, _) = peer.request().unwrap();
                peer.ok(&h, &());
                peer.raw(&part);
            });
            let quits = count_quits(&g);
            let e = g.download("/x", "/dev/null").unwrap_err();
            assert_lost(&g, &quits, &e, &ErrorKind::ApplianceDied);
        });
    }
}

/// A pipe that nobody reads, and the appliance dies: an error at once.
#[test]
fn a_blocked_pipe_does_not_hide_death() {
    bounded(|| {
        let (exit, process) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut m = machine(move |mut peer| {
            let (h, _) = peer.request().unwrap();
            peer.ok(&h, &());
            for _ in 0..20 {
                peer.send_chunk(false, &pattern(8192));
            }
            std::thread::sleep(Duration::from_millis(300));
            drop(process);
            std::thread::sleep(Duration::from_secs(3));
        });
        m.exit = Some(exit);
        let g = adopt(m);
        let quits = count_quits(&g);
        let (reader, writer) = crate::fake::pipe();
        let path = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&writer));
        let started = std::time::Instant::now();
        let e = g.download("/x", path.as_bytes()).unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(2), "{e}");
        assert!(e.message().to_string().contains("killed by signal 9"), "{e}");
        assert_lost(&g, &quits, &e, &ErrorKind::ApplianceDied);
        drop(reader);
    });
}

/// A pipe whose reader is slow gets every byte.
#[test]
fn a_slow_pipe_gets_everything() {
    bounded(|| {
        let content = pattern(500_000);
        let sent = content.clone();
        let g = ready(move |mut peer| {
            let (h, _) = peer.request().unwrap();
            peer.ok(&h, &());
            for chunk in sent.chunks(8192) {
                peer.send_chunk(false, chunk);
            }
            peer.send_chunk(false, &[]);
            peer.serve();
        });
        let (mut reader, writer) = crate::fake::pipe();
        let path = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&writer));
        let got = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            let mut all = Vec::new();
            reader.read_to_end(&mut all).unwrap();
            all
        });
        g.download("/x", path.as_bytes()).unwrap();
        drop(writer);
        assert!(got.join().unwrap() == content);
    });
}
