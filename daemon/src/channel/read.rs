//! Reading from the channel: words, messages, and the library's wish to stop.
//!
//! In: the stream. Out: its parts, or why it cannot be followed any more.

use super::{Channel, Inner, Received, READ_AHEAD};
use crate::error::{Context, Errno, Error, Result};
use guestfs_protocol::message::{Word, CANCEL_FLAG};
use rustix::event::{poll, PollFd, PollFlags};
use std::os::fd::OwnedFd;

impl Channel {
    /// The next request. Cancel words are skipped: one may arrive after the transfer it was meant
    /// for has ended. An error here means that the stream's framing is lost.
    pub fn receive(&self, body: &mut Vec<u8>) -> Result<Received> {
        loop {
            let Some(word) = self.length_word()? else { return Ok(Received::Closed) };
            match Word::classify(word).map_err(|e| self.give_up(Error::from(e).context("channel to the library")))? {
                Word::Cancel => {}
                Word::Message(length) => {
                    let have = self.read_body(body, length)?;
                    return Ok(if have == length { Received::Message } else { Received::TooMuch(length) });
                }
                Word::Launch | Word::Progress => return Err(self.lost("a flag word that only the daemon sends")),
            }
        }
    }

    /// Length of the next message of a FileIn; cancel words say nothing here and are skipped.
    pub(crate) fn chunk_length(&self) -> Result<usize> {
        loop {
            let word = self.length_word()?.ok_or_else(|| self.lost("end of stream inside a file transfer"))?;
            match Word::classify(word).map_err(|e| self.give_up(Error::from(e).context("channel to the library")))? {
                Word::Cancel => {}
                Word::Message(length) => return Ok(length),
                Word::Launch | Word::Progress => return Err(self.lost("a flag word that only the daemon sends")),
            }
        }
    }

    /// Read `length` bytes into `body`, replacing its content. It grows as bytes really arrive; those that
    /// there is no memory for are dropped. How many it has.
    pub(crate) fn read_body(&self, body: &mut Vec<u8>, length: usize) -> Result<usize> {
        const STEP: usize = 256 * 1024;
        body.clear();
        let mut have = 0;
        while have < length {
            let upto = length.min(have.saturating_add(STEP));
            if body.try_reserve(upto.saturating_sub(have)).is_err() {
                self.skip(length.saturating_sub(have))?;
                break;
            }
            body.resize(upto, 0);
            self.read_exact(body.get_mut(have..).unwrap_or_default())?;
            have = upto;
        }
        Ok(have)
    }

    /// Read and drop `length` bytes.
    pub(crate) fn skip(&self, mut length: usize) -> Result<()> {
        let mut sink = [0; 4096];
        while length > 0 {
            let step = length.min(sink.len());
            self.read_exact(sink.get_mut(..step).unwrap_or_default())?;
            length -= step;
        }
        Ok(())
    }

    fn length_word(&self) -> Result<Option<u32>> {
        let mut word = [0; 4];
        let mut have = 0;
        while have < word.len() {
            match self.read_some(word.get_mut(have..).unwrap_or_default())? {
                0 if have == 0 => return Ok(None),
                0 => return Err(self.lost("end of stream inside a length word")),
                n => have += n,
            }
        }
        Ok(Some(u32::from_be_bytes(word)))
    }

    pub(crate) fn read_exact(&self, mut into: &mut [u8]) -> Result<()> {
        while !into.is_empty() {
            match self.read_some(into)? {
                0 => return Err(self.lost("end of stream inside a message")),
                n => into = into.get_mut(n..).unwrap_or_default(),
            }
        }
        Ok(())
    }

    fn read_some(&self, into: &mut [u8]) -> Result<usize> {
        self.intact()?;
        self.read_ahead(into).map_err(|e| self.give_up(e))
    }

    fn read_ahead(&self, into: &mut [u8]) -> Result<usize> {
        let mut inner = self.inner.borrow_mut();
        let Inner { ahead, start, end, .. } = &mut *inner;
        if *start == *end {
            if into.len() >= READ_AHEAD {
                return read(&self.fd, into);
            }
            *start = 0;
            *end = 0;
            *end = read(&self.fd, ahead)?;
        }
        let have = ahead.get(*start..*end).unwrap_or_default();
        let n = have.len().min(into.len());
        if let (Some(to), Some(from)) = (into.get_mut(..n), have.get(..n)) {
            to.copy_from_slice(from);
        }
        *start += n;
        Ok(n)
    }

    /// Whether the library asked to stop the running call, now or before. Does not wait. Anything but
    /// cancel words while the library waits for us means that the peer does not keep to the protocol.
    pub(crate) fn cancel_requested(&self) -> Result<bool> {
        while !self.is_cancelled() && self.something_came()? {
            match self.length_word()? {
                Some(CANCEL_FLAG) => self.inner.borrow_mut().cancelled = true,
                Some(_) => return Err(self.lost("a message in the middle of a call")),
                None => return Err(self.lost("end of stream in the middle of a call")),
            }
        }
        Ok(self.is_cancelled())
    }

    /// Whether there is something to read. Does not wait.
    pub(crate) fn something_came(&self) -> Result<bool> {
        let pending = {
            let inner = self.inner.borrow();
            inner.end > inner.start
        };
        if pending {
            return Ok(true);
        }
        let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
        match poll(&mut fds, Some(&Default::default())) {
            Ok(0) | Err(Errno::INTR) => return Ok(false),
            Ok(_) => {}
            Err(e) => return Err(e.into()),
        }
        let [fd] = fds.map(|fd| fd.revents());
        match fd.contains(PollFlags::IN) {
            true => Ok(true),
            // A port whose other end was closed: nothing will come.
            false => Err(self.broken("the library hung up in the middle of a call")),
        }
    }
}

fn read(fd: &OwnedFd, into: &mut [u8]) -> Result<usize> {
    loop {
        match rustix::io::read(fd, &mut *into) {
            Ok(n) => return Ok(n),
            Err(Errno::INTR) => {}
            // The peer's socket was closed with our bytes unread; to us it is an end like any other.
            Err(Errno::CONNRESET) => return Ok(0),
            Err(Errno::AGAIN) => {
                let mut fds = [PollFd::new(fd, PollFlags::IN)];
                match poll(&mut fds, None) {
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(e) => return Err(e).context("channel to the library"),
                }
            }
            Err(e) => return Err(e).context("channel to the library"),
        }
    }
}
