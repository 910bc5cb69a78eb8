//! A machine for tests: a socket pair whose other end is played by a script in a thread.
//!
//! In: a script. Out: a handle in state READY (or a backend to launch), and bounds: every test ends in
//! time, and a thread's largest single allocation and its peak are known.

#![allow(unsafe_code, clippy::unwrap_used)]

use crate::channel::console::Tail;
use crate::channel::{Caller, Connection, Patience};
use crate::handle::{CreateFlags, Handle, Slot, State};
use crate::machine::{Backend, ExitInfo, LaunchError, Plan, Reporter, Running};
use bstr::BString;
use guestfs_protocol::message::{
    frame, frame_chunk, Chunk, Direction, ErrorReply, Header, Progress, Status, PROGRESS_FLAG,
};
use guestfs_protocol::xdr::{self, Decoder, Encoder, Xdr, XdrError};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Records of each thread its largest single allocation and the most it had at once.
struct Watching;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
    /// What this thread allocated less what it freed; negative when it frees what others made.
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn note(more: usize, less: usize) {
    let _ = LARGEST.try_with(|l| l.set(l.get().max(more)));
    let live = LIVE.try_with(|l| {
        l.set(l.get() + more as isize - less as isize);
        l.get()
    });
    let _ = PEAK.try_with(|p| p.set(p.get().max(live.unwrap_or(0))));
}

// SAFETY: every method hands its arguments to the system allocator unchanged.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        note(0, layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(ptr, layout) }
    }
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size, layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(ptr, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Watching = Watching;

/// Run `test` and return how large its largest allocation on this thread was.
pub(crate) fn largest_allocation(test: impl FnOnce()) -> usize {
    LARGEST.with(|l| l.set(0));
    test();
    LARGEST.with(Cell::get)
}

/// Run `test` and return by how much memory of this thread grew at its peak, and the result.
pub(crate) fn peak_allocation<T>(test: impl FnOnce() -> T) -> (usize, T) {
    let before = LIVE.with(Cell::get);
    PEAK.with(|p| p.set(before));
    let result = test();
    (usize::try_from(PEAK.with(Cell::get) - before).unwrap_or(0), result)
}

/// Abort the process when `test` takes longer than a generous bound: a hang must not hang the suite.
pub(crate) fn bounded<T>(test: impl FnOnce() -> T) -> T {
    bounded_by(Duration::from_secs(60), test)
}

/// As [`bounded`], with a bound.
pub(crate) fn bounded_by<T>(limit: Duration, test: impl FnOnce() -> T) -> T {
    let (done, watch) = std::sync::mpsc::channel::<()>();
    let name = std::thread::current().name().unwrap_or("?").to_owned();
    std::thread::spawn(move || {
        use std::sync::mpsc::RecvTimeoutError::Timeout;
        if watch.recv_timeout(limit) == Err(Timeout) {
            // Past the capture of test output, which an abort would lose.
            let _ = writeln!(std::io::stderr(), "{name} hangs");
            std::process::abort();
        }
    });
    let result = test();
    drop(done);
    result
}

/// The daemon's end.
pub(crate) struct Peer {
    pub sock: UnixStream,
}

impl Peer {
    /// Read one framed message; `None` at the end.
    pub fn message(&mut self) -> Option<Vec<u8>> {
        let mut len = [0; 4];
        self.sock.read_exact(&mut len).ok()?;
        let mut body = vec![0; u32::from_be_bytes(len) as usize];
        self.sock.read_exact(&mut body).ok()?;
        Some(body)
    }

    /// Read a request: header and encoded arguments.
    pub fn request(&mut self) -> Option<(Header, Vec<u8>)> {
        let message = self.message()?;
        let mut d = Decoder::new(&message);
        let header: Header = d.get().unwrap();
        assert_eq!(header.direction, Direction::Call);
        let rest = d.raw(d.remaining()).unwrap().to_vec();
        Some((header, rest))
    }

    /// Read a chunk: cancelled, data. `None` for anything else.
    pub fn chunk(&mut self) -> Option<(bool, Vec<u8>)> {
        let message = self.message()?;
        let chunk = Chunk::decode(&message, 1 << 20).ok()?;
        Some((chunk.cancel, chunk.data.to_vec()))
    }

    /// Write; the library may be gone.
    pub fn raw(&mut self, bytes: &[u8]) -> bool {
        self.sock.write_all(bytes).is_ok()
    }

    pub fn ok<T: Xdr>(&mut self, to: &Header, value: &T) -> bool {
        self.raw(&ok_frame(to, value))
    }

    pub fn error(&mut self, to: &Header, errno: &str, message: &str) -> bool {
        let reply = Header::reply(to.proc, to.serial, Status::Error);
        let error = ErrorReply { errno_string: errno.into(), message: message.into() };
        self.raw(&frame(&reply, |e| e.put(&error)).unwrap())
    }

    pub fn send_chunk(&mut self, cancel: bool, data: &[u8]) -> bool {
        self.raw(&frame_chunk(&Chunk { cancel, data }, Vec::new()).unwrap())
    }

    pub fn progress(&mut self, to: &Header, position: u64, total: u64) -> bool {
        let mut bytes = PROGRESS_FLAG.to_be_bytes().to_vec();
        let p = Progress { proc: to.proc, serial: to.serial, position, total };
        bytes.extend_from_slice(&xdr::to_vec(&p).unwrap());
        self.raw(&bytes)
    }

    /// Answer every request with success and no result until the library hangs up.
    pub fn serve(&mut self) {
        while let Some((header, _)) = self.request() {
            self.ok(&header, &());
        }
    }
}

/// A framed good reply.
pub(crate) fn ok_frame<T: Xdr>(to: &Header, value: &T) -> Vec<u8> {
    frame(&Header::reply(to.proc, to.serial, Status::Ok), |e| e.put(value)).unwrap()
}

/// Bytes put on the wire as they are.
pub(crate) struct Raw(pub Vec<u8>);

impl Xdr for Raw {
    const MIN_SIZE: usize = 0;
    fn encode(&self, e: &mut Encoder) -> Result<(), XdrError> {
        e.raw(&self.0)
    }
    fn decode(_: &mut Decoder<'_>) -> Result<Self, XdrError> {
        Ok(Raw(Vec::new()))
    }
}

/// Somebody who waits at a channel and has no handle.
pub(crate) struct Waiting {
    wake: OwnedFd,
    cancelled: Cell<bool>,
    pub console: RefCell<Vec<u8>>,
    pub progress: RefCell<Vec<Progress>>,
}

impl Default for Waiting {
    fn default() -> Self {
        let wake = rustix::event::eventfd(0, rustix::event::EventfdFlags::NONBLOCK).unwrap();
        Waiting { wake, cancelled: Cell::default(), console: RefCell::default(), progress: RefCell::default() }
    }
}

impl Waiting {
    pub fn cancel(&self) {
        self.cancelled.set(true);
        rustix::io::write(&self.wake, &1u64.to_ne_bytes()).unwrap();
    }
}

impl Caller for Waiting {
    fn wake_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
    fn is_cancelled(&self) -> bool {
        self.cancelled.get()
    }
    fn drain_wake(&self) {
        let _ = rustix::io::read(&self.wake, &mut [0; 8]);
    }
    fn console(&self, bytes: &[u8]) {
        self.console.borrow_mut().extend_from_slice(bytes);
    }
    fn progress(&self, progress: &Progress) {
        self.progress.borrow_mut().push(*progress);
    }
}

/// The machine around the library's end.
pub(crate) struct Machine {
    pub sock: UnixStream,
    pub console: Option<UnixStream>,
    /// Readable once its other end is closed: stands for a pidfd.
    pub exit: Option<UnixStream>,
    pub hello: Option<Vec<BString>>,
    pub hello_optional: bool,
    pub silence: Duration,
}

impl Running for Machine {
    fn channel(&self) -> BorrowedFd<'_> {
        self.sock.as_fd()
    }
    fn console(&self) -> Option<BorrowedFd<'_>> {
        self.console.as_ref().map(AsFd::as_fd)
    }
    fn exit_fd(&self) -> Option<BorrowedFd<'_>> {
        self.exit.as_ref().map(AsFd::as_fd)
    }
    fn exited(&mut self) -> Option<ExitInfo> {
        // As a pidfd does, the socket stays readable once the process is gone.
        self.exit.as_ref()?.set_nonblocking(true).ok()?;
        matches!(self.exit.as_ref()?.read(&mut [0]), Ok(0)).then_some(ExitInfo::Signal(9))
    }
    fn hello(&self) -> Option<Vec<BString>> {
        self.hello.clone()
    }
    fn hello_optional(&self) -> bool {
        self.hello_optional
    }
    fn silence_limit(&self) -> Duration {
        self.silence
    }
    fn shutdown(&mut self, _: Instant) -> crate::Result<()> {
        let _ = self.sock.shutdown(std::net::Shutdown::Both);
        Ok(())
    }
}

