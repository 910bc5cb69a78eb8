//! Errors of the library.
//!
//! In: what went wrong, on what, why. Out: [`Error`], whose text is what upstream's
//! `guestfs_last_error` would say, plus typed fields for programs and a help line for people.

use bstr::{BStr, BString, ByteSlice};
use std::fmt;
use std::sync::Arc;

/// Result of nearly everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of thing went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The daemon did the call and it failed.
    Daemon,
    /// An argument, a property or the order of calls is wrong.
    Usage,
    /// The call needs a launched handle.
    NotLaunched,
    /// Launching failed.
    Launch(LaunchFailure),
    /// The appliance went away: its process ended or it closed the channel.
    ApplianceDied,
    /// The daemon sent something the protocol does not allow.
    Protocol,
    /// `user_cancel` was called.
    Cancelled,
    /// A file, pipe or socket of the host.
    Io,
    /// A program on the host failed or is missing.
    Tool,
    /// There is no memory for what a call brings.
    Memory,
    /// Described in the API but not possible here.
    NotSupported,
}

/// Why a launch failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LaunchFailure {
    /// No usable qemu.
    NoHypervisor,
    /// A drive's file does not exist or cannot be opened.
    ImageMissing,
    /// A drive's content or options cannot be used: wrong format, damaged, not possible with qemu.
    ImageUnusable,
    /// Another process holds a drive's lock.
    ImageLocked {
        /// Who, when the hypervisor said so.
        by: Option<String>,
    },
    /// No kernel that this user can read.
    KernelUnreadable,
    /// No appliance was found and none could be built.
    NoAppliance,
    /// A step of the appliance build failed.
    ApplianceBuild {
        /// The program or step that failed.
        tool: String,
    },
    /// The guest's kernel panicked.
    Panic {
        /// The kernel's own words.
        line: BString,
    },
    /// Nothing was heard within the deadline.
    NoSignOfLife {
        /// How far it came.
        stage: String,
    },
    /// The hypervisor ended before the daemon was ready.
    Exited,
    /// Library and appliance do not speak the same version.
    VersionSkew,
    /// The backend's name or settings make no sense.
    Backend,
    /// A host resource (socket, directory, process) could not be had.
    Host,
    /// `user_cancel` was called.
    Cancelled,
}

impl LaunchFailure {
    /// The machine came to nothing without saying why: another one may do better.
    pub(crate) fn is_death(&self) -> bool {
        matches!(self, LaunchFailure::NoSignOfLife { .. } | LaunchFailure::Exited | LaunchFailure::Panic { .. })
    }
}

/// An error. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Error(Arc<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    kind: ErrorKind,
    errno: i32,
    message: BString,
    help: Option<String>,
    console: BString,
    cause: Option<Arc<dyn std::error::Error + Send + Sync>>,
    reported: bool,
}

impl Error {
    /// An error with its whole text; no errno.
    pub fn new(kind: ErrorKind, message: impl Into<Vec<u8>>) -> Self {
        Error(Arc::new(Inner {
            kind,
            errno: 0,
            message: BString::from(message.into()),
            help: None,
            console: BString::default(),
            cause: None,
            reported: false,
        }))
    }

    /// What a call has to do with a guest's data needs more memory than there is.
    pub fn no_memory(call: &str, bytes: usize) -> Self {
        Error::new(ErrorKind::Memory, format!("{call}: there is no memory for {bytes} bytes more"))
            .with_errno(libc::ENOMEM)
            .with_help("read less at once, or raise the memory limit of the program")
    }

    /// A wrong argument: kind [`ErrorKind::Usage`], errno `EINVAL`.
    pub fn usage(message: impl Into<Vec<u8>>) -> Self {
        Error::new(ErrorKind::Usage, message).with_errno(libc::EINVAL)
    }

    /// A failed operation of the host: `what: system's text`.
    pub fn io(what: impl Into<Vec<u8>>, cause: std::io::Error) -> Self {
        let errno = io_errno(&cause);
        let mut message = what.into();
        message.extend_from_slice(b": ");
        message.extend_from_slice(io_text(&cause).as_bytes());
        Error::new(ErrorKind::Io, message).with_errno(errno).with_cause(cause)
    }

    /// Set the errno (0 for none).
    pub fn with_errno(mut self, errno: i32) -> Self {
        Arc::make_mut(&mut self.0).errno = errno;
        self
    }

    /// Say what to do next.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).help = Some(help.into());
        self
    }

    /// Attach the underlying error.
    pub fn with_cause(mut self, cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.0).cause = Some(Arc::new(cause));
        self
    }

    /// Attach the last lines of the appliance's console.
    pub fn with_console(mut self, console: impl Into<BString>) -> Self {
        Arc::make_mut(&mut self.0).console = console.into();
        self
    }

    /// Put `what: ` before the text.
    pub fn context(mut self, what: impl AsRef<[u8]>) -> Self {
        let inner = Arc::make_mut(&mut self.0);
        let mut message = what.as_ref().to_vec();
        message.extend_from_slice(b": ");
        message.extend_from_slice(&inner.message);
        inner.message = message.into();
        self
    }

    /// What sort of thing went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// errno of the host's C library, 0 when there is none.
    pub fn errno(&self) -> i32 {
        self.0.errno
    }

    /// The bare text, as `guestfs_last_error` has it: no help, no console. May hold bytes from a guest.
    pub fn message(&self) -> &BStr {
        self.0.message.as_bstr()
    }

    /// What to do next, when we know.
    pub fn help(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// The last lines of the appliance's console when it had a part in the failure, else empty.
    pub fn console(&self) -> &BStr {
        self.0.console.as_bstr()
    }

    /// Text, help and console in the form shown to people: what the C API's error handler gets.
    pub fn full_text(&self) -> BString {
        let mut text = self.0.message.to_vec();
        if let Some(help) = self.help() {
            text.extend_from_slice(b"\nhelp: ");
            text.extend_from_slice(help.as_bytes());
        }
        if !self.0.console.is_empty() {
            text.extend_from_slice(b"\nlast lines of the appliance's console:\n");
            text.extend_from_slice(self.0.console.trim_end());
        }
        text.into()
    }

    pub(crate) fn reported(&self) -> bool {
        self.0.reported
    }

    pub(crate) fn mark_reported(&mut self) {
        Arc::make_mut(&mut self.0).reported = true;
    }
}

/// The system's words for an OS error, without Rust's "(os error N)".
pub(crate) fn io_text(e: &std::io::Error) -> String {
    let text = e.to_string();
    match text.rfind(" (os error ") {
        Some(at) => text.get(..at).unwrap_or(&text).to_owned(),
        None => text,
    }
}

/// The errno of an I/O error. Who wraps one to add a path (the tempfile crate) keeps its kind only.
pub(crate) fn io_errno(e: &std::io::Error) -> i32 {
    use std::io::ErrorKind as K;
    e.raw_os_error().unwrap_or(match e.kind() {
        K::NotFound => libc::ENOENT,
        K::PermissionDenied => libc::EACCES,
        K::ReadOnlyFilesystem => libc::EROFS,
        K::StorageFull => libc::ENOSPC,
        K::QuotaExceeded => libc::EDQUOT,
        K::NotADirectory => libc::ENOTDIR,
        _ => 0,
    })
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.full_text())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.as_ref().map(|c| c.as_ref() as &(dyn std::error::Error + 'static))
    }
}
