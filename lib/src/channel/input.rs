//! The read side's buffer.
//!
//! In: bytes of a non-blocking socket. Out: contiguous slices of whole messages. The buffer grows with
//! the bytes that really arrive, never ahead of them by more than a constant.

use guestfs_protocol::message::BIG_CHUNK_SIZE;
use rustix::net::{recv, RecvFlags};
use std::os::fd::BorrowedFd;

/// Size at the beginning.
const BASE: usize = 512 * 1024;

/// Size that is kept between messages: chunks of a download do not cost an allocation each.
const KEEP: usize = 2 * BIG_CHUNK_SIZE;

#[derive(Debug)]
pub(crate) struct Input {
    buf: Vec<u8>,
    start: usize,
    end: usize,
    /// The last read took everything there was: ask poll before reading again.
    pub drained: bool,
}

impl Input {
    pub fn new() -> Self {
        Input { buf: Vec::new(), start: 0, end: 0, drained: true }
    }

    /// Bytes in the buffer.
    pub fn available(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// The first `n` bytes, if they are there.
    pub fn peek(&self, n: usize) -> Option<&[u8]> {
        let to = self.start.checked_add(n)?;
        if to > self.end {
            return None;
        }
        self.buf.get(self.start..to)
    }

    /// Drop the first `n` bytes.
    pub fn consume(&mut self, n: usize) {
        self.start = self.start.saturating_add(n).min(self.end);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
            // One big reply must not cost its size for ever.
            if self.buf.len() > KEEP {
                self.buf.truncate(KEEP);
                self.buf.shrink_to(KEEP);
            }
        }
    }

    /// Read once; `need` is how many bytes (from the start of the buffer) the caller is after.
    pub fn read(&mut self, fd: BorrowedFd<'_>, need: usize) -> rustix::io::Result<usize> {
        self.make_room(need)?;
        let Some(room) = self.buf.get_mut(self.end..) else { return Ok(0) };
        let size = room.len();
        let (_, n) = recv(fd, room, RecvFlags::empty())?;
        self.end = self.end.saturating_add(n).min(self.buf.len());
        self.drained = n < size;
        Ok(n)
    }

    fn make_room(&mut self, need: usize) -> rustix::io::Result<()> {
        let have = self.available();
        // Doubling: at most twice what has arrived is reserved, however much was announced.
        let target = need.min(have.saturating_mul(2)).max(BASE);
        if self.start > 0 && (self.start.saturating_add(target) > self.buf.len()) {
            self.buf.copy_within(self.start..self.end, 0);
            self.start = 0;
            self.end = have;
        }
        if self.buf.len() < target {
            self.grow(target)?;
        }
        if self.end == self.buf.len() {
            self.grow(self.buf.len().saturating_mul(2))?;
        }
        Ok(())
    }

    fn grow(&mut self, size: usize) -> rustix::io::Result<()> {
        let more = size.saturating_sub(self.buf.len());
        self.buf.try_reserve(more).map_err(|_| rustix::io::Errno::NOMEM)?;
        self.buf.resize(size, 0);
        Ok(())
    }
}
