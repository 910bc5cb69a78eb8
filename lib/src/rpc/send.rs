//! FileIn: a host file to the daemon, chunk by chunk.
//!
//! In: an open host file. Out: [`Sent`]: whether all of it went, or why it was cut short (our reader
//! failed, `user_cancel`, the daemon lost interest). Whatever happens the stream is ended properly, so
//! that the daemon's reply follows.

use super::{describe, hostfile, CallId, Failure};
use crate::channel::{Caller, Connection, Fault, Incoming, Want};
use crate::error::Error;
use guestfs_protocol::message::{frame_chunk, Chunk};
use rustix::event::PollFlags;

/// Bytes before the data of a framed chunk: length word, cancel, data length.
const HEAD: usize = 12;

/// How much of the file was sent.
pub(crate) enum Sent {
    Whole,
    /// The daemon asked us to stop; its error reply says why.
    Refused,
    /// We stopped.
    Cut(Error),
}

impl Sent {
    pub fn is_cut(&self) -> bool {
        matches!(self, Sent::Refused | Sent::Cut(_))
    }
}

enum Step {
    Data(usize),
    Stop(Sent),
}

impl Connection {
    pub(super) fn send_file(
        &mut self,
        g: &dyn Caller,
        id: &CallId,
        mut source: hostfile::Input<'_>,
    ) -> Result<Sent, Failure> {
        // Taken out so that it can be filled and sent while `self` watches the channel.
        let mut buf = std::mem::take(&mut self.out);
        buf.resize(HEAD + self.chunk_max.next_multiple_of(4), 0);
        let sent = self.send_chunks(g, id, &mut source, &mut buf);
        self.out = buf;
        let sent = sent?;
        let end = Chunk { cancel: sent.is_cut(), data: &[] };
        let end = frame_chunk(&end, Vec::new()).map_err(|e| Fault::Protocol(e.to_string()))?;
        // A cancel word may cross with our last chunk: it changes nothing any more.
        let patience = Some(self.patience.drain);
        self.send_all(g, &end, "the daemon to take the end of a file", patience, &mut |g, word| match word {
            Incoming::Progress(p) => id.progress(g, &p).map(drop),
            Incoming::Cancel => Ok(()),
            other => Err(unexpected(&other)),
        })?;
        Ok(sent)
    }

    fn send_chunks(
        &mut self,
        g: &dyn Caller,
        id: &CallId,
        source: &mut hostfile::Input<'_>,
        buf: &mut [u8],
    ) -> Result<Sent, Failure> {
        let mut refused = false;
        loop {
            let data = match self.next_data(g, id, source, buf, &mut refused)? {
                Step::Data(n) => n,
                Step::Stop(sent) => return Ok(sent),
            };
            let chunk = seal(buf, data);
            // No limit here: the guest's disk may be slow.
            self.send_all(g, chunk, "the daemon to take file data", None, &mut |g, word| match word {
                Incoming::Progress(p) => id.progress(g, &p).map(drop),
                Incoming::Cancel => {
                    refused = true;
                    Ok(())
                }
                other => Err(unexpected(&other)),
            })?;
            source.advance(g, id, data);
            if refused {
                return Ok(Sent::Refused);
            }
        }
    }

    /// Fill the data part of `buf`, or find out why to stop.
    fn next_data(
        &mut self,
        g: &dyn Caller,
        id: &CallId,
        source: &mut hostfile::Input<'_>,
        buf: &mut [u8],
        refused: &mut bool,
    ) -> Result<Step, Failure> {
        while let Some(fd) = source.slow() {
            let other = Some((fd, PollFlags::IN));
            let ready = self.wait(g, &Want { read: true, cancel: true, other, ..Want::default() })?;
            if ready.cancelled {
                return Ok(Step::Stop(Sent::Cut(id.cancelled())));
            }
            if ready.read {
                match self.incoming(g, 0, false, None)? {
                    Incoming::Progress(p) => drop(id.progress(g, &p)?),
                    Incoming::Cancel => *refused = true,
                    other => return Err(unexpected(&other).into()),
                }
            }
            if *refused {
                return Ok(Step::Stop(Sent::Refused));
            }
            if ready.other {
                break;
            }
        }
        if g.is_cancelled() {
            return Ok(Step::Stop(Sent::Cut(id.cancelled())));
        }
        let room = buf.get_mut(HEAD..HEAD + self.chunk_max).unwrap_or_default();
        Ok(match source.read(room) {
            Ok(0) => {
                source.done(g, id);
                Step::Stop(Sent::Whole)
            }
            Ok(n) => Step::Data(n),
            Err(e) => Step::Stop(Sent::Cut(e)),
        })
    }
}

fn unexpected(word: &Incoming) -> Fault {
    Fault::Protocol(format!("{} while a file was being sent", describe(word)))
}

/// Write the head and the padding around `data` bytes already in place.
fn seal(buf: &mut [u8], data: usize) -> &[u8] {
    let padded = data.next_multiple_of(4);
    let words = [(padded + 8) as u32, 0, data as u32];
    for (slot, word) in buf.chunks_exact_mut(4).zip(words) {
        slot.copy_from_slice(&word.to_be_bytes());
    }
    if let Some(padding) = buf.get_mut(HEAD + data..HEAD + padded) {
        padding.fill(0);
    }
    buf.get(..HEAD + padded).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_chunks_are_what_the_protocol_crate_frames() {
        for n in 0..9 {
            let mut buf = vec![0xaa; HEAD + 12];
            for (i, b) in buf.iter_mut().skip(HEAD).take(n).enumerate() {
                *b = i as u8;
            }
            let data: Vec<u8> = (0..n as u8).collect();
            let framed = frame_chunk(&Chunk { cancel: false, data: &data }, Vec::new()).unwrap();
            assert_eq!(seal(&mut buf, n), framed);
        }
    }
}
