//! The worker's end of the socket to the daemon.
//!
//! In: bytes and descriptors. Out: whole requests; replies sent.

use crate::fault::{Fault, Result};
use guestfs_protocol::worker::{frame, frame_length, Incoming, Plain, Reply, Request, FILES_MAX};
use guestfs_protocol::xdr::from_slice;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{recvmsg, send, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags};
use std::collections::VecDeque;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

/// Read at once. A longer frame grows as its bytes really come.
const PIECE: usize = 256 * 1024;

/// How often the daemon hears that a long request goes on.
const BEAT: Duration = Duration::from_millis(500);

/// See the module's description.
pub struct Wire {
    socket: BorrowedFd<'static>,
    said: Instant,
}

impl Wire {
    /// Talk over `socket`, which blocks.
    pub fn new(socket: BorrowedFd<'static>) -> Wire {
        Wire { socket, said: Instant::now() }
    }

    /// The next request; `None` when the daemon has closed the socket.
    pub fn request(&self) -> Result<Option<(String, Incoming)>> {
        let mut files = VecDeque::new();
        let mut word = [0; 4];
        let mut have = 0;
        while let Some(room) = word.get_mut(have..).filter(|room| !room.is_empty()) {
            match self.read(room, &mut files)? {
                0 if have == 0 => return Ok(None),
                0 => return Err(Errno::PIPE.into()),
                n => have = have.saturating_add(n),
            }
        }
        let length = frame_length(word)?;
        let mut body: Vec<u8> = Vec::new();
        while body.len() < length {
            let at = body.len();
            let more = length.saturating_sub(at).min(PIECE);
            body.try_reserve(more).map_err(|_| Errno::NOMEM)?;
            body.resize(at.saturating_add(more), 0);
            match self.read(body.get_mut(at..).unwrap_or_default(), &mut files)? {
                0 => return Err(Errno::PIPE.into()),
                n => body.truncate(at.saturating_add(n)),
            }
        }
        let request: Request = from_slice(&body)?;
        Ok(Some((request.function.to_string(), Incoming { values: request.args.into_iter(), files })))
    }

    fn read(&self, into: &mut [u8], files: &mut VecDeque<OwnedFd>) -> Result<usize> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES_MAX))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let got = loop {
            let mut parts = [IoSliceMut::new(into)];
            match recvmsg(self.socket, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
                Err(Errno::INTR) => {}
                got => break got?,
            }
        };
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                files.extend(fds);
            }
        }
        if files.len() > FILES_MAX {
            return Err(Errno::MFILE.into());
        }
        Ok(got.bytes)
    }

    /// A part of the result of the running request.
    pub fn piece(&mut self, value: impl Plain) -> Result<()> {
        self.send(&Reply::Piece(value.into_value()))
    }

    /// The running request takes long and goes on. Cheap: loops call it as often as they like.
    pub fn alive(&mut self) -> Result<()> {
        if self.said.elapsed() < BEAT {
            return Ok(());
        }
        self.send(&Reply::Alive)
    }

    /// Send a reply.
    pub fn send(&mut self, reply: &Reply) -> Result<()> {
        let bytes = match frame(reply) {
            Ok(bytes) => bytes,
            // A result that is too large is an error, and the connection is as good as before.
            Err(e) => {
                let fault = Fault::from(e);
                frame(&Reply::Failed { errno: fault.errno, message: fault.message })?
            }
        };
        self.said = Instant::now();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            match send(self.socket.as_fd(), rest, SendFlags::NOSIGNAL) {
                Ok(n) => rest = rest.get(n..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }
}
