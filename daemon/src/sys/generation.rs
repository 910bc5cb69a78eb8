//! The generation of an inode.
//!
//! In: open files and directories. Out: what their file system says of them.

use rustix::fd::{AsFd, AsRawFd};
use rustix::io::Errno;

/// The generation of an open file.
pub fn get(file: &impl AsFd) -> Result<u32, Errno> {
    let mut number: libc::c_int = 0;
    // SAFETY: whatever the request's name says, file systems write one int, which is there for the length of
    // the call.
    match unsafe { libc::ioctl(file.as_fd().as_raw_fd(), libc::FS_IOC_GETVERSION, &raw mut number) } {
        0 => Ok(number as u32),
        _ => Err(last()),
    }
}

/// Set it.
pub fn set(file: &impl AsFd, number: u32) -> Result<(), Errno> {
    let number: libc::c_int = number as libc::c_int;
    // SAFETY: the request reads one int, which is there for the length of the call.
    match unsafe { libc::ioctl(file.as_fd().as_raw_fd(), libc::FS_IOC_SETVERSION, &raw const number) } {
        0 => Ok(()),
        _ => Err(last()),
    }
}

fn last() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}
