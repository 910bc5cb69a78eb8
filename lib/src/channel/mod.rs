//! The byte channel to the daemon, and everything to watch while waiting for it.
//!
//! In: a [`Running`] machine, and a [`Caller`] who waits. Out: framed words and messages, or a [`Fault`] after which the
//! connection is good for nothing. The daemon is hostile: every length is checked before a byte of
//! it is buffered, and silence in the middle of a message ends the connection.

mod caller;
pub(crate) mod console;
mod input;
mod output;
mod patience;

use crate::machine::{ExitInfo, Running};
pub(crate) use caller::Caller;
use console::Tail;
use guestfs_protocol::message::{Progress, Word, MAX_CHUNK_SIZE, PROGRESS_SIZE};
use guestfs_protocol::xdr;
use input::Input;
pub(crate) use patience::{Limit, Patience, Stopping};
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// Why a connection ended.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The channel was closed or the machine's process ended.
    Died,
    /// The daemon broke the protocol.
    Protocol(String),
    /// Nothing moved for this long while the protocol wanted it to.
    Stalled(&'static str, Duration),
    /// `user_cancel`, and so much later the daemon had not ended the call.
    NotStopping(Duration),
    /// There was no memory for so many bytes of the daemon's.
    Memory(usize),
    /// The channel or poll failed.
    Io(&'static str, Errno),
}

/// A machine whose process is stopped (SIGSTOP) is waited for so long, then it counts as dead.
const STOPPED_LIMIT: Duration = Duration::from_secs(10);
/// How often that is looked at while nothing happens.
const STOPPED_LOOK: Duration = Duration::from_secs(1);

/// What to wait for.
#[derive(Default)]
pub(crate) struct Want<'f> {
    pub read: bool,
    pub write: bool,
    /// Wake up on `user_cancel`.
    pub cancel: bool,
    /// One more descriptor: the host's end of a transfer.
    pub other: Option<(BorrowedFd<'f>, PollFlags)>,
    pub deadline: Option<Instant>,
}

/// What happened.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Ready {
    pub read: bool,
    pub write: bool,
    pub other: bool,
    pub cancelled: bool,
    pub timed_out: bool,
}

/// What came in.
#[derive(Debug)]
pub(crate) enum Incoming {
    Launch,
    Cancel,
    Progress(Progress),
    /// A message of this many bytes, wholly in the buffer: see [`Connection::message`].
    Message(usize),
    /// Nothing yet: `user_cancel` was called.
    UserCancelled,
    /// Nothing yet: the deadline has passed.
    TimedOut,
}

/// A connection to a daemon.
pub(crate) struct Connection {
    pub(crate) running: Box<dyn Running>,
    input: Input,
    /// Reused for everything sent.
    pub(crate) out: Vec<u8>,
    pub(crate) serial: u32,
    /// Most data bytes in a chunk, either way.
    pub(crate) chunk_max: usize,
    pub(crate) tail: Tail,
    console_open: bool,
    pub(crate) patience: Patience,
    /// While launching: replies are due by then, and `user_cancel` ends the wait.
    pub(crate) impatient: Option<Instant>,
    /// A reply takes no longer than this.
    pub(crate) limit: Option<Limit>,
    /// The daemon listens to cancel words in every call, and says when it has heard one.
    pub(crate) heeds_cancel: bool,
    /// The daemon has understood the hello.
    pub(crate) greeted: bool,
    /// When the machine last gave any sign of life.
    pub(crate) last_sign: Instant,
}

impl Connection {
    pub(crate) fn new(running: Box<dyn Running>, tail: Tail) -> Self {
        let console_open = running.console().is_some();
        Connection {
            running,
            input: Input::new(),
            out: Vec::new(),
            // Upstream starts here too; any value does, a recognisable one helps reading dumps.
            serial: 0x0012_3400,
            chunk_max: MAX_CHUNK_SIZE,
            tail,
            console_open,
            patience: Patience::default(),
            impatient: None,
            limit: None,
            heeds_cancel: false,
            greeted: false,
            last_sign: Instant::now(),
        }
    }

