//! Whether the library still wants the call that runs.
//!
//! In: cancel words. Out: EINTR where a call looks after them: [`point`] in every loop that can be long,
//! [`Channel::wanted`] while tools are waited for.
//!
//! Outside of file transfers only a library that said so in the hello (`cancel=1`) sends one, and only after
//! the whole of a request. The stream is in order, so a word behind a request is about that request, and one
//! in front of the next request came too late and is skipped. The daemon answers the word with the same word,
//! and repeats it while it is stopping.

use super::{Channel, Incoming, Outgoing};
use crate::error::{Errno, Error, Result};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::time::{clock_gettime, ClockId};
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

/// Looking costs a system call: not with every file of a tree.
const EVERY: Duration = Duration::from_millis(20);

/// The time of the last tick, some milliseconds ago at most: without a system call, and without the processor's clock,
/// which is slow in a machine that is only translated.
fn now() -> Duration {
    let time = clock_gettime(ClockId::MonotonicCoarse);
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanoseconds.unwrap_or_default())
}

thread_local! {
    /// The channel whose calls this thread serves. Loops deep inside a call have no context at hand.
    static SERVED: RefCell<Weak<Channel>> = const { RefCell::new(Weak::new()) };
    static LOOKED: Cell<Option<Duration>> = const { Cell::new(None) };
}

/// What a cancelled call fails with.
pub fn cancelled() -> Error {
    Error::new(Errno::INTR, "cancelled by the library")
}

/// This thread serves `channel`.
pub(crate) fn serve(channel: &Rc<Channel>) {
    SERVED.with(|served| *served.borrow_mut() = Rc::downgrade(channel));
}

/// Fail when the library does not want the running call any more. Loops call it as often as they like;
/// in other threads it does nothing.
pub fn point() -> Result<()> {
    let now = now();
    if LOOKED.get().is_some_and(|last| now.saturating_sub(last) < EVERY) {
        return Ok(());
    }
    LOOKED.set(Some(now));
    let served = SERVED.with(|served| served.borrow().upgrade());
    served.map_or(Ok(()), |channel| channel.wanted())
}

impl Channel {
    /// The hello agreed on it: a cancel word is about the running call, whatever that is.
    pub fn set_heeding(&self) {
        self.inner.borrow_mut().heeding = true;
    }

    /// Whether the running call was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.inner.borrow().cancelled
    }

    /// What to poll, where something that comes can only mean that the call is not wanted any more.
    pub(crate) fn watched(&self) -> Option<BorrowedFd<'_>> {
        let inner = self.inner.borrow();
        let quiet = inner.heeding && inner.incoming != Incoming::Active && !inner.cancelled && inner.lost.is_none();
        quiet.then(|| self.as_fd())
    }

    /// Fail when the running call is not wanted any more, now and until its end.
    pub(crate) fn wanted(&self) -> Result<()> {
        if self.watched().is_some() && self.cancel_requested()? {
            self.still_stopping()?;
        }
        match self.is_cancelled() {
            true => Err(cancelled()),
            false => Ok(()),
        }
    }

    /// Tell the library that its wish was heard and takes a moment.
    pub(crate) fn still_stopping(&self) -> Result<()> {
        let tell = {
            let inner = self.inner.borrow();
            inner.heeding && inner.cancelled && inner.outgoing == Outgoing::Idle
        };
        if tell {
            self.send_cancel()
        } else {
            Ok(())
        }
    }
}
