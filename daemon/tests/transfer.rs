//! Files that travel with calls: every size around the borders of chunks, and cancelling from either
//! side at every moment.

mod common;

use common::{noise, Daemon, Finish};
use guestfs_protocol::args::{
    DebugArgs, DownloadArgs, DownloadOffsetArgs, InternalUploadArgs, UploadArgs, UploadOffsetArgs,
};
use guestfs_protocol::message::{Header, Status, BIG_CHUNK_SIZE, CANCEL_FLAG, LAUNCH_FLAG};
use guestfs_protocol::procs;
use guestfs_protocol::rets::DebugRet;

fn upload(d: &mut Daemon, path: &str) -> Header {
    let header = d.header(procs::UPLOAD);
    d.send(&header, &UploadArgs { remotefilename: path.into() });
    header
}

fn download(d: &mut Daemon, path: &str) -> Header {
    let header = d.header(procs::DOWNLOAD);
    d.send(&header, &DownloadArgs { remotefilename: path.into() });
    header
}

fn hello(d: &mut Daemon, chunk: usize) {
    let args =
        DebugArgs { subcmd: "guestfs-rs".into(), extraargs: vec!["v=1".into(), format!("chunk={chunk}").into()] };
    let ret: DebugRet = d.ok(procs::DEBUG, &args);
    assert!(ret.result.starts_with(format!("v=1 chunk={BIG_CHUNK_SIZE} ").as_bytes()), "{}", ret.result);
}

#[test]
fn sizes_around_the_chunk() {
    let mut d = Daemon::start();
    for big in [false, true] {
        if big {
            hello(&mut d, BIG_CHUNK_SIZE);
            d.chunk = BIG_CHUNK_SIZE;
        }
        let size = d.chunk;
        for length in [0, 1, 3, 4, size - 1, size, size + 1, 3 * size, 3 * size + 5] {
            let data = noise(length);
            let header = upload(&mut d, "/f");
            d.file_in(&data);
            let () = d.answer(&header).ok();
            assert!(std::fs::read(d.file("f")).unwrap() == data, "{length}");
            let header = download(&mut d, "/f");
            let () = d.answer(&header).ok();
            let (got, finish) = d.file_out();
            assert!(got == data && finish == Finish::End, "{length}");
        }
    }
}

#[test]
fn an_agreed_chunk_size_is_kept_within_bounds() {
    let mut d = Daemon::start();
    hello(&mut d, 1);
    common::write(&d.file("f"), &noise(100_000));
    // The common code checks that no chunk is larger than this.
    assert_eq!(d.chunk, 8192);
    let header = download(&mut d, "/f");
    let () = d.answer(&header).ok();
    assert_eq!(d.file_out().0.len(), 100_000);
    hello(&mut d, 1 << 30);
    d.chunk = BIG_CHUNK_SIZE;
    common::write(&d.file("f"), &noise(1 << 20));
    let header = download(&mut d, "/f");
    let () = d.answer(&header).ok();
    assert_eq!(d.file_out().0.len(), 1 << 20);
}

#[test]
fn odd_chunk_sizes_are_put_together() {
    let mut d = Daemon::start();
    let header = upload(&mut d, "/f");
    for n in 1..200_u8 {
        d.chunk(false, &vec![n; usize::from(n)]);
    }
    d.chunk(false, b"");
    let () = d.answer(&header).ok();
    let want: Vec<u8> = (1..200_u8).flat_map(|n| vec![n; usize::from(n)]).collect();
    assert_eq!(std::fs::read(d.file("f")).unwrap(), want);
}

#[test]
fn the_library_cancels_an_upload() {
    let mut d = Daemon::start();
    for chunks in [0, 1, 7] {
        let header = upload(&mut d, "/f");
        for _ in 0..chunks {
            d.chunk(false, &noise(5000));
        }
        d.chunk(true, b"");
        let (cancels, answer) = d.answer_after(&header);
        assert_eq!(answer.error().0, "EINTR");
        assert_eq!(cancels, 0, "the library knows that it has cancelled");
        d.ping();
    }
    // Data in the cancelling chunk means nothing.
    let header = upload(&mut d, "/g");
    d.chunk(true, b"data");
    assert_eq!(d.answer(&header).error().0, "EINTR");
    assert_eq!(std::fs::read(d.file("g")).unwrap(), b"");
}

