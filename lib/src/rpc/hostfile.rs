//! The host's end of a file transfer.
//!
//! In: a path, a socket of ours, a reader or a writer. Out: bytes, without ever blocking where the
//! death of the appliance or `user_cancel` would go unnoticed — slow files (pipes, terminals) are
//! polled together with the channel first.

use super::{CallId, Flow, Sink, Source};
use crate::channel::Caller;
use crate::error::{Error, Result};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Bytes a pipe takes without blocking once poll says it is writable (`PIPE_BUF`).
const PIPE_BUF: usize = 4096;

/// What is sent.
pub(crate) enum Input<'a> {
    /// A file of known size, or something to poll before reading.
    Fd {
        fd: OwnedFd,
        name: Vec<u8>,
        size: Option<u64>,
    },
    Flow(OwnedFd, Flow),
    Bytes(&'a [u8]),
}

impl<'a> Input<'a> {
    pub fn open(source: Source<'a>) -> Result<Self> {
        match source {
            Source::Bytes(bytes) => Ok(Input::Bytes(bytes)),
            Source::Flow(fd, flow) => Ok(Input::Flow(fd, flow)),
            Source::Path(path) => {
                let failed = |e: Errno| Error::io([b"open: ", path].concat(), e.into());
                let fd = open(path, OFlags::RDONLY, Mode::empty()).map_err(failed)?;
                let stat = rustix::fs::fstat(&fd).map_err(failed)?;
                let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
                let size = regular.then(|| u64::try_from(stat.st_size).unwrap_or(0));
                Ok(Input::Fd { fd, name: path.to_vec(), size })
            }
        }
    }

    /// Size for the daemon's progress bar, 0 when unknown.
    pub fn hint(&self) -> u64 {
        match self {
            Input::Fd { size: Some(size), .. } => *size,
            Input::Fd { size: None, .. } | Input::Flow(..) => 0,
            Input::Bytes(bytes) => bytes.len() as u64,
        }
    }

    /// What to poll before reading, if reading may block.
    pub fn slow(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Input::Fd { fd, size: None, .. } | Input::Flow(fd, _) => Some(fd.as_fd()),
            _ => None,
        }
    }

    /// Read some; 0 at the end.
    pub fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        loop {
            return match self {
                Input::Bytes(bytes) => {
                    let n = buf.len().min(bytes.len());
                    let (now, later) = bytes.split_at(n);
                    if let Some(to) = buf.get_mut(..n) {
                        to.copy_from_slice(now);
                    }
                    *bytes = later;
                    Ok(n)
                }
                Input::Flow(fd, flow) => match rustix::io::read(&*fd, &mut *buf) {
                    Err(Errno::INTR) => continue,
                    Err(e) => Err(Error::io("read", e.into())),
                    // The other end says why; this only keeps the daemon from taking half for whole.
                    Ok(0) if flow.has_failed() => Err(Error::usage("the data could not be read to its end")),
                    Ok(n) => Ok(n),
                },
                Input::Fd { fd, name, .. } => match rustix::io::read(&*fd, &mut *buf) {
                    Err(Errno::INTR) => continue,
                    Err(e) => Err(Error::io([b"read: ", name.as_slice()].concat(), e.into())),
                    Ok(n) => Ok(n),
                },
            };
        }
    }
}

impl Input<'_> {
    /// `n` bytes were sent.
    pub fn advance(&mut self, g: &dyn Caller, id: &CallId, n: usize) {
        if let Input::Flow(_, flow) = self {
            flow.advance(g, id, n);
        }
    }

    /// All was sent.
    pub fn done(&self, g: &dyn Caller, id: &CallId) {
        if let Input::Flow(_, flow) = self {
            flow.done(g, id);
        }
    }
}

/// What is received into.
pub(crate) enum Output<'a> {
    Fd { fd: OwnedFd, name: Vec<u8>, kind: Kind },
    Flow(OwnedFd, Flow),
    Writer(&'a mut (dyn Write + Send)),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Never blocks for long.
    Regular,
    /// Poll first, then at most `PIPE_BUF`.
    Pipe,
}

