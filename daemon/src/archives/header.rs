//! One header of a tar archive.
//!
//! In: 512 bytes from anywhere. Out: [`Header`], or what is wrong. POSIX ustar and GNU are read (tar(5)
//! of libarchive, the manual of GNU tar, "Basic Tar Format"); pax records are read by [`pax_records`].

use bstr::{BStr, BString, ByteSlice};

use crate::error::{Error, Result};

/// Size of a header, and what the data of a member is padded to, in bytes.
pub const BLOCK: usize = 512;

/// What a member is. Everything unusual keeps its letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    File,
    HardLink,
    Symlink,
    Character,
    BlockDevice,
    Directory,
    Fifo,
    /// GNU: the next member's name is this one's data.
    LongName,
    LongLink,
    /// pax: records for the next member.
    Extended,
    /// pax: records for all that follow.
    Global,
    Other(u8),
}

/// A member as its header describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub kind: Kind,
    pub path: BString,
    pub link: BString,
    /// Bytes of data behind the header, before padding.
    pub size: u64,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Seconds and nanoseconds since 1970.
    pub mtime: (i64, i64),
    pub device: (u32, u32),
}

impl Header {
    /// Read a header; `None` for a block of zeroes, which ends the archive.
    pub fn parse(block: &[u8; BLOCK]) -> Result<Option<Header>> {
        if block.iter().all(|b| *b == 0) {
            return Ok(None);
        }
        let field = |from: usize, len: usize| block.get(from..from.saturating_add(len)).unwrap_or_default();
        let number = |from, len, what| number(field(from, len)).ok_or_else(|| bad(what));
        let sum = number(148, 8, "checksum")?;
        let others = block.iter().enumerate().filter(|(at, _)| !(148..156).contains(at));
        let (mut unsigned, mut signed) = (i64::from(b' ') * 8, i64::from(b' ') * 8);
        for (_, byte) in others {
            unsigned += i64::from(*byte);
            // Some old writers took the bytes for signed.
            signed += i64::from(*byte as i8);
        }
        if sum != unsigned && sum != signed {
            return Err(bad("checksum"));
        }
        let word = |from, len, what| number(from, len, what).and_then(|n| u32::try_from(n).map_err(|_| bad(what)));
        let letter = block.get(156).copied().unwrap_or(0);
        let posix = field(257, 6) == b"ustar\0";
        let mut path = BString::from(text(field(0, 100)));
        let prefix = text(field(345, 155));
        if posix && !prefix.is_empty() {
            path = bstr::concat([prefix.as_bytes(), b"/", path.as_bytes()]).into();
        }
        let kind = match letter {
            // Before POSIX a directory was a file whose name ends in a slash.
            0 | b'0' | b'7' if path.ends_with(b"/") => Kind::Directory,
            0 | b'0' | b'7' => Kind::File,
            b'1' => Kind::HardLink,
            b'2' => Kind::Symlink,
            b'3' => Kind::Character,
            b'4' => Kind::BlockDevice,
            b'5' => Kind::Directory,
            b'6' => Kind::Fifo,
            b'L' => Kind::LongName,
            b'K' => Kind::LongLink,
            b'x' => Kind::Extended,
            b'g' => Kind::Global,
            other => Kind::Other(other),
        };
        let device = match kind {
            Kind::Character | Kind::BlockDevice => (word(329, 8, "device")?, word(337, 8, "device")?),
            _ => (0, 0),
        };
        Ok(Some(Header {
            kind,
            path,
            link: text(field(157, 100)).into(),
            size: u64::try_from(number(124, 12, "size")?).map_err(|_| bad("size"))?,
            mode: (number(100, 8, "mode")? & 0o7777) as u32,
            uid: owner(word(108, 8, "owner")?, "owner")?,
            gid: owner(word(116, 8, "group")?, "group")?,
            mtime: (number(136, 12, "time")?, 0),
            device,
        }))
    }

    /// Take over what a pax record says; unknown ones are none of our business.
    pub fn apply(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let decimal = || -> Option<u64> { value.to_str().ok()?.parse().ok() };
        let id =
            |what| decimal().and_then(|n| u32::try_from(n).ok()).ok_or_else(|| bad(what)).and_then(|n| owner(n, what));
        match key {
            b"path" => self.path = value.into(),
            b"linkpath" => self.link = value.into(),
            b"size" => self.size = decimal().filter(|n| *n <= i64::MAX as u64).ok_or_else(|| bad("size"))?,
            b"uid" => self.uid = id("owner")?,
            b"gid" => self.gid = id("group")?,
            b"mtime" => self.mtime = time(value).ok_or_else(|| bad("time"))?,
            _ => {}
        }
        Ok(())
    }
}

