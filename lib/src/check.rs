//! Checks of arguments that the generated wrappers make before a call starts.
//!
//! In: argument bytes. Out: `Ok`, or a usage error that names call and argument.

use crate::call::CallInfo;
use crate::error::{Error, Result};
use crate::handle::Handle;
use bstr::ByteSlice;

fn refuse(g: &Handle, info: &CallInfo, arg: &str, why: &str) -> Error {
    g.report(Error::usage(format!("{}: {arg}: {why}", info.name)))
}

/// A GUID: 8-4-4-4-12 hexadecimal digits, with or without braces.
// Generated wrappers use it as soon as the API has a call with a Guid argument.
#[allow(dead_code)]
pub(crate) fn guid(g: &Handle, info: &CallInfo, arg: &str, value: &[u8]) -> Result<()> {
    let bare = match value {
        [b'{', inner @ .., b'}'] => inner,
        v => v,
    };
    let mut groups = bare.split(|b| *b == b'-');
    let sound = [8, 4, 4, 4, 12]
        .iter()
        .all(|n| groups.next().is_some_and(|g| g.len() == *n && g.iter().all(u8::is_ascii_hexdigit)))
        && groups.next().is_none();
    if sound {
        Ok(())
    } else {
        Err(refuse(g, info, arg, "parameter is not a valid GUID"))
    }
}

/// One component of a path: not empty and without `/`.
pub(crate) fn filename(g: &Handle, info: &CallInfo, arg: &str, value: &[u8]) -> Result<()> {
    if value.is_empty() || value.contains(&b'/') {
        return Err(refuse(g, info, arg, &format!("'{}' is not a file name", value.as_bstr())));
    }
    Ok(())
}
