//! A file coming from the library.
//!
//! In: chunks off the channel. Out: `Read`/`BufRead`, or a file on a disk, written past the page cache
//! when it is large.

use super::LARGE;
use crate::channel::cancel::cancelled;
use crate::channel::{Channel, Incoming};
use crate::direct::{Buffer, Direct};
use crate::error::{Errno, Error, Result};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::os::unix::fs::FileExt;
use std::rc::Rc;

/// Written to a disk at once when a transfer is large: every write to a growing file costs the file
/// system some book-keeping, which is a third of the time at 1 MiB.
const BLOCK: usize = 4 << 20;

/// A file coming from the library: `Read` and `BufRead`. Reading to the end consumes all chunks.
#[derive(Debug)]
pub struct FileIn {
    channel: Rc<Channel>,
    chunk: Vec<u8>,
    at: usize,
    /// The chunk being read straight into its destination: data still in the channel, and what follows it.
    left: usize,
    padding: usize,
    /// Chunks that came while nobody took any, and their bytes.
    ahead: VecDeque<Vec<u8>>,
    kept: usize,
    hint: u64,
}

impl FileIn {
    /// The FileIn of the running call. From here on chunks belong to it.
    pub(crate) fn new(channel: Rc<Channel>, hint: u64) -> Self {
        channel.set_incoming(Incoming::Active);
        let chunk = channel.take_spare(true);
        FileIn { channel, chunk, at: 0, left: 0, padding: 0, ahead: VecDeque::new(), kept: 0, hint }
    }

    /// Size the library expects to send, in bytes; 0 when it does not know (a pipe).
    pub fn size_hint(&self) -> u64 {
        self.hint
    }

    /// The bytes of the current chunk that nobody took yet, after reading a new one when there are
    /// none. Empty at the end of the file.
    pub fn chunk(&mut self) -> Result<&[u8]> {
        if self.at >= self.chunk.len() {
            self.next_chunk()?;
        }
        Ok(self.chunk.get(self.at..).unwrap_or_default())
    }

    /// Fail when the library does not want the call any more, while whoever takes the data is busy. The library says
    /// so behind what it has sent already, so that up to about `room` bytes of that are kept in memory.
    pub fn wanted(&mut self, room: usize) -> Result<()> {
        while self.channel.incoming() == Incoming::Active
            && self.left == 0
            && self.kept < room
            && self.channel.something_came()?
        {
            let (size, padding) = self.next_head()?;
            if size == 0 {
                break;
            }
            let mut data = Vec::new();
            self.read_chunk(&mut data, size, padding)?;
            self.kept = self.kept.saturating_add(data.len());
            self.ahead.push_back(data);
        }
        self.channel.wanted()
    }

    /// Read all of it into memory, refusing more than `limit` bytes.
    pub fn read_to_limit(&mut self, limit: usize) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        loop {
            let data = self.chunk()?;
            if data.is_empty() {
                return Ok(all);
            }
            if all.len().saturating_add(data.len()) > limit {
                return Err(Error::new(Errno::FBIG, format!("uploaded file is larger than {limit} bytes")));
            }
            all.extend_from_slice(data);
            let n = data.len();
            self.consume(n);
        }
    }

    /// Write all of it to `to`, reporting progress when the size is known. The number of bytes.
    pub fn copy_to(&mut self, to: &mut impl Write) -> Result<u64> {
        let total = self.hint;
        let mut copied: u64 = 0;
        loop {
            let data = self.chunk()?;
            if data.is_empty() {
                return Ok(copied);
            }
            to.write_all(data)?;
            let n = data.len();
            self.consume(n);
            copied = copied.saturating_add(n as u64);
            if total > 0 {
                self.channel.progress(copied.min(total), total)?;
            }
        }
    }

    /// Write all of it to a regular file or block device from `at` on. The number of bytes.
    pub fn copy_to_file(&mut self, to: &File, mut at: u64) -> Result<u64> {
        let mut copied: u64 = 0;
        while copied < LARGE {
            let data = self.chunk()?;
            if data.is_empty() {
                return Ok(copied);
            }
            to.write_all_at(data, at)?;
            let n = data.len();
            self.consume(n);
            at = at.saturating_add(n as u64);
            copied = copied.saturating_add(n as u64);
            self.report(copied)?;
        }
        let mut to = Direct::new(to);
        let mut block = Buffer::new(BLOCK);
        loop {
            // The first one may be short, so that all others are aligned.
            let room = BLOCK - (at % BLOCK as u64) as usize;
            let (n, more) = self.fill(block.get(room));
            to.write_all_at(block.get(n), at)?;
            at = at.saturating_add(n as u64);
            copied = copied.saturating_add(n as u64);
            if !more? {
                return Ok(copied);
            }
            self.report(copied)?;
        }
    }

    fn report(&self, copied: u64) -> Result<()> {
        match self.hint {
            0 => Ok(()),
            total => self.channel.progress(copied.min(total), total),
        }
    }

    /// Fill `room`, reading off the channel without another copy. How many bytes, and whether there may
    /// be more; less than all of it is filled only at the end and before an error.
    fn fill(&mut self, room: &mut [u8]) -> (usize, Result<bool>) {
        let mut have = 0;
        while let Some(rest) = room.get_mut(have..).filter(|rest| !rest.is_empty()) {
            match self.fill_some(rest) {
                Ok(0) => return (have, Ok(false)),
                Ok(n) => have += n,
                Err(e) => return (have, Err(e)),
            }
        }
        (have, Ok(true))
    }

    fn fill_some(&mut self, room: &mut [u8]) -> Result<usize> {
        if self.at < self.chunk.len() || !self.ahead.is_empty() {
            return Ok(self.read(room)?);
        }
        if self.left == 0 {
            (self.left, self.padding) = self.next_head()?;
        }
        let n = self.left.min(room.len());
        if let Some(to) = room.get_mut(..n) {
            self.channel.read_exact(to)?;
        }
        self.left -= n;
        if self.left == 0 {
            self.channel.skip(std::mem::take(&mut self.padding))?;
        }
        Ok(n)
    }

    fn next_chunk(&mut self) -> Result<()> {
        self.chunk.clear();
        self.at = 0;
        if let Some(data) = self.ahead.pop_front() {
            self.kept = self.kept.saturating_sub(data.len());
            self.chunk = data;
            return Ok(());
        }
        let (size, padding) = match self.left {
            0 => self.next_head()?,
            _ => (std::mem::take(&mut self.left), std::mem::take(&mut self.padding)),
        };
        let mut chunk = std::mem::take(&mut self.chunk);
        let read = self.read_chunk(&mut chunk, size, padding);
        self.chunk = chunk;
        read
    }

    /// The data of a chunk whose head was read.
    fn read_chunk(&self, into: &mut Vec<u8>, size: usize, padding: usize) -> Result<()> {
        let have = self.channel.read_body(into, size)?;
        self.channel.skip(padding)?;
        if have < size {
            return Err(Errno::NOMEM.into());
        }
        Ok(())
    }

    /// Size and padding of the next chunk; 0 at the end of the file.
    fn next_head(&mut self) -> Result<(usize, usize)> {
        match self.channel.incoming() {
            Incoming::Active => {}
            Incoming::Cancelled => return Err(cancelled()),
            Incoming::Ended | Incoming::None => return Ok((0, 0)),
        }
        match read_head(&self.channel)? {
            Head::Data { size, padding } => return Ok((size, padding)),
            Head::End => self.channel.set_incoming(Incoming::Ended),
            Head::Cancel => {
                self.channel.set_incoming(Incoming::Cancelled);
                return Err(cancelled());
            }
        }
        Ok((0, 0))
    }
}

