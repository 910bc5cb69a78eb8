//! One remote call: request out, files streamed, reply in.
//!
//! In: a call's facts, its arguments and the host side of its files. Out: the decoded result, or an
//! error prefixed with the call's name. What the daemon says is checked word by word; a daemon that
//! breaks the protocol loses its connection, one that merely reports failure keeps it.

mod fault;
mod flow;
mod hostfile;
mod receive;
mod send;

pub(crate) use fault::fault_error;
pub(crate) use flow::Flow;
pub(crate) use hostfile::Input;

use crate::call::CallInfo;
use crate::channel::{Caller, Connection, Fault, Incoming, Stopping};
use crate::error::{Error, ErrorKind, Result};
use bstr::ByteSlice;
use guestfs_protocol::errno;
use guestfs_protocol::message::{
    frame, Direction, ErrorReply, Header, Progress, Status, CANCEL_FLAG, PROGRAM, PROTOCOL_VERSION,
};
use guestfs_protocol::xdr::{Decoder, Xdr, XdrError, MESSAGE_MAX};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::time::Instant;

/// Host files of a call, by name.
#[derive(Debug, Clone, Copy, Default)]
pub struct Files<'a> {
    /// Read and sent to the daemon; `/dev/stdin` and other non-regular files work.
    pub file_in: Option<&'a [u8]>,
    /// Created or truncated, then filled by the daemon.
    pub file_out: Option<&'a [u8]>,
}

