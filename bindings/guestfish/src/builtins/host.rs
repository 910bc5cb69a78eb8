//! Commands about the shell's own process: `echo`, `lcd`, `setenv`, `unsetenv`.

use super::Call;
use crate::error::{Error, Result};
use crate::generated::builtins as about;
use crate::session::Session;
use bstr::ByteSlice;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

pub(super) fn echo(session: &mut Session, call: &Call<'_>) -> Result<()> {
    session.out.line(bstr::join(" ", call.words))
}

pub(super) fn lcd(_: &mut Session, call: &Call<'_>) -> Result<()> {
    let [directory] = call.words else { return Err(call.usage(&about::LCD)) };
    std::env::set_current_dir(OsStr::from_bytes(directory)).map_err(|e| Error::io(directory, &e))
}

pub(super) fn setenv(_: &mut Session, call: &Call<'_>) -> Result<()> {
    let [name, value] = call.words else { return Err(call.usage(&about::SETENV)) };
    let name = variable(about::SETENV.name, name)?;
    if value.contains(&0) {
        return Err(Error::new("setenv: a value cannot hold a NUL byte"));
    }
    std::env::set_var(name, OsStr::from_bytes(value));
    Ok(())
}

pub(super) fn unsetenv(_: &mut Session, call: &Call<'_>) -> Result<()> {
    let [name] = call.words else { return Err(call.usage(&about::UNSETENV)) };
    std::env::remove_var(variable(about::UNSETENV.name, name)?);
    Ok(())
}

/// A name that the environment can hold; anything else would make the standard library panic.
fn variable<'a>(command: &str, name: &'a [u8]) -> Result<&'a OsStr> {
    if name.is_empty() || name.contains(&b'=') || name.contains(&0) {
        return Err(Error::new(format!("{command}: '{}' is no name of a variable", name.as_bstr())));
    }
    Ok(OsStr::from_bytes(name))
}
