//! `user_cancel`: a flag that a signal handler may set, and a descriptor that wakes up poll.
//!
//! In: [`Canceller::cancel`] from anywhere. Out: waits of a running transfer end; a cancellation from
//! before a call is forgotten when the call begins.

use super::Handle;
use crate::error::{Error, Result};
use rustix::event::EventfdFlags;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// Cancels the transfer that a handle is in, from any thread or from a signal handler.
#[derive(Clone)]
pub struct Canceller(Arc<CancelFlag>);

struct CancelFlag {
    set: AtomicBool,
    wake: OwnedFd,
}

impl Canceller {
    pub(super) fn new() -> Result<Self> {
        let wake = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|e| Error::io("eventfd", e.into()))?;
        Ok(Canceller(Arc::new(CancelFlag { set: AtomicBool::new(false), wake })))
    }

    /// Async-signal-safe: one atomic store and one `write(2)`.
    pub fn cancel(&self) {
        self.0.set.store(true, Ordering::SeqCst);
        // Full (already woken) is as good as written.
        let _ = rustix::io::write(&self.0.wake, &1u64.to_ne_bytes());
    }
}

impl Handle {
    /// Something to cancel transfers with, independent of the handle's borrow.
    pub fn canceller(&self) -> Canceller {
        self.cancel.clone()
    }

    /// Async-signal-safe, as [`Canceller::cancel`].
    pub(crate) fn cancel_now(&self) {
        self.cancel.cancel();
    }

    pub(crate) fn wake_fd(&self) -> BorrowedFd<'_> {
        self.cancel.0.wake.as_fd()
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.0.set.load(Ordering::SeqCst)
    }

    /// Empty the wake-up descriptor; the flag stays as it is.
    pub(crate) fn drain_wake(&self) {
        let _ = rustix::io::read(self.wake_fd(), &mut [0; 8]);
    }

    /// Forget a cancellation that came before this call.
    pub(crate) fn reset_cancel(&self) {
        if self.cancel.0.set.swap(false, Ordering::SeqCst) {
            self.drain_wake();
        }
    }
}
