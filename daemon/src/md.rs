//! Linux software RAID arrays, md(4).
//!
//! In: what the kernel has. Out: devices.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bstr::{BString, ByteSlice};

use crate::ctx::Ctx;
use crate::device::{self, Device};
use crate::error::Result;

/// All arrays that there are, by number.
pub fn list_md_devices(_ctx: &mut Ctx) -> Result<Vec<Device>> {
    let mut names: Vec<BString> = device::arrays().into_iter().filter(|name| !is_clear(name)).collect();
    names.sort_by_key(|name| natural(name));
    Ok(names.iter().map(|name| Device::from_real(Path::new("/dev").join(OsStr::from_bytes(name)))).collect())
}

/// The kernel keeps the name of an array that was stopped for a while.
fn is_clear(name: &BString) -> bool {
    let state = Path::new("/sys/block").join(OsStr::from_bytes(name)).join("md/array_state");
    std::fs::read(state).is_ok_and(|state| state.trim() == b"clear")
}

/// `md2` before `md127`, and names (`md_data`) as they are.
fn natural(name: &BString) -> (BString, u64, BString) {
    let digits = name.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let (stem, number) = name.split_at(name.len().saturating_sub(digits));
    let number = number.to_str().ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    (stem.into(), number, name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order() {
        let mut names: Vec<BString> = ["md127", "md_b", "md3", "md_a", "md12", "md99999999999999999999999"].map(Into::into).into();
        names.sort_by_key(natural);
        assert_eq!(names, ["md99999999999999999999999", "md3", "md12", "md127", "md_a", "md_b"]);
    }
}
