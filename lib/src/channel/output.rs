//! Writing to the channel while watching everything else.
//!
//! In: whole frames. Out: all their bytes on the wire, or a [`Fault`]; words that come in meanwhile go
//! to the caller.

use super::{Caller, Connection, Fault, Incoming, Stopping, Want};
use rustix::io::Errno;
use rustix::net::{send, SendFlags};
use std::time::{Duration, Instant};

impl Connection {
    /// Write all of `bytes`, dealing with what comes in meanwhile through `incoming`. Without a `limit`
    /// for standing still it waits as long as it takes, until `user_cancel`.
    pub(crate) fn send_all(
        &mut self,
        g: &dyn Caller,
        bytes: &[u8],
        what: &'static str,
        limit: Option<Duration>,
        incoming: &mut dyn FnMut(&dyn Caller, Incoming) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut rest = bytes;
        let mut moved = Instant::now();
        let mut stopping: Option<Stopping> = None;
        while !rest.is_empty() {
            let due = limit.map(|l| moved + l);
            let deadline = stopping.as_ref().map(|s| s.due(&self.patience)).or(due);
            let cancel = stopping.is_none();
            let ready = self.wait(g, &Want { read: true, write: true, cancel, deadline, ..Want::default() })?;
            // The frame must still go out whole, but it need not take for ever any more.
            if ready.cancelled {
                stopping = Some(Stopping::begin());
                continue;
            }
            // A daemon that talks all the time and takes nothing is no better than a silent one.
            if !ready.write && deadline.is_some_and(|d| Instant::now() >= d) {
                return Err(stopping.map_or(Fault::Stalled(what, limit.unwrap_or_default()), |s| s.fault()));
            }
            if ready.read {
                self.read_some(4)?;
                while let Some(word) = self.buffered(0)? {
                    incoming(g, word)?;
                }
            }
            if ready.write {
                match send(self.running.channel(), rest, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
                    Ok(n) => {
                        rest = rest.get(n..).unwrap_or_default();
                        moved = Instant::now();
                        if let Some(stopping) = &mut stopping {
                            stopping.heard();
                        }
                    }
                    Err(Errno::AGAIN | Errno::INTR) => {}
                    Err(Errno::PIPE | Errno::CONNRESET) => return Err(Fault::Died),
                    Err(e) => return Err(Fault::Io("send", e)),
                }
            }
        }
        Ok(())
    }

    /// Write one flag word without reading: for when chunks are on their way to us.
    pub(crate) fn send_word(&mut self, g: &dyn Caller, word: u32, deadline: Instant) -> Result<(), Fault> {
        let begun = Instant::now();
        let bytes = word.to_be_bytes();
        let mut rest: &[u8] = &bytes;
        while !rest.is_empty() {
            let want = Want { write: true, deadline: Some(deadline), ..Want::default() };
            if self.wait(g, &want)?.timed_out {
                return Err(match g.is_cancelled() {
                    true => Fault::NotStopping(begun.elapsed()),
                    false => Fault::Stalled("the daemon to take a cancel word", begun.elapsed()),
                });
            }
            match send(self.running.channel(), rest, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
                Ok(n) => rest = rest.get(n..).unwrap_or_default(),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(Errno::PIPE | Errno::CONNRESET) => return Err(Fault::Died),
                Err(e) => return Err(Fault::Io("send", e)),
            }
        }
        Ok(())
    }
}
