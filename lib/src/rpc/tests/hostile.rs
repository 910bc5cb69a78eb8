//! Replies that no honest daemon sends.

use super::{assert_lost, assert_sound, count_quits};
use crate::error::ErrorKind;
use crate::fake::{bounded, largest_allocation, machine, ok_frame, ready, Peer, Raw};
use guestfs_protocol::message::{frame, Header, Status, CANCEL_FLAG, LAUNCH_FLAG, PROGRESS_FLAG};
use guestfs_protocol::rets::IsFileRet;
use guestfs_protocol::xdr::MESSAGE_MAX;
use proptest::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

/// Answer one request with these bytes, then keep the channel open but silent.
fn answers(bytes: impl FnOnce(&Header) -> Vec<u8> + Send + 'static) -> impl FnOnce(Peer) + Send + 'static {
    move |mut peer| {
        if let Some((header, _)) = peer.request() {
            let bytes = bytes(&header);
            peer.raw(&bytes);
        }
        // Until the library hangs up.
        let _ = std::io::copy(&mut peer.sock, &mut std::io::sink());
    }
}

fn refused(what: &str, bytes: impl FnOnce(&Header) -> Vec<u8> + Send + 'static) {
    bounded(|| {
        let g = ready(answers(bytes));
        let quits = count_quits(&g);
        let mut error = None;
        let largest = largest_allocation(|| {
            error = g.is_file("/x", Default::default()).err();
        });
        let error = error.unwrap_or_else(|| panic!("{what}: accepted"));
        assert_lost(&g, &quits, &error, &ErrorKind::Protocol);
        assert!(largest <= 1 << 20, "{what}: allocated {largest} bytes");
    });
}

fn header(h: &Header, change: impl FnOnce(&mut Header)) -> Vec<u8> {
    let mut reply = Header::reply(h.proc, h.serial, Status::Ok);
    change(&mut reply);
    frame(&reply, |e| e.put(&IsFileRet { fileflag: true })).unwrap()
}

#[test]
fn a_good_reply_is_good() {
    bounded(|| {
        let g = ready(|mut peer| {
            let (first, args) = peer.request().unwrap();
            assert_eq!(args, [0, 0, 0, 2, b'/', b'x', 0, 0, 0, 0, 0, 0]);
            peer.ok(&first, &IsFileRet { fileflag: true });
            let (second, _) = peer.request().unwrap();
            assert_eq!(second.serial, first.serial.wrapping_add(1));
            peer.error(&second, "ENOENT", "/nope: No such file or directory");
            peer.serve();
        });
        assert!(g.is_file("/x", Default::default()).unwrap());
        let e = g.is_file("/nope", Default::default()).unwrap_err();
        assert_eq!(*e.kind(), ErrorKind::Daemon);
        assert_eq!(e.errno(), libc::ENOENT);
        assert_eq!(e.message(), "is_file: /nope: No such file or directory");
        assert_eq!(g.last_error().unwrap().message(), e.message());
        assert_sound(&g, &e);
    });
}

#[test]
fn headers_must_match() {
    refused("program", |h| header(h, |r| r.program ^= 1));
    refused("version", |h| header(h, |r| r.version += 1));
    refused("procedure", |h| header(h, |r| r.proc += 1));
    refused("direction", |h| header(h, |r| r.direction = guestfs_protocol::message::Direction::Call));
    refused("serial before", |h| header(h, |r| r.serial = r.serial.wrapping_sub(1)));
    refused("serial after", |h| header(h, |r| r.serial = r.serial.wrapping_add(1)));
    for at in [12, 36] {
        // Direction and status words outside their enums.
        refused("enum", move |h| {
            let mut bytes = header(h, |_| {});
            bytes[4 + at + 3] = 7;
            bytes
        });
    }
}

#[test]
fn bodies_must_fit() {
    refused("trailing bytes", |h| ok_frame(h, &Raw(vec![0, 0, 0, 1, 0, 0, 0, 0])));
    refused("missing body", |h| ok_frame(h, &()));
    refused("a bool of 2", |h| ok_frame(h, &Raw(vec![0, 0, 0, 2])));
    refused("an error without a body", |h| frame(&Header::reply(h.proc, h.serial, Status::Error), |_| Ok(())).unwrap());
    refused("an error text above its limit", |h| {
        let text = vec![b'x'; 65 * 1024];
        frame(&Header::reply(h.proc, h.serial, Status::Error), |e| {
            e.string(b"EIO")?;
            e.string(&text)
        })
        .unwrap()
    });
}

#[test]
fn length_words() {
    refused("length 0", |_| vec![0; 4]);
    refused("a header cut short", |_| [&39u32.to_be_bytes()[..], &[0; 39]].concat());
    for word in [MESSAGE_MAX as u32 + 1, 0x7fff_ffff, 0x8000_0000, u32::MAX, LAUNCH_FLAG] {
        refused("length word", move |_| word.to_be_bytes().to_vec());
    }
    refused("two cancel words", |_| [CANCEL_FLAG.to_be_bytes(); 2].concat());
    refused("a progress message, then rubbish", |h| {
        let mut bytes = PROGRESS_FLAG.to_be_bytes().to_vec();
        bytes.extend_from_slice(&h.proc.to_be_bytes());
        bytes.extend_from_slice(&[0xff; 20]);
        bytes.extend_from_slice(&u32::MAX.to_be_bytes());
        bytes
    });
}

/// A huge announced message that never comes: little memory, and an end.
#[test]
fn an_announced_message_that_does_not_come() {
    bounded(|| {
        let g = ready(answers(|_| [&(MESSAGE_MAX as u32).to_be_bytes()[..], &[0; 100]].concat()));
        let quits = count_quits(&g);
        let mut error = None;
        let largest = largest_allocation(|| error = g.ping_daemon().err());
        assert_lost(&g, &quits, &error.unwrap(), &ErrorKind::ApplianceDied);
        assert!(largest <= 1 << 20, "{largest}");
    });
}

#[test]
fn cut_at_every_byte_and_closed() {
    let whole = ok_frame(&Header::call(0, 0, 0, 0), &IsFileRet { fileflag: true });
    for cut in 0..whole.len() {
        bounded(|| {
            let g = ready(move |mut peer| {
                let (h, _) = peer.request().unwrap();
                let bytes = ok_frame(&h, &IsFileRet { fileflag: true });
                peer.raw(&bytes[..cut]);
            });
            let quits = count_quits(&g);
            let e = g.is_file("/x", Default::default()).unwrap_err();
            assert_lost(&g, &quits, &e, &ErrorKind::ApplianceDied);
            assert_eq!(e.errno(), libc::EPIPE);
        });
    }
}

#[test]
fn cut_at_every_byte_and_silent() {
    std::thread::scope(|scope| {
        for cut in 1..48 {
            scope.spawn(move || {
                bounded(|| {
                    let g = ready(answers(move |h| ok_frame(h, &IsFileRet { fileflag: true })[..cut].to_vec()));
                    let quits = count_quits(&g);
                    let e = g.is_file("/x", Default::default()).unwrap_err();
                    assert_lost(&g, &quits, &e, &ErrorKind::ApplianceDied);
                    assert_eq!(e.errno(), libc::ETIMEDOUT, "{e}");
                });
            });
        }
    });
}

/// Drops come byte by byte: slow is not wrong.
#[test]
fn a_slow_reply_is_a_good_reply() {
    bounded(|| {
        let g = ready(|mut peer| {
            let (h, _) = peer.request().unwrap();
            for byte in ok_frame(&h, &IsFileRet { fileflag: true }) {
                peer.raw(&[byte]);
                std::thread::sleep(Duration::from_millis(5));
            }
            peer.serve();
        });
        assert!(g.is_file("/x", Default::default()).unwrap());
        g.ping_daemon().unwrap();
    });
}

#[test]
fn a_reply_before_the_request() {
    bounded(|| {
        let g = ready(|mut peer| {
            let h = Header::call(92, 0x0012_3401, 0, 0);
            peer.ok(&h, &());
            let _ = std::io::copy(&mut peer.sock, &mut std::io::sink());
        });
        let quits = count_quits(&g);
        std::thread::sleep(Duration::from_millis(50));
        let e = g.ping_daemon().unwrap_err();
        assert_lost(&g, &quits, &e, &ErrorKind::Protocol);
    });
}

#[test]
fn a_flood_of_progress_is_delivered_and_bounded() {
    const COUNT: u64 = 200_000;
    bounded(|| {
        let g = ready(|mut peer| {
            let (h, _) = peer.request().unwrap();
            for i in 0..COUNT {
                peer.progress(&h, i, COUNT);
            }
            peer.ok(&h, &());
            peer.serve();
        });
        let seen = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&seen);
        g.add_event_callback(crate::EventClass::Progress.bit(), move |_, e| {
            assert_eq!(e.array.len(), 4);
            assert_eq!(e.array[3], COUNT);
            counter.fetch_add(1, Ordering::Relaxed);
        });
        let largest = largest_allocation(|| g.ping_daemon().unwrap());
        assert_eq!(seen.load(Ordering::Relaxed) as u64, COUNT);
        assert!(largest <= 1 << 20, "{largest}");
    });
}

