//! System calls that may be used behind fork(2): nothing in here allocates or takes a lock.
//!
//! In: numbers and plain values. Out: their results, errors as errno.

#![allow(unsafe_code)]

use rustix::fs::{Mode, OFlags, RawDir};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, RawFd};

pub(super) fn errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

pub(super) fn say(fd: RawFd, bytes: &[u8]) {
    // SAFETY: the buffer is valid for its length. An error has nowhere to go.
    unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
}

/// Close every descriptor from `first` on: now, or when another program begins.
pub(super) fn close_from(first: RawFd, at_exec: bool) -> Result<(), i32> {
    let start = libc::c_uint::try_from(first).map_err(|_| libc::EINVAL)?;
    let flags = if at_exec { libc::CLOSE_RANGE_CLOEXEC } else { 0 };
    // SAFETY: numbers only; nothing in this process uses what is closed.
    if unsafe { libc::syscall(libc::SYS_close_range, start, libc::c_uint::MAX, flags) } == 0 {
        return Ok(());
    }
    // Before Linux 5.11, or forbidden by a container.
    one_by_one(first, at_exec).map_err(rustix::io::Errno::raw_os_error)
}

/// The same by what /proc lists.
pub(super) fn one_by_one(first: RawFd, at_exec: bool) -> Result<(), rustix::io::Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = rustix::fs::open(c"/proc/self/fd", flags, Mode::empty())?;
    let mut space = [MaybeUninit::uninit(); 2048];
    let mut list = RawDir::new(&dir, &mut space);
    while let Some(entry) = list.next() {
        let entry = entry?;
        let name = std::str::from_utf8(entry.file_name().to_bytes()).unwrap_or_default();
        let Some(fd) = name.parse::<RawFd>().ok().filter(|fd| *fd >= first && *fd != dir.as_raw_fd()) else { continue };
        // SAFETY: numbers only; nothing in this process uses what is closed.
        unsafe {
            if at_exec {
                libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC);
            } else {
                libc::close(fd);
            }
        }
    }
    Ok(())
}
