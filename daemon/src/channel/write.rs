//! Writing to the channel: whole frames only, so that whatever else is sent falls between two.
//!
//! In: frames. Out: they are gone, or the channel is lost.

use super::Channel;
use crate::error::{Errno, Error, Result};
use guestfs_protocol::message::{self, CANCEL_FLAG, LAUNCH_FLAG, PROGRESS_FLAG};
use guestfs_protocol::xdr::to_vec;
use rustix::event::{poll, PollFd, PollFlags};
use rustix::pipe::{splice, SpliceFlags};
use std::os::fd::AsFd;

impl Channel {
    /// Write a whole frame.
    pub(crate) fn write_all(&self, bytes: &[u8]) -> Result<()> {
        self.intact()?;
        self.write_frame(bytes).map_err(|e| self.give_up(e.context("channel to the library")))
    }

    fn write_frame(&self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            match rustix::io::write(&self.fd, bytes) {
                Ok(0) => return Err(Errno::PIPE.into()),
                Ok(n) => bytes = bytes.get(n..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.wait_writable()?,
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }

    /// Write the `left` bytes that a pipe holds, as a part of a frame. It must not hold more: Linux'
    /// virtio-serial driver counts on all of a pipe being moved, and qemu ends when it is not (6.1, 7.2).
    pub(crate) fn splice_all(&self, pipe: impl AsFd, mut left: usize) -> Result<()> {
        self.intact()?;
        let lost = |e: Errno| self.give_up(Error::from(e).context("channel to the library"));
        while left > 0 {
            match splice(&pipe, None, &self.fd, None, left, SpliceFlags::empty()) {
                Ok(0) => return Err(lost(Errno::PIPE)),
                Ok(n) => left = left.saturating_sub(n),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.wait_writable().map_err(lost)?,
                Err(e) => return Err(lost(e)),
            }
        }
        Ok(())
    }

    fn wait_writable(&self) -> std::result::Result<(), Errno> {
        let mut fds = [PollFd::new(&self.fd, PollFlags::OUT)];
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// Say that the daemon is up.
    pub fn send_launch(&self) -> Result<()> {
        self.write_all(&LAUNCH_FLAG.to_be_bytes())
    }

    /// Ask the library to stop its FileIn. Harmless when it has none: it skips the word.
    pub(crate) fn send_cancel(&self) -> Result<()> {
        self.write_all(&CANCEL_FLAG.to_be_bytes())
    }

    /// The running call succeeded: end a progress bar that was begun.
    pub(crate) fn finish_progress(&self) -> Result<()> {
        let total = self.inner.borrow_mut().limiter.finish();
        total.map_or(Ok(()), |total| self.send_progress(total, total))
    }

    /// Tell how far the running call is; most calls of this are swallowed by the rate limit.
    pub fn progress(&self, position: u64, total: u64) -> Result<()> {
        if !self.inner.borrow_mut().limiter.due(position, total) {
            return Ok(());
        }
        self.send_progress(position, total)
    }

    fn send_progress(&self, position: u64, total: u64) -> Result<()> {
        let (proc, serial) = self.call_id();
        let mut frame = PROGRESS_FLAG.to_be_bytes().to_vec();
        frame.extend(to_vec(&message::Progress { proc, serial, position, total })?);
        self.write_all(&frame)
    }
}