impl Drop for FileIn {
    fn drop(&mut self) {
        // What is left of a chunk that was begun; a channel that fails here says so at its next use.
        let _ = self.channel.skip(self.left.saturating_add(self.padding));
        self.channel.give_spare(true, std::mem::take(&mut self.chunk));
    }
}

impl Read for FileIn {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let data = self.chunk()?;
        let n = data.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..n), data.get(..n)) {
            to.copy_from_slice(from);
        }
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for FileIn {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.chunk()?)
    }
    fn consume(&mut self, n: usize) {
        self.at = self.at.saturating_add(n).min(self.chunk.len());
    }
}

/// How a chunk begins. `Data` leaves its data and padding in the channel.
enum Head {
    Data { size: usize, padding: usize },
    End,
    Cancel,
}

/// Read the head of one chunk message.
fn read_head(channel: &Channel) -> Result<Head> {
    let limit = channel.chunk_sizes().receive;
    let length = channel.chunk_length()?;
    let mut words = [0; 8];
    let Some(rest) = length.checked_sub(words.len()) else {
        channel.skip(length)?;
        return Err(Error::new(Errno::PROTO, format!("file chunk of only {length} bytes")));
    };
    channel.read_exact(&mut words)?;
    let [a, b, c, d, e, f, g, h] = words;
    let cancel = u32::from_be_bytes([a, b, c, d]) != 0;
    let size = u32::from_be_bytes([e, f, g, h]) as usize;
    if cancel {
        channel.skip(rest)?;
        return Ok(Head::Cancel);
    }
    let padding = rest.checked_sub(size).filter(|p| *p < 4 && rest % 4 == 0 && size <= limit);
    let Some(padding) = padding else {
        channel.skip(rest)?;
        return Err(Error::new(
            Errno::PROTO,
            format!("file chunk claims {size} bytes in a message of {length} (at most {limit} allowed)"),
        ));
    };
    if size == 0 {
        channel.skip(padding)?;
        return Ok(Head::End);
    }
    Ok(Head::Data { size, padding })
}

/// The handler returned before the end of its FileIn: ask the library to stop, then drop what is
/// still under way. A malformed chunk is just dropped too.
pub(crate) fn drain(channel: &Channel) -> Result<()> {
    if channel.incoming() != Incoming::Active {
        return Ok(());
    }
    channel.send_cancel()?;
    loop {
        match read_head(channel) {
            Ok(Head::Data { size, padding }) => channel.skip(size.saturating_add(padding))?,
            Ok(Head::End) => break channel.set_incoming(Incoming::Ended),
            Ok(Head::Cancel) => break channel.set_incoming(Incoming::Cancelled),
            // Framing is intact when only the inside of a chunk was wrong.
            Err(e) if e.message().starts_with(b"file chunk") => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
