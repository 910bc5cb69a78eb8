//! System calls that take as long as a disk takes, and cannot be interrupted.
//!
//! In: work for a thread of its own. Out: its result, or EINTR at once when the library does not want the call
//! any more: the work then ends when the kernel lets it, and nobody hears of it.

use crate::channel::Channel;
use crate::error::{Errno, Result};
use rustix::event::{eventfd, poll, EventfdFlags, PollFd, PollFlags, Timespec};
use std::sync::mpsc::{self, Sender, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};

/// How often `tick` is called.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 300_000_000 };

type Job = Box<dyn FnOnce() + Send>;

/// A thread that has nothing to do. To make one takes longer than most of what is done apart, so it is made in the
/// machine that is saved, and kept.
static IDLE: Mutex<Option<Sender<Job>>> = Mutex::new(None);

fn thread() -> Result<Sender<Job>> {
    if let Some(idle) = IDLE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Ok(idle);
    }
    let (jobs, taken) = mpsc::channel::<Job>();
    std::thread::Builder::new().spawn(move || taken.iter().for_each(|job| job()))?;
    Ok(jobs)
}

/// Do `work` apart, and `tick` now and then meanwhile.
pub fn apart<T: Send + 'static>(
    channel: &Channel,
    mut tick: impl FnMut(),
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let done = Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?);
    let (sender, result) = mpsc::channel();
    let theirs = Arc::clone(&done);
    let thread = thread()?;
    let job: Job = Box::new(move || {
        let _ = sender.send(work());
        let _ = rustix::io::write(&theirs, &1u64.to_ne_bytes());
    });
    if thread.send(job).is_err() {
        return Err(Errno::IO.into());
    }
    loop {
        let watched = channel.watched();
        let mut fds = vec![PollFd::new(&*done, PollFlags::IN)];
        fds.extend(watched.as_ref().map(|fd| PollFd::new(fd, PollFlags::IN)));
        let ready = rustix::io::retry_on_intr(|| poll(&mut fds, Some(&TICK)))?;
        match result.try_recv() {
            // One that is left behind is not kept: it ends with what it does.
            Ok(result) => {
                *IDLE.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
                return Ok(result);
            }
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
