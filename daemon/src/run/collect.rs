//! Serving the pipes of a tool: its input fed, its outputs kept up to a limit.
//!
//! In: a child with pipes. Out: what it printed, or EINTR when the library does not want the call any more. The end is
//! when all pipes are closed or the tool has exited: what it left running in the background may hold them open for ever.

use crate::ctx::Ctx;
use crate::error::{Errno, Error, Result};
use crate::progress::Pulse;
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::io::Write;
use std::process::{Child, ChildStdin};
use std::time::Instant;

/// stderr kept, in bytes; later output is dropped.
const STDERR_LIMIT: usize = 64 * 1024;

/// stderr taken, in bytes: what prints more does not end by itself.
const STDERR_MAX: usize = 16 << 20;

/// What is waited for, and how long.
pub(super) struct Wait {
    /// Bytes of stdout; more are an error.
    pub limit: usize,
    /// Show the library that the tool still runs.
    pub pulse: bool,
    pub until: Option<Instant>,
}

/// How often a moving progress bar is looked after.
const PULSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 300_000_000 };

struct Pipes<'a> {
    stdin: Option<ChildStdin>,
    input: &'a [u8],
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
    out: Vec<u8>,
    err: Vec<u8>,
    err_total: usize,
    buf: Vec<u8>,
}

/// Feed `input` and collect stdout and stderr.
pub(super) fn both(child: &mut Child, input: Vec<u8>, wait: &Wait, ctx: &Ctx) -> Result<(Vec<u8>, Vec<u8>)> {
    let mut pipes = Pipes::new(child.stdin.take(), &input, child.stdout.take().map(OwnedFd::from));
    pipes.stderr = child.stderr.take().map(OwnedFd::from);
    if let Some(pipe) = &pipes.stdin {
        rustix::io::ioctl_fionbio(pipe, true)?;
    }
    let exit = super::end::exit_fd(child)?;
    // It looks after the bar and the clock, and after the channel when something came through it.
    let look = |ready: Ready| {
        if wait.pulse {
            ctx.pulse(Pulse::Running)?;
        }
        if ready.channel {
            ctx.channel().wanted()?;
        }
        match wait.until.is_some_and(|until| Instant::now() >= until) {
            true => Err(super::end::overdue()),
            false => Ok(()),
        }
    };
    let every = (wait.pulse || wait.until.is_some()).then_some(PULSE);
    pipes.serve_all(&exit, || ctx.channel().watched(), every, look, &Limits { out: wait.limit, err: STDERR_MAX })?;
    Ok((pipes.out, pipes.err))
}

/// Read stderr until its end, or that of the tool (`exit`), keeping the first 64 KiB. Nobody waits for this, so that
/// what is printed may be as long as the data that somebody else moves meanwhile.
pub(super) fn errors(pipe: OwnedFd, exit: &OwnedFd) -> Vec<u8> {
    let mut pipes = Pipes::new(None, &[], None);
    pipes.stderr = Some(pipe);
    // What was read until it failed is what there is to say.
    let _ = pipes.serve_all(exit, || None, None, |_| Ok(()), &Limits { out: 0, err: usize::MAX });
    pipes.err
}

/// Bytes that may come: more are an error.
struct Limits {
    out: usize,
    err: usize,
}

/// What poll(2) found.
#[derive(Debug, Default, PartialEq, Eq, Clone, Copy)]
struct Ready {
    stdin: bool,
    stdout: bool,
    stderr: bool,
    exit: bool,
    /// The library said something.
    channel: bool,
}

