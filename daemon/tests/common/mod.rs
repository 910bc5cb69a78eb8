//! A daemon in a thread, serving a temporary directory over a socket pair, and the library's side of
//! the protocol written out by hand. Everything here waits at most ten seconds.

#![allow(dead_code, reason = "every test program uses its own part of this")]

use guestfs_protocol::message::{frame, Chunk, Direction, ErrorReply, Header, Progress, Status, Word, MAX_CHUNK_SIZE};
use guestfs_protocol::xdr::{from_slice, Decoder, Encoder, Xdr, MESSAGE_MAX};
use guestfsd::channel::Channel;
use guestfsd::ctx::{Ctx, Role};
use guestfsd::disks::Disks;
use guestfsd::dispatch::dispatch;
use guestfsd::rpc::{serve, End};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

/// The longest anything may take.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How the daemon's loop ended: well, or with this message.
pub type Ended = Result<End, String>;

/// A running daemon and the library's end of its channel.
pub struct Daemon {
    pub stream: UnixStream,
    pub dir: tempfile::TempDir,
    thread: Option<JoinHandle<Ended>>,
    serial: u32,
    pub chunk: usize,
}

/// What the daemon answered.
#[derive(Debug)]
pub struct Answer {
    pub header: Header,
    pub body: Vec<u8>,
}

/// What ended a FileOut.
#[derive(Debug, PartialEq, Eq)]
pub enum Finish {
    End,
    Cancelled,
}

impl Daemon {
    /// Serve an empty directory.
    pub fn start() -> Daemon {
        Daemon::with(|_| ())
    }

    /// The same with a context prepared by `prepare`.
    pub fn with(prepare: impl FnOnce(&mut Ctx) + Send + 'static) -> Daemon {
        let dir = tempfile::tempdir().unwrap();
        // The guest is a directory inside, so that there is an outside to escape to.
        std::fs::create_dir(dir.path().join("guest")).unwrap();
        let guest = dir.path().join("guest");
        let (stream, theirs) = UnixStream::pair().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let thread = std::thread::spawn(move || {
            let mut ctx = Ctx::new(Channel::new(theirs.into()), Role::Directory, &guest, Disks::live()).unwrap();
            prepare(&mut ctx);
            serve(&mut ctx, dispatch).map_err(|e| e.to_string())
        });
        Daemon { stream, dir, thread: Some(thread), serial: 0x1234, chunk: MAX_CHUNK_SIZE }
    }

    /// Where the guest's `/` is.
    pub fn guest(&self) -> PathBuf {
        self.dir.path().join("guest")
    }

    /// A path in the guest.
    pub fn file(&self, name: &str) -> PathBuf {
        self.guest().join(name)
    }

    /// Hang up and see how the daemon's loop ended.
    pub fn end(mut self) -> Ended {
        self.stream.shutdown(std::net::Shutdown::Both).ok();
        self.join()
    }

    /// See how the daemon's loop ended by itself.
    pub fn join(&mut self) -> Ended {
        let thread = self.thread.take().unwrap();
        let start = std::time::Instant::now();
        while !thread.is_finished() {
            assert!(start.elapsed() < PATIENCE, "the daemon hangs");
            std::thread::sleep(Duration::from_millis(2));
        }
        thread.join().expect("the daemon's loop panicked")
    }

    // ── sending ────────────────────────────────────────────────────────────────

    pub fn raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    pub fn word(&mut self, word: u32) {
        self.raw(&word.to_be_bytes());
    }

    /// The next request's header.
    pub fn header(&mut self, proc: i32) -> Header {
        self.serial += 1;
        Header::call(proc, self.serial, 0, 0)
    }

    pub fn send<T: Xdr>(&mut self, header: &Header, args: &T) {
        let bytes = frame(header, |e| e.put(args)).unwrap();
        self.raw(&bytes);
    }

    pub fn chunk(&mut self, cancel: bool, data: &[u8]) {
        let mut e = Encoder::with_limit(1 << 24);
        Chunk { cancel, data }.encode(&mut e).unwrap();
        let body = e.into_vec();
        self.word(u32::try_from(body.len()).unwrap());
        self.raw(&body);
    }

