//! A file going to the library.
//!
//! In: bytes from a handler, or a file on a disk. Out: chunks, behind the OK reply that goes out with
//! the first of them.

use super::LARGE;
use crate::channel::cancel::cancelled;
use crate::channel::{Channel, Outgoing, CHUNK_PREFIX};
use crate::direct::Direct;
use crate::error::{Context, Errno, Result};
use guestfs_protocol::message::{frame, Header, Status};
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::pipe::{splice, PipeFlags, SpliceFlags};
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::rc::Rc;

/// Given to a virtio-serial port at once. Its queue takes up to 128 of these before it makes us wait, so
/// a host that reads slowly has up to 16 MiB of the machine's memory waiting for it, and not more.
const PIECE: usize = 128 * 1024;

/// A tool that prints less has ended before anybody would see a bar, in bytes.
const LONG: u64 = 32 << 20;

/// What is copied from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// Never keeps us waiting.
    File,
    /// May, for nobody but us.
    Tool,
    /// Somebody wants to see what it prints.
    Program,
}

/// A program that prints nothing for so long pauses.
const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

struct Pipe {
    output: OwnedFd,
    input: OwnedFd,
}

impl Pipe {
    /// An empty pipe that takes `size` bytes of whole pages.
    fn new(size: usize) -> Result<Pipe> {
        let (output, input) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        rustix::pipe::fcntl_setpipe_size(&input, size)?;
        Ok(Pipe { output, input })
    }
}

/// A file going to the library: `Write`. The OK reply goes out before the first chunk, so a handler
/// that fails before writing anything still gets an ordinary error reply.
#[derive(Debug)]
pub struct FileOut {
    channel: Rc<Channel>,
    /// [`CHUNK_PREFIX`] bytes, then the data of the chunk being filled.
    buf: Vec<u8>,
    chunk: usize,
    sent: u64,
}

impl FileOut {
    /// The FileOut of the running call.
    pub(crate) fn new(channel: Rc<Channel>) -> Self {
        let mut buf = channel.take_spare(false);
        buf.resize(CHUNK_PREFIX, 0);
        let chunk = channel.chunk_sizes().send;
        FileOut { channel, buf, chunk, sent: 0 }
    }

    /// Bytes given so far.
    pub fn sent(&self) -> u64 {
        self.sent.saturating_add(self.pending() as u64)
    }

    /// Largest data of one chunk, in bytes: what to read at once from a file.
    pub fn chunk_size(&self) -> usize {
        self.chunk
    }

    /// Send everything `from` gives, without another copy, at most `limit` bytes. `total` is what
    /// progress is measured against; `None` reports none. The number of bytes.
    pub fn copy_from(&mut self, from: impl AsFd, limit: Option<u64>, total: Option<u64>) -> Result<u64> {
        self.copy(from.as_fd(), limit, total, Source::File)
    }

    /// Send everything a tool prints, which may be long in coming: the library may have enough of it
    /// meanwhile. `total` is what progress is measured against; it is asked when there is so much that somebody may
    /// want to see it. The number of bytes.
    pub fn copy_from_tool(&mut self, stdout: impl AsFd, total: impl FnOnce() -> Option<u64>) -> Result<u64> {
        let first = self.copy(stdout.as_fd(), Some(LONG), None, Source::Tool)?;
        if first < LONG {
            return Ok(first);
        }
        Ok(first.saturating_add(self.copy(stdout.as_fd(), None, total(), Source::Tool)?))
    }

    /// The same for a program whose output somebody may be waiting for: when it pauses, what it has printed is
    /// sent, though that is less than a chunk. After that no error text can be sent any more.
    pub fn copy_from_program(&mut self, stdout: impl AsFd) -> Result<u64> {
        self.copy(stdout.as_fd(), None, None, Source::Program)
    }

    fn copy(&mut self, from: BorrowedFd<'_>, limit: Option<u64>, total: Option<u64>, source: Source) -> Result<u64> {
        let mut copied: u64 = 0;
        loop {
            let left = limit.map_or(u64::MAX, |l| l.saturating_sub(copied));
            let room = self.chunk.saturating_sub(self.pending());
            let want = usize::try_from(left).unwrap_or(usize::MAX).min(room);
            if want == 0 {
                if left == 0 {
                    return Ok(copied);
                }
                self.flush_chunk()?;
                continue;
            }
            if source != Source::File {
                self.wait_for(from, source)?;
            }
            let have = self.buf.len();
            self.buf.resize(have.saturating_add(want), 0);
            let got =
                rustix::io::retry_on_intr(|| rustix::io::read(from, self.buf.get_mut(have..).unwrap_or_default()));
            self.buf.truncate(have.saturating_add(*got.as_ref().unwrap_or(&0)));
            match got? {
                0 => return Ok(copied),
                n => copied = copied.saturating_add(n as u64),
            }
            if let Some(total) = total {
                self.channel.progress(self.sent().min(total), total)?;
            }
        }
    }

