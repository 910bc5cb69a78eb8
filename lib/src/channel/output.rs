//! Writing to the channel while watching everything else.
//!
//! In: whole frames. Out: all their bytes on the wire, or a [`Fault`]; words that come in meanwhile go
//! to the caller.

use super::{Connection, Fault, Incoming, Want};
use crate::handle::Handle;
use rustix::io::Errno;
use rustix::net::{send, SendFlags};
use std::time::{Duration, Instant};

impl Connection {
    /// Write all of `bytes`, dealing with what comes in meanwhile through `incoming`. Without a `limit`
    /// for standing still it waits as long as it takes, until `user_cancel`.
    pub(crate) fn send_all(
        &mut self,
        g: &Handle,
        bytes: &[u8],
        what: &'static str,
        limit: Option<Duration>,
        incoming: &mut dyn FnMut(&Handle, Incoming) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut rest = bytes;
        let mut moved = Instant::now();
        let mut limit = limit;
        while !rest.is_empty() {
            let deadline = limit.map(|l| moved + l);
            let cancel = limit.is_none();
            let ready = self.wait(g, &Want { read: true, write: true, cancel, deadline, ..Want::default() })?;
            // The frame must still go out whole, but it need not take for ever any more.
            if ready.cancelled {
                limit = Some(self.patience.cancel);
                moved = Instant::now();
            }
            // A daemon that talks all the time and takes nothing is no better than a silent one.
            if !ready.write && deadline.is_some_and(|d| Instant::now() >= d) {
                return Err(Fault::Stalled(what, limit.unwrap_or_default()));
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
    pub(crate) fn send_word(&mut self, g: &Handle, word: u32, deadline: Instant) -> Result<(), Fault> {
        let bytes = word.to_be_bytes();
        let mut rest: &[u8] = &bytes;
        while !rest.is_empty() {
            let want = Want { write: true, deadline: Some(deadline), ..Want::default() };
            if self.wait(g, &want)?.timed_out {
                return Err(Fault::Stalled("the daemon to take a cancel word", self.patience.cancel));
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
