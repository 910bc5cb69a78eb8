//! Who waits at a channel.
//!
//! In: what comes up while somebody waits. Out: what the channel must know of him. A handle is one; tests
//! have simpler ones.

use guestfs_protocol::message::Progress;
use std::os::fd::BorrowedFd;

/// Who made the call that the channel works for.
pub(crate) trait Caller {
    /// Becomes readable when the call is cancelled (`user_cancel`).
    fn wake_fd(&self) -> BorrowedFd<'_>;

    /// The call is to end.
    fn is_cancelled(&self) -> bool;

    /// Empty the wake-up descriptor; that the call is cancelled stays as it is.
    fn drain_wake(&self);

    /// Bytes of the machine's console.
    fn console(&self, bytes: &[u8]);

    /// How far the call is.
    fn progress(&self, progress: &Progress);
}
