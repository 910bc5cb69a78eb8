//! Numbers for other libraries: the handle's address and the descriptor of its console.
//!
//! In: a handle. Out: plain integers, which belong to the handle and end with it.

use super::Handle;
use crate::client::info;
use crate::error::{Error, ErrorKind, Result};
use std::os::fd::AsRawFd;

/// The C API's `guestfs_h` begins with its handle, so this is its address too.
pub(crate) fn c_pointer(g: &Handle) -> Result<i64> {
    let address = std::ptr::from_ref(g).addr();
    i64::try_from(address)
        .map_err(|_| Error::new(ErrorKind::NotSupported, "c_pointer: the address is no signed number"))
}

pub(crate) fn internal_get_console_socket(g: &Handle) -> Result<i32> {
    let info = &info::INTERNAL_GET_CONSOLE_SOCKET;
    g.need_ready(info)?;
    let direct = g.props.lock().direct;
    let mut lease = g.lease(info)?;
    let fd = lease.connection()?.running.console().map(|fd| fd.as_raw_fd());
    lease.release();
    fd.filter(|_| !direct).ok_or_else(|| {
        let why = if direct { "it is connected to the program (set_direct)" } else { "the backend has none" };
        Error::new(ErrorKind::NotSupported, format!("{}: there is no socket of the console: {why}", info.name))
            .with_errno(libc::ENOTSUP)
    })
}
