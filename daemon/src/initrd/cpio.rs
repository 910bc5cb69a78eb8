//! Going through an archive in the "new" format of cpio(5), member by member.
//!
//! In: the archive's bytes, from a hostile guest. Out: head, name and data of each member, one after the
//! other. Nothing is unpacked, and no more than one name is in memory.

use crate::channel::cancel;
use crate::error::Errno;
use crate::newc::{Member, HEADER, TRAILER};
use std::io::{self, Read};

/// Names in an initrd are shorter (PATH_MAX).
const NAME_MAX: u32 = 4096;
/// Skipped at once.
const BLOCK: usize = 64 * 1024;

/// How a walk ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Walk<T> {
    Found(T),
    /// The archive ended.
    End,
}

/// What is looked at: a member's header, its name, and its data, of which as much is read as is wanted.
pub type Look<'l, T> = dyn FnMut(&Member, &[u8], &mut dyn Read) -> io::Result<Option<T>> + 'l;

/// Walk through one archive and show every member to `look`, until it has an answer.
pub fn walk<T>(input: &mut impl Read, look: &mut Look<'_, T>) -> io::Result<Walk<T>> {
    loop {
        let mut header = [0; HEADER];
        input.read_exact(&mut header)?;
        let member = Member::decode(&header)?;
        if member.name_size == 0 || member.name_size > NAME_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "cpio entry with an impossible name"));
        }
        let (size, name_size) = (u64::from(member.size), u64::from(member.name_size));
        let mut name = Vec::new();
        input.take(name_size).read_to_end(&mut name)?;
        skip(input, pad(HEADER as u64 + name_size))?;
        let name = name.strip_suffix(b"\0").unwrap_or(&name);
        if name == TRAILER {
            return Ok(Walk::End);
        }
        let mut data = input.take(size);
        if let Some(answer) = look(&member, name, &mut data)? {
            return Ok(Walk::Found(answer));
        }
        let left = data.limit();
        skip(input, left + pad(size))?;
    }
}

/// Bytes up to the next multiple of four.
fn pad(size: u64) -> u64 {
    size.wrapping_neg() & 3
}

fn skip(input: &mut impl Read, count: u64) -> io::Result<()> {
    let mut block = vec![0; usize::try_from(count).unwrap_or(BLOCK).min(BLOCK)];
    let mut left = count;
    while left > 0 {
        // What an initrd says of its members can take an hour to unpack.
        cancel::point().map_err(|_| io::Error::from_raw_os_error(Errno::INTR.raw_os_error()))?;
        let most = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
        match input.read(block.get_mut(..most).unwrap_or_default()) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => left = left.saturating_sub(n as u64),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) use tests::entry;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::newc::Format;

    /// One entry.
    pub fn entry(name: &str, mode: u32, content: &[u8]) -> Vec<u8> {
        let (size, name_size) = (content.len() as u32, name.len() as u32 + 1);
        let mut out = Member { mode, size, name_size, ..Member::default() }.encode(Format::Newc);
        out.extend(name.bytes());
        out.push(0);
        out.resize(out.len().next_multiple_of(4), 0);
        out.extend(content);
        out.resize(out.len().next_multiple_of(4), 0);
        out
    }

    #[test]
    fn all_members() {
        let archive = [
            entry("usr", 0o40755, b""),
            entry("usr/bin/link", 0o120_777, b"busybox"),
            entry("usr/bin/sh", 0o100_755, b"program"),
            entry("TRAILER!!!", 0, b""),
        ]
        .concat();
        let mut rest = &archive[..];
        let mut seen = Vec::new();
        let end = walk::<()>(&mut rest, &mut |member, name, data| {
            let mut start = Vec::new();
            data.take(3).read_to_end(&mut start)?;
            seen.push((member.mode, name.to_vec(), start));
            Ok(None)
        });
        assert_eq!(end.unwrap(), Walk::End);
        assert!(rest.is_empty());
        let expected = [(0o40755, "usr", ""), (0o120_777, "usr/bin/link", "bus"), (0o100_755, "usr/bin/sh", "pro")];
        assert_eq!(seen, expected.map(|(mode, name, data)| (mode, name.into(), data.into())));
        for cut in 0..archive.len() {
            assert!(walk::<()>(&mut &archive[..cut], &mut |_, _, _| Ok(None)).is_err(), "{cut}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes(bytes: Vec<u8>, at in 0usize..400, byte: u8) {
            let _ = walk::<()>(&mut &bytes[..], &mut |_, _, _| Ok(None));
            let mut archive = [entry("bin/sh", 0o100_755, b"abc"), entry("x", 0o100_755, &[7; 99])].concat();
            if let Some(b) = archive.get_mut(at) {
                *b = byte;
            }
            let _ = walk::<()>(&mut &archive[..], &mut |_, _, _| Ok(None));
        }
    }
}