/// A machine whose daemon runs `script`.
pub(crate) fn machine(script: impl FnOnce(Peer) + Send + 'static) -> Machine {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    std::thread::spawn(move || script(Peer { sock: theirs }));
    Machine {
        sock: ours,
        console: None,
        exit: None,
        hello: None,
        hello_optional: false,
        silence: Duration::from_secs(20),
    }
}

/// A handle that reads no environment.
pub(crate) fn handle() -> Handle {
    let g = Handle::create(CreateFlags { no_environment: true, ..CreateFlags::default() }).unwrap();
    g.set_autosync(false).unwrap();
    g
}

/// A launched handle.
pub(crate) fn ready(script: impl FnOnce(Peer) + Send + 'static) -> Handle {
    adopt(machine(script))
}

/// A connection to this machine, with little patience.
pub(crate) fn connection(machine: Machine) -> Connection {
    let mut connection = Connection::new(Box::new(machine), Tail::default());
    connection.patience = Patience {
        stall: Duration::from_millis(400),
        drain: Duration::from_millis(600),
        cancel: Duration::from_millis(600),
        stopping: Duration::from_millis(1500),
        sync: Duration::from_millis(1500),
    };
    connection
}

/// A launched handle around this machine.
pub(crate) fn adopt(machine: Machine) -> Handle {
    let g = handle();
    *g.slot().lock() = Slot::Idle(Box::new(connection(machine)));
    g.set_state(State::Ready);
    g
}

/// A backend that hands out prepared machines.
pub(crate) struct Fleet(pub Vec<Machine>);

impl Backend for Fleet {
    fn launch(&mut self, _: &Plan, reporter: &dyn Reporter) -> Result<Box<dyn Running>, LaunchError> {
        reporter.library("starting a fake machine");
        Ok(Box::new(self.0.remove(0)))
    }
    fn retry_after(&mut self, _: &crate::LaunchFailure, _: &dyn Reporter) -> bool {
        !self.0.is_empty()
    }
    fn needs_drives(&self) -> bool {
        false
    }
}

/// A pipe: what is read from and what is written to. (That of the standard library is younger than Rust 1.85.)
pub fn pipe() -> (std::fs::File, std::fs::File) {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    (reader.into(), writer.into())
}