impl<'a> Output<'a> {
    pub fn open(sink: Sink<'a>) -> Result<Self> {
        match sink {
            Sink::Writer(w) => Ok(Output::Writer(w)),
            Sink::Flow(fd, flow) => Ok(Output::Flow(fd, flow)),
            Sink::Path(path) => {
                let failed = |e: Errno| Error::io(path, e.into());
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
                let fd = open(path, flags, Mode::from_raw_mode(0o666)).map_err(failed)?;
                let stat = rustix::fs::fstat(&fd).map_err(failed)?;
                let kind = match FileType::from_raw_mode(stat.st_mode) {
                    FileType::RegularFile | FileType::BlockDevice => Kind::Regular,
                    _ => Kind::Pipe,
                };
                Ok(Output::Fd { fd, name: path.to_vec(), kind })
            }
        }
    }

    /// What to poll before writing, if writing may block.
    pub fn slow(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Output::Fd { fd, kind: Kind::Pipe, .. } | Output::Flow(fd, _) => Some(fd.as_fd()),
            _ => None,
        }
    }

    /// Write some of `data`; 0 means: poll and try again.
    pub fn write(&mut self, data: &[u8]) -> Result<usize> {
        match self {
            Output::Writer(w) => {
                w.write_all(data).map_err(|e| Error::io("write", e))?;
                Ok(data.len())
            }
            Output::Flow(fd, _) => {
                use rustix::net::{send, SendFlags};
                match send(&*fd, data, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
                    Ok(n) => Ok(n),
                    Err(Errno::INTR | Errno::AGAIN) => Ok(0),
                    Err(e) => Err(Error::io("write", e.into())),
                }
            }
            Output::Fd { fd, name, kind } => {
                let data = match kind {
                    Kind::Regular => data,
                    Kind::Pipe => data.get(..PIPE_BUF).unwrap_or(data),
                };
                match rustix::io::write(&*fd, data) {
                    Ok(n) => Ok(n),
                    Err(Errno::INTR | Errno::AGAIN) => Ok(0),
                    Err(e) => Err(Error::io([b"write: ", name.as_slice()].concat(), e.into())),
                }
            }
        }
    }

    /// `n` bytes were received.
    pub fn advance(&mut self, g: &dyn Caller, id: &CallId, n: usize) {
        if let Output::Flow(_, flow) = self {
            flow.advance(g, id, n);
        }
    }

    /// All was received.
    pub fn done(&self, g: &dyn Caller, id: &CallId) {
        if let Output::Flow(_, flow) = self {
            flow.done(g, id);
        }
    }

    /// Close: delayed write errors (NFS, quota) show up here.
    pub fn close(self) -> Result<()> {
        match self {
            Output::Writer(w) => w.flush().map_err(|e| Error::io("write", e)),
            Output::Fd { kind: Kind::Regular, fd, name } => {
                crate::sys::close(fd).map_err(|e| Error::io([b"close: ", name.as_slice()].concat(), e))
            }
            Output::Fd { .. } | Output::Flow(..) => Ok(()),
        }
    }
}

/// Open a host file. The three standard streams are duplicated, not opened again: they may be sockets
/// (which cannot be opened), and what was redirected with `>` must not be truncated.
fn open(path: &[u8], flags: OFlags, mode: Mode) -> rustix::io::Result<OwnedFd> {
    let stream = match path {
        b"/dev/stdin" => Some(rustix::stdio::stdin()),
        b"/dev/stdout" => Some(rustix::stdio::stdout()),
        b"/dev/stderr" => Some(rustix::stdio::stderr()),
        _ => None,
    };
    match stream {
        Some(fd) => rustix::io::fcntl_dupfd_cloexec(fd, 3),
        None => rustix::fs::open(path, flags | OFlags::CLOEXEC | OFlags::NOCTTY, mode),
    }
}