    /// Wait until `from` can be read, and notice meanwhile when the library does not want it any more.
    fn wait_for(&mut self, from: BorrowedFd<'_>, source: Source) -> Result<()> {
        loop {
            let channel = Rc::clone(&self.channel);
            let mut fds = [PollFd::new(&from, PollFlags::IN), PollFd::new(&*channel, PollFlags::IN)];
            let pause = (source == Source::Program && self.pending() > 0).then_some(&PAUSE);
            match poll(&mut fds, pause) {
                Ok(0) => {
                    self.flush_chunk()?;
                    continue;
                }
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(e) => return Err(e.into()),
            }
            let [from, channel] = fds.map(|fd| fd.revents());
            if !channel.is_empty() {
                self.stop_if_asked()?;
                if !channel.contains(PollFlags::IN) {
                    return Err(self.channel.broken("the library hung up in the middle of a download"));
                }
            }
            if !from.is_empty() {
                return Ok(());
            }
        }
    }

    /// As [`copy_from`](Self::copy_from), from `at` of a regular file or block device that has `size`
    /// bytes to be sent (or had when it was asked). Large ones go through a pipe: pages that the disk
    /// wrote are handed to the channel without being copied by the CPU.
    pub fn copy_from_file(&mut self, from: &File, at: u64, limit: Option<u64>, size: u64) -> Result<u64> {
        if size < LARGE || self.chunk < PIECE || self.pending() > 0 {
            (&*from).seek(SeekFrom::Start(at))?;
            return self.copy_from(from, limit, Some(size));
        }
        self.pages_from(from, at, limit, Some(size))
    }

    /// Send the first `size` bytes of a regular file as a part of the stream, without telling how far it
    /// is; less when it ends before. The number of bytes.
    pub fn copy_part(&mut self, from: &File, size: u64) -> Result<u64> {
        if size < LARGE || self.chunk < PIECE {
            return self.copy_from(from, Some(size), None);
        }
        self.flush()?;
        self.pages_from(from, 0, Some(size), None)
    }

    fn pages_from(&mut self, from: &File, at: u64, limit: Option<u64>, total: Option<u64>) -> Result<u64> {
        let mut from = Direct::new(from);
        let (chunk, piece) = (Pipe::new(self.chunk)?, Pipe::new(PIECE)?);
        let mut copied: u64 = 0;
        loop {
            let left = limit.map_or(u64::MAX, |limit| limit.saturating_sub(copied));
            let want = usize::try_from(left).unwrap_or(usize::MAX).min(self.chunk);
            let n = if want == 0 { 0 } else { from.splice_at(&chunk.input, want, at.saturating_add(copied))? };
            if n == 0 {
                return Ok(copied);
            }
            self.before_chunk()?;
            self.send_pipe(&chunk, &piece, n)?;
            self.sent = self.sent.saturating_add(n as u64);
            copied = copied.saturating_add(n as u64);
            if let Some(total) = total {
                self.channel.progress(copied.min(total), total)?;
            }
        }
    }

    /// Send the `n` bytes in `chunk` as one chunk, through `piece`, which is empty before and after.
    fn send_pipe(&self, chunk: &Pipe, piece: &Pipe, n: usize) -> Result<()> {
        let mut prefix = [0; CHUNK_PREFIX];
        head(&mut prefix, n);
        self.channel.write_all(&prefix)?;
        let mut left = n;
        while left > 0 {
            let moved = splice(&chunk.output, None, &piece.input, None, left.min(PIECE), SpliceFlags::empty());
            match moved {
                Ok(0) => return Err(self.channel.broken("a pipe lost what it held")),
                Ok(moved) => {
                    self.channel.splice_all(&piece.output, moved)?;
                    left = left.saturating_sub(moved);
                }
                Err(Errno::INTR) => {}
                Err(e) => return Err(self.channel.broken(&format!("moving between pipes: {e}"))),
            }
        }
        let padding = [0; 3];
        self.channel.write_all(padding.get(..n.next_multiple_of(4) - n).unwrap_or_default())
    }

    fn pending(&self) -> usize {
        self.buf.len().saturating_sub(CHUNK_PREFIX)
    }

