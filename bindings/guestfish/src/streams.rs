//! Other standard streams for a while: those of a remote client, or none.
//!
//! In: three file descriptors. Out: they are 0, 1 and 2 until [`Borrowed`] is dropped.

use crate::error::{Error, Result};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout, stderr, stdin, stdout};
use std::os::fd::OwnedFd;

/// Standard input, output and error.
pub type Streams = [OwnedFd; 3];

/// What 0, 1 and 2 were before.
pub struct Borrowed {
    own: Streams,
}

impl Borrowed {
    /// Put `theirs` in the place of the standard streams.
    pub fn new(theirs: &Streams) -> Result<Self> {
        let own = [stdin(), stdout(), stderr()].map(|fd| fcntl_dupfd_cloexec(fd, 3));
        let [input, output, error] = own;
        let borrowed = Borrowed { own: [input.map_err(failed)?, output.map_err(failed)?, error.map_err(failed)?] };
        put(theirs)?;
        Ok(borrowed)
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        // The descriptors were duplicated from these a moment ago: this cannot fail.
        let _ = put(&self.own);
    }
}

fn put([input, output, error]: &Streams) -> Result<()> {
    dup2_stdin(input).and_then(|()| dup2_stdout(output)).and_then(|()| dup2_stderr(error)).map_err(failed)
}

/// Let go of standard input and output for good, so that nobody waits for their end.
pub fn detach() -> Result<()> {
    let null = || std::fs::File::options().read(true).write(true).open("/dev/null").map(OwnedFd::from);
    let null = null().map_err(|e| Error::io("/dev/null", &e))?;
    dup2_stdin(&null).and_then(|()| dup2_stdout(&null)).map_err(failed)
}

fn failed(e: rustix::io::Errno) -> Error {
    Error::io("standard streams", &e.into())
}
