//! FileOut: the daemon's stream into a host file.
//!
//! In: chunks. Out: the file, or why it stopped: the daemon gave up, writing on the host failed or
//! `user_cancel` — then the daemon is told to stop and the rest is drained.

use super::{describe, hostfile, CallId, Failure, Sink};
use crate::channel::{Caller, Connection, Fault, Incoming, Stopping, Want};
use crate::error::{Error, ErrorKind};
use guestfs_protocol::message::{Chunk, CANCEL_FLAG};
use rustix::event::PollFlags;
use std::time::Instant;

/// Encoded size of a chunk beyond its data: cancel, data length, padding.
const CHUNK_EXTRA: usize = 8 + 3;

/// What the next chunk brought.
enum Piece {
    /// A message with this much in the buffer: offset of the data in it and its length.
    Data {
        message: usize,
        at: usize,
        len: usize,
    },
    End,
    /// The daemon gave up.
    GaveUp,
    UserCancelled,
}

impl Connection {
    pub(super) fn receive_file(&mut self, g: &dyn Caller, id: &CallId, sink: Sink<'_>) -> Result<(), Failure> {
        let mut output = match hostfile::Output::open(sink) {
            Ok(output) => output,
            Err(e) => return self.stop_receiving(g, id, e),
        };
        loop {
            match self.next_chunk(g, id, true, None)? {
                Piece::Data { message, at, len } => {
                    let written = self.store(g, id, &mut output, at, len);
                    self.message_done(message);
                    match written {
                        Ok(()) => output.advance(g, id, len),
                        Err(Failure::Clean(e)) => return self.stop_receiving(g, id, e),
                        Err(fault) => return Err(fault),
                    }
                }
                Piece::End => {
                    output.done(g, id);
                    return Ok(output.close()?);
                }
                Piece::GaveUp => {
                    return Err(Failure::Clean(Error::new(
                        ErrorKind::Daemon,
                        format!("{}: file receive cancelled by daemon", id.info.name),
                    )))
                }
                Piece::UserCancelled => return self.stop_receiving(g, id, id.cancelled()),
            }
        }
    }

    fn next_chunk(
        &mut self,
        g: &dyn Caller,
        id: &CallId,
        cancel: bool,
        deadline: Option<Instant>,
    ) -> Result<Piece, Fault> {
        loop {
            if cancel && g.is_cancelled() {
                return Ok(Piece::UserCancelled);
            }
            let n = match self.incoming(g, self.chunk_max + CHUNK_EXTRA, cancel, deadline)? {
                Incoming::Message(n) => n,
                Incoming::Progress(p) => {
                    id.progress(g, &p)?;
                    if deadline.is_some_and(|d| Instant::now() >= d) {
                        return Err(self.not_stopping(g));
                    }
                    continue;
                }
                Incoming::UserCancelled => return Ok(Piece::UserCancelled),
                Incoming::TimedOut => return Err(self.not_stopping(g)),
                other => return Err(Fault::Protocol(format!("{} while a file was being received", describe(&other)))),
            };
            let (cancelled, len) = {
                let chunk = Chunk::decode(self.message(n), self.chunk_max)
                    .map_err(|e| Fault::Protocol(format!("file chunk: {e}")))?;
                (chunk.cancel, chunk.data.len())
            };
            if !cancelled && len > 0 {
                return Ok(Piece::Data { message: n, at: 8, len });
            }
            self.message_done(n);
            return Ok(if cancelled { Piece::GaveUp } else { Piece::End });
        }
    }

    fn not_stopping(&self, g: &dyn Caller) -> Fault {
        match g.is_cancelled() {
            true => Fault::NotStopping(self.patience.cancel),
            false => Fault::Stalled("the daemon to stop sending", self.patience.drain),
        }
    }

    /// Write the chunk's data to the host.
    fn store(
        &mut self,
        g: &dyn Caller,
        id: &CallId,
        output: &mut hostfile::Output<'_>,
        at: usize,
        len: usize,
    ) -> Result<(), Failure> {
        let mut done = 0;
        while done < len {
            if let Some(fd) = output.slow() {
                let other = Some((fd, PollFlags::OUT));
                if self.wait(g, &Want { cancel: true, other, ..Want::default() })?.cancelled {
                    return Err(Failure::Clean(id.cancelled()));
                }
            }
            let data = self.message(at + len).get(at + done..).unwrap_or_default();
            done += output.write(data)?;
        }
        Ok(())
    }

    /// Tell the daemon to stop, drain what is on its way, and return `why`.
    fn stop_receiving(&mut self, g: &dyn Caller, id: &CallId, why: Error) -> Result<(), Failure> {
        let patience = if g.is_cancelled() { self.patience.cancel } else { self.patience.drain };
        // The daemon may be blocked writing chunks to us while we write to it: keep the few bytes of
        // the word apart from `send_all`, which would have to understand chunks. A socket whose other
        // direction is idle takes four bytes at once.
        self.send_word(g, CANCEL_FLAG, Instant::now() + patience)?;
        Err(self.drain(g, id, why))
    }

    /// Read what a daemon that was told to stop still sends; then it is `why`.
    pub(super) fn drain(&mut self, g: &dyn Caller, id: &CallId, why: Error) -> Failure {
        let limit = Instant::now() + self.patience.drain;
        let mut stopping: Option<Stopping> = None;
        loop {
            if g.is_cancelled() {
                stopping.get_or_insert_with(Stopping::begin);
            }
            let due = stopping.as_ref().map_or(limit, |s| s.due(&self.patience));
            if Instant::now() >= due {
                return self.not_stopping(g).into();
            }
            match self.next_chunk(g, id, stopping.is_none(), Some(due)) {
                Ok(Piece::Data { message, .. }) => self.message_done(message),
                Ok(Piece::End | Piece::GaveUp) => return Failure::Clean(why),
                Ok(Piece::UserCancelled) => continue,
                Err(fault) => return fault.into(),
            }
            if let Some(stopping) = &mut stopping {
                stopping.heard();
            }
        }
    }
}
