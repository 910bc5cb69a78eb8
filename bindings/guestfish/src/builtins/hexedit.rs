//! `hexedit`: change bytes of a file or device with a hexadecimal editor of the host.

use super::guest_file::{host_path, program, read, run_program};
use super::Call;
use crate::error::{Error, Result};
use crate::generated::builtins as about;
use crate::number;
use crate::session::Session;
use crate::words::Ask;
use bstr::{BString, ByteSlice};
use guestfs::Handle;

/// Most that is downloaded, in bytes: editing more by hand is a mistake.
const MAX_BYTES: i64 = 16 * 1024 * 1024;

pub(super) fn hexedit(session: &mut Session, call: &Call<'_>) -> Result<()> {
    let (path, start, max) = match call.words {
        [path] => (path, 0, None),
        [path, max] => (path, 0, Some(size(max)?)),
        [path, start, max] => (path, size(start)?, Some(size(max)?)),
        _ => return Err(call.usage(&about::HEXEDIT)),
    };
    let handle = session.handle();
    let total = length(&handle, path)?;
    let left = total
        .checked_sub(start)
        .filter(|left| *left > 0)
        .ok_or_else(|| Error::new(format!("hexedit: {path} has {total} bytes, nothing is left after byte {start}")))?;
    let count = max.map_or(left, |max| max.min(left));
    if count == 0 {
        return Err(Error::new("hexedit: there is nothing to edit in 0 bytes"));
    }
    if count > MAX_BYTES {
        return Err(Error::new(format!("hexedit: {path} is larger than {} MiB", MAX_BYTES >> 20))
            .note("help: edit a part of it:  hexedit FILE MAX  or  hexedit FILE START MAX"));
    }
    let copy = session.ask.temporary()?;
    handle.download_offset(path, host_path(copy.path()), start, count)?;
    let before = read(copy.path())?;
    run_program(session, &program("HEXEDITOR", "hexedit"), copy.path())?;
    let after = read(copy.path())?;
    if after == before {
        return Ok(());
    }
    // A longer copy would overwrite what follows; a shorter one leaves the rest as it is.
    if after.len() > before.len() {
        return Err(Error::new("hexedit: the copy has become longer than what was downloaded: nothing was changed"));
    }
    Ok(handle.upload_offset(host_path(copy.path()), path, start)?)
}

fn size(word: &BString) -> Result<i64> {
    number::size(word).map_err(|e| Error::new(format!("hexedit: '{word}' {}", e.text())))
}

fn length(handle: &Handle, path: &BString) -> Result<i64> {
    if path.starts_with_str("/dev/") {
        Ok(handle.blockdev_getsize64(path)?)
    } else {
        Ok(handle.filesize(path)?)
    }
}
