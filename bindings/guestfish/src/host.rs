//! Commands of the host: `!`, `<!`, pipes, pagers and editors.
//!
//! In: a command line of `/bin/sh`. Out: a command to be started, and what its exit status means.

use crate::error::{Error, Result};
use bstr::{BString, ByteSlice, ByteVec};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};

/// A command for the host's shell.
pub fn shell(command: &BString) -> Command {
    let mut sh = Command::new("/bin/sh");
    sh.arg("-c").arg(std::ffi::OsStr::from_bytes(command));
    sh
}

/// The exit status of a command of the host as a result.
pub fn outcome(command: &BString, status: std::io::Result<ExitStatus>) -> Result<()> {
    let status = status.map_err(|e| Error::io("/bin/sh", &e))?;
    if status.success() {
        return Ok(());
    }
    let mut message = command.trim().to_vec();
    message.push_str(match (status.code(), status.signal()) {
        (Some(code), _) => format!(": exit status {code}"),
        (None, Some(signal)) => format!(": killed by signal {signal}"),
        (None, None) => ": failed".to_owned(),
    });
    Err(Error::new(message))
}

/// Wait for a command that reads what the shell prints.
pub fn wait(mut child: Child) -> Result<()> {
    // What the command thinks of its input is its own business.
    child.wait().map(drop).map_err(|e| Error::io("/bin/sh", &e))
}
