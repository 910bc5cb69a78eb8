//! Text in binary files, as strings(1) finds it.
//!
//! In: any bytes. Out: runs of printable characters (and tabs) that are long enough, a byte each. Nothing is
//! parsed: what kind of file it is does not matter.

use std::io::Read;

use bstr::{BStr, BString};
use guestfs_protocol::xdr::MESSAGE_MAX;
use rustix::fs::OFlags;

use super::each_block;
use super::lines::{too_long, Lines};
use crate::ctx::Ctx;
use crate::error::{Context, Error, Result};
use crate::files::open_file;
use crate::path::GuestPath;

/// Shorter runs are mostly chance.
const SHORTEST: usize = 4;

/// The printable strings in a file.
pub fn strings(ctx: &mut Ctx, path: &GuestPath) -> Result<Vec<BString>> {
    runs(open_file(ctx, path, OFlags::RDONLY)?, ASCII).context(path)
}

/// The same for characters that are stored in another way.
pub fn strings_e(ctx: &mut Ctx, encoding: &BStr, path: &GuestPath) -> Result<Vec<BString>> {
    let known = ENCODINGS.iter().find(|(name, _)| encoding == *name).map(|(_, encoding)| *encoding);
    let known =
        known.ok_or_else(|| Error::invalid("unknown encoding: use one of s, S, b, l, B, L").context(encoding))?;
    runs(open_file(ctx, path, OFlags::RDONLY)?, known).context(path)
}

/// How characters are stored.
#[derive(Clone, Copy)]
struct Encoding {
    /// Bytes of a character.
    width: usize,
    /// The byte that is not 0 is the last of them.
    big_endian: bool,
    /// Bytes from 128 up are printable.
    eight_bit: bool,
}

const ASCII: Encoding = Encoding { width: 1, big_endian: false, eight_bit: false };

const ENCODINGS: [(&str, Encoding); 6] = [
    ("s", ASCII),
    ("S", Encoding { eight_bit: true, ..ASCII }),
    ("b", Encoding { width: 2, big_endian: true, ..ASCII }),
    ("l", Encoding { width: 2, ..ASCII }),
    ("B", Encoding { width: 4, big_endian: true, ..ASCII }),
    ("L", Encoding { width: 4, ..ASCII }),
];

impl Encoding {
    /// The byte of a printable character.
    fn printable(self, unit: &[u8]) -> Option<u8> {
        let (byte, zeroes) = if self.big_endian { unit.split_last()? } else { unit.split_first()? };
        let printable = matches!(byte, b' '..=b'~' | b'\t') || (self.eight_bit && *byte >= 128);
        (printable && zeroes.iter().all(|b| *b == 0)).then_some(*byte)
    }
}

fn runs(input: impl Read, encoding: Encoding) -> Result<Vec<BString>> {
    let mut found = Lines::default();
    let mut run = BString::default();
    // A block, behind the beginning of a character from the one before.
    let mut bytes = Vec::new();
    each_block(input, |block| {
        bytes.extend_from_slice(block);
        let mut at = 0;
        while let Some(unit) = bytes.get(at..at + encoding.width) {
            if let Some(byte) = encoding.printable(unit) {
                run.push(byte);
                at += encoding.width;
                continue;
            }
            if run.len() >= SHORTEST {
                found.push(std::mem::take(&mut run))?;
            } else {
                run.clear();
            }
            // The next character may begin at any byte.
            at += 1;
        }
        bytes.drain(..at);
        if run.len() > MESSAGE_MAX {
            return Err(too_long());
        }
        Ok(true)
    })?;
    if run.len() >= SHORTEST {
        found.push(run)?;
    }
    Ok(found.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Errno;

    #[test]
    fn which_runs() {
        let check = |bytes: &[u8], expected: &[&str]| {
            assert_eq!(runs(bytes, ASCII).unwrap(), expected);
            let (a, b) = bytes.split_at(bytes.len() / 2);
            assert_eq!(runs(a.chain(b), ASCII).unwrap(), expected);
        };
        check(b"", &[]);
        check(b"abc", &[]);
        check(b"abcd", &["abcd"]);
        check(b"\0abc\0a\tb \x7fline one\nline two\r\n\xffx~~y\xc3\xa9", &["a\tb ", "line one", "line two", "x~~y"]);
    }

    /// strings(1) is the measure.
    #[test]
    fn encodings() {
        let text = |s: &str, order: fn(u32) -> Vec<u8>| s.chars().flat_map(|c| order(c.into())).collect::<Vec<u8>>();
        let little16 = text("ab\u{e9}cdef\u{3a9}wxyz", |c| (c as u16).to_le_bytes().into());
        let big32 = text("x\0text", |c| c.to_be_bytes().into());
        let odd = [b"\xff".as_slice(), &little16, b"\x01", &big32, b"\xfflatin\xe9\xff\0"].concat();
        for (name, expected) in
            [("s", &["latin"][..]), ("l", &["cdef", "wxyz"]), ("b", &["cdef"]), ("B", &["text"]), ("L", &[])]
        {
            let encoding = ENCODINGS.iter().find(|(n, _)| *n == name).unwrap().1;
            for cut in 0..odd.len() {
                let (a, b) = odd.split_at(cut);
                assert_eq!(runs(a.chain(b), encoding).unwrap(), expected, "{name} {cut}");
            }
        }
        let eight = ENCODINGS.iter().find(|(n, _)| *n == "S").unwrap().1;
        assert_eq!(runs(&b"\x01caf\xe9\x01abc\x01"[..], eight).unwrap(), [BString::from(&b"caf\xe9"[..])]);
    }

    #[test]
    fn limits() {
        assert_eq!(runs(&vec![b'x'; MESSAGE_MAX + 1][..], ASCII).unwrap_err().errno(), Some(Errno::TOOBIG));
        assert_eq!(runs(&b"xxxx\0".repeat(MESSAGE_MAX / 8 + 1)[..], ASCII).unwrap_err().errno(), Some(Errno::TOOBIG));
    }
}
