//! Bounded reading of headers.
//!
//! In: an open image, places that its headers name. Out: so many bytes or what there is of them; never more
//! memory than the caller's bound.

use super::Fault;
use bstr::BString;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Longest text that is read at once: a descriptor of a VMDK, whose extents are lines.
pub(super) const TEXT_MAX: usize = 1 << 20;

/// An image to read from.
pub(super) struct Head<'f>(pub &'f File);

impl Head<'_> {
    /// As many bytes from `at` as there are, but at most `most`, which is at most [`TEXT_MAX`].
    pub fn some(&self, at: u64, most: usize) -> Result<Vec<u8>, Fault> {
        let mut bytes = vec![0; most.min(TEXT_MAX)];
        let mut have = 0;
        while let Some(room) = bytes.get_mut(have..).filter(|room| !room.is_empty()) {
            let Some(place) = at.checked_add(have as u64) else { break };
            match self.0.read_at(room, place) {
                Ok(0) => break,
                Ok(n) => have = have.saturating_add(n),
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Fault::io("cannot be read", &e)),
            }
        }
        bytes.truncate(have);
        Ok(bytes)
    }

    /// Exactly so many bytes.
    pub fn all(&self, at: u64, len: usize) -> Result<Vec<u8>, Fault> {
        let bytes = self.some(at, len)?;
        if bytes.len() == len {
            Ok(bytes)
        } else {
            Err(Fault::damaged("its header is cut short"))
        }
    }

    /// A text of so many bytes that qemu treats as a C string.
    pub fn text(&self, at: u64, len: usize) -> Result<BString, Fault> {
        let mut bytes = self.all(at, len)?;
        bytes.truncate(bytes.iter().position(|b| *b == 0).unwrap_or(len));
        Ok(bytes.into())
    }
}

/// The number of `N` bytes at `at` of a header, as an array; zeroes where the header ends before.
fn bytes<const N: usize>(header: &[u8], at: usize) -> [u8; N] {
    let part = at.checked_add(N).and_then(|to| header.get(at..to));
    part.and_then(|b| b.try_into().ok()).unwrap_or([0; N])
}

pub(super) fn be32(header: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes(header, at))
}

pub(super) fn be64(header: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(bytes(header, at))
}

pub(super) fn le32(header: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes(header, at))
}

pub(super) fn le64(header: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes(header, at))
}
