//! Backend `unix:PATH`: a daemon that runs already.
//!
//! In: the path of its socket. Out: a connection. It serves one library at a time and knows its own
//! disks; drives added to the handle play no part.

use crate::error::{Error, LaunchFailure};
use crate::machine::{Backend, LaunchError, Plan, Reporter, Running};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Instant;

/// The backend.
#[derive(Debug)]
pub struct Unix {
    path: PathBuf,
}

impl Unix {
    pub fn new(path: PathBuf) -> Unix {
        Unix { path }
    }
}

impl Backend for Unix {
    fn launch(&mut self, _plan: &Plan, reporter: &dyn Reporter) -> Result<Box<dyn Running>, LaunchError> {
        let name = self.path.display();
        let stream = UnixStream::connect(&self.path).map_err(|e| {
            let mut error = LaunchError::io(format!("launch: {name}"), &e);
            error.failure = LaunchFailure::Host;
            error.help(match e.kind() {
                std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused => {
                    "is the daemon running? start it with: guestfsd --channel PATH"
                }
                _ => "is PATH in LIBGUESTFS_BACKEND=unix:PATH a socket that you may use?",
            })
        })?;
        stream.set_nonblocking(true).map_err(|e| LaunchError::io(format!("launch: {name}"), &e))?;
        reporter.library(&format!("connected to {name}"));
        Ok(Box::new(Live { stream }))
    }

    fn needs_drives(&self) -> bool {
        false
    }
}

#[derive(Debug)]
struct Live {
    stream: UnixStream,
}

impl Running for Live {
    fn channel(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Nothing of it is ours: hanging up is all. The daemon notices the closed socket.
    fn shutdown(&mut self, _deadline: Instant) -> Result<(), Error> {
        match self.stream.shutdown(std::net::Shutdown::Both) {
            Err(e) if e.kind() != std::io::ErrorKind::NotConnected => Err(Error::io("closing the daemon's socket", e)),
            _ => Ok(()),
        }
    }
}
