//! The programs in an initrd: a cpio archive in the "new" format (cpio(5)), several after each other.
//!
//! In: the archive's bytes, from a hostile guest. Out: the first bytes of the programs in it, one after
//! the other. Nothing is unpacked and never more than one header is in memory.

use std::io::{self, Read};

/// Size of a header.
const HEADER: usize = 110;
/// Names in an initrd are shorter (PATH_MAX).
const NAME_MAX: u64 = 4096;
/// What is looked at of a file.
const HEAD: u64 = 64;
/// The name that ends an archive.
const END: &[u8] = b"TRAILER!!!";

/// Whether it begins like a cpio archive of this format.
pub fn is_cpio(head: &[u8]) -> bool {
    head.starts_with(b"070701") || head.starts_with(b"070702")
}

/// How a walk ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Walk<T> {
    Found(T),
    /// The archive ended.
    End,
}

/// Walk through one archive and give the first bytes of every program to `look`, until it has an answer.
pub fn walk<T>(input: &mut impl Read, mut look: impl FnMut(&[u8]) -> Option<T>) -> io::Result<Walk<T>> {
    loop {
        let mut header = [0; HEADER];
        input.read_exact(&mut header)?;
        if !is_cpio(&header) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "broken cpio archive"));
        }
        let (mode, size, name_size) = (field(&header, 14)?, field(&header, 54)?, field(&header, 94)?);
        if name_size == 0 || name_size > NAME_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "cpio entry with an impossible name"));
        }
        let mut name = Vec::new();
        input.take(name_size).read_to_end(&mut name)?;
        skip(input, pad(HEADER as u64 + name_size))?;
        let name = name.strip_suffix(b"\0").unwrap_or(&name);
        if name == END {
            return Ok(Walk::End);
        }
        let mut left = size;
        // S_IFMT, S_IFREG
        if mode & 0o170_000 == 0o100_000 && is_program(name) {
            let mut head = Vec::new();
            left = left.saturating_sub(input.take(HEAD.min(size)).read_to_end(&mut head)? as u64);
            if let Some(answer) = look(&head) {
                return Ok(Walk::Found(answer));
            }
        }
        skip(input, left + pad(size))?;
    }
}

/// Firmware may be ELF too, for processors of its own: only programs and modules tell.
fn is_program(name: &[u8]) -> bool {
    let mut parts = name.split(|b| *b == b'/').rev();
    let file = parts.next().unwrap_or_default();
    parts.next().is_some_and(|dir| dir == b"bin" || dir == b"sbin") || file.ends_with(b".ko") || file.starts_with(b"libc.so")
}

/// Bytes up to the next multiple of four.
fn pad(size: u64) -> u64 {
    size.wrapping_neg() & 3
}

fn skip(input: &mut impl Read, count: u64) -> io::Result<()> {
    let skipped = io::copy(&mut input.take(count), &mut io::sink())?;
    if skipped == count { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// A number of eight hexadecimal digits.
fn field(header: &[u8; HEADER], at: usize) -> io::Result<u64> {
    let digits = header.get(at..at.saturating_add(8)).unwrap_or_default();
    let number = std::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
    let number = number.and_then(|d| u64::from_str_radix(d, 16).ok());
    number.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "broken number in a cpio archive"))
}

#[cfg(test)]
pub(super) use tests::entry;

#[cfg(test)]
mod tests {
    use super::*;

    /// One entry.
    pub fn entry(name: &str, mode: u32, content: &[u8]) -> Vec<u8> {
        let mut out = format!("070701{:08x}{mode:08x}", 1).into_bytes();
        out.extend("00000000".repeat(4).bytes());
        out.extend(format!("{:08x}", content.len()).bytes());
        out.extend("00000000".repeat(4).bytes());
        out.extend(format!("{:08x}00000000", name.len() + 1).bytes());
        assert_eq!(out.len(), HEADER);
        out.extend(name.bytes());
        out.push(0);
        out.resize(out.len().next_multiple_of(4), 0);
        out.extend(content);
        out.resize(out.len().next_multiple_of(4), 0);
        out
    }

    #[test]
    fn programs_only() {
        let archive = [
            entry("usr", 0o40755, b""),
            entry("usr/lib/firmware/dsp.elf", 0o100_644, b"firmware"),
            entry("usr/bin/link", 0o120_777, b"busybox"),
            entry("usr/bin/sh", 0o100_755, b"program"),
            entry("TRAILER!!!", 0, b""),
        ]
        .concat();
        let found = walk(&mut &archive[..], |head| Some(head.to_vec())).unwrap();
        assert_eq!(found, Walk::Found(b"program".to_vec()));
        let mut rest = &archive[..];
        assert_eq!(walk(&mut rest, |_| None::<()>).unwrap(), Walk::End);
        assert!(rest.is_empty());
        for cut in 0..archive.len() {
            assert!(walk(&mut &archive[..cut], |_| None::<()>).is_err(), "{cut}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes(bytes: Vec<u8>, at in 0usize..400, byte: u8) {
            let _ = walk(&mut &bytes[..], |_| None::<()>);
            let mut archive = [entry("bin/sh", 0o100_755, b"abc"), entry("x", 0o100_755, &[7; 99])].concat();
            if let Some(b) = archive.get_mut(at) {
                *b = byte;
            }
            let _ = walk(&mut &archive[..], |_| None::<()>);
        }
    }
}
