//! The few system calls that have no safe wrapper.
//!
//! In: owned descriptors. Out: their results as `io::Result`.

#![allow(unsafe_code)]

use std::os::fd::{IntoRawFd, OwnedFd};

/// Close and report what `close(2)` said: delayed write errors of network file systems and quotas.
pub(crate) fn close(fd: OwnedFd) -> std::io::Result<()> {
    // SAFETY: `into_raw_fd` gave up the only owner, so this number is open and closed exactly once.
    match unsafe { libc::close(fd.into_raw_fd()) } {
        0 => Ok(()),
        _ => match std::io::Error::last_os_error() {
            // Linux closes the descriptor even when interrupted.
            e if e.kind() == std::io::ErrorKind::Interrupted => Ok(()),
            e => Err(e),
        },
    }
}
