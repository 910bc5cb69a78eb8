//! `copy-in` and `copy-out`: several files at once, by calls that take one each.

use super::Call;
use crate::error::Result;
use crate::generated::builtins as about;
use crate::session::Session;

pub(super) fn copy_in(session: &mut Session, call: &Call<'_>) -> Result<()> {
    let Some((directory, files @ [_, ..])) = call.words.split_last() else { return Err(call.usage(&about::COPY_IN)) };
    let handle = session.handle();
    files.iter().try_for_each(|file| Ok(handle.copy_in(file, directory)?))
}

pub(super) fn copy_out(session: &mut Session, call: &Call<'_>) -> Result<()> {
    let Some((directory, files @ [_, ..])) = call.words.split_last() else { return Err(call.usage(&about::COPY_OUT)) };
    let handle = session.handle();
    files.iter().try_for_each(|file| Ok(handle.copy_out(file, directory)?))
}
