//! One remote call: request out, files streamed, reply in.
//!
//! In: a call's facts, its arguments and the host side of its files. Out: the decoded result, or an
//! error prefixed with the call's name. What the daemon says is checked word by word; a daemon that
//! breaks the protocol loses its connection, one that merely reports failure keeps it.

mod flow;
mod hostfile;
mod receive;
mod send;
mod slot;

pub(crate) use flow::Flow;
pub(crate) use slot::Slot;

use crate::call::CallInfo;
use crate::channel::{Connection, Fault, Incoming};
use crate::error::{Error, ErrorKind, Result};
use crate::event::EventClass;
use crate::handle::Handle;
use bstr::{BString, ByteSlice};
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

impl Handle {
    /// Call the daemon. `mask`: which optional arguments were given.
    pub(crate) fn rpc<A: Xdr, R: Xdr>(
        &self,
        info: &'static CallInfo,
        mask: u64,
        args: &A,
        files: Files<'_>,
    ) -> Result<R> {
        self.rpc_stream(info, mask, args, files.file_in.map(Source::Path), files.file_out.map(Sink::Path))
    }

    /// As [`Handle::rpc`], with readers and writers instead of host files where wanted.
    pub(crate) fn rpc_stream<A: Xdr, R: Xdr>(
        &self,
        info: &'static CallInfo,
        mask: u64,
        args: &A,
        source: Option<Source<'_>>,
        sink: Option<Sink<'_>>,
    ) -> Result<R> {
        self.need_ready(info)?;
        // Before anything is said: a missing host file must not truncate the guest's.
        let source = source.map(hostfile::Input::open).transpose()?;
        let mut lease = self.lease(info)?;
        let result = lease.connection()?.call(self, info, mask, args, source, sink);
        lease.finish(info, result)
    }
}

impl Handle {
    /// A hash table arrives as a list of keys and values in turn.
    pub(crate) fn pairs(&self, info: &'static CallInfo, list: Vec<BString>) -> Result<Vec<(BString, BString)>> {
        if list.len() % 2 != 0 {
            return Err(Error::new(
                ErrorKind::Protocol,
                format!("{}: the daemon sent a table of {} keys and values, an odd number", info.name, list.len()),
            )
            .with_errno(libc::EPROTO));
        }
        let mut pairs = Vec::with_capacity(list.len() / 2);
        let mut items = list.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            pairs.push((key, value));
        }
        Ok(pairs)
    }
}

/// How to wait for a reply.
struct Wait {
    /// The daemon may have given up on the upload.
    may_cancel: bool,
    /// The daemon listens to `user_cancel`.
    stoppable: bool,
    /// It was told to stop.
    stopped: bool,
    deadline: Option<Instant>,
}

impl Connection {
    /// One call from start to end.
    pub(crate) fn call<A: Xdr, R: Xdr>(
        &mut self,
        g: &Handle,
        info: &'static CallInfo,
        mask: u64,
        args: &A,
        source: Option<hostfile::Input<'_>>,
        sink: Option<Sink<'_>>,
    ) -> Result<R, Failure> {
        self.serial = self.serial.wrapping_add(1);
        let id = CallId { info, serial: self.serial };
        let hint = source.as_ref().map_or(0, hostfile::Input::hint);
        let header = Header::call(info.proc, self.serial, hint, mask);
        let request = frame(&header, |e| e.put(args)).map_err(|e| unsendable(info, &e))?;
        let stall = Some(self.patience.stall);
        self.send_all(g, &request, "the daemon to take the request", stall, &mut |g, word| match word {
            Incoming::Progress(p) => id.progress(g, &p),
            other => Err(Fault::Protocol(format!("{} before the request was sent", describe(&other)))),
        })?;
        drop(request);
        let streamed = source.is_some();
        let sent = match source {
            Some(source) => self.send_file(g, &id, source)?,
            None => send::Sent::Whole,
        };
        // After a cancelled upload the daemon owes an error reply, and soon.
        let deadline = sent.is_cut().then(|| Instant::now() + self.patience.cancel);
        let mut wait = Wait { may_cancel: streamed, stoppable: sink.is_some(), stopped: false, deadline };
        let reply = self.reply::<R>(g, &id, &mut wait);
        match (sent, reply) {
            (_, Err(Failure::Fault(f))) => Err(Failure::Fault(f)),
            // Why we stopped matters more than what the daemon said about it.
            (send::Sent::Cut(why), _) => Err(Failure::Clean(why)),
            (_, Err(clean)) => Err(clean),
            // Told once: a second time could reach the daemon when it waits for the next request.
            (_, Ok(_)) if wait.stopped => Err(self.drain(g, &id, id.cancelled())),
            (_, Ok(value)) => {
                if let Some(sink) = sink {
                    self.receive_file(g, &id, sink)?;
                }
                Ok(value)
            }
        }
    }

