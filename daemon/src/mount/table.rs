//! What is mounted below the guest's root.
//!
//! In: `/proc/self/mountinfo` (proc_pid_mountinfo(5)). Out: entries with their guest paths.

use crate::ctx::Ctx;
use crate::error::{Context, Result};
use bstr::{BStr, BString, ByteSlice};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// One mounted file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// In our own tree.
    pub target: PathBuf,
    /// In the guest.
    pub guest: BString,
    /// As it was given to mount, normally a device node.
    pub source: BString,
    /// The file system's device number, `MAJOR:MINOR`: the same wherever it is mounted.
    pub number: BString,
}

/// The source of what lies below all mounts: a file system in memory, where mountpoints can be made
/// while nothing of the guest's is mounted.
pub const TREE: &str = "mountpoints";

/// All file systems mounted at or below the guest's root, oldest first.
pub fn mounted(ctx: &Ctx) -> Result<Vec<Entry>> {
    let text = std::fs::read("/proc/self/mountinfo").context("/proc/self/mountinfo")?;
    Ok(text.lines().filter_map(parse).filter_map(|line| entry(ctx, line)).collect())
}

/// Whether anything is mounted at or below the guest's root.
pub fn any_mounted(ctx: &Ctx) -> Result<bool> {
    Ok(!mounted(ctx)?.is_empty())
}

/// Whether the file system of this number is among the mounts of a process.
pub fn has(mountinfo: &[u8], number: &BStr) -> bool {
    mountinfo.lines().any(|line| line.split_str(" ").nth(2) == Some(number.as_bytes()))
}

fn entry(ctx: &Ctx, (target, source, number): (BString, BString, BString)) -> Option<Entry> {
    let target = Path::new(OsStr::from_bytes(&target)).to_owned();
    if source == TREE && target == ctx.sysroot() {
        return None;
    }
    Some(Entry { guest: ctx.guest_path(&target)?, target, source, number })
}

/// Mount point, source and device number of a line.
fn parse(line: &[u8]) -> Option<(BString, BString, BString)> {
    let (head, tail) = line.split_once_str(" - ")?;
    let (number, target) = (head.split_str(" ").nth(2)?, head.split_str(" ").nth(4)?);
    let source = tail.split_str(" ").nth(1)?;
    Some((unescape(target), unescape(source), number.into()))
}

/// Blanks, backslashes and line ends are written as `\` and three octal digits.
pub(crate) fn unescape(field: &[u8]) -> BString {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        match rest {
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..] => {
                out.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                rest = tail;
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let check = |line: &str, want: Option<(&str, &str, &str)>| {
            let want = want.map(|(t, s, n)| (BString::from(t), BString::from(s), BString::from(n)));
            assert_eq!(parse(line.as_bytes()), want, "{line}");
        };
        check(
            "36 35 98:0 / /sysroot/a\\040b rw,noatime master:1 - ext4 /dev/sda1 rw",
            Some(("/sysroot/a b", "/dev/sda1", "98:0")),
        );
        check("36 35 98:0 / /sysroot rw - fuseblk /dev/sdb rw", Some(("/sysroot", "/dev/sdb", "98:0")));
        check("36 35 98:0 / /x rw shared:1 - tmpfs back\\134slash rw", Some(("/x", "back\\slash", "98:0")));
        check("nonsense", None);
        check("", None);
    }
}