/// What is streamed to the daemon.
pub(crate) enum Source<'a> {
    Path(&'a [u8]),
    /// A socket of ours with a thread at its other end: polled before it is read.
    Flow(OwnedFd, Flow),
    Bytes(&'a [u8]),
}

/// Where the daemon's stream goes.
pub(crate) enum Sink<'a> {
    Path(&'a [u8]),
    /// A non-blocking socket of ours with a thread at its other end.
    Flow(OwnedFd, Flow),
    Writer(&'a mut (dyn Write + Send)),
}

/// How a call failed.
pub(crate) enum Failure {
    /// The connection is sound.
    Clean(Error),
    /// The connection must go.
    Fault(Fault),
}

impl From<Fault> for Failure {
    fn from(f: Fault) -> Self {
        Failure::Fault(f)
    }
}

impl From<Error> for Failure {
    fn from(e: Error) -> Self {
        Failure::Clean(e)
    }
}

/// How a reply is waited for.
struct Wait {
    /// A cancel word may stand in front of the reply, once: the daemon has given up on the upload, or has
    /// refused a request of which it could not tell whether a file follows.
    may_cancel: bool,
    /// It listens to cancel words.
    listens: bool,
    /// The upload was cut short, or the request refused: an error reply is due by then.
    cut: Option<Instant>,
    /// It was told to stop.
    stopping: Option<Stopping>,
    begun: Instant,
    /// The last progress that told of more, and of how much.
    moved: Instant,
    position: u64,
}

impl Wait {
    fn new(listens: bool, cut: Option<Instant>) -> Self {
        let now = Instant::now();
        Wait { may_cancel: true, listens, cut, stopping: None, begun: now, moved: now, position: 0 }
    }

    /// When patience ends.
    fn due(&self, c: &Connection) -> Option<Instant> {
        match &self.stopping {
            // What was sent of the file has to be written first, in which nobody hears a word.
            Some(stopping) if self.cut.is_some() => Some(stopping.last(&c.patience)),
            Some(stopping) => Some(stopping.due(&c.patience)),
            None => {
                let limit = c.limit.map(|l| (self.moved + l.quiet).min(self.begun + l.total));
                [self.cut, c.impatient, limit].into_iter().flatten().min()
            }
        }
    }

    fn overdue(&self, c: &Connection) -> Fault {
        match (&self.stopping, self.cut, c.limit) {
            (Some(stopping), ..) => stopping.fault(),
            (_, Some(_), _) => Fault::Stalled("the answer to a request that was given up", c.patience.drain),
            (.., Some(limit)) => Fault::Stalled(limit.what, self.begun.elapsed()),
            _ => Fault::Stalled("the daemon's first answer", c.running.silence_limit()),
        }
    }

    /// Whoever only goes on saying that it is there gets no further.
    fn progress(&mut self, p: &Progress) {
        if p.position > self.position {
            self.position = p.position;
            self.moved = Instant::now();
        }
    }
}

impl Connection {
    /// One call from start to end.
    pub(crate) fn call<A: Xdr, R: Xdr>(
        &mut self,
        g: &dyn Caller,
        info: &'static CallInfo,
        mask: u64,
        args: &A,
        source: Option<hostfile::Input<'_>>,
        sink: Option<Sink<'_>>,
    ) -> Result<R, Failure> {
        // The call of the user's that this one is a part of.
        if self.heeds_user() && g.is_cancelled() {
            return Err(Failure::Clean(CallId { info, serial: self.serial }.cancelled()));
        }
        self.serial = self.serial.wrapping_add(1);
        let id = CallId { info, serial: self.serial };
        let hint = source.as_ref().map_or(0, hostfile::Input::hint);
        let header = Header::call(info.proc, self.serial, hint, mask);
        let request = frame(&header, |e| e.put(args)).map_err(|e| unsendable(info, &e))?;
        let stall = Some(self.patience.stall);
        self.send_all(g, &request, "the daemon to take the request", stall, &mut |g, word| match word {
            Incoming::Progress(p) => id.progress(g, &p).map(drop),
            other => Err(Fault::Protocol(format!("{} before the request was sent", describe(&other)))),
        })?;
        drop(request);
        let sent = match source {
            Some(source) => self.send_file(g, &id, source)?,
            None => send::Sent::Whole,
        };
        // After a cancelled upload the daemon owes an error reply, and soon.
        let cut = sent.is_cut().then(|| Instant::now() + self.patience.drain);
        let mut wait = Wait::new(self.heeds_cancel || sink.is_some(), cut);
        let reply = self.reply::<R>(g, &id, &mut wait);
        match (sent, reply) {
            (_, Err(Failure::Fault(f))) => Err(Failure::Fault(f)),
            // Why we stopped matters more than what the daemon said about it.
            (send::Sent::Cut(why), _) => Err(Failure::Clean(why)),
            (_, Err(clean)) => Err(clean),
            // Told once: a second time could reach the daemon when it waits for the next request.
            (_, Ok(_)) if wait.stopping.is_some() && sink.is_some() => Err(self.drain(g, &id, id.cancelled())),
            (_, Ok(value)) => {
                if let Some(sink) = sink {
                    self.receive_file(g, &id, sink)?;
                }
                Ok(value)
            }
        }
    }

    /// Whether `user_cancel` may end the call.
    fn heeds_user(&self) -> bool {
        self.limit.is_none_or(|limit| limit.cancellable)
    }

    fn reply<R: Xdr>(&mut self, g: &dyn Caller, id: &CallId, wait: &mut Wait) -> Result<R, Failure> {
        let n = loop {
            let due = wait.due(self);
            match self.incoming(g, MESSAGE_MAX, self.heeds_user() && wait.stopping.is_none(), due)? {
                Incoming::Message(n) => break n,
                Incoming::Progress(p) => {
                    if id.progress(g, &p)? {
                        wait.progress(&p);
                    }
                    // Whoever only goes on telling how far it is does not answer either.
                    if wait.due(self).is_some_and(|d| Instant::now() >= d) {
                        return Err(wait.overdue(self).into());
                    }
                }
                // It has heard, and says so while it is stopping.
                Incoming::Cancel if wait.stopping.is_some() && self.heeds_cancel => {
                    if let Some(stopping) = &mut wait.stopping {
                        stopping.heard();
                        if Instant::now() >= stopping.due(&self.patience) {
                            return Err(stopping.fault().into());
                        }
                    }
                }
                // An error follows, and soon.
                Incoming::Cancel if wait.may_cancel => {
                    wait.may_cancel = false;
                    wait.cut.get_or_insert(Instant::now() + self.patience.drain);
                }
                Incoming::UserCancelled if self.impatient.is_some() => return Err(Failure::Clean(id.cancelled())),
                // It may be told to stop, and still owes a reply. One that does not listen may be just done.
                Incoming::UserCancelled => {
                    let stopping = Stopping::begin();
                    if wait.listens {
                        self.send_word(g, CANCEL_FLAG, stopping.due(&self.patience))?;
                    }
                    wait.stopping = Some(stopping);
                }
                Incoming::TimedOut => return Err(wait.overdue(self).into()),
                other => return Err(Fault::Protocol(format!("{} instead of a reply", describe(&other))).into()),
            }
        };
        let reply = decode_reply::<R>(id, self.message(n));
        self.message_done(n);
        // The reply was read to its end: only this call fails.
        if let Err(Fault::Memory(bytes)) = reply {
            return Err(Failure::Clean(Error::no_memory(id.info.name, bytes)));
        }
        match reply {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) if wait.stopping.is_some() => Err(Failure::Clean(id.cancelled())),
            Ok(Err(error)) => Err(Failure::Clean(id.daemon_error(&error))),
            Err(fault) => Err(Failure::Fault(fault)),
        }
    }
}

/// Decode header and body strictly.
fn decode_reply<R: Xdr>(id: &CallId, message: &[u8]) -> Result<Result<R, ErrorReply>, Fault> {
    let bad = |e: XdrError| match e {
        XdrError::Memory(bytes) => Fault::Memory(bytes),
        e => Fault::Protocol(format!("reply: {e}")),
    };
    let mut d = Decoder::new(message);
    let header: Header = d.get().map_err(bad)?;
    id.check(&header)?;
    let reply = match header.status {
        Status::Ok => Ok(d.get::<R>().map_err(bad)?),
        Status::Error => Err(d.get::<ErrorReply>().map_err(bad)?),
    };
    d.finish().map_err(bad)?;
    Ok(reply)
}

/// Which call is running.
pub(crate) struct CallId {
    pub info: &'static CallInfo,
    pub serial: u32,
}

impl CallId {
    fn check(&self, h: &Header) -> Result<(), Fault> {
        let expect = |what: &str, got: i64, want: i64| {
            if got == want {
                Ok(())
            } else {
                Err(Fault::Protocol(format!("reply with {what} {got} instead of {want}")))
            }
        };
        expect("program", h.program.into(), PROGRAM.into())?;
        expect("version", h.version.into(), PROTOCOL_VERSION.into())?;
        if h.direction != Direction::Reply {
            return Err(Fault::Protocol("a call instead of a reply".into()));
        }
        expect("procedure", h.proc.into(), self.info.proc.into())?;
        expect("serial", h.serial.into(), self.serial.into())
    }

    /// Deliver a progress message, if it is this call's. One of an earlier call may still be on its way: it
    /// is dropped.
    pub(crate) fn progress(&self, g: &dyn Caller, p: &Progress) -> Result<bool, Fault> {
        let ours = p.proc == self.info.proc && p.serial == self.serial;
        if ours {
            g.progress(p);
        }
        Ok(ours)
    }

    fn daemon_error(&self, e: &ErrorReply) -> Error {
        let mut text = format!("{}: ", self.info.name).into_bytes();
        text.extend_from_slice(e.message.trim_end_with(|c| c == '\n'));
        Error::new(ErrorKind::Daemon, text).with_errno(errno::number(&e.errno_string))
    }

    pub(crate) fn cancelled(&self) -> Error {
        Error::new(ErrorKind::Cancelled, format!("{}: operation cancelled by user", self.info.name))
            .with_errno(libc::EINTR)
    }
}

/// Arguments that do not fit the wire.
fn unsendable(info: &CallInfo, e: &XdrError) -> Error {
    match e {
        XdrError::Memory(bytes) => Error::no_memory(info.name, *bytes),
        XdrError::Nul => Error::usage(format!("{}: an argument contains a NUL byte", info.name)),
        _ => Error::usage(format!(
            "{}: the arguments do not fit into one message of at most {} bytes",
            info.name, MESSAGE_MAX
        ))
        .with_errno(libc::EMSGSIZE)
        .with_cause(e.clone()),
    }
}

/// A word for messages about the unexpected.
pub(crate) fn describe(word: &Incoming) -> String {
    match word {
        Incoming::Launch => "a launch word".into(),
        Incoming::Cancel => "a cancel word".into(),
        Incoming::Progress(_) => "a progress message".into(),
        Incoming::Message(n) => format!("a message of {n} bytes"),
        Incoming::UserCancelled | Incoming::TimedOut => "nothing".into(),
    }
}

#[cfg(test)]
mod tests;
