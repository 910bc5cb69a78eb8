//! The members of an archive, one after the other, from a stream that is read once.
//!
//! In: bytes. Out: headers with everything that preceding special members said about them, then their
//! data. Memory is bounded: names and extensions of more than [`MAX_SPECIAL`] bytes are refused.

use std::io::BufRead;

use bstr::BString;

use super::header::{pax_records, Header, Kind, BLOCK};
use crate::error::{Error, Result};

/// Longest name or pax header taken, in bytes. Names are limited to 4096 by the kernel; extensions may
/// hold extended attributes of 64 KiB each.
const MAX_SPECIAL: u64 = 1 << 20;

/// What comes next.
pub enum Member {
    /// An entry; its data, if any, follows.
    Entry(Header),
    /// Something only the real tar can read. Its headers so far, with the records for all members that
    /// are in force, to be put in front of the rest.
    Foreign(Vec<u8>),
    End,
}

/// An archive being read.
pub struct Archive<'r, R> {
    from: &'r mut R,
    /// Data of the current member that nobody took, and its padding.
    left: u64,
    padding: u64,
    /// pax records for all members.
    global: Vec<(BString, BString)>,
    /// The same as they were in the stream.
    global_raw: Vec<u8>,
    begun: bool,
}

impl<'r, R: BufRead> Archive<'r, R> {
    pub fn new(from: &'r mut R) -> Self {
        Archive { from, left: 0, padding: 0, global: Vec::new(), global_raw: Vec::new(), begun: false }
    }

    /// Go to the next entry, past what is left of the last one.
    pub fn next(&mut self) -> Result<Member> {
        self.skip(self.left.saturating_add(self.padding))?;
        (self.left, self.padding) = (0, 0);
        let mut raw = Vec::new();
        let (mut name, mut link, mut records) = (None, None, Vec::<(BString, BString)>::new());
        loop {
            let mut block = [0; BLOCK];
            if !self.block(&mut block, raw.is_empty())? {
                return Ok(Member::End);
            }
            let Some(mut header) = Header::parse(&block)? else {
                if !raw.is_empty() {
                    return Err(Error::msg("tar: the archive ends in the middle of a member"));
                }
                return Ok(Member::End);
            };
            self.begun = true;
            raw.extend_from_slice(&block);
            let special = matches!(header.kind, Kind::LongName | Kind::LongLink | Kind::Extended | Kind::Global);
            if !special {
                for (key, value) in &self.global {
                    header.apply(key, value)?;
                }
                for (key, value) in &records {
                    header.apply(key, value)?;
                }
                header.path = name.unwrap_or(header.path);
                header.link = link.unwrap_or(header.link);
                let sparse = |(key, _): &(BString, BString)| key.starts_with(b"GNU.sparse.");
                if matches!(header.kind, Kind::Other(_)) || records.iter().chain(&self.global).any(sparse) {
                    // Global records of this very member come later and so replace these.
                    raw.splice(..0, std::mem::take(&mut self.global_raw));
                    return Ok(Member::Foreign(raw));
                }
                // Links and the like have no data, whatever they claim; some writers give hard links a size.
                let size = if header.kind == Kind::File { header.size } else { 0 };
                self.left = size;
                self.padding = size.next_multiple_of(BLOCK as u64) - size;
                return Ok(Member::Entry(header));
            }
            let start = raw.len().saturating_sub(BLOCK);
            let data = self.special(header.size, &mut raw)?;
            let text = || BString::from(data.split(|b| *b == 0).next().unwrap_or_default());
            match header.kind {
                Kind::LongName => name = Some(text()),
                Kind::LongLink => link = Some(text()),
                _ => {
                    let owned = |(k, v): (&[u8], &[u8])| (BString::from(k), BString::from(v));
                    let found = pax_records(&data)?.into_iter().map(owned).collect();
                    if header.kind == Kind::Global {
                        self.global = found;
                        self.global_raw = raw.get(start..).unwrap_or_default().to_vec();
                    } else {
                        records = found;
                    }
                }
            }
        }
    }

    /// Read the data of a special member, keeping a copy of all its blocks.
    fn special(&mut self, size: u64, raw: &mut Vec<u8>) -> Result<Vec<u8>> {
        if size.saturating_add(raw.len() as u64) > MAX_SPECIAL {
            return Err(Error::msg(format!(
                "tar: names and attributes of a member are longer than {MAX_SPECIAL} bytes"
            )));
        }
        let start = raw.len();
        let mut block = [0; BLOCK];
        for _ in 0..size.div_ceil(BLOCK as u64) {
            self.block(&mut block, false)?;
            raw.extend_from_slice(&block);
        }
        Ok(raw.get(start..).unwrap_or_default().get(..size as usize).unwrap_or_default().to_vec())
    }

    /// Read a block; whether there was one. The end of the stream is an error unless it `may_end`.
    fn block(&mut self, block: &mut [u8; BLOCK], may_end: bool) -> Result<bool> {
        let mut have = 0;
        while have < BLOCK {
            let n = self.from.read(block.get_mut(have..).unwrap_or_default()).map_err(read_error)?;
            have += n;
            if n == 0 {
                // An empty stream counts as an empty archive; anything shorter than a header is none.
                return if have == 0 && may_end {
                    Ok(false)
                } else if self.begun {
                    Err(cut_short())
                } else {
                    Err(Error::msg("tar: this is no tar archive: it is shorter than a header"))
                };
            }
        }
        Ok(true)
    }

    /// Data of the current entry still to be taken, in bytes.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// The next data of the current entry, not more than is left; empty at its end.
    pub fn data(&mut self) -> Result<&[u8]> {
        if self.left == 0 {
            return Ok(&[]);
        }
        let data = self.from.fill_buf().map_err(read_error)?;
        if data.is_empty() {
            return Err(cut_short());
        }
        let n = usize::try_from(self.left).unwrap_or(usize::MAX).min(data.len());
        Ok(data.get(..n).unwrap_or_default())
    }

    /// `n` bytes of the last [`data`](Self::data) were taken.
    pub fn taken(&mut self, n: usize) {
        self.from.consume(n);
        self.left = self.left.saturating_sub(n as u64);
    }

    fn skip(&mut self, mut n: u64) -> Result<()> {
        while n > 0 {
            let have = self.from.fill_buf().map_err(read_error)?.len();
            if have == 0 {
                return Err(cut_short());
            }
            let step = usize::try_from(n).unwrap_or(usize::MAX).min(have);
            self.from.consume(step);
            n -= step as u64;
        }
        Ok(())
    }

    /// What is behind the archive's end is read and dropped: padding, as a rule.
    pub fn drain(self) -> Result<()> {
        loop {
            let n = self.from.fill_buf().map_err(read_error)?.len();
            if n == 0 {
                return Ok(());
            }
            self.from.consume(n);
        }
    }
}

fn read_error(e: std::io::Error) -> Error {
    Error::from(e)
}

fn cut_short() -> Error {
    Error::msg("tar: the archive ends in the middle of a member")
}
