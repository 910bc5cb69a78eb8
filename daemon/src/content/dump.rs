//! The bytes of a file for people, as `hexdump -C` shows them.
//!
//! In: a guest file. Out: lines of an offset, sixteen bytes in hexadecimal, the same as characters.
//! Lines that repeat the one before are one `*` together.

use std::fmt::Write;
use std::io::Read;

use bstr::BString;
use guestfs_protocol::xdr::MESSAGE_MAX;
use rustix::fs::OFlags;

use super::each_block;
use crate::ctx::Ctx;
use crate::error::{Context, Errno, Error, Result};
use crate::files::open_file;
use crate::path::GuestPath;

/// Bytes of a line.
const WIDTH: usize = 16;

/// The whole file, dumped.
pub fn hexdump(ctx: &mut Ctx, path: &GuestPath) -> Result<BString> {
    dump(open_file(ctx, path, OFlags::RDONLY)?).context(path)
}

fn dump(input: impl Read) -> Result<BString> {
    let mut dump = Dump::default();
    let mut rest: Vec<u8> = Vec::with_capacity(WIDTH);
    each_block(input, |mut block| {
        if !rest.is_empty() {
            let (front, back) = block.split_at((WIDTH - rest.len()).min(block.len()));
            rest.extend_from_slice(front);
            block = back;
            if rest.len() == WIDTH {
                dump.line(&rest)?;
                rest.clear();
            }
        }
        let mut lines = block.chunks_exact(WIDTH);
        for line in &mut lines {
            dump.line(line)?;
        }
        rest.extend_from_slice(lines.remainder());
        Ok(true)
    })?;
    if !rest.is_empty() {
        dump.line(&rest)?;
    }
    Ok(dump.finish().into())
}

#[derive(Default)]
struct Dump {
    text: String,
    at: u64,
    last: Vec<u8>,
    starred: bool,
}

impl Dump {
    fn line(&mut self, bytes: &[u8]) -> Result<()> {
        let at = self.at;
        self.at += bytes.len() as u64;
        if bytes == self.last {
            if !self.starred {
                self.text.push_str("*\n");
                self.starred = true;
            }
            return Ok(());
        }
        self.starred = false;
        self.last.clear();
        self.last.extend_from_slice(bytes);
        if self.text.len() > MESSAGE_MAX {
            let why = format!("the dump is longer than the {MESSAGE_MAX} bytes of the largest reply");
            return Err(Error::new(Errno::TOOBIG, why));
        }
        // Writing to a string cannot fail.
        let _ = write!(self.text, "{at:08x} ");
        for i in 0..WIDTH {
            if i % 8 == 0 {
                self.text.push(' ');
            }
            let _ = match bytes.get(i) {
                Some(byte) => write!(self.text, "{byte:02x} "),
                None => write!(self.text, "   "),
            };
        }
        self.text.push_str(" |");
        self.text.extend(bytes.iter().map(|b| if matches!(b, b' '..=b'~') { char::from(*b) } else { '.' }));
        self.text.push_str("|\n");
        Ok(())
    }

    fn finish(mut self) -> String {
        if self.at > 0 {
            let _ = writeln!(self.text, "{:08x}", self.at);
        }
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What hexdump(1) of util-linux 2.38 printed.
    #[test]
    fn like_the_tool() {
        let check = |bytes: &[u8], expected: &str| {
            assert_eq!(dump(bytes).unwrap(), expected);
            // The same in pieces.
            let (a, b) = bytes.split_at(bytes.len() / 3);
            assert_eq!(dump(a.chain(b)).unwrap(), expected);
        };
        check(b"", "");
        check(b"hello\n", "00000000  68 65 6c 6c 6f 0a                                 |hello.|\n00000006\n");
        check(
            b"0123456789abcdef",
            "00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n00000010\n",
        );
        check(
            b"0123456789abcdef\x7f\xff ",
            "00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n\
             00000010  7f ff 20                                          |.. |\n00000013\n",
        );
        check(
            &[0; 50],
            "00000000  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n*\n\
             00000030  00 00                                             |..|\n00000032\n",
        );
    }

    #[test]
    fn limit() {
        let odd: Vec<u8> = (0..MESSAGE_MAX as u32 / 4).flat_map(u32::to_le_bytes).collect();
        assert_eq!(dump(&odd[..]).unwrap_err().errno(), Some(Errno::TOOBIG));
        // Long, but all the same.
        assert_eq!(dump(&vec![0; 4 * MESSAGE_MAX][..]).unwrap().to_string().lines().count(), 3);
    }
}