#[test]
fn the_daemon_stops_an_upload() {
    let mut d = Daemon::start();
    std::fs::create_dir(d.file("dir")).unwrap();
    for (path, errno) in [("/dir", "EISDIR"), ("/no/such", "ENOENT"), ("relative", "EINVAL"), ("/dev/null", "ENOENT")] {
        // The library goes on until it has seen the cancel word, and then ends with a cancel chunk
        // or, when it was done already, with the last chunk.
        for cancelled in [true, false] {
            let header = upload(&mut d, path);
            for _ in 0..5 {
                d.chunk(false, &noise(8192));
            }
            d.chunk(cancelled, b"");
            let (cancels, answer) = d.answer_after(&header);
            assert_eq!(answer.error().0, errno, "{path}");
            assert_eq!(cancels, 1);
            d.ping();
        }
    }
}

#[test]
fn an_upload_whose_arguments_are_broken_is_stopped_too() {
    let mut d = Daemon::start();
    let header = d.header(procs::UPLOAD);
    d.send(&header, &());
    d.file_in(&noise(30_000));
    let (cancels, answer) = d.answer_after(&header);
    assert_eq!((cancels, answer.error().0.as_str()), (1, "EPROTO"));

    let mut header = d.header(procs::UPLOAD);
    header.version = 99;
    d.send(&header, &UploadArgs { remotefilename: "/f".into() });
    d.file_in(&noise(30_000));
    let (cancels, answer) = d.answer_after(&header);
    assert_eq!((cancels, answer.error().0.as_str()), (1, "EPROTO"));
    d.ping();
    assert!(!d.file("f").exists());
}

#[test]
fn broken_chunks() {
    let mut d = Daemon::start();
    // Too short, claiming more or less than there is, larger than allowed, badly padded.
    let bad: [&[u8]; 7] = [
        b"",
        b"\0\0\0\0",
        b"\0\0\0\0\0\0\0\x05data",
        b"\0\0\0\0\xff\xff\xff\xffdata",
        b"\0\0\0\0\0\0\0\x01datadata",
        b"\0\0\0\0\0\0\0\0data",
        b"\0\0\0\0\0\0\0\x03dat",
    ];
    for body in bad {
        let header = upload(&mut d, "/f");
        d.chunk(false, b"good");
        d.word(u32::try_from(body.len()).unwrap());
        d.raw(body);
        d.chunk(false, b"more");
        d.chunk(true, b"");
        let (cancels, answer) = d.answer_after(&header);
        let (errno, message) = answer.error();
        assert_eq!(errno, "EPROTO", "{body:?}: {message}");
        assert_eq!(cancels, 1);
        d.ping();
    }
    // One byte more than was agreed.
    let header = upload(&mut d, "/f");
    d.chunk(false, &noise(8193));
    d.chunk(true, b"");
    assert_eq!(d.answer(&header).error().0, "EPROTO");
    d.ping();
}

#[test]
fn flag_words_inside_an_upload() {
    let mut d = Daemon::start();
    let header = upload(&mut d, "/f");
    d.word(CANCEL_FLAG);
    d.chunk(false, b"one");
    d.word(CANCEL_FLAG);
    d.chunk(false, b"two");
    d.chunk(false, b"");
    let () = d.answer(&header).ok();
    assert_eq!(std::fs::read(d.file("f")).unwrap(), b"onetwo");

    upload(&mut d, "/f");
    d.word(LAUNCH_FLAG);
    let error = d.join().unwrap_err();
    assert!(error.contains("flag word"), "{error}");
}

