//! What a call can fail with: an errno (or none) and a text for the user.
//!
//! In: errors of the kernel, of tools, of decoding. Out: the two fields of a protocol error reply.
//! The library puts the call's name in front, so texts here say on what it failed and why, not who.

use bstr::{BString, ByteSlice};
pub use rustix::io::Errno;

/// Result of everything in the daemon that can fail for the caller.
pub type Result<T> = std::result::Result<T, Error>;

/// A failed call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    errno: Option<Errno>,
    message: BString,
}

impl Error {
    /// A failure with an errno that programs may test, and its whole text.
    pub fn new(errno: Errno, message: impl Into<Vec<u8>>) -> Self {
        Error { errno: Some(errno), message: BString::from(message.into()) }
    }

    /// A failure that no errno describes, such as a tool's own error text.
    pub fn msg(message: impl Into<Vec<u8>>) -> Self {
        Error { errno: None, message: BString::from(message.into()) }
    }

    /// EINVAL with a text.
    pub fn invalid(message: impl Into<Vec<u8>>) -> Self {
        Error::new(Errno::INVAL, message)
    }

    /// ENOTSUP with a text: this appliance or kernel cannot do it.
    pub fn not_supported(message: impl Into<Vec<u8>>) -> Self {
        Error::new(Errno::OPNOTSUPP, message)
    }

    /// Put `what: ` in front of the text. The path or device it is about goes here.
    pub fn context(mut self, what: impl AsRef<[u8]>) -> Self {
        let mut text = what.as_ref().to_vec();
        text.extend_from_slice(b": ");
        text.append(&mut self.message);
        self.message = text.into();
        self
    }

    /// Put this behind the text.
    pub fn followed_by(mut self, more: impl AsRef<[u8]>) -> Self {
        self.message.extend_from_slice(more.as_ref());
        self
    }

    /// The same failure in other words.
    pub fn reworded(&self, message: impl Into<Vec<u8>>) -> Self {
        Error { errno: self.errno, message: BString::from(message.into()) }
    }

    /// The errno, when there is one.
    pub fn errno(&self) -> Option<Errno> {
        self.errno
    }

    /// The text.
    pub fn message(&self) -> &bstr::BStr {
        self.message.as_bstr()
    }

    /// The errno's name as the protocol carries it: empty for none.
    pub fn errno_name(&self) -> &'static str {
        self.errno.map_or("", |e| guestfs_protocol::errno::name(e.raw_os_error()))
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.message, f)
    }
}

impl std::error::Error for Error {}

/// The C library's words for an errno.
pub fn strerror(errno: Errno) -> String {
    let mut text = std::io::Error::from(errno).to_string();
    // std appends the number, which means nothing to the user.
    if let Some(at) = text.rfind(" (os error ") {
        text.truncate(at);
    }
    text
}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Self {
        Error::new(errno, strerror(errno))
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        match Errno::from_io_error(&error) {
            Some(errno) => errno.into(),
            // Our own errors travel through io::Read and io::Write (FileIn, FileOut) and come back here.
            None => match error.downcast::<Error>() {
                Ok(ours) => ours,
                Err(other) => Error::new(Errno::IO, other.to_string()),
            },
        }
    }
}

impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        std::io::Error::other(error)
    }
}

impl From<guestfs_protocol::xdr::XdrError> for Error {
    fn from(error: guestfs_protocol::xdr::XdrError) -> Self {
        let errno = match error {
            guestfs_protocol::xdr::XdrError::Memory(_) => Errno::NOMEM,
            _ => Errno::PROTO,
        };
        Error::new(errno, error.to_string())
    }
}

impl From<std::collections::TryReserveError> for Error {
    fn from(_: std::collections::TryReserveError) -> Self {
        Errno::NOMEM.into()
    }
}

/// `size` zero bytes, as many as a guest, a disk or a client asks for: ENOMEM when there is no room.
pub fn zeroed(size: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size)?;
    bytes.resize(size, 0);
    Ok(bytes)
}

/// `.context(…)` on results of anything that turns into [`Error`].
pub trait Context<T> {
    /// Put `what: ` in front of the error's text.
    fn context(self, what: impl AsRef<[u8]>) -> Result<T>;
    /// The same, the text made only when there is an error.
    fn with_context<C: AsRef<[u8]>>(self, what: impl FnOnce() -> C) -> Result<T>;
}

impl<T, E: Into<Error>> Context<T> for std::result::Result<T, E> {
    fn context(self, what: impl AsRef<[u8]>) -> Result<T> {
        self.map_err(|e| e.into().context(what))
    }
    fn with_context<C: AsRef<[u8]>>(self, what: impl FnOnce() -> C) -> Result<T> {
        self.map_err(|e| e.into().context(what()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_errors_read_as_in_c() {
        let e = Err::<(), _>(Errno::NOENT).context("/a").unwrap_err();
        assert_eq!(e.to_string(), "/a: No such file or directory");
        assert_eq!(e.errno_name(), "ENOENT");
        assert_eq!(Error::not_supported("x").errno_name(), "ENOTSUP");
        assert_eq!(Error::msg("x").errno_name(), "");
    }

    #[test]
    fn our_errors_survive_io_traits() {
        let ours = Error::new(Errno::INTR, "cancelled");
        let io: std::io::Error = ours.clone().into();
        assert_eq!(Error::from(io), ours);
        assert_eq!(Error::from(std::io::Error::other("odd")).errno(), Some(Errno::IO));
    }
}
