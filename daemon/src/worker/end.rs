//! How workers end before their time.
//!
//! In: what was seen of it. Out: words for the user, and the errno of the call.

use crate::error::{Errno, Error};
use bstr::BStr;
use std::time::Duration;

/// Why a worker is not there any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It was killed by a signal of this number.
    Signal(i32),
    /// It was killed by a signal of this number when it had this much memory, in bytes, of so much.
    Full(i32, u64, u64),
    /// It ended by itself, with this status.
    Exit(i32),
    /// It ended, and somebody else saw how.
    Unseen,
    /// No sign of life for so long.
    Overdue(Duration),
    /// It had more memory than this, in bytes.
    Memory(u64),
    /// It sent something else than the protocol has.
    Nonsense(String),
    /// The library did not want the call any more.
    Cancelled,
    /// The file system of its file was unmounted.
    Unmounted,
}

impl Why {
    /// What happened, as a sentence without its full stop.
    pub fn text(&self, library: &str, subject: &BStr) -> String {
        let mib = |bytes: &u64| bytes >> 20;
        match self {
            Why::Signal(n) => format!("the {library} library crashed ({}) while it worked on {subject}", signal(*n)),
            Why::Full(n, had, limit) => format!(
                "the {library} library crashed ({}) with {} MiB of memory, near its limit of {} MiB, while it worked on \
                 {subject}",
                signal(*n),
                mib(had),
                mib(limit)
            ),
            Why::Exit(status) => {
                format!("the worker of the {library} library ended with status {status} while it worked on {subject}")
            }
            Why::Unseen => format!("the worker of the {library} library ended while it worked on {subject}"),
            Why::Overdue(time) => format!(
                "the {library} library showed no sign of life for {} s while it worked on {subject}, and was stopped",
                time.as_secs().max(1)
            ),
            Why::Memory(limit) => format!(
                "the {library} library took more than {} MiB of memory while it worked on {subject}, and was stopped",
                mib(limit)
            ),
            Why::Nonsense(what) => {
                format!("the worker of the {library} library answered with nonsense ({what}) while it worked on {subject}")
            }
            Why::Cancelled => format!("a call was cancelled while the {library} library worked on {subject}"),
            Why::Unmounted => "its file system was unmounted".into(),
        }
    }

    /// The error of the call in which it was noticed.
    pub fn error(&self, library: &str, subject: &BStr) -> Error {
        let errno = match self {
            Why::Overdue(_) => Errno::TIMEDOUT,
            Why::Memory(_) | Why::Full(..) => Errno::NOMEM,
            Why::Cancelled => return crate::channel::cancel::cancelled(),
            _ => Errno::IO,
        };
        Error::new(errno, self.text(library, subject))
    }
}

/// The name of a signal that is sent to a program which went wrong.
fn signal(number: i32) -> String {
    let name = match number {
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGILL => "SIGILL",
        libc::SIGKILL => "SIGKILL",
        libc::SIGSYS => "SIGSYS",
        _ => return format!("signal {number}"),
    };
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_is_told_apart() {
        let tell = |why: Why| {
            let e = why.error("hivex", "/x".into());
            (e.errno_name(), e.to_string())
        };
        let crash = "the hivex library crashed (SIGSEGV) while it worked on /x";
        assert_eq!(tell(Why::Signal(11)), ("EIO", crash.into()));
        assert!(tell(Why::Signal(64)).1.contains("(signal 64)"));
        let (errno, text) = tell(Why::Full(6, 500 << 20, 512 << 20));
        assert!(
            errno == "ENOMEM" && text.contains("(SIGABRT) with 500 MiB of memory, near its limit of 512 MiB"),
            "{text}"
        );
        let (errno, text) = tell(Why::Overdue(Duration::from_secs(8)));
        assert!(errno == "ETIMEDOUT" && text.contains("no sign of life for 8 s"), "{text}");
        assert!(tell(Why::Memory(512 << 20)).1.contains("more than 512 MiB"));
        assert_eq!(tell(Why::Cancelled).0, "EINTR");
        assert!(tell(Why::Exit(3)).1.contains("status 3"));
        assert!(tell(Why::Nonsense("x".into())).1.contains("nonsense (x)"));
    }
}