#[test]
fn the_channel_ends_inside_an_upload() {
    for chunks in 0..3 {
        let mut d = Daemon::start();
        upload(&mut d, "/f");
        for _ in 0..chunks {
            d.chunk(false, b"data");
        }
        d.stream.shutdown(std::net::Shutdown::Both).unwrap();
        assert!(d.join().is_err());
    }
}

#[test]
fn the_library_cancels_a_download() {
    let mut d = Daemon::start();
    std::fs::File::create(d.file("big")).unwrap().set_len(1 << 40).unwrap();
    for before in [0, 1, 20] {
        let header = download(&mut d, "/big");
        let () = d.answer(&header).ok();
        for _ in 0..before {
            d.message();
        }
        d.word(CANCEL_FLAG);
        let (_, finish) = d.file_out();
        assert_eq!(finish, Finish::Cancelled);
        d.ping();
    }
    // It comes too late: everything was sent.
    common::write(&d.file("small"), b"x");
    let header = download(&mut d, "/small");
    let () = d.answer(&header).ok();
    assert_eq!(d.file_out(), (b"x".to_vec(), Finish::End));
    d.word(CANCEL_FLAG);
    d.ping();
}

#[test]
fn a_call_in_the_middle_of_a_download_ends_the_loop() {
    let mut d = Daemon::start();
    std::fs::File::create(d.file("big")).unwrap().set_len(1 << 40).unwrap();
    let header = download(&mut d, "/big");
    let () = d.answer(&header).ok();
    let next = d.header(procs::PING_DAEMON);
    d.send(&next, &());
    // The daemon sees it between two chunks; until then our side must go on reading.
    let mut sink = [0; 65536];
    while std::io::Read::read(&mut d.stream, &mut sink).unwrap_or(0) > 0 {}
    let error = d.join().unwrap_err();
    assert!(error.contains("in the middle of a call"), "{error}");
}

#[test]
fn downloads_that_cannot_begin_are_plain_errors() {
    let mut d = Daemon::start();
    std::fs::create_dir(d.file("dir")).unwrap();
    for (path, errno) in [("/dir", "EISDIR"), ("/none", "ENOENT"), ("x", "EINVAL"), ("/dev/sda", "ENOENT")] {
        let header = download(&mut d, path);
        let answer = d.answer(&header);
        assert_eq!(answer.header.status, Status::Error);
        assert_eq!(answer.error().0, errno, "{path}");
        d.ping();
    }
}

#[test]
fn parts_of_files() {
    let mut d = Daemon::start();
    let data = noise(50_000);
    common::write(&d.file("f"), &data);
    for (offset, size, want) in [
        (0, 50_000, 0..50_000),
        (0, 10, 0..10),
        (8190, 8195, 8190..16_385),
        (49_999, 100, 49_999..50_000),
        (50_000, 1, 0..0),
        (1 << 40, 1, 0..0),
        (5, 0, 0..0),
        (0, i64::MAX, 0..50_000),
    ] {
        let header = d.header(procs::DOWNLOAD_OFFSET);
        d.send(&header, &DownloadOffsetArgs { remotefilename: "/f".into(), offset, size });
        let () = d.answer(&header).ok();
        let (got, finish) = d.file_out();
        assert!(got == data[want] && finish == Finish::End, "{offset} {size}");
    }
    for (offset, size) in [(-1, 1), (1, -1)] {
        let answer = d.call(procs::DOWNLOAD_OFFSET, &DownloadOffsetArgs { remotefilename: "/f".into(), offset, size });
        assert_eq!(answer.error().0, "EINVAL");
    }
    for (name, offset, want) in [("/f", 49_998, 50_002), ("/new", 10, 14)] {
        let header = d.header(procs::UPLOAD_OFFSET);
        d.send(&header, &UploadOffsetArgs { remotefilename: name.into(), offset });
        d.file_in(b"abcd");
        let () = d.answer(&header).ok();
        let now = std::fs::read(d.file(&name[1..])).unwrap();
        assert!(now.len() == want && now.ends_with(b"abcd"), "{name}");
    }
    assert!(std::fs::read(d.file("f")).unwrap().starts_with(&data[..49_998]));
    assert!(std::fs::read(d.file("new")).unwrap().starts_with(&[0; 10]));
    let header = d.header(procs::UPLOAD_OFFSET);
    d.send(&header, &UploadOffsetArgs { remotefilename: "/f".into(), offset: -1 });
    d.file_in(b"abcd");
    assert_eq!(d.answer(&header).error().0, "EINVAL");
}

