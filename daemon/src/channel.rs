//! The byte channel to the library: framing, flow and cancellation, shared by everything that talks.
//!
//! In: a connected descriptor (virtio-serial port, socket) and what a hostile peer sends through it.
//! Out: whole messages and chunks within their limits, or an [`Error`]; frames written in one piece.
//! Length words are judged before anything is allocated; buffers are kept and reused.
//!
//! One `Rc<Channel>` is held by the context, the running call and its `FileIn` and `FileOut`; the
//! daemon has one thread, and no borrow outlives a method of this module.

pub mod cancel;
mod read;
mod write;

use crate::error::{Errno, Error, Result};
use crate::progress::Limiter;
use guestfs_protocol::message::{self, MAX_CHUNK_SIZE};
use guestfs_protocol::xdr::MESSAGE_MAX;
use std::cell::RefCell;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

/// Bytes read ahead. Bigger reads go straight to their destination.
const READ_AHEAD: usize = 16 * 1024;

/// Bytes of a framed chunk before its data: length, cancel flag, data length.
pub const CHUNK_PREFIX: usize = 12;

/// The FileIn of the running call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incoming {
    /// The call has none (or nobody asked for it yet).
    None,
    /// Chunks are still to come.
    Active,
    /// The last chunk was read: end of file.
    Ended,
    /// The library gave up.
    Cancelled,
}

/// The FileOut of the running call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outgoing {
    /// The call has none, or nothing was sent: an error reply is still possible.
    Idle,
    /// The OK reply and perhaps chunks were sent.
    Started,
    /// The last or the cancelling chunk was sent.
    Done,
}

/// What came instead of or with the next message.
#[derive(Debug)]
pub enum Received {
    /// A message body (header first), in the buffer given.
    Message,
    /// A message of this length that there is no memory for: the buffer has its beginning, the rest is dropped.
    TooMuch(usize),
    /// The peer closed the channel between two messages.
    Closed,
}

/// Largest data in one chunk, each way.
#[derive(Debug, Clone, Copy)]
pub struct ChunkSizes {
    /// What we accept.
    pub receive: usize,
    /// What the peer accepts.
    pub send: usize,
}

impl Default for ChunkSizes {
    fn default() -> Self {
        ChunkSizes { receive: MAX_CHUNK_SIZE, send: MAX_CHUNK_SIZE }
    }
}

struct Inner {
    ahead: Box<[u8]>,
    start: usize,
    end: usize,
    sizes: ChunkSizes,
    proc: i32,
    serial: u32,
    incoming: Incoming,
    outgoing: Outgoing,
    /// The library sends cancel words outside of transfers, too.
    heeding: bool,
    /// The running call was cancelled.
    cancelled: bool,
    limiter: Limiter,
    /// Why the stream cannot be followed any more. Whoever notices may be deep inside a call.
    lost: Option<Error>,
    spare_in: Vec<u8>,
    spare_out: Vec<u8>,
}

/// See the module's description.
pub struct Channel {
    fd: OwnedFd,
    inner: RefCell<Inner>,
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Channel").field("fd", &self.fd).finish_non_exhaustive()
    }
}

impl Channel {
    /// Talk over `fd`, which must block.
    pub fn new(fd: OwnedFd) -> Rc<Channel> {
        Rc::new(Channel {
            fd,
            inner: RefCell::new(Inner {
                ahead: vec![0; READ_AHEAD].into_boxed_slice(),
                start: 0,
                end: 0,
                sizes: ChunkSizes::default(),
                proc: 0,
                serial: 0,
                incoming: Incoming::None,
                outgoing: Outgoing::Idle,
                heeding: false,
                cancelled: false,
                limiter: Limiter::default(),
                lost: None,
                spare_in: Vec::new(),
                spare_out: Vec::new(),
            }),
        })
    }

    /// Chunk sizes in force.
    pub fn chunk_sizes(&self) -> ChunkSizes {
        self.inner.borrow().sizes
    }

    /// Set what the hello agreed on; both are brought between the protocol's 8 KiB and our maximum.
    pub fn set_chunk_sizes(&self, sizes: ChunkSizes) {
        let clamp = |n: usize| n.clamp(MAX_CHUNK_SIZE, message::BIG_CHUNK_SIZE);
        self.inner.borrow_mut().sizes = ChunkSizes { receive: clamp(sizes.receive), send: clamp(sizes.send) };
    }

    /// A call begins: forget the transfers and the progress of the last one.
    pub fn begin(&self, proc: i32, serial: u32) {
        let mut inner = self.inner.borrow_mut();
        inner.proc = proc;
        inner.serial = serial;
        inner.incoming = Incoming::None;
        inner.outgoing = Outgoing::Idle;
        inner.cancelled = false;
        inner.limiter = Limiter::default();
    }

    /// State of the running call's FileIn.
    pub fn incoming(&self) -> Incoming {
        self.inner.borrow().incoming
    }

    pub(crate) fn set_incoming(&self, state: Incoming) {
        self.inner.borrow_mut().incoming = state;
    }

    /// State of the running call's FileOut.
    pub fn outgoing(&self) -> Outgoing {
        self.inner.borrow().outgoing
    }

    pub(crate) fn set_outgoing(&self, state: Outgoing) {
        self.inner.borrow_mut().outgoing = state;
    }

    pub(crate) fn call_id(&self) -> (i32, u32) {
        let inner = self.inner.borrow();
        (inner.proc, inner.serial)
    }

    /// Fail if the stream cannot be followed any more.
    pub(crate) fn intact(&self) -> Result<()> {
        self.inner.borrow().lost.clone().map_or(Ok(()), Err)
    }

    /// Give the stream up: `what` came instead of what the protocol says.
    fn lost(&self, what: &str) -> Error {
        self.give_up(Error::new(Errno::PROTO, format!("channel to the library: {what}")))
    }

    /// Give the stream up in the middle of a frame, for a reason of our own.
    pub(crate) fn broken(&self, why: &str) -> Error {
        self.give_up(Error::new(Errno::IO, format!("channel to the library: {why}")))
    }

    fn give_up(&self, error: Error) -> Error {
        self.inner.borrow_mut().lost.get_or_insert(error).clone()
    }

    /// A buffer kept from an earlier transfer, empty.
    pub(crate) fn take_spare(&self, incoming: bool) -> Vec<u8> {
        let mut inner = self.inner.borrow_mut();
        let spare = if incoming { &mut inner.spare_in } else { &mut inner.spare_out };
        let mut buf = std::mem::take(spare);
        buf.clear();
        buf
    }

    /// Keep a buffer for the next transfer.
    pub(crate) fn give_spare(&self, incoming: bool, buf: Vec<u8>) {
        let mut inner = self.inner.borrow_mut();
        *(if incoming { &mut inner.spare_in } else { &mut inner.spare_out }) = buf;
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

const _: () = assert!(message::BIG_CHUNK_SIZE + CHUNK_PREFIX < MESSAGE_MAX);
