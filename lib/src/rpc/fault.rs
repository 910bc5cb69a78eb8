//! Connections that ended.
//!
//! In: the fault, how the process ended, what the console said. Out: the error of the call that saw it.

use crate::call::CallInfo;
use crate::channel::{Connection, Fault};
use crate::error::{Error, ErrorKind};
use crate::machine::ExitInfo;

/// What to tell the user about a connection that ended.
pub(crate) fn fault_error(
    info: &CallInfo,
    fault: &Fault,
    exit: Option<ExitInfo>,
    connection: &mut Connection,
) -> Error {
    let how = match exit {
        Some(exit) => format!(": its process {exit}"),
        None => String::new(),
    };
    let name = info.name;
    let (kind, errno, mut text) = match fault {
        Fault::Died => (
            ErrorKind::ApplianceDied,
            libc::EPIPE,
            format!("{name}: appliance closed the connection unexpectedly{how}"),
        ),
        Fault::Protocol(what) => (
            ErrorKind::Protocol,
            libc::EPROTO,
            format!("{name}: the appliance broke the protocol: it sent {what}; the connection was closed"),
        ),
        Fault::Stalled(what, limit) => (
            ErrorKind::ApplianceDied,
            libc::ETIMEDOUT,
            format!("{name}: waited {} s for {what} and gave up; the connection was closed", limit.as_secs_f32()),
        ),
        Fault::NotStopping(limit) => (
            ErrorKind::ApplianceDied,
            libc::EINTR,
            format!(
                "{name}: operation cancelled by user; the appliance did not stop it within {:.1} s and was ended, \
                 what it had not written yet is lost",
                limit.as_secs_f32()
            ),
        ),
        Fault::Memory(bytes) => (
            ErrorKind::ApplianceDied,
            libc::ENOMEM,
            format!("{name}: no memory for {bytes} bytes that the appliance sent; the connection was closed"),
        ),
        Fault::Io(what, e) => (
            ErrorKind::ApplianceDied,
            e.raw_os_error(),
            format!("{name}: {what} on the appliance's channel failed: {}{how}", std::io::Error::from(*e)),
        ),
    };
    if let Some(line) = connection.tail.panic_line() {
        text.push_str(&format!("; the guest's kernel says: {line}"));
    }
    Error::new(kind, text).with_errno(errno).with_console(connection.tail.last_lines())
}
