//! Why a request failed.
//!
//! In: errors of the kernel, of libraries, of decoding. Out: the errno and text of a reply.

use bstr::BString;
use guestfs_protocol::xdr::XdrError;
use rustix::io::Errno;

/// Result of everything in the worker that can fail.
pub type Result<T> = std::result::Result<T, Fault>;

/// Why a request failed.
#[derive(Debug)]
pub struct Fault {
    /// 0: none.
    pub errno: i32,
    pub message: BString,
}

impl Fault {
    /// With an errno that programs may test.
    pub fn new(errno: Errno, message: impl Into<BString>) -> Fault {
        Fault { errno: errno.raw_os_error(), message: message.into() }
    }

    /// The module has no such function: daemon and worker are of different versions.
    pub fn unknown(function: &str) -> Fault {
        Fault::new(Errno::NOSYS, format!("this appliance's worker has no function {function}"))
    }
}

impl From<Errno> for Fault {
    fn from(errno: Errno) -> Fault {
        // What the C library says, without the number that std appends.
        let mut text = std::io::Error::from(errno).to_string();
        if let Some(at) = text.rfind(" (os error ") {
            text.truncate(at);
        }
        Fault::new(errno, text)
    }
}

impl From<std::io::Error> for Fault {
    fn from(e: std::io::Error) -> Fault {
        Errno::from_io_error(&e).map_or_else(|| Fault::new(Errno::IO, e.to_string()), Fault::from)
    }
}

impl From<XdrError> for Fault {
    fn from(e: XdrError) -> Fault {
        let errno = match e {
            XdrError::Memory(_) => Errno::NOMEM,
            XdrError::TooLong { .. } => Errno::MSGSIZE,
            XdrError::Nul => Errno::INVAL,
            _ => Errno::PROTO,
        };
        Fault::new(errno, e.to_string())
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.message, f)
    }
}
