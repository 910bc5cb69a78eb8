//! Which listener gets the commands.
//!
//! In: the value of `--remote=`, or `$GUESTFISH_PID`. Out: [`Remote`].

use crate::error::{Error, Result};
use bstr::{BString, ByteSlice};
use std::os::unix::ffi::OsStrExt;

/// The listener that gets the commands.
#[derive(Debug, Clone, Copy)]
pub struct Remote {
    pub pid: u32,
}

impl Remote {
    /// From the value of `--remote=`, or from `$GUESTFISH_PID`.
    pub fn new(given: Option<&BString>) -> Result<Self> {
        let from_environment = std::env::var_os("GUESTFISH_PID").map(|v| BString::from(v.as_bytes()));
        let text = given.cloned().or(from_environment).ok_or_else(|| {
            Error::new("--remote: $GUESTFISH_PID is not set")
                .note("help: start a listener: eval \"$(guestfish --listen)\"")
        })?;
        let pid = text.to_str().ok().and_then(|t| t.parse().ok()).filter(|p| *p > 0);
        pid.map(|pid| Remote { pid }).ok_or_else(|| Error::new(format!("--remote: '{text}' is no process id")))
    }
}
