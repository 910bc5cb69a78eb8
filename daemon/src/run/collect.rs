//! Serving the pipes of a tool: its input fed, its outputs kept up to a limit.
//!
//! In: a child with pipes. Out: what it printed. The end is when all pipes are closed or the tool has
//! exited: what it left running in the background may hold them open for ever.

use crate::ctx::Ctx;
use crate::error::{Errno, Error, Result};
use crate::progress::Pulse;
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::process::{pidfd_open, Pid, PidfdFlags};
use std::io::Write;
use std::process::{Child, ChildStdin};

/// stderr kept, in bytes; later output is dropped.
const STDERR_LIMIT: usize = 64 * 1024;

/// How often a moving progress bar is looked after.
const PULSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 300_000_000 };

struct Pipes<'a> {
    stdin: Option<ChildStdin>,
    input: &'a [u8],
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
    out: Vec<u8>,
    err: Vec<u8>,
    buf: Vec<u8>,
}

/// Feed `input` and collect stdout (more than `limit` bytes are an error) and stderr.
pub(super) fn both(
    child: &mut Child,
    input: Vec<u8>,
    limit: usize,
    pulse: Option<&Ctx>,
) -> Result<(Vec<u8>, Vec<u8>)> {
    let mut pipes = Pipes {
        stdin: child.stdin.take(),
        input: &input,
        stdout: child.stdout.take().map(OwnedFd::from),
        stderr: child.stderr.take().map(OwnedFd::from),
        out: Vec::new(),
        err: Vec::new(),
        buf: vec![0; 64 * 1024],
    };
    if let Some(pipe) = &pipes.stdin {
        rustix::io::ioctl_fionbio(pipe, true)?;
    }
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)?;
    let exit = pidfd_open(pid, PidfdFlags::empty())?;
    let mut exited = false;
    while pipes.stdin.is_some() || pipes.stdout.is_some() || pipes.stderr.is_some() {
        // After its exit only what lies in the pipes already is still its own.
        let timeout = if exited { Some(Timespec::default()) } else { pulse.map(|_| PULSE) };
        let ready = pipes.wait(exit.as_fd(), exited, timeout)?;
        if let Some(ctx) = pulse {
            ctx.pulse(Pulse::Running);
        }
        if exited && ready == Ready::default() {
            break;
        }
        exited |= ready.exit;
        pipes.serve(ready, limit)?;
    }
    Ok((pipes.out, pipes.err))
}

/// Read a pipe to its end, keeping the first 64 KiB.
pub(super) fn errors(pipe: OwnedFd) -> Vec<u8> {
    let (mut pipe, mut buf, mut kept) = (Some(pipe), vec![0; 4096], Vec::new());
    while pipe.is_some() && take(&mut pipe, &mut buf, &mut kept, STDERR_LIMIT).is_ok() {}
    kept
}

/// What poll(2) found.
#[derive(Debug, Default, PartialEq, Eq, Clone, Copy)]
struct Ready {
    stdin: bool,
    stdout: bool,
    stderr: bool,
    exit: bool,
}

impl Pipes<'_> {
    fn wait(&self, exit: BorrowedFd<'_>, exited: bool, timeout: Option<Timespec>) -> Result<Ready> {
        let mut ready = Ready::default();
        let wanted = [
            (self.stdin.as_ref().map(|f| f.as_fd()), PollFlags::OUT, &mut ready.stdin),
            (self.stdout.as_ref().map(|f| f.as_fd()), PollFlags::IN, &mut ready.stdout),
            (self.stderr.as_ref().map(|f| f.as_fd()), PollFlags::IN, &mut ready.stderr),
            ((!exited).then_some(exit), PollFlags::IN, &mut ready.exit),
        ];
        let (mut fds, mut flags) = (Vec::with_capacity(4), Vec::with_capacity(4));
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

    fn serve(&mut self, ready: Ready, limit: usize) -> Result<()> {
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
        if ready.stdout && !take(&mut self.stdout, &mut self.buf, &mut self.out, limit)? {
            return Err(Error::new(Errno::MSGSIZE, format!("output is larger than {limit} bytes")));
        }
        if ready.stderr {
            take(&mut self.stderr, &mut self.buf, &mut self.err, STDERR_LIMIT)?;
        }
        Ok(())
    }
}

/// Read what is there into `into`, at most `limit` bytes in all; closes `pipe` at its end. False when
/// something had to be dropped.
fn take(pipe: &mut Option<OwnedFd>, buf: &mut [u8], into: &mut Vec<u8>, limit: usize) -> Result<bool> {
    let Some(fd) = pipe else { return Ok(true) };
    match rustix::io::read(fd, &mut *buf) {
        Ok(0) => *pipe = None,
        Ok(n) => {
            let kept = n.min(limit.saturating_sub(into.len()));
            into.extend_from_slice(buf.get(..kept).unwrap_or_default());
            return Ok(kept == n);
        }
        Err(Errno::INTR | Errno::AGAIN) => {}
        Err(e) => return Err(e.into()),
    }
    Ok(true)
}