impl<'a> Pipes<'a> {
    fn new(stdin: Option<ChildStdin>, input: &'a [u8], stdout: Option<OwnedFd>) -> Pipes<'a> {
        let (out, err, buf) = (Vec::new(), Vec::new(), vec![0; 64 * 1024]);
        Pipes { stdin, input, stdout, stderr: None, out, err, err_total: 0, buf }
    }

    /// Serve them until all are closed or the tool has ended, waiting `every` so long at most before `look` is called.
    fn serve_all<'c>(
        &mut self,
        exit: &OwnedFd,
        channel: impl Fn() -> Option<BorrowedFd<'c>>,
        every: Option<Timespec>,
        look: impl Fn(Ready) -> Result<()>,
        limits: &Limits,
    ) -> Result<()> {
        let mut exited = false;
        while self.stdin.is_some() || self.stdout.is_some() || self.stderr.is_some() {
            // After its exit only what lies in the pipes already is still its own.
            let timeout = if exited { Some(Timespec::default()) } else { every };
            let ready = self.wait((!exited).then_some(exit.as_fd()), channel(), timeout)?;
            look(ready)?;
            if exited && ready == Ready::default() {
                break;
            }
            exited |= ready.exit;
            self.serve(ready, limits)?;
            // What it left running may go on complaining.
            if exited && self.err.len() >= STDERR_LIMIT {
                self.stderr = None;
            }
        }
        Ok(())
    }

    fn wait(
        &self,
        exit: Option<BorrowedFd<'_>>,
        channel: Option<BorrowedFd<'_>>,
        timeout: Option<Timespec>,
    ) -> Result<Ready> {
        let mut ready = Ready::default();
        let wanted = [
            (self.stdin.as_ref().map(|f| f.as_fd()), PollFlags::OUT, &mut ready.stdin),
            (self.stdout.as_ref().map(|f| f.as_fd()), PollFlags::IN, &mut ready.stdout),
            (self.stderr.as_ref().map(|f| f.as_fd()), PollFlags::IN, &mut ready.stderr),
            (exit, PollFlags::IN, &mut ready.exit),
            (channel, PollFlags::IN, &mut ready.channel),
        ];
        let (mut fds, mut flags) = (Vec::with_capacity(5), Vec::with_capacity(5));
        for (fd, events, flag) in wanted {
            if let Some(fd) = fd {
                fds.push(PollFd::from_borrowed_fd(fd, events));
                flags.push(flag);
            }
        }
        rustix::io::retry_on_intr(|| poll(&mut fds, timeout.as_ref()))?;
        for (fd, flag) in fds.iter().zip(flags) {
            *flag = !fd.revents().is_empty();
        }
        Ok(ready)
    }

    fn serve(&mut self, ready: Ready, limits: &Limits) -> Result<()> {
        if ready.stdin {
            match self.stdin.as_mut().map(|pipe| pipe.write(self.input)) {
                Some(Ok(n)) => self.input = self.input.get(n..).unwrap_or_default(),
                Some(Err(e)) if e.kind() == std::io::ErrorKind::WouldBlock => {}
                // It did not want all of it; its exit status says whether that was wrong.
                _ => self.input = &[],
            }
            if self.input.is_empty() {
                self.stdin = None;
            }
        }
        if ready.stdout && take(&mut self.stdout, &mut self.buf, &mut self.out, limits.out)?.dropped {
            return Err(Error::new(Errno::MSGSIZE, format!("output is larger than {} bytes", limits.out)));
        }
        if ready.stderr {
            let taken = take(&mut self.stderr, &mut self.buf, &mut self.err, STDERR_LIMIT)?;
            self.err_total = self.err_total.saturating_add(taken.bytes);
            if self.err_total > limits.err {
                return Err(Error::new(Errno::MSGSIZE, format!("printed more than {} bytes on stderr", limits.err)));
            }
        }
        Ok(())
    }
}

/// What one read gave.
#[derive(Default)]
struct Taken {
    bytes: usize,
    /// Some of it was more than may be kept.
    dropped: bool,
}

/// Read what is there into `into`, at most `limit` bytes in all; closes `pipe` at its end.
fn take(pipe: &mut Option<OwnedFd>, buf: &mut [u8], into: &mut Vec<u8>, limit: usize) -> Result<Taken> {
    let Some(fd) = pipe else { return Ok(Taken::default()) };
    match rustix::io::read(fd, &mut *buf) {
        Ok(0) => *pipe = None,
        Ok(bytes) => {
            let kept = bytes.min(limit.saturating_sub(into.len()));
            into.try_reserve(kept)?;
            into.extend_from_slice(buf.get(..kept).unwrap_or_default());
            return Ok(Taken { bytes, dropped: kept < bytes });
        }
        Err(Errno::INTR | Errno::AGAIN) => {}
        Err(e) => return Err(e.into()),
    }
    Ok(Taken::default())
}