/// Progress of a call that is over does not reach the callbacks of the next one.
#[test]
fn late_progress_is_dropped() {
    bounded(|| {
        let g = ready(|mut peer| {
            let (h, _) = peer.request().unwrap();
            peer.ok(&h, &());
            peer.progress(&h, 1, 2);
            let (h2, _) = peer.request().unwrap();
            peer.progress(&h, 1, 2);
            peer.progress(&h2, 7, 9);
            peer.ok(&h2, &());
            peer.serve();
        });
        let seen = Arc::new(parking_lot::Mutex::new(Vec::new()));
        let list = Arc::clone(&seen);
        g.add_event_callback(crate::EventClass::Progress.bit(), move |_, e| list.lock().push(e.array[2]));
        g.ping_daemon().unwrap();
        std::thread::sleep(Duration::from_millis(30));
        g.ping_daemon().unwrap();
        assert_eq!(*seen.lock(), [7]);
    });
}

#[test]
fn gigantic_lists() {
    for count in [1_048_577u32, 0x4000_0000, u32::MAX] {
        bounded(|| {
            let g = ready(answers(move |h| ok_frame(h, &Raw([&count.to_be_bytes()[..], &[0; 64]].concat()))));
            let quits = count_quits(&g);
            let mut error = None;
            let largest = largest_allocation(|| error = g.list_devices().err());
            assert_lost(&g, &quits, &error.unwrap(), &ErrorKind::Protocol);
            assert!(largest <= 1 << 20, "{largest}");
        });
    }
    // The largest that fits is served: a million empty strings.
    bounded(|| {
        let g = ready(|mut peer| {
            let (h, _) = peer.request().unwrap();
            let n = (MESSAGE_MAX - 44) / 4;
            let names = vec![bstr::BString::default(); n];
            peer.ok(&h, &names);
            peer.serve();
        });
        assert_eq!(g.list_devices().unwrap().len(), (MESSAGE_MAX - 44) / 4);
        g.ping_daemon().unwrap();
    });
}

