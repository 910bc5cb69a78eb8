//! Calling a worker and waiting for its answer.
//!
//! In: a function and its arguments. Out: what it returned, or why it is not there any more.

use super::end::Why;
use super::process::{mount_of, Process};
use super::Library;
use crate::channel::cancel;
use crate::ctx::Ctx;
use crate::error::{Errno, Error, Result};
use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::worker::{frame, frame_length, Arguments, Outgoing, Plain, Reply, Request, Value, FILES_MAX};
use guestfs_protocol::xdr::{from_slice, XdrError};
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::net::{sendmsg, SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

/// How often a worker that does not answer is looked at.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// How long a worker may compute without a sign of life. Files give it more.
const PATIENCE: Duration = Duration::from_secs(8);

/// The time it gets for each mebibyte of a file.
const PER_MEBIBYTE: Duration = Duration::from_millis(500);

/// Waiting for disks is not the library's fault.
const WAITING: u32 = 8;

/// Loading a library may take this long on a machine that is busy with other things.
const START: Duration = Duration::from_secs(60);

/// Read at once.
const PIECE: usize = 64 * 1024;

/// What a worker still sends, of a result that nobody wants any more, is taken for this long.
const DRAIN: Duration = Duration::from_secs(2);

/// One library in one process. Dropping it ends the process.
#[derive(Debug)]
pub struct Worker {
    library: &'static str,
    subject: BString,
    process: Process,
    /// What it sent and was not looked at yet, from `at` on.
    inbox: Vec<u8>,
    at: usize,
    patience: Duration,
    mount: Option<u64>,
    gone: Option<Why>,
}

impl Worker {
    /// Start one that is to work on `subject`, a name for messages.
    pub fn start(ctx: &Ctx, library: &'static Library, subject: &BStr) -> Result<Worker> {
        ctx.channel().wanted()?;
        if ctx.verbose() {
            eprintln!("guestfsd: starting the {} worker for {subject}", library.name);
        }
        let mut worker = Worker {
            library: library.name,
            subject: subject.to_owned(),
            process: Process::start(library.name, ctx.role())?,
            inbox: Vec::new(),
            at: 0,
            patience: START,
            mount: None,
            gone: None,
        };
        worker.answer(ctx, &mut |_: Value| Ok(()))?;
        worker.patience = PATIENCE;
        Ok(worker)
    }

    /// It works on something else from now on.
    pub fn works_on(&mut self, subject: &BStr) {
        subject.clone_into(&mut self.subject);
    }

    /// What it works on.
    pub fn subject(&self) -> &BStr {
        self.subject.as_bstr()
    }

    /// Whether it is not there any more.
    pub fn is_gone(&self) -> bool {
        self.gone.is_some()
    }

    /// Why it is not there any more, if it is not.
    pub(super) fn gone(&self) -> Option<Why> {
        self.gone.clone()
    }

    /// The mount of the file that it has open.
    pub(super) fn mount(&self) -> Option<u64> {
        self.mount
    }

    /// It will keep `file` open: it is ended when the file system that this is on is unmounted.
    pub fn reads(&mut self, file: &impl AsFd) -> Result<()> {
        self.mount = Some(mount_of(file)?);
        Ok(())
    }

    /// Give it time for a file of this many bytes.
    pub fn grant(&mut self, size: u64) {
        let mebibytes = u32::try_from(size >> 20).unwrap_or(u32::MAX);
        self.patience = PATIENCE.saturating_add(PER_MEBIBYTE.saturating_mul(mebibytes));
    }

    /// How long it may compute without a sign of life.
    pub fn patience(&mut self, time: Duration) {
        self.patience = time;
    }

    /// Call a function that returns all at once.
    pub fn call<'a, R: Plain>(&mut self, ctx: &Ctx, function: &str, args: impl Arguments<'a>) -> Result<R> {
        self.stream(ctx, function, args, |_: Value| Err(Errno::PROTO.into()))
    }

    /// Call a function that returns a part after the other, each given to `each` as it comes, and then a result.
    /// When `each` fails, so does the call, and the worker can be called again.
    pub fn stream<'a, T: Plain, R: Plain>(
        &mut self,
        ctx: &Ctx,
        function: &str,
        args: impl Arguments<'a>,
        mut each: impl FnMut(T) -> Result<()>,
    ) -> Result<R> {
        ctx.channel().wanted()?;
        let Outgoing { values, files } = args.all();
        let request = frame(&Request { function: function.into(), args: values })?;
        self.send(ctx, &request, &files)?;
        let value = self.answer(ctx, &mut |value| each(T::from_value(value)?))?;
        R::from_value(value).map_err(|e| self.lost(ctx, Why::Nonsense(e.to_string())))
    }

    /// It is no good any more.
    fn lost(&mut self, ctx: &Ctx, why: Why) -> Error {
        self.process.kill(ctx.channel());
        let error = why.error(self.library, self.subject.as_bstr());
        self.gone = Some(why);
        error
    }

    /// It has closed the socket.
    fn ended(&mut self, ctx: &Ctx) -> Error {
        let why = self.process.end(ctx.channel());
        self.lost(ctx, why)
    }

    /// Give it a request. Files go with its first byte.
    fn send(&mut self, ctx: &Ctx, request: &[u8], files: &[BorrowedFd<'_>]) -> Result<()> {
        let mut watch = Watch::new();
        let (mut rest, mut files) = (request, files);
        while !rest.is_empty() {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES_MAX))];
            let mut ancillary = SendAncillaryBuffer::new(&mut space);
            if !files.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(files)) {
                return Err(Errno::TOOMANYREFS.into());
            }
            match sendmsg(&self.process.socket, &[IoSlice::new(rest)], &mut ancillary, SendFlags::NOSIGNAL) {
                Ok(n) => {
                    rest = rest.get(n..).unwrap_or_default();
                    files = &[];
                }
                Err(Errno::AGAIN) => self.wait(ctx, PollFlags::OUT, &mut watch)?,
                Err(Errno::INTR) => {}
                // It is not there any more.
                Err(_) => return Err(self.ended(ctx)),
            }
        }
        Ok(())
    }

    /// Wait for the end of its answer.
    fn answer(&mut self, ctx: &Ctx, each: &mut dyn FnMut(Value) -> Result<()>) -> Result<Value> {
        let mut failed: Option<(Error, Instant)> = None;
        let mut watch = Watch::new();
        loop {
            if let Some((error, since)) = &failed {
                if since.elapsed() > DRAIN {
                    let error = error.clone();
                    self.lost(ctx, Why::Cancelled);
                    return Err(error);
                }
            }
            let reply = self.reply(ctx, &mut watch)?;
            // One that keeps talking is never waited for.
            if let Err(e) = cancel::point() {
                self.lost(ctx, Why::Cancelled);
                return Err(e);
            }
            match reply {
                Reply::Piece(value) if failed.is_none() => {
                    if let Err(error) = each(value) {
                        failed = Some((error, Instant::now()));
                    }
                    watch = Watch::new();
                }
                Reply::Piece(_) | Reply::Alive => watch = Watch::new(),
                Reply::Done(_) | Reply::Failed { .. } if failed.is_some() => {
                    return failed.map_or(Err(Errno::IO.into()), |(error, _)| Err(error));
                }
                Reply::Done(value) => return Ok(value),
                Reply::Failed { errno: 0, message } => return Err(Error::msg(message)),
                Reply::Failed { errno, message } => {
                    return Err(Error::new(Errno::from_raw_os_error(errno), message));
                }
            }
        }
    }

    /// The next thing that it says.
    fn reply(&mut self, ctx: &Ctx, watch: &mut Watch) -> Result<Reply> {
        loop {
            match self.framed() {
                Ok(Some(reply)) => return Ok(reply),
                Ok(None) => {}
                Err(e) => return Err(self.lost(ctx, Why::Nonsense(e.to_string()))),
            }
            self.inbox.drain(..self.at);
            self.at = 0;
            let have = self.inbox.len();
            self.inbox.try_reserve(PIECE)?;
            self.inbox.resize(have.saturating_add(PIECE), 0);
            let got = rustix::io::read(&self.process.socket, self.inbox.get_mut(have..).unwrap_or_default());
            self.inbox.truncate(have.saturating_add(*got.as_ref().unwrap_or(&0)));
            match got {
                Ok(0) => return Err(self.ended(ctx)),
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.wait(ctx, PollFlags::IN, watch)?,
                Err(_) => return Err(self.ended(ctx)),
            }
        }
    }

    /// A reply that has come as a whole.
    fn framed(&mut self) -> std::result::Result<Option<Reply>, XdrError> {
        let Some(rest) = self.inbox.get(self.at..) else { return Ok(None) };
        let Some((word, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
        let length = frame_length(*word)?;
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let reply = from_slice(body)?;
        self.at = self.at.saturating_add(4).saturating_add(length);
        Ok(Some(reply))
    }

    /// Wait until its socket is ready. Fails when it is overdue or too large, or the call is not wanted.
    fn wait(&mut self, ctx: &Ctx, events: PollFlags, watch: &mut Watch) -> Result<()> {
        loop {
            let watched = ctx.channel().watched();
            let mut fds = vec![PollFd::new(&self.process.socket, events)];
            fds.extend(watched.as_ref().map(|fd| PollFd::new(fd, PollFlags::IN)));
            rustix::io::retry_on_intr(|| poll(&mut fds, Some(&TICK)))?;
            if fds.first().is_some_and(|fd| !fd.revents().is_empty()) {
                return Ok(());
            }
            if let Err(e) = ctx.channel().wanted() {
                self.lost(ctx, Why::Cancelled);
                return Err(e);
            }
            if let Some(why) = watch.look(&self.process, self.patience) {
                return Err(self.lost(ctx, why));
            }
        }
    }
}

/// A worker since its last sign of life.
struct Watch {
    since: Instant,
    /// The processor time that it had used when it was first looked at.
    from: Option<Duration>,
}

impl Watch {
    fn new() -> Watch {
        Watch { since: Instant::now(), from: None }
    }

    /// Why it must end, if it must.
    fn look(&mut self, process: &Process, patience: Duration) -> Option<Why> {
        let used = process.used();
        if used.memory > process.limit() {
            return Some(Why::Memory(process.limit()));
        }
        let from = *self.from.get_or_insert(used.processor);
        let (waited, computed) = (self.since.elapsed(), used.processor.saturating_sub(from));
        let over = waited >= patience && (computed >= patience / 2 || waited >= patience.saturating_mul(WAITING));
        over.then_some(Why::Overdue(waited))
    }
}
