//! The stream itself: what a confused or hostile client can send, in every position. The daemon must
//! answer or hang up, never panic, hang or take memory for what was only announced.

mod common;

use common::{Daemon, Ended};
use guestfs_protocol::args::{DebugArgs, InternalWriteArgs, MkdirArgs, PreadArgs};
use guestfs_protocol::message::{frame, Direction, Header, Progress, Status, CANCEL_FLAG, LAUNCH_FLAG, PROGRESS_FLAG};
use guestfs_protocol::procs;
use guestfs_protocol::xdr::MESSAGE_MAX;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Notes the largest single request, and refuses those above what a thread may have.
struct Counting;

static LARGEST: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The most that a thread gets at once, in bytes.
    static ROOM: Cell<usize> = const { Cell::new(usize::MAX) };
}

// SAFETY: all work is done by the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.fetch_max(layout.size(), Ordering::Relaxed);
        if layout.size() > ROOM.get() {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(ptr, layout) }
    }
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LARGEST.fetch_max(size, Ordering::Relaxed);
        if size > ROOM.get() {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(ptr, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn debug(subcmd: &str, words: &[&str]) -> DebugArgs {
    DebugArgs { subcmd: subcmd.into(), extraargs: words.iter().map(|w| (*w).into()).collect() }
}

fn assert_lost(ended: Ended) {
    let error = ended.unwrap_err();
    assert!(error.contains("channel") || error.contains("limit"), "{error}");
}

#[test]
fn a_call_and_a_good_end() {
    let mut d = Daemon::start();
    d.ping();
    let () = d.ok(procs::MKDIR, &MkdirArgs { path: "/d".into() });
    assert!(d.file("d").is_dir());
    assert_eq!(d.end(), Ok(guestfsd::rpc::End::Closed));
}

#[test]
fn bad_headers_get_an_error_each_and_the_daemon_goes_on() {
    let mut d = Daemon::start();
    let spoil: [fn(&mut Header); 5] = [
        |h| h.program = 0x2000_F5F6,
        |h| h.version = 5,
        |h| h.direction = Direction::Reply,
        |h| h.status = Status::Error,
        |h| h.program = 0,
    ];
    for spoil in spoil {
        let mut header = d.header(procs::PING_DAEMON);
        spoil(&mut header);
        d.send(&header, &());
        let (errno, _) = d.answer(&header).error();
        assert_eq!(errno, "EPROTO");
        d.ping();
    }
    // Any serial is the client's own affair.
    for serial in [0, u32::MAX] {
        let header = Header::call(procs::PING_DAEMON, serial, 0, 0);
        d.send(&header, &());
        let () = d.answer(&header).ok();
    }
}

#[test]
fn header_words_out_of_range_and_short_headers() {
    let mut d = Daemon::start();
    let whole = frame(&Header::call(procs::PING_DAEMON, 1, 0, 0), |_| Ok(())).unwrap();
    for length in 0..40 {
        d.word(length as u32);
        d.raw(&whole[4..4 + length]);
        let (errno, message) = d.answer(&Header::call(0, 0, 0, 0)).error();
        assert_eq!(errno, "EPROTO", "{length}: {message}");
    }
    for at in [12, 36] {
        let mut bad = whole.clone();
        bad[4 + at + 3] = 2;
        d.raw(&bad);
        let (errno, _) = d.answer(&Header::call(0, 0, 0, 0)).error();
        assert_eq!(errno, "EPROTO");
    }
    d.ping();
}

#[test]
fn arguments_missing_stray_or_broken() {
    let mut d = Daemon::start();
    let header = d.header(procs::MKDIR);
    d.send(&header, &());
    assert_eq!(d.answer(&header).error().0, "EPROTO");

    let header = d.header(procs::PING_DAEMON);
    d.send(&header, &7_i32);
    assert_eq!(d.answer(&header).error().0, "EPROTO");

    // A string that claims 4 GiB.
    let header = d.header(procs::MKDIR);
    d.send(&header, &-1_i32);
    assert_eq!(d.answer(&header).error().0, "EPROTO");

    // A list that claims a thousand million entries.
    let header = d.header(procs::COMMAND);
    d.send(&header, &1_000_000_000_i32);
    assert_eq!(d.answer(&header).error().0, "EPROTO");

    // NUL inside a string.
    let header = d.header(procs::MKDIR);
    d.send(&header, &guestfs_protocol::xdr::Opaque(b"/a\0b".to_vec()));
    assert_eq!(d.answer(&header).error().0, "EPROTO");
    assert_eq!(std::fs::read_dir(d.guest()).unwrap().count(), 0);
    d.ping();
}

#[test]
fn every_truncation_of_a_call_ends_the_loop_without_harm() {
    let header = Header::call(procs::MKDIR, 1, 0, 0);
    let whole = frame(&header, |e| e.put(&MkdirArgs { path: "/d".into() })).unwrap();
    for length in 1..whole.len() {
        let mut d = Daemon::start();
        d.raw(&whole[..length]);
        d.stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert_lost(d.join());
        assert!(!d.file("d").exists());
    }
}

#[test]
fn lengths_above_the_limit_end_the_loop_before_any_memory_is_taken() {
    LARGEST.store(0, Ordering::Relaxed);
    for length in [MESSAGE_MAX as u32 + 1, 0x7fff_ffff, 0xffff_ffff, 0xffff_eeed] {
        let mut d = Daemon::start();
        d.word(length);
        assert_lost(d.join());
    }
    // The longest there may be, of which nothing comes.
    let mut d = Daemon::start();
    d.word(MESSAGE_MAX as u32);
    d.raw(b"beginning");
    d.stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_lost(d.join());
    let largest = LARGEST.load(Ordering::Relaxed);
    assert!(largest < 1 << 20, "{largest} bytes were asked for at once");
}

#[test]
fn a_message_of_the_full_size_is_taken() {
    let mut d = Daemon::start();
    let room = (MESSAGE_MAX - 40 - 4 - 4 - 4) & !3;
    let args = InternalWriteArgs { path: "/f".into(), content: guestfs_protocol::xdr::Opaque(vec![7; room]) };
    let () = d.ok(procs::INTERNAL_WRITE, &args);
    assert_eq!(std::fs::metadata(d.file("f")).unwrap().len(), room as u64);
    d.ping();
}

#[test]
fn a_result_that_does_not_fit_is_an_error() {
    let mut d = Daemon::start();
    for (size, fits) in [(MESSAGE_MAX - 44, true), (MESSAGE_MAX - 43, false), (MESSAGE_MAX, false)] {
        let answer = d.call(procs::DEBUG, &debug("spew", &[&size.to_string()]));
        match fits {
            true => assert_eq!(answer.ok::<guestfs_protocol::rets::DebugRet>().result.len(), size),
            false => assert_eq!(answer.error().0, "EMSGSIZE"),
        }
    }
    d.ping();
}

#[test]
fn cancel_words_between_requests_are_skipped() {
    let mut d = Daemon::start();
    d.word(CANCEL_FLAG);
    d.ping();
    for _ in 0..1000 {
        d.word(CANCEL_FLAG);
    }
    d.ping();
    d.word(CANCEL_FLAG);
    assert_eq!(d.end(), Ok(guestfsd::rpc::End::Closed));
}

#[test]
fn words_that_only_the_daemon_sends_end_the_loop() {
    for word in [LAUNCH_FLAG, PROGRESS_FLAG] {
        let mut d = Daemon::start();
        d.ping();
        d.word(word);
        assert_lost(d.join());
    }
}

#[test]
fn numbers_nobody_knows() {
    let mut d = Daemon::start();
    for proc in [0, -1, 4, 9999, i32::MAX, i32::MIN] {
        let answer = d.call(proc, &());
        assert_eq!(answer.error().0, "ENOTSUP", "{proc}");
    }
    d.ping();
}

#[test]
fn the_file_of_an_unknown_call_is_stopped_and_dropped() {
    let mut d = Daemon::start();
    let header = d.header(9999);
    d.send(&header, &());
    d.file_in(&common::noise(20_000));
    let (cancels, answer) = d.answer_after(&header);
    assert_eq!(answer.error().0, "ENOTSUP");
    assert_eq!(cancels, 1);
    d.ping();
}

#[test]
fn unknown_optional_arguments_are_refused() {
    let mut d = Daemon::start();
    for mask in [1, 1 << 63, u64::MAX] {
        let mut header = d.header(procs::PING_DAEMON);
        header.optargs_bitmask = mask;
        d.send(&header, &());
        assert_eq!(d.answer(&header).error().0, "EINVAL");
    }
    d.ping();
}

#[test]
fn a_panic_is_an_error_reply() {
    let mut d = Daemon::start();
    for _ in 0..3 {
        let (errno, message) = d.call(procs::DEBUG, &debug("panic", &[])).error();
        assert_eq!(errno, "EIO");
        assert!(message.contains("debug"), "{message}");
        d.ping();
    }
}

#[test]
fn errors_carry_their_errno() {
    let mut d = Daemon::start();
    let mut fail = |name: &str| d.call(procs::DEBUG, &debug("error", &[name])).error().0;
    assert_eq!(fail("EBUSY"), "EBUSY");
    assert_eq!(fail("ENOTSUP"), "ENOTSUP");
    assert_eq!(fail("ENOSUCHNAME"), "EINVAL");
    assert_eq!(d.call(procs::DEBUG, &debug("error", &[])).error().0, "");
}

#[test]
fn random_streams() {
    let noise = common::noise(1 << 18);
    for (seed, piece) in noise.chunks(4096).enumerate() {
        let mut d = Daemon::start();
        let mut bytes = piece.to_vec();
        // Half of them look like messages at first.
        if seed % 2 == 0 {
            let start = frame(&Header::call(seed as i32 * 5, 1, 0, 0), |_| Ok(())).unwrap();
            bytes[..start.len()].copy_from_slice(&start);
            bytes[..4].copy_from_slice(&4092_u32.to_be_bytes());
        }
        d.raw(&bytes);
        d.stream.shutdown(std::net::Shutdown::Write).unwrap();
        let _ = d.join();
    }
}

#[test]
fn progress_comes_late_seldom_and_to_the_end() {
    let mut d = Daemon::start();
    let header = d.header(procs::DEBUG);
    let start = std::time::Instant::now();
    d.send(&header, &debug("progress", &["3", "20"]));
    let mut seen = Vec::new();
    loop {
        let word = d.read_word();
        if word != PROGRESS_FLAG {
            assert_eq!(d.body(word as usize).get(4..8), Some(&4_u32.to_be_bytes()[..]), "then the reply");
            break;
        }
        let progress: Progress = guestfs_protocol::xdr::from_slice(&d.body(24)).unwrap();
        assert_eq!((progress.proc, progress.serial), (header.proc, header.serial));
        if seen.is_empty() {
            assert!(start.elapsed() >= std::time::Duration::from_secs(2));
        }
        seen.push((progress.position, progress.total));
    }
    // Three a second after the second one, however long the steps took here.
    let most = start.elapsed().as_millis().saturating_sub(2000) / 333 + 2;
    assert!(seen.len() >= 2 && seen.len() as u128 <= most, "{seen:?}");
    assert!(seen.is_sorted() && seen.last() == Some(&(3000, 3000)), "{seen:?}");
    // Short calls show nothing.
    let header = d.header(procs::DEBUG);
    d.send(&header, &debug("progress", &["0"]));
    assert_ne!(d.read_word(), PROGRESS_FLAG);
}

/// Allocation in Rust ends the process where it fails, unless it was asked for as something that can.
#[test]
fn without_memory_the_call_fails_and_the_daemon_goes_on() {
    let mut d = Daemon::with(|_| ROOM.set(600 << 10));
    common::write(&d.file("f"), &[7; 3 << 20]);
    let pread = |count| PreadArgs { path: "/f".into(), count, offset: 0 };
    // Read at once.
    assert_eq!(d.call(procs::PREAD, &pread(2 << 20)).error().0, "ENOMEM");
    // It can be read, and a reply with it is too much.
    assert_eq!(d.call(procs::PREAD, &pread((600 << 10) - 10)).error().0, "ENOMEM");
    // A request that does not fit; the one after it is found.
    let content = guestfs_protocol::xdr::Opaque(vec![1; 2 << 20]);
    let write = InternalWriteArgs { path: "/g".into(), content };
    assert_eq!(d.call(procs::INTERNAL_WRITE, &write).error().0, "ENOMEM");
    assert!(!d.file("g").exists());
    // A result of any size.
    assert_eq!(d.call(procs::DEBUG, &debug("spew", &["1000000"])).error().0, "ENOMEM");
    let few: guestfs_protocol::rets::PreadRet = d.ok(procs::PREAD, &pread(1000));
    assert_eq!(few.content.0, [7; 1000]);
    assert_eq!(d.end(), Ok(guestfsd::rpc::End::Closed));
}
