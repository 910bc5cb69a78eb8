//! System calls that take as long as a disk takes, and cannot be interrupted.
//!
//! In: work for a thread of its own. Out: its result, or EINTR at once when the library does not want the call
//! any more: the work then ends when the kernel lets it, and nobody hears of it.

use crate::channel::Channel;
use crate::error::{Errno, Result};
use rustix::event::{eventfd, poll, EventfdFlags, PollFd, PollFlags, Timespec};
use rustix::fd::OwnedFd;
use rustix::io::retry_on_intr;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How often `tick` is called.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 300_000_000 };

/// A thread that has nothing to do. To make one, or only what wakes it, takes longer than most of what is done apart:
/// it is made in the machine that is saved, and kept.
static IDLE: Mutex<Option<Arc<Helper>>> = Mutex::new(None);

/// What a thread and who waits for it have in common.
struct Helper {
    /// Counters: there is a job, and it is done.
    begin: OwnedFd,
    done: OwnedFd,
    job: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    /// Nobody waits any more.
    left: AtomicBool,
}

impl Helper {
    fn get() -> Result<Arc<Helper>> {
        if let Some(idle) = lock(&IDLE).take() {
            return Ok(idle);
        }
        let counter = || eventfd(0, EventfdFlags::CLOEXEC);
        let helper =
            Helper { begin: counter()?, done: counter()?, job: Mutex::default(), left: AtomicBool::new(false) };
        let helper = Arc::new(helper);
        let its = Arc::clone(&helper);
        std::thread::Builder::new().spawn(move || while its.one() {})?;
        Ok(helper)
    }

    /// The thread's part of one job. False: it was the last.
    fn one(&self) -> bool {
        if taken(&self.begin).is_err() {
            return false;
        }
        let job = lock(&self.job).take();
        // Who waits finds that there is no result.
        let _ = job.map(|job| catch_unwind(AssertUnwindSafe(job)));
        let _ = raise(&self.done);
        !self.left.load(Ordering::Acquire)
    }

    /// Wait until it is done, or nobody wants it.
    fn wait(&self, channel: &Channel, tick: &mut dyn FnMut()) -> Result<()> {
        loop {
            let watched = channel.watched();
            let mut fds = vec![PollFd::new(&self.done, PollFlags::IN)];
            fds.extend(watched.as_ref().map(|fd| PollFd::new(fd, PollFlags::IN)));
            let ready = retry_on_intr(|| poll(&mut fds, Some(&TICK)))?;
            if fds.first().is_some_and(|done| !done.revents().is_empty()) {
                return Ok(taken(&self.done)?);
            }
            if ready == 0 {
                tick();
            }
            channel.wanted()?;
        }
    }

    /// It ends with what it does.
    fn leave(&self) {
        self.left.store(true, Ordering::Release);
        // It may have looked just before.
        let _ = raise(&self.begin);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn raise(counter: &OwnedFd) -> rustix::io::Result<()> {
    retry_on_intr(|| rustix::io::write(counter, &1u64.to_ne_bytes())).map(drop)
}

/// Wait until it was raised.
fn taken(counter: &OwnedFd) -> rustix::io::Result<()> {
    retry_on_intr(|| rustix::io::read(counter, &mut [0; 8])).map(drop)
}

/// Do `work` apart, and `tick` now and then meanwhile.
pub fn apart<T: Send + 'static>(
    channel: &Channel,
    mut tick: impl FnMut(),
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let helper = Helper::get()?;
    let result = Arc::new(Mutex::new(None));
    let theirs = Arc::clone(&result);
    *lock(&helper.job) = Some(Box::new(move || {
        let value = work();
        *lock(&theirs) = Some(value);
    }));
    if let Err(e) = raise(&helper.begin).map_err(Into::into).and_then(|()| helper.wait(channel, &mut tick)) {
        helper.leave();
        return Err(e);
    }
    *lock(&IDLE) = Some(helper);
    // There is none if it panicked.
    let value = lock(&result).take();
    value.ok_or_else(|| Errno::IO.into())
}