#[test]
fn a_file_that_has_no_end_of_its_own_makes_nobody_wait() {
    let mut d = Daemon::start();
    let fifo = std::ffi::CString::new(d.file("fifo").into_os_string().into_encoded_bytes()).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        fifo.as_c_str(),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    let header = download(&mut d, "/fifo");
    let () = d.answer(&header).ok();
    assert_eq!(d.file_out(), (Vec::new(), Finish::End));
    let header = upload(&mut d, "/fifo");
    d.file_in(b"data");
    assert_eq!(d.answer(&header).error().0, "ENXIO");
    d.ping();
}

#[test]
fn only_an_appliance_takes_internal_uploads() {
    let mut d = Daemon::start();
    let header = d.header(procs::INTERNAL_UPLOAD);
    d.send(&header, &InternalUploadArgs { tmpname: "/tmp/x".into(), mode: 0o600 });
    d.file_in(b"abcd");
    assert_eq!(d.answer(&header).error().0, "ENOTSUP");
    d.ping();
}

fn upload_offset(d: &mut Daemon, path: &str, offset: i64) -> Header {
    let header = d.header(procs::UPLOAD_OFFSET);
    d.send(&header, &UploadOffsetArgs { remotefilename: path.into(), offset });
    header
}

/// Sizes and places around pages, and around the size from which the page cache is passed by: small ones
/// go through it, large ones do not, and all of it must come out the same.
#[test]
fn direct_and_ordinary_writes_meet() {
    let mut d = Daemon::start();
    hello(&mut d, BIG_CHUNK_SIZE);
    d.chunk = 100_000;
    let mib = 1 << 20;
    for offset in [0usize, 1, 4095, 4096, 4097, mib + 513] {
        for size in [0, 1, 4095, 4096, 4097, mib - 1, mib, mib + 1, 5 * mib + 4097] {
            let mut want = noise(offset + mib);
            common::write(&d.file("f"), &want);
            let data = noise(size);
            let header = upload_offset(&mut d, "/f", offset as i64);
            d.file_in(&data);
            let () = d.answer(&header).ok();
            let end = offset + size;
            want.resize(want.len().max(end), 0);
            want[offset..end].copy_from_slice(&data);
            assert!(std::fs::read(d.file("f")).unwrap() == want, "{size} bytes at {offset}");
            let header = d.header(procs::DOWNLOAD_OFFSET);
            let args = DownloadOffsetArgs { remotefilename: "/f".into(), offset: offset as i64, size: size as i64 };
            d.chunk = BIG_CHUNK_SIZE;
            d.send(&header, &args);
            let () = d.answer(&header).ok();
            let (got, finish) = d.file_out();
            d.chunk = 100_000;
            assert!(got == data && finish == Finish::End, "{size} bytes from {offset}");
        }
    }
}

/// What came before a cancel is in the file, however large it is, and the daemon goes on.
#[test]
fn a_large_upload_that_is_cancelled_leaves_what_came() {
    let mut d = Daemon::start();
    hello(&mut d, BIG_CHUNK_SIZE);
    for size in [1usize, 1 << 20, (1 << 20) + 1, 6 << 20, (6 << 20) + 4097] {
        let data = noise(size);
        let header = upload(&mut d, "/f");
        for part in data.chunks(100_001) {
            d.chunk(false, part);
        }
        d.chunk(true, b"");
        assert_eq!(d.answer(&header).error().0, "EINTR");
        assert!(std::fs::read(d.file("f")).unwrap() == data, "{size}");
        d.ping();
    }
}
