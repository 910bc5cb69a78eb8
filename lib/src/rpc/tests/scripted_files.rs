//! Scripted misbehaviours: transfers.

use super::scripted::{check, words, Case, End, Then};
use crate::error::Result;
use crate::fake::Peer;
use crate::handle::Handle;
use guestfs_protocol::message::{Header, CANCEL_FLAG, LAUNCH_FLAG};
use std::time::Duration;
use End::{Failed, Fine, Lost};

/// Endless for whoever does not stop it.
fn upload(g: &Handle) -> Result<()> {
    g.upload("/dev/zero", "/x")
}

fn upload_little(g: &Handle) -> Result<()> {
    g.upload("/proc/self/comm", "/x")
}

fn download(g: &Handle) -> Result<()> {
    g.download("/x", "/dev/null")
}

fn download_to_full_disk(g: &Handle) -> Result<()> {
    g.download("/x", "/dev/full")
}

fn download_and_ping(g: &Handle) -> Result<()> {
    g.download("/x", "/dev/null").unwrap();
    std::thread::sleep(Duration::from_millis(50));
    g.ping_daemon()
}

fn failed_download_and_ping(g: &Handle) -> Result<()> {
    g.download("/x", "/dev/null").unwrap_err();
    std::thread::sleep(Duration::from_millis(50));
    g.ping_daemon()
}

fn cancelled_upload(g: &Handle) -> Result<()> {
    let canceller = g.canceller();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        canceller.cancel();
    });
    upload(g)
}

fn cancelled_download(g: &Handle) -> Result<()> {
    let canceller = g.canceller();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        canceller.cancel();
    });
    download(g)
}

/// Read the rest of a FileIn; whether its sender cut it short.
fn rest(p: &mut Peer) -> Option<bool> {
    loop {
        match p.chunk()? {
            (true, _) => return Some(true),
            (false, data) if data.is_empty() => return Some(false),
            _ => {}
        }
    }
}

/// Some chunks of a good FileOut.
fn begin(p: &mut Peer, h: &Header) {
    p.ok(h, &());
    p.send_chunk(false, &[7; 8192]);
    p.send_chunk(false, &[7; 100]);
}

fn endless_progress(p: &mut Peer, h: &Header) -> Then {
    while p.progress(h, 1, 2) {}
    Then::Close
}

#[rustfmt::skip]
const UPLOADS: &[Case] = &[
    Case { name: "reply before the file is sent", call: upload, script: |p, h| { p.chunk(); p.ok(&h, &()); Then::Silent }, end: Lost("message") },
    Case { name: "error before the file is sent", call: upload, script: |p, h| { p.chunk(); p.error(&h, "EIO", "x"); Then::Silent }, end: Lost("message") },
    Case { name: "launch word", call: upload, script: |p, _| { p.chunk(); words(p, &[LAUNCH_FLAG]) }, end: Lost("a launch word while a file was being sent") },
    Case { name: "chunk", call: upload, script: |p, _| { p.chunk(); p.send_chunk(false, &[1; 8]); Then::Silent }, end: Lost("message") },
    Case { name: "length 2^32 - 1", call: upload, script: |p, _| { p.chunk(); words(p, &[u32::MAX]) }, end: Lost("4294967295") },
    Case { name: "stop, and then an error", call: upload, script: |p, h| { p.chunk(); words(p, &[CANCEL_FLAG]); rest(p); p.error(&h, "ENOSPC", "full"); Then::Serve }, end: Failed("upload: full") },
    Case { name: "stop, and then success: it had enough", call: upload, script: |p, h| { p.chunk(); words(p, &[CANCEL_FLAG]); rest(p); p.ok(&h, &()); Then::Serve }, end: Fine },
    Case { name: "stop twice", call: upload, script: |p, h| { p.chunk(); words(p, &[CANCEL_FLAG, CANCEL_FLAG]); rest(p); p.error(&h, "ENOSPC", "full"); Then::Serve }, end: Failed("full") },
    Case { name: "stop three times, late", call: upload_little, script: |p, h| { rest(p); words(p, &[CANCEL_FLAG; 3]); p.error(&h, "ENOSPC", "full"); Then::Silent }, end: Lost("a cancel word") },
    Case { name: "stop, then silence", call: upload, script: |p, _| { p.chunk(); words(p, &[CANCEL_FLAG]) }, end: Lost("the answer to a request that was given up") },
    Case { name: "stop, then endless progress", call: upload, script: |p, h| { p.chunk(); words(p, &[CANCEL_FLAG]); rest(p); endless_progress(p, &h) }, end: Lost("the answer to a request that was given up") },
    Case { name: "endless progress, and the user gives up", call: cancelled_upload, script: |p, h| {
        let mut reader = p.sock.try_clone().unwrap();
        std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
        endless_progress(p, &h)
    }, end: Lost("cancelled by user; the appliance did not stop") },
    Case { name: "takes nothing, and the user gives up", call: cancelled_upload, script: |_, _| { std::thread::sleep(Duration::from_secs(3)); Then::Close }, end: Lost("cancelled by user; the appliance did not stop") },
    Case { name: "user gives up, and then success", call: cancelled_upload, script: |p, h| { rest(p); p.ok(&h, &()); Then::Serve }, end: Failed("cancelled by user") },
    Case { name: "closed in the middle", call: upload, script: |p, _| { p.chunk(); Then::Close }, end: Lost("closed the connection") },
    Case { name: "a word, a byte at a time", call: upload, script: |p, h| {
        for byte in CANCEL_FLAG.to_be_bytes() {
            p.raw(&[byte]);
            std::thread::sleep(Duration::from_millis(20));
        }
        rest(p);
        p.error(&h, "ENOSPC", "full");
        Then::Serve
    }, end: Failed("full") },
    Case { name: "half a word, and the user gives up", call: cancelled_upload, script: |p, _| { p.raw(&[0xff]); Then::Silent }, end: Lost("the rest of a message") },
];