    /// All of a FileIn.
    pub fn file_in(&mut self, data: &[u8]) {
        for piece in data.chunks(self.chunk) {
            self.chunk(false, piece);
        }
        self.chunk(false, b"");
    }

    // ── receiving ──────────────────────────────────────────────────────────────

    pub fn read_word(&mut self) -> u32 {
        let mut word = [0; 4];
        self.stream.read_exact(&mut word).unwrap();
        u32::from_be_bytes(word)
    }

    pub fn body(&mut self, length: usize) -> Vec<u8> {
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        body
    }

    /// The next message; progress is skipped, and how many cancel words came first is told.
    pub fn message(&mut self) -> (usize, Vec<u8>) {
        let mut cancels = 0;
        loop {
            match Word::classify(self.read_word()).unwrap() {
                Word::Cancel => cancels += 1,
                Word::Progress => {
                    let _: Progress = from_slice(&self.body(24)).unwrap();
                }
                Word::Message(length) => return (cancels, self.body(length)),
                Word::Launch => panic!("launch flag in the middle"),
            }
        }
    }

    /// The reply to `header`, after any cancel words.
    pub fn answer(&mut self, header: &Header) -> Answer {
        self.answer_after(header).1
    }

    /// The reply to `header`, and how many cancel words came before it.
    pub fn answer_after(&mut self, header: &Header) -> (usize, Answer) {
        let (cancels, message) = self.message();
        let mut d = Decoder::new(&message);
        let got: Header = d.get().unwrap();
        assert_eq!(got.direction, Direction::Reply);
        assert_eq!((got.proc, got.serial), (header.proc, header.serial));
        let body = d.raw(d.remaining()).unwrap().to_vec();
        (cancels, Answer { header: got, body })
    }

    /// The chunks of a FileOut.
    pub fn file_out(&mut self) -> (Vec<u8>, Finish) {
        let mut data = Vec::new();
        loop {
            let (_, message) = self.message();
            let chunk = Chunk::decode(&message, MESSAGE_MAX).unwrap();
            assert!(chunk.data.len() <= self.chunk, "chunk of {} bytes", chunk.data.len());
            match (chunk.cancel, chunk.data) {
                (true, _) => return (data, Finish::Cancelled),
                (false, []) => return (data, Finish::End),
                (false, more) => data.extend_from_slice(more),
            }
        }
    }

    // ── whole calls ────────────────────────────────────────────────────────────

    pub fn call<T: Xdr>(&mut self, proc: i32, args: &T) -> Answer {
        let header = self.header(proc);
        self.send(&header, args);
        self.answer(&header)
    }

    /// A call that must work, and its result.
    pub fn ok<T: Xdr, R: Xdr>(&mut self, proc: i32, args: &T) -> R {
        self.call(proc, args).ok()
    }

    /// The daemon still lives.
    pub fn ping(&mut self) {
        let () = self.ok(guestfs_protocol::procs::PING_DAEMON, &());
    }
}

impl Answer {
    pub fn ok<R: Xdr>(self) -> R {
        match self.header.status {
            Status::Ok => from_slice(&self.body).unwrap(),
            Status::Error => panic!("{:?}", self.error()),
        }
    }

    /// errno name and message.
    pub fn error(self) -> (String, String) {
        assert_eq!(self.header.status, Status::Error, "the call was expected to fail");
        let reply: ErrorReply = from_slice(&self.body).unwrap();
        (reply.errno_string.to_string(), reply.message.to_string())
    }
}

/// Bytes that do not repeat soon.
pub fn noise(length: usize) -> Vec<u8> {
    let mut x: u32 = 12345;
    std::iter::repeat_with(|| {
        x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (x >> 24) as u8
    })
    .take(length)
    .collect()
}

pub fn write(path: &Path, data: &[u8]) {
    std::fs::write(path, data).unwrap();
}