    fn start(&mut self) -> Result<()> {
        match self.channel.outgoing() {
            Outgoing::Started => Ok(()),
            Outgoing::Done => Err(cancelled()),
            Outgoing::Idle => {
                let (proc, serial) = self.channel.call_id();
                self.channel.write_all(&frame(&Header::reply(proc, serial, Status::Ok), |_| Ok(()))?)?;
                self.channel.set_outgoing(Outgoing::Started);
                Ok(())
            }
        }
    }

    /// Begin the stream if need be, and notice when the library does not want more of it.
    fn before_chunk(&mut self) -> Result<()> {
        self.start()?;
        self.stop_if_asked()
    }

    /// Fail when the library does not want the file any more. It is looked after with every chunk; what
    /// takes long without sending one looks itself.
    pub fn stop_if_asked(&self) -> Result<()> {
        if !self.channel.cancel_requested()? {
            return Ok(());
        }
        // Before the stream began an error reply does it.
        if self.channel.outgoing() == Outgoing::Started {
            send_cancel_chunk(&self.channel)?;
        }
        Err(cancelled())
    }

    /// Send what is buffered as one chunk.
    fn flush_chunk(&mut self) -> Result<()> {
        self.before_chunk()?;
        let size = self.pending();
        if size > 0 {
            write_chunk(&self.channel, &mut self.buf, size)?;
            self.sent = self.sent.saturating_add(size as u64);
        }
        Ok(())
    }

    /// Everything was written: send the rest and the end.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.flush_chunk()?;
        // The chunk without data is the end of the file.
        write_chunk(&self.channel, &mut self.buf, 0)?;
        self.channel.set_outgoing(Outgoing::Done);
        Ok(())
    }
}

impl Drop for FileOut {
    fn drop(&mut self) {
        self.channel.give_spare(false, std::mem::take(&mut self.buf));
    }
}

impl Write for FileOut {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.pending() >= self.chunk {
            self.flush_chunk()?;
        }
        let n = self.chunk.saturating_sub(self.pending()).min(data.len());
        self.buf.extend_from_slice(data.get(..n).unwrap_or_default());
        Ok(n)
    }

    /// Chunks are sent when full and at the end; a flush in between only makes them smaller, but
    /// callers who stream slowly (a tool's output) may want it.
    fn flush(&mut self) -> io::Result<()> {
        if self.pending() > 0 {
            self.flush_chunk()?;
        }
        Ok(())
    }
}

/// Frame and send the `size` data bytes after the prefix of `buf`, and empty it.
fn write_chunk(channel: &Channel, buf: &mut Vec<u8>, size: usize) -> Result<()> {
    let padded = size.next_multiple_of(4);
    buf.resize(CHUNK_PREFIX.saturating_add(padded), 0);
    head(buf, size);
    let sent = channel.write_all(buf);
    buf.clear();
    buf.resize(CHUNK_PREFIX, 0);
    sent
}

/// Write the head of a chunk message of `size` data bytes to the message's start.
fn head(message: &mut [u8], size: usize) {
    // A chunk is at most BIG_CHUNK_SIZE, far below 2^32.
    let words = [size.next_multiple_of(4).saturating_add(8) as u32, 0, size as u32];
    for (to, word) in message.chunks_exact_mut(4).zip(words) {
        to.copy_from_slice(&word.to_be_bytes());
    }
}

/// End a FileOut that cannot be completed; the library knows from it that the file is no good.
pub(crate) fn send_cancel_chunk(channel: &Channel) -> Result<()> {
    let words: [u32; 3] = [8, 1, 0];
    let frame: Vec<u8> = words.iter().flat_map(|w| w.to_be_bytes()).collect();
    channel.write_all(&frame).context("cancelling a download")?;
    channel.set_outgoing(Outgoing::Done);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Guest;
    use guestfs_protocol::message::HEADER_SIZE;
    use std::io::Read;
    use std::time::Duration;

    #[test]
    fn a_pause_sends_what_there_is() {
        let g = Guest::new();
        let mut peer = g.library();
        peer.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let (output, input) = rustix::pipe::pipe().unwrap();
        let program = std::thread::spawn(move || {
            rustix::io::write(&input, b"a").unwrap();
            // The OK reply and a chunk of one byte. Only when they have come there is more.
            let mut come = vec![0; 4 + HEADER_SIZE + CHUNK_PREFIX + 4];
            peer.read_exact(&mut come).unwrap();
            rustix::io::write(&input, b"bc").unwrap();
            come
        });
        let channel = Rc::clone(g.ctx.channel());
        channel.begin(1, 1);
        let mut out = FileOut::new(channel);
        assert_eq!(out.copy_from_program(&output).unwrap(), 3);
        assert_eq!(out.sent(), 3);
        assert!(program.join().unwrap().ends_with(b"\0\0\0\x01a\0\0\0"));
    }
}
