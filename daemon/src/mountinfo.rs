//! Lines of `/proc/PID/mountinfo`, proc_pid_mountinfo(5).
//!
//! In: the file's text. Out: its fields, unescaped.

use bstr::{BStr, BString, ByteSlice};

/// Whether the file system of this number is among the mounts of a process.
pub fn has(mountinfo: &[u8], number: &BStr) -> bool {
    mountinfo.lines().any(|line| line.split_str(" ").nth(2) == Some(number.as_bytes()))
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Its number, also `mnt_id` of proc_pid_fdinfo(5).
    pub id: u64,
    /// That of the mount it lies on.
    pub parent: u64,
    /// The file system's device number, `MAJOR:MINOR`.
    pub number: BString,
    /// Mount point.
    pub target: BString,
    /// As it was given to mount, normally a device node.
    pub source: BString,
}

/// The fields of a line.
pub fn parse(line: &[u8]) -> Option<Mount> {
    let (head, tail) = line.split_once_str(" - ")?;
    let mut fields = head.split_str(" ");
    let mut number = || fields.next()?.to_str().ok()?.parse().ok();
    let (id, parent) = (number()?, number()?);
    let number = fields.next()?.into();
    let (target, source) = (fields.nth(1)?, tail.split_str(" ").nth(1)?);
    Some(Mount { id, parent, number, target: unescape(target), source: unescape(source) })
}

/// Blanks, backslashes and line ends are written as `\` and three octal digits.
pub fn unescape(field: &[u8]) -> BString {
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
            let want = want.map(|(target, source, number)| Mount {
                id: 36,
                parent: 35,
                number: number.into(),
                target: target.into(),
                source: source.into(),
            });
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
