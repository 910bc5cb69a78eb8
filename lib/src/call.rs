//! Facts about one call that the wrapper needs at run time.
//!
//! In: statics written by the generator (`generated/client/info.rs`). Out: read by [`crate::handle`],
//! `rpc` and `trace`.

/// What the generator knows about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallInfo {
    /// C name without `guestfs_`: `mkdir_mode`.
    pub name: &'static str,
    /// Wire procedure; 0 for a call implemented in the library.
    pub proc: i32,
    /// Only before launch.
    pub config_only: bool,
    /// Returns at once, so it does not wait for a call in another thread.
    pub nonblocking: bool,
    /// Sends progress messages.
    pub progress: bool,
    /// Obeys `user_cancel`.
    pub cancellable: bool,
    /// Locked and traced; only `user_cancel` is not.
    pub wrapper: bool,
    /// Streams a host file to the daemon.
    pub file_in: bool,
    /// Streams a host file from the daemon.
    pub file_out: bool,
    /// Described, but the daemon of this version answers ENOTSUP.
    pub planned: bool,
}

impl CallInfo {
    /// True when the daemon does the work.
    pub const fn is_daemon(&self) -> bool {
        self.proc != 0
    }
}

/// Every call of the API, in order of its name.
pub fn all() -> &'static [&'static CallInfo] {
    crate::client::info::ALL
}