#[rustfmt::skip]
const DOWNLOADS: &[Case] = &[
    Case { name: "no chunk at all", call: download, script: |p, h| { p.ok(&h, &()); Then::Close }, end: Lost("closed the connection") },
    Case { name: "no last chunk", call: download, script: |p, h| { begin(p, &h); Then::Close }, end: Lost("closed the connection") },
    Case { name: "another reply", call: download, script: |p, h| { begin(p, &h); p.ok(&h, &()); Then::Silent }, end: Lost("file chunk") },
    Case { name: "an error reply", call: download, script: |p, h| { begin(p, &h); p.error(&h, "EIO", "x"); Then::Silent }, end: Lost("file chunk") },
    Case { name: "launch word", call: download, script: |p, h| { begin(p, &h); words(p, &[LAUNCH_FLAG]) }, end: Lost("a launch word while a file was being received") },
    Case { name: "cancel word", call: download, script: |p, h| { begin(p, &h); words(p, &[CANCEL_FLAG]) }, end: Lost("a cancel word while a file was being received") },
    Case { name: "given up", call: download, script: |p, h| { begin(p, &h); p.send_chunk(true, &[]); Then::Serve }, end: Failed("cancelled by daemon") },
    Case { name: "given up, with data", call: download, script: |p, h| { begin(p, &h); p.send_chunk(true, &[1; 8000]); Then::Serve }, end: Failed("cancelled by daemon") },
    Case { name: "given up with a 2", call: download, script: |p, h| { begin(p, &h); words(p, &[8, 2, 0]); Then::Serve }, end: Failed("cancelled by daemon") },
    Case { name: "chunk after giving up", call: failed_download_and_ping, script: |p, h| { begin(p, &h); p.send_chunk(true, &[]); p.send_chunk(false, &[1; 50]); Then::Serve }, end: Lost("protocol") },
    Case { name: "chunk after the last", call: download_and_ping, script: |p, h| { begin(p, &h); p.send_chunk(false, &[]); p.send_chunk(false, &[1; 50]); Then::Serve }, end: Lost("protocol") },
    Case { name: "last chunk, without end", call: download_and_ping, script: |p, h| { begin(p, &h); while p.send_chunk(false, &[]) {} Then::Close }, end: Lost("protocol") },
    Case { name: "chunks after an error", call: failed_download_and_ping, script: |p, h| { p.error(&h, "EIO", "x"); p.send_chunk(false, &[1; 50]); Then::Serve }, end: Lost("protocol") },
    Case { name: "chunk larger than agreed", call: download, script: |p, h| { p.ok(&h, &()); p.send_chunk(false, &[1; 8193]); Then::Silent }, end: Lost("above the limit") },
    Case { name: "chunk of 4 MiB", call: download, script: |p, h| { p.ok(&h, &()); words(p, &[4 << 20, 0, 4 << 20]) }, end: Lost("4194304") },
    Case { name: "chunk whose data is longer", call: download, script: |p, h| { p.ok(&h, &()); words(p, &[12, 0, 8, 0]) }, end: Lost("file chunk") },
    Case { name: "chunk whose data is shorter", call: download, script: |p, h| { p.ok(&h, &()); words(p, &[16, 0, 4, 0, 0]) }, end: Lost("stray") },
    Case { name: "chunk of -1 bytes", call: download, script: |p, h| { p.ok(&h, &()); words(p, &[8, 0, u32::MAX]) }, end: Lost("4294967295") },
    Case { name: "chunk with padding that is not 0", call: download, script: |p, h| { p.ok(&h, &()); words(p, &[12, 0, 1, 0x0100_0001]) }, end: Lost("padding") },
    Case { name: "chunk without its length", call: download, script: |p, h| { p.ok(&h, &()); words(p, &[4, 0]) }, end: Lost("truncated") },
    Case { name: "half a chunk, then silence", call: download, script: |p, h| { p.ok(&h, &()); words(p, &[108, 0, 100, 1]) }, end: Lost("the rest of a message") },
    Case { name: "half a chunk, and the user gives up", call: cancelled_download, script: |p, h| { p.ok(&h, &()); words(p, &[108, 0, 100, 1]) }, end: Lost("the rest of a message") },
    Case { name: "a chunk that drips, and the user gives up", call: cancelled_download, script: |p, h| {
        p.ok(&h, &());
        words(p, &[8008, 0, 8000]);
        // Never silent for as long as patience lasts, and never done.
        while p.raw(&[1]) {
            std::thread::sleep(Duration::from_millis(30));
        }
        Then::Close
    }, end: Lost("cancelled by user; the appliance did not stop") },
    Case { name: "chunks a byte at a time", call: download, script: |p, h| {
        p.ok(&h, &());
        for byte in [12u32, 0, 3, 0x0102_0300, 8, 0, 0].iter().flat_map(|w| w.to_be_bytes()) {
            p.raw(&[byte]);
            std::thread::sleep(Duration::from_millis(5));
        }
        Then::Serve
    }, end: Fine },
    Case { name: "goes on and on after the disk is full", call: download_to_full_disk, script: |p, h| { p.ok(&h, &()); while p.send_chunk(false, &[1; 8192]) {} Then::Close }, end: Lost("the daemon to stop sending") },
    Case { name: "endless progress after the disk is full", call: download_to_full_disk, script: |p, h| { begin(p, &h); endless_progress(p, &h) }, end: Lost("the daemon to stop sending") },
    Case { name: "silence after the disk is full", call: download_to_full_disk, script: |p, h| { begin(p, &h); Then::Silent }, end: Lost("the daemon to stop sending") },
    Case { name: "garbage after the disk is full", call: download_to_full_disk, script: |p, h| { begin(p, &h); words(p, &[u32::MAX]) }, end: Lost("4294967295") },
    Case { name: "stops after the disk is full", call: download_to_full_disk, script: |p, h| { begin(p, &h); p.send_chunk(false, &[]); p.sock.set_read_timeout(Some(Duration::from_secs(1))).unwrap(); cancel_word(p); Then::Serve }, end: Failed("No space left") },
];

fn cancel_word(p: &mut Peer) {
    let mut word = [0; 4];
    std::io::Read::read_exact(&mut p.sock, &mut word).unwrap();
    assert_eq!(u32::from_be_bytes(word), CANCEL_FLAG);
    p.sock.set_read_timeout(None).unwrap();
}

#[test]
fn uploads() {
    check(UPLOADS);
}

#[test]
fn downloads() {
    check(DOWNLOADS);
}