    fn reply<R: Xdr>(&mut self, g: &Handle, id: &CallId, wait: &mut Wait) -> Result<R, Failure> {
        let limit = self.limit.map(|l| Instant::now() + l);
        let n = loop {
            let due = wait.deadline.or(self.impatient).or(limit);
            match self.incoming(g, MESSAGE_MAX, self.impatient.is_some() || wait.stoppable, due)? {
                Incoming::Message(n) => break n,
                Incoming::Progress(p) => {
                    id.progress(g, &p)?;
                    // Whoever only goes on telling how far it is does not answer either.
                    if due.is_some_and(|d| Instant::now() >= d) {
                        return Err(self.overdue(wait.deadline.is_some()).into());
                    }
                }
                // The daemon gave up on the upload just as we sent the last of it: an error follows.
                Incoming::Cancel if wait.may_cancel => wait.may_cancel = false,
                Incoming::UserCancelled if self.impatient.is_some() => return Err(Failure::Clean(id.cancelled())),
                // The daemon gathers what it will send: it may be told to stop, and still owes a reply.
                Incoming::UserCancelled => {
                    let deadline = Instant::now() + self.patience.cancel;
                    self.send_word(g, CANCEL_FLAG, deadline)?;
                    (wait.stopped, wait.stoppable, wait.deadline) = (true, false, Some(deadline));
                }
                Incoming::TimedOut => return Err(self.overdue(wait.deadline.is_some()).into()),
                other => {
                    return Err(Fault::Protocol(format!("{} instead of a reply", describe(&other))).into())
                }
            }
        };
        let reply = decode_reply::<R>(id, self.message(n));
        self.message_done(n);
        match reply {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) if wait.stopped => Err(Failure::Clean(id.cancelled())),
            Ok(Err(error)) => Err(Failure::Clean(id.daemon_error(&error))),
            Err(fault) => Err(Failure::Fault(fault)),
        }
    }

    fn overdue(&self, cancelled: bool) -> Fault {
        match (cancelled, self.limit) {
            (true, _) => Fault::Stalled("the answer to a cancelled transfer", self.patience.cancel),
            (false, Some(limit)) => Fault::Stalled("the daemon's answer", limit),
            (false, None) => Fault::Stalled("the daemon's first answer", self.running.silence_limit()),
        }
    }
}

/// Decode header and body strictly.
fn decode_reply<R: Xdr>(id: &CallId, message: &[u8]) -> Result<Result<R, ErrorReply>, Fault> {
    let bad = |e: XdrError| Fault::Protocol(format!("reply: {e}"));
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

    /// Deliver a progress message. One of an earlier call may still be on its way: it is dropped.
    pub(crate) fn progress(&self, g: &Handle, p: &Progress) -> Result<(), Fault> {
        if p.proc == self.info.proc && p.serial == self.serial {
            let proc = u64::from(p.proc.unsigned_abs());
            g.fire(EventClass::Progress, &[], &[proc, p.serial.into(), p.position, p.total]);
        }
        Ok(())
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
