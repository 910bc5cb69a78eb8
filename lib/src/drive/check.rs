//! Small checks of drive options.
//!
//! In: an option's bytes. Out: the checked value, or a usage error that names the option.

use super::{CacheMode, Discard};
use crate::error::{Error, Result};
use bstr::BString;

/// A format or interface: what may stand in a hypervisor's options without any quoting.
pub(super) fn word(option: &str, value: &BString) -> Result<BString> {
    let sound = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if value.is_empty() || value.len() > 64 || !value.iter().all(sound) {
        return Err(Error::usage(format!(
            "{option} '{value}': only letters, digits, - and _ are allowed, at least one"
        )));
    }
    Ok(value.clone())
}

/// guestfs(3), "DISK LABELS".
pub(super) fn label(value: &BString) -> Result<BString> {
    if value.is_empty() || value.len() > 20 || !value.iter().all(u8::is_ascii_alphabetic) {
        return Err(Error::usage(format!("label '{value}': must be 1 to 20 ASCII letters")));
    }
    Ok(value.clone())
}

pub(super) fn cachemode(value: &BString) -> Result<CacheMode> {
    match value.as_slice() {
        b"writeback" => Ok(CacheMode::Writeback),
        b"unsafe" => Ok(CacheMode::Unsafe),
        _ => Err(Error::usage(format!("cachemode '{value}': must be writeback or unsafe"))),
    }
}

pub(super) fn discard(value: &BString) -> Result<Discard> {
    match value.as_slice() {
        b"disable" => Ok(Discard::Disable),
        b"enable" => Ok(Discard::Enable),
        b"besteffort" => Ok(Discard::BestEffort),
        _ => Err(Error::usage(format!("discard '{value}': must be disable, enable or besteffort"))),
    }
}

/// 0 is what programs say that leave the choice to us.
pub(super) fn blocksize(value: i32) -> Result<Option<u32>> {
    match value {
        0 => Ok(None),
        512 => Ok(Some(512)),
        4096 => Ok(Some(4096)),
        _ => Err(Error::usage(format!("blocksize {value}: must be 512 or 4096"))),
    }
}