    /// Wait until one of the wanted things is there. The console is drained meanwhile.
    pub(crate) fn wait(&mut self, g: &dyn Caller, want: &Want<'_>) -> Result<Ready, Fault> {
        let mut stopped: Option<Instant> = None;
        loop {
            let mut ready = Ready::default();
            if want.cancel && g.is_cancelled() {
                ready.cancelled = true;
                return Ok(ready);
            }
            // Nothing tells that a process was stopped: look now and then.
            let look = Instant::now() + STOPPED_LOOK;
            let seen = self.poll(g, want, want.deadline.map_or(look, |d| d.min(look)))?;
            if seen.console {
                self.read_console(g);
            }
            ready.read = want.read && seen.read;
            ready.write = want.write && seen.write;
            ready.other = seen.other;
            ready.cancelled = want.cancel && g.is_cancelled();
            if ready.read || ready.write || ready.other || ready.cancelled {
                return Ok(ready);
            }
            // Only now: what the process wrote before it ended is read first.
            if seen.exit {
                return Err(Fault::Died);
            }
            if Instant::now() >= look {
                stopped = self.running.is_stopped().then(|| stopped.unwrap_or(look));
                if stopped.is_some_and(|since| since.elapsed() >= STOPPED_LIMIT) {
                    return Err(Fault::Stalled(
                        "the appliance's process, which was stopped by a signal",
                        STOPPED_LIMIT,
                    ));
                }
            }
            if want.deadline.is_some_and(|d| Instant::now() >= d) {
                ready.timed_out = true;
                return Ok(ready);
            }
        }
    }