/// For chown(2) all ones mean "leave it as it is": nobody has this number.
fn owner(n: u32, what: &str) -> Result<u32> {
    if n == u32::MAX {
        Err(bad(what))
    } else {
        Ok(n)
    }
}

fn bad(what: &str) -> Error {
    Error::msg(format!("tar: this is no tar archive, or a damaged one: a header's {what} is wrong"))
}

/// Up to the first NUL.
fn text(field: &[u8]) -> &BStr {
    field.split(|b| *b == 0).next().unwrap_or_default().as_bstr()
}

/// Octal digits among spaces and NULs, or GNU's base 256 (first bit set; the second is the sign).
fn number(field: &[u8]) -> Option<i64> {
    let first = *field.first()?;
    if first & 0x80 != 0 {
        let negative = first & 0x40 != 0;
        let start = i128::from(first & 0x3f) - if negative { 0x40 } else { 0 };
        let value = field.iter().skip(1).try_fold(start, |n, b| n.checked_mul(256)?.checked_add(i128::from(*b)))?;
        return i64::try_from(value).ok();
    }
    let digits = field.trim_with(|c| c == ' ' || c == '\0');
    digits.iter().try_fold(0i64, |n, b| match b {
        b'0'..=b'7' => n.checked_mul(8)?.checked_add(i64::from(b - b'0')),
        _ => None,
    })
}

/// Seconds with a fraction, as pax writes times.
fn time(value: &[u8]) -> Option<(i64, i64)> {
    let text = value.to_str().ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let nanos: i64 = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())??;
    let seconds: i64 = whole.parse().ok()?;
    // A time before 1970 has its fraction subtracted.
    Some(if whole.starts_with('-') && nanos > 0 {
        (seconds.checked_sub(1)?, 1_000_000_000 - nanos)
    } else {
        (seconds, nanos)
    })
}

/// The records `LENGTH KEY=VALUE\n` of a pax header.
pub fn pax_records(mut data: &[u8]) -> Result<Vec<(&[u8], &[u8])>> {
    let mut records = Vec::new();
    while !data.is_empty() {
        let record = || -> Option<(&[u8], &[u8], &[u8])> {
            let (length, rest) = data.split_once_str(" ")?;
            let length: usize = length.to_str().ok()?.parse().ok()?;
            let rest_of_record = length.checked_sub(data.len() - rest.len())?;
            let (record, after) = rest.split_at_checked(rest_of_record)?;
            let (key, value) = record.strip_suffix(b"\n")?.split_once_str("=")?;
            Some((key, value, after))
        };
        let (key, value, after) = record().ok_or_else(|| bad("extension"))?;
        records.push((key, value));
        data = after;
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b"   17 \0 "), Some(0o17));
        assert_eq!(number(b"\0\0\0\0"), Some(0));
        assert_eq!(number(b"12x"), None);
        assert_eq!(number(b"-1"), None);
        assert_eq!(number(&[0x80, 0, 0, 1, 0]), Some(256));
        assert_eq!(number(&[0xff; 12]), Some(-1));
        assert_eq!(number(&[0xbf; 12]), None);
        assert_eq!(number(b""), None);
    }

    #[test]
    fn times() {
        assert_eq!(time(b"12"), Some((12, 0)));
        assert_eq!(time(b"12.5"), Some((12, 500_000_000)));
        assert_eq!(time(b"12.0123456789"), Some((12, 12_345_678)));
        assert_eq!(time(b"-1.25"), Some((-2, 750_000_000)));
        assert_eq!(time(b"-9223372036854775808.5"), None);
        assert_eq!(time(b"1.x"), None);
        assert_eq!(time(b""), None);
    }

    #[test]
    fn records() {
        let all = pax_records(b"11 path=ab\n8 a=\nb=\n").unwrap();
        assert_eq!(all, [(&b"path"[..], &b"ab"[..]), (b"a", b"\nb=")]);
        for wrong in
            [&b"x"[..], b"11 path=ab", b"99 path=ab\n", b"3 a\n", b"0 a=b\n", b"18446744073709551616 a=b\n", b"5 a=b\n"]
        {
            assert!(pax_records(wrong).is_err(), "{:?}", wrong.as_bstr());
        }
    }
}
