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

/// Limit a child's processor seconds and address space (bytes) before it starts.
pub(crate) fn limit_child(cmd: &mut std::process::Command, cpu: u64, memory: u64) {
    use std::os::unix::process::CommandExt;
    // SAFETY: between fork and exec only setrlimit(2) is called, which is async-signal-safe, on
    // values that were computed before; nothing is allocated.
    unsafe {
        cmd.pre_exec(move || {
            for (resource, limit) in [(libc::RLIMIT_CPU, cpu), (libc::RLIMIT_AS, memory)] {
                let limit = libc::rlimit { rlim_cur: limit, rlim_max: limit };
                if libc::setrlimit(resource, &limit) != 0 {
                    return Err(std::io::Error::last_os_error());
                }
            }
            Ok(())
        });
    }
}
