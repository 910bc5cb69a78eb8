//! Errors.
//!
//! In: errors of our own crate, and text that cannot be passed. Out: [`Error`], with upstream's variants.

use guestfs_rs as native;
use std::ffi::NulError;
use std::fmt;
use std::io;
use std::str::Utf8Error;

/// What went wrong.
#[derive(Debug)]
pub enum Error {
    /// A call failed.
    API(APIError),
    /// A string has a NUL inside, which no call takes.
    IllegalString(NulError),
    /// A result is not UTF-8. No call of this crate says so: see [`crate::Handle::native`]. Programs make it with `?`.
    Utf8Error(Utf8Error),
    /// The system failed: what, and in which function. No call of this crate says so.
    UnixError(io::Error, &'static str),
    /// There is no handle. This crate says why, in [`Error::API`].
    Create,
}

/// Why a call failed.
#[derive(Clone)]
#[non_exhaustive]
pub struct APIError {
    /// Name of the call.
    pub operation: &'static str,
    /// What `guestfs_last_error` would say.
    pub message: String,
    /// The system's number for it, 0 if there is none.
    pub errno: i32,
    /// The error as our own crate has it: what sort it is, the bytes of its message, what to do next.
    pub native: native::Error,
}

impl Error {
    pub(crate) fn of(operation: &'static str, native: native::Error) -> Error {
        let message = String::from_utf8_lossy(native.message()).into_owned();
        Error::API(APIError { operation, message, errno: native.errno(), native })
    }

    /// The system's number for it, 0 if there is none.
    pub fn errno(&self) -> i32 {
        match self {
            Error::API(e) => e.errno,
            Error::UnixError(e, _) => e.raw_os_error().unwrap_or(0),
            _ => 0,
        }
    }
}

// As upstream's, whose programs show errors with `{:?}`.
impl fmt::Debug for APIError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("APIError")
            .field("operation", &self.operation)
            .field("message", &self.message)
            .field("errno", &self.errno)
            .finish()
    }
}

impl fmt::Display for APIError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.native.fmt(f)
    }
}

impl std::error::Error for APIError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.native)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::API(e) => e.fmt(f),
            Error::IllegalString(e) => e.fmt(f),
            Error::Utf8Error(e) => e.fmt(f),
            Error::UnixError(e, what) => write!(f, "{what}: {e}"),
            Error::Create => f.write_str("cannot create a handle"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::API(e) => std::error::Error::source(e),
            Error::UnixError(e, _) => Some(e),
            Error::IllegalString(_) | Error::Utf8Error(_) | Error::Create => None,
        }
    }
}

impl From<NulError> for Error {
    fn from(e: NulError) -> Error {
        Error::IllegalString(e)
    }
}

impl From<Utf8Error> for Error {
    fn from(e: Utf8Error) -> Error {
        Error::Utf8Error(e)
    }
}
