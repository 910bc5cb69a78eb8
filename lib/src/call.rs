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
}

impl CallInfo {
    /// An ordinary call.
    pub(crate) const fn new(name: &'static str, proc: i32) -> Self {
        CallInfo {
            name,
            proc,
            config_only: false,
            nonblocking: false,
            progress: false,
            cancellable: false,
            wrapper: true,
            file_in: false,
            file_out: false,
        }
    }

    /// True when the daemon does the work.
    pub const fn is_daemon(&self) -> bool {
        self.proc != 0
    }
}

/// What a call can be beside ordinary.
macro_rules! facts {
    ($($name:ident: $member:ident = $value:literal;)*) => {
        impl CallInfo {$(
            pub(crate) const fn $name(self) -> Self {
                CallInfo { $member: $value, ..self }
            }
        )*}
    };
}

facts! {
    config_only: config_only = true;
    nonblocking: nonblocking = true;
    progress: progress = true;
    cancellable: cancellable = true;
    no_wrapper: wrapper = false;
    file_in: file_in = true;
    file_out: file_out = true;
}

/// A static for each call and the table of all. A row: `CONSTANT: "name" number fact…;`.
macro_rules! call_facts {
    ($($constant:ident: $name:literal $proc:literal $($fact:ident)*;)*) => {
        $(
            #[doc = concat!("`", $name, "`.")]
            pub static $constant: $crate::call::CallInfo = $crate::call::CallInfo::new($name, $proc)$(.$fact())*;
        )*

        /// Every call, by name.
        pub static ALL: &[&$crate::call::CallInfo] = &[$(&$constant),*];
    };
}
pub(crate) use call_facts;