    fn poll(&self, g: &dyn Caller, want: &Want<'_>, until: Instant) -> Result<Seen, Fault> {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, want.read);
        flags.set(PollFlags::OUT, want.write);
        let channel = self.running.channel();
        // A descriptor asked for nothing still reports a hang-up and would make poll return at once.
        let wanted = [
            (!flags.is_empty()).then_some((channel, flags)),
            if self.console_open { self.running.console().map(|fd| (fd, PollFlags::IN)) } else { None },
            self.running.exit_fd().map(|fd| (fd, PollFlags::IN)),
            want.cancel.then(|| (g.wake_fd(), PollFlags::IN)),
            want.other,
        ];
        let mut fds = [(); 5].map(|()| PollFd::from_borrowed_fd(channel, flags));
        let mut used = 0;
        for (fd, flags) in wanted.iter().flatten() {
            if let Some(slot) = fds.get_mut(used) {
                *slot = PollFd::from_borrowed_fd(*fd, *flags);
                used += 1;
            }
        }
        let fds = fds.get_mut(..used).unwrap_or_default();
        match poll(fds, Some(&timespec(until.saturating_duration_since(Instant::now())))) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(Seen::default()),
            Err(e) => return Err(Fault::Io("poll", e)),
        }
        let mut results = fds.iter().map(PollFd::revents);
        let [channel, console, exit, wake, other] =
            wanted.map(|w| w.and_then(|_| results.next()).unwrap_or(PollFlags::empty()));
        let broken = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
        if !wake.is_empty() && !g.is_cancelled() {
            g.drain_wake();
        }
        Ok(Seen {
            read: channel.intersects(PollFlags::IN | broken),
            write: channel.intersects(PollFlags::OUT | broken),
            console: !console.is_empty(),
            exit: !exit.is_empty(),
            other: !other.is_empty(),
        })
    }

    /// Take what the console has, once.
    pub(crate) fn read_console(&mut self, g: &dyn Caller) -> bool {
        let Some(fd) = self.running.console() else { return false };
        let mut buf = [0; 8192];
        match rustix::io::read(fd, &mut buf) {
            Ok(0) => self.console_open = false,
            Ok(n) => {
                let bytes = buf.get(..n).unwrap_or_default();
                self.last_sign = Instant::now();
                self.tail.push(bytes);
                g.console(bytes);
                return true;
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => self.console_open = false,
        }
        false
    }

    /// After a fault: give the process a moment to end and its last words a moment to arrive.
    pub(crate) fn last_words(&mut self, g: &dyn Caller) -> Option<ExitInfo> {
        let until = Instant::now() + Duration::from_millis(1000);
        let mut exit = self.running.exited();
        while exit.is_none() && self.running.exit_fd().is_some() && Instant::now() < until {
            let want = Want { deadline: Some(Instant::now() + Duration::from_millis(50)), ..Want::default() };
            // Died is what we are waiting for.
            let _ = self.wait(g, &want);
            exit = self.running.exited();
        }
        while Instant::now() < until && self.console_open && self.read_console(g) {}
        exit
    }

    /// Read once from the channel without blocking.
    fn read_some(&mut self, need: usize) -> Result<(), Fault> {
        match self.input.read(self.running.channel(), need) {
            Ok(0) | Err(Errno::CONNRESET) => Err(Fault::Died),
            Ok(_) => {
                self.last_sign = Instant::now();
                Ok(())
            }
            Err(Errno::AGAIN | Errno::INTR) => {
                self.input.drained = true;
                Ok(())
            }
            Err(Errno::NOMEM) => Err(Fault::Memory(need)),
            Err(e) => Err(Fault::Io("recv", e)),
        }
    }

    /// The next word if all of it is in the buffer; messages above `limit` bytes are refused.
    fn buffered(&mut self, limit: usize) -> Result<Option<Incoming>, Fault> {
        let Some(word) = self.word(limit)? else { return Ok(None) };
        let size = match word {
            Word::Launch | Word::Cancel => 4,
            Word::Progress => 4 + PROGRESS_SIZE,
            Word::Message(n) => 4 + n,
        };
        let Some(bytes) = self.input.peek(size) else { return Ok(None) };
        Ok(Some(match word {
            Word::Launch => {
                self.input.consume(size);
                Incoming::Launch
            }
            Word::Cancel => {
                self.input.consume(size);
                Incoming::Cancel
            }
            Word::Progress => {
                let progress = xdr::from_slice(bytes.get(4..).unwrap_or_default())
                    .map_err(|e| Fault::Protocol(format!("progress message: {e}")))?;
                self.input.consume(size);
                Incoming::Progress(progress)
            }
            Word::Message(n) => {
                // The body stays until `message_done`.
                self.input.consume(4);
                Incoming::Message(n)
            }
        }))
    }

    fn word(&self, limit: usize) -> Result<Option<Word>, Fault> {
        let Some(word) = self.input.peek(4) else { return Ok(None) };
        let word = word.try_into().map_or(0, u32::from_be_bytes);
        let word = Word::classify(word).map_err(|e| Fault::Protocol(e.to_string()))?;
        match word {
            Word::Message(n) if n > limit => Err(Fault::Protocol(if limit == 0 {
                format!("a message of {n} bytes when none was due")
            } else {
                format!("message of {n} bytes is above the limit of {limit}")
            })),
            _ => Ok(Some(word)),
        }
    }

    /// Wait for the next word. `deadline` and `cancel` are for its first byte only; once it has begun
    /// it must go on within the stall limit.
    pub(crate) fn incoming(
        &mut self,
        g: &dyn Caller,
        limit: usize,
        cancel: bool,
        deadline: Option<Instant>,
    ) -> Result<Incoming, Fault> {
        loop {
            if let Some(word) = self.buffered(limit)? {
                return Ok(word);
            }
            let begun = self.input.available() > 0;
            if self.input.drained {
                match self.readable(g, begun, cancel, deadline)? {
                    None => {}
                    Some(ready) if ready.cancelled => return Ok(Incoming::UserCancelled),
                    Some(_) => return Ok(Incoming::TimedOut),
                }
            }
            let need = match self.word(limit)? {
                Some(Word::Message(n)) => 4 + n,
                _ => 4 + PROGRESS_SIZE,
            };
            self.read_some(need)?;
        }
    }

    /// `None` when the channel can be read, else the wait's other outcome.
    fn readable(
        &mut self,
        g: &dyn Caller,
        begun: bool,
        cancel: bool,
        deadline: Option<Instant>,
    ) -> Result<Option<Ready>, Fault> {
        // What drips in keeps a message alive, but not beyond the caller's deadline or patience: the part
        // that has come stays in the buffer.
        let stall = begun.then(|| Instant::now() + self.patience.stall);
        let first = [stall, deadline].into_iter().flatten().min();
        let ready = self.wait(g, &Want { read: true, cancel, deadline: first, ..Want::default() })?;
        if ready.read {
            return Ok(None);
        }
        if ready.timed_out && begun && first == stall {
            return Err(Fault::Stalled("the rest of a message", self.patience.stall));
        }
        Ok(Some(ready))
    }

    /// The message that [`Incoming::Message`] announced.
    pub(crate) fn message(&self, n: usize) -> &[u8] {
        self.input.peek(n).unwrap_or_default()
    }

    /// Done with it.
    pub(crate) fn message_done(&mut self, n: usize) {
        self.input.consume(n);
    }
}

#[derive(Default)]
struct Seen {
    read: bool,
    write: bool,
    console: bool,
    exit: bool,
    other: bool,
}

fn timespec(d: Duration) -> Timespec {
    // Round up, or the last millisecond spins.
    let d = d + Duration::from_micros(500);
    Timespec { tv_sec: d.as_secs().min(1 << 30) as i64, tv_nsec: i64::from(d.subsec_nanos()) }
}

#[cfg(test)]
mod tests;