#[test]
fn odd_hash_tables() {
    bounded(|| {
        let g = ready(|mut peer| {
            let (h, _) = peer.request().unwrap();
            let odd: Vec<bstr::BString> = vec!["a".into(), "b".into(), "c".into()];
            peer.ok(&h, &odd);
            peer.serve();
        });
        let e = g.mountpoints().unwrap_err();
        assert_eq!(*e.kind(), ErrorKind::Protocol);
        assert_sound(&g, &e);
    });
}

/// The daemon does not read: a large request must not hang.
#[test]
fn a_daemon_that_does_not_read() {
    bounded(|| {
        let g = ready(|peer| {
            std::thread::sleep(Duration::from_secs(5));
            drop(peer);
        });
        let quits = count_quits(&g);
        let e = g.internal_write("/x", &vec![1; 3 << 20]).unwrap_err();
        assert_lost(&g, &quits, &e, &ErrorKind::ApplianceDied);
        assert_eq!(e.errno(), libc::ETIMEDOUT);
    });
}

#[test]
fn arguments_that_do_not_fit() {
    bounded(|| {
        let g = ready(|mut peer| peer.serve());
        let e = g.internal_write("/x", &vec![1; MESSAGE_MAX]).unwrap_err();
        assert_eq!(e.errno(), libc::EMSGSIZE, "{e}");
        assert_sound(&g, &e);
        let e = g.mkdir(b"/a\0b").unwrap_err();
        assert_eq!(e.errno(), libc::EINVAL);
        assert_sound(&g, &e);
    });
}

/// The console is drained and ends up in the error.
#[test]
fn last_words() {
    bounded(|| {
        let (console, mut screen) = std::os::unix::net::UnixStream::pair().unwrap();
        console.set_nonblocking(true).unwrap();
        let mut m = machine(move |mut peer| {
            use std::io::Write;
            peer.request();
            screen.write_all(b"[ 3.1] something odd\n[ 3.2] Kernel panic - not syncing: Oops\n").unwrap();
        });
        m.console = Some(console);
        let g = crate::fake::adopt(m);
        let quits = count_quits(&g);
        let e = g.ping_daemon().unwrap_err();
        assert_lost(&g, &quits, &e, &ErrorKind::ApplianceDied);
        assert!(e.console().ends_with(b"Kernel panic - not syncing: Oops"), "{e}");
        assert!(e.message().to_string().contains("Kernel panic"), "{e}");
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    /// Whatever bytes come back: no panic, no hang, no large allocation.
    #[test]
    fn random_replies(bytes in proptest::collection::vec(any::<u8>(), 0..200), len in any::<Option<u8>>()) {
        bounded(|| {
            let g = ready(move |mut peer| {
                peer.request();
                if let Some(len) = len {
                    peer.raw(&u32::from(len).to_be_bytes());
                }
                peer.raw(&bytes);
            });
            let largest = largest_allocation(|| {
                let _ = g.lvs_full();
            });
            assert!(largest <= 1 << 20, "{largest}");
        });
    }

    /// A good reply with one byte changed.
    #[test]
    fn mutated_replies(at in 0usize..64, to in any::<u8>()) {
        bounded(|| {
            let g = ready(move |mut peer| {
                let Some((h, _)) = peer.request() else { return };
                let names: Vec<bstr::BString> = vec!["/dev/sda".into(), "/dev/sdb".into()];
                let mut bytes = ok_frame(&h, &names);
                let at = at % bytes.len();
                bytes[at] = to;
                peer.raw(&bytes);
            });
            let largest = largest_allocation(|| {
                let _ = g.list_devices();
            });
            assert!(largest <= 1 << 20, "{largest}");
        });
    }
}
