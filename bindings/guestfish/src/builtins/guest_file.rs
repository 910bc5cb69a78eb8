//! A file of the guest on its way through a program of the host.
//!
//! In: a path. Out: a temporary copy on the host, and the program run on it.

use crate::error::{Error, Result};
use crate::host;
use crate::session::Session;
use crate::words::Ask;
use bstr::{BString, ByteVec};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;
use tempfile::NamedTempFile;

/// Download a whole file.
pub(super) fn fetch(session: &mut Session, path: &BString) -> Result<NamedTempFile> {
    let copy = session.ask.temporary()?;
    session.handle().download(path, host_path(copy.path()))?;
    Ok(copy)
}

/// Run `program`, which may have arguments of its own, on a file.
pub(super) fn run_program(session: &mut Session, program: &std::ffi::OsStr, file: &Path) -> Result<()> {
    session.out.flush()?;
    // As a shell script with the file as $1, so that `EDITOR="vim -n"` works and no name needs quoting.
    let mut script = program.as_bytes().to_vec();
    script.push_str(" \"$1\"");
    let script = std::ffi::OsStr::from_bytes(&script);
    let status =
        Command::new("/bin/sh").arg("-c").arg(script).arg(program).arg(file).stdin(session.host_stdin()).status();
    host::outcome(&program.as_bytes().into(), status)
}

/// A program named by a variable of the environment, or the usual one.
pub(super) fn program(variable: &str, usual: &str) -> std::ffi::OsString {
    std::env::var_os(variable).filter(|v| !v.is_empty()).unwrap_or_else(|| usual.into())
}

/// A path of the host as the API takes it.
pub(super) fn host_path(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

/// Content of a file of the host, of which it is known that it is not large.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| Error::io(host_path(path), &e))
}
