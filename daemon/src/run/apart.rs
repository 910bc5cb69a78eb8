//! System calls that take as long as a disk takes, and cannot be interrupted.
//!
//! In: work for a thread of its own. Out: its result, or EINTR at once when the library does not want the call
//! any more: the work then ends when the kernel lets it, and nobody hears of it.

use crate::channel::Channel;
use crate::error::{Errno, Result};
use rustix::event::{eventfd, poll, EventfdFlags, PollFd, PollFlags, Timespec};
use std::sync::mpsc::{self, TryRecvError};
use std::sync::Arc;

/// How often `tick` is called.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 300_000_000 };

/// Do `work` apart, and `tick` now and then meanwhile.
pub fn apart<T: Send + 'static>(
    channel: &Channel,
    mut tick: impl FnMut(),
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let done = Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?);
    let (sender, result) = mpsc::channel();
    let theirs = Arc::clone(&done);
    std::thread::Builder::new().spawn(move || {
        let _ = sender.send(work());
        let _ = rustix::io::write(&theirs, &1u64.to_ne_bytes());
    })?;
    loop {
        let watched = channel.watched();
        let mut fds = vec![PollFd::new(&*done, PollFlags::IN)];
        fds.extend(watched.as_ref().map(|fd| PollFd::new(fd, PollFlags::IN)));
        let ready = rustix::io::retry_on_intr(|| poll(&mut fds, Some(&TICK)))?;
        match result.try_recv() {
            Ok(result) => return Ok(result),
            // It has ended without a result: it panicked.
            Err(TryRecvError::Disconnected) => return Err(Errno::IO.into()),
            Err(TryRecvError::Empty) => {}
        }
        if ready == 0 {
            tick();
        }
        channel.wanted()?;
    }
}
