//! Waiting for a tool's end, and making it come.
//!
//! In: a child that leads a process group. Out: its exit status, or EINTR when the library does not want the
//! call any more; what is killed is waited for as long as the library is patient.

use crate::channel::Channel;
use crate::error::{Errno, Error, Result};
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::fd::{AsFd, OwnedFd};
use rustix::process::{kill_process_group, pidfd_open, Pid, PidfdFlags, Signal};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

/// What is asked to end does so at once, but for what it must not leave half done: lvm(8) blocks signals while
/// volumes are suspended, and whoever waits for them would wait for ever.
const ASKED: Duration = Duration::from_secs(2);

/// What is killed ends at once, unless it waits for a disk. The library's patience is twice this.
const KILLED: Duration = Duration::from_secs(3);

/// How often the library hears that something is still being stopped.
const TELL: Timespec = Timespec { tv_sec: 0, tv_nsec: 300_000_000 };

fn pid(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

/// Becomes readable when the child ends.
pub(super) fn exit_fd(child: &Child) -> Result<OwnedFd> {
    Ok(pidfd_open(pid(child).ok_or(Errno::SRCH)?, PidfdFlags::empty())?)
}

/// What a tool fails with whose time is over.
pub(super) fn overdue() -> Error {
    Error::new(Errno::TIMEDOUT, "did not end in the time that it was given")
}

/// Wait for the end of a tool that has closed its pipes.
pub(super) fn wait(child: &mut Child, until: Option<Instant>, channel: &Channel) -> Result<ExitStatus> {
    let exit = exit_fd(child)?;
    loop {
        let watched = channel.watched();
        let mut fds = vec![PollFd::new(&exit, PollFlags::IN)];
        fds.extend(watched.as_ref().map(|fd| PollFd::new(fd, PollFlags::IN)));
        rustix::io::retry_on_intr(|| poll(&mut fds, until.map(|_| &TELL)))?;
        if fds.first().is_some_and(|fd| !fd.revents().is_empty()) {
            return Ok(child.wait()?);
        }
        channel.wanted()?;
        if until.is_some_and(|until| Instant::now() >= until) {
            return Err(overdue());
        }
    }
}

/// End a tool and what it started. One that does not end, because it waits for the kernel, does so later:
/// it is reaped between two calls.
pub(super) fn stop(mut child: Child, channel: &Channel) {
    let (Some(group), Ok(exit)) = (pid(&child), exit_fd(&child)) else { return };
    let _ = kill_process_group(group, Signal::TERM);
    ended(&exit, ASKED, channel);
    // Also what outlived the first of the group, whose number is its until it is reaped.
    let _ = kill_process_group(group, Signal::KILL);
    let _ = child.kill();
    if ended(&exit, KILLED, channel) {
        let _ = child.wait();
    }
}

/// Whether it ends in this time, in which the library hears that something is being stopped.
fn ended(exit: &OwnedFd, time: Duration, channel: &Channel) -> bool {
    let until = Instant::now() + time;
    while Instant::now() < until {
        let mut fds = [PollFd::from_borrowed_fd(exit.as_fd(), PollFlags::IN)];
        if poll(&mut fds, Some(&TELL)).is_ok_and(|ready| ready > 0) {
            return true;
        }
        // A channel that is lost says so at its next use.
        let _ = channel.still_stopping();
    }
    false
}
