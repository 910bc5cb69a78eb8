//! Files as base64 text (RFC 4648), as base64(1) writes and reads it.
//!
//! In: a guest file, or text from the library. Out: lines of 76 characters; the bytes in a guest file.
//! What is no character of the alphabet is skipped when reading, as `base64 -d -i` does: line breaks of
//! any kind, quoting, blanks. A text that ends in the middle of a byte is an error.

use std::io::{BufRead, Read, Write};

use rustix::fs::OFlags;

use crate::ctx::Ctx;
use crate::error::{Context, Error, Result};
use crate::files::{open_file, open_new};
use crate::path::GuestPath;
use crate::transfer_io::{FileIn, FileOut};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Bytes that become one line of 76 characters.
const PER_LINE: usize = 57;

/// Lines made at once.
const LINES: usize = 1024;

/// Decode what comes into a file, which is made or emptied first.
pub fn base64_in(ctx: &mut Ctx, base64file: &mut FileIn, filename: &GuestPath) -> Result<()> {
    let mut to = open_new(ctx, filename)?;
    decode(base64file, &mut to).context(filename)
}

/// Send a file encoded.
pub fn base64_out(ctx: &mut Ctx, filename: &GuestPath, base64file: &mut FileOut) -> Result<()> {
    encode(open_file(ctx, filename, OFlags::RDONLY)?, base64file).context(filename)
}

fn encode(mut from: impl Read, to: &mut impl Write) -> Result<()> {
    let mut text = Vec::with_capacity(LINES * (PER_LINE / 3 * 4 + 1));
    let mut block = Vec::with_capacity(LINES * PER_LINE);
    loop {
        block.clear();
        text.clear();
        let n = from.by_ref().take((LINES * PER_LINE) as u64).read_to_end(&mut block)?;
        for line in block.chunks(PER_LINE) {
            line.chunks(3).for_each(|group| text.extend_from_slice(&four(group)));
            text.push(b'\n');
        }
        to.write_all(&text)?;
        if n < LINES * PER_LINE {
            return Ok(());
        }
    }
}

/// The four characters of up to three bytes.
fn four(group: &[u8]) -> [u8; 4] {
    let byte = |i: usize| u32::from(group.get(i).copied().unwrap_or(0));
    let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
    let mut text = [b'='; 4];
    for (i, to) in text.iter_mut().enumerate().take(group.len() + 1) {
        let sextet = bits >> (18 - 6 * i) & 63;
        *to = ALPHABET.get(sextet as usize).copied().unwrap_or(b'=');
    }
    text
}

fn decode(from: &mut impl BufRead, to: &mut impl Write) -> Result<()> {
    let mut group = Group::default();
    let mut bytes = Vec::new();
    loop {
        let text = from.fill_buf()?;
        if text.is_empty() {
            break;
        }
        bytes.clear();
        for character in text {
            group.take(*character, &mut bytes)?;
        }
        to.write_all(&bytes)?;
        let n = text.len();
        from.consume(n);
    }
    group.end()
}

/// Up to four characters that belong together.
#[derive(Default)]
struct Group {
    bits: u32,
    /// Characters so far, of the alphabet and of padding.
    letters: u32,
    padding: u32,
}

impl Group {
    /// Add a character; the bytes of a full group go to `bytes`.
    fn take(&mut self, character: u8, bytes: &mut Vec<u8>) -> Result<()> {
        let sextet = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                self.padding += 1;
                // At most two, after at least two letters.
                if self.letters < 2 {
                    return Err(invalid());
                }
                self.flush(bytes);
                return Ok(());
            }
            _ => return Ok(()),
        };
        if self.padding > 0 {
            return Err(invalid());
        }
        self.bits = self.bits << 6 | u32::from(sextet);
        self.letters += 1;
        self.flush(bytes);
        Ok(())
    }

    fn flush(&mut self, bytes: &mut Vec<u8>) {
        if self.letters + self.padding < 4 {
            return;
        }
        let [_, a, b, c] = (self.bits << (6 * self.padding)).to_be_bytes();
        bytes.extend([a, b, c].into_iter().take(3 - self.padding as usize));
        *self = Group::default();
    }

    fn end(&self) -> Result<()> {
        if self.letters + self.padding > 0 {
            return Err(invalid());
        }
        Ok(())
    }
}

fn invalid() -> Error {
    Error::invalid("this is no valid base64 text")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Errno;
    use crate::testing::Guest;

    fn decoded(text: &[u8]) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        // In pieces, as chunks come.
        let (a, b) = text.split_at(text.len() / 2);
        decode(&mut a.chain(b), &mut bytes)?;
        Ok(bytes)
    }

    /// RFC 4648, section 10.
    #[test]
    fn known_texts() {
        for (bytes, text) in [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            let mut out = Vec::new();
            encode(bytes.as_bytes(), &mut out).unwrap();
            let line = if text.is_empty() { String::new() } else { format!("{text}\n") };
            assert_eq!(String::from_utf8(out).unwrap(), line);
            assert_eq!(decoded(text.as_bytes()).unwrap(), bytes.as_bytes());
        }
    }

    #[test]
    fn odd_texts() {
        let check = |text: &str, want: Option<&[u8]>| assert_eq!(decoded(text.as_bytes()).ok().as_deref(), want, "{text:?}");
        check(" aGVs\r\nbG8 =\n\n", Some(b"hello"));
        check("aG!V*s\0bG8=", Some(b"hello"));
        check("YWI=YQ==", Some(b"aba"));
        check("////", Some(&[255; 3]));
        check("Zh==", Some(b"f"));
        for bad in ["Y", "YQ", "YQ=", "YWI", "=", "Y=", "Y===", "YQ=a", "YWI==", "YQ==="] {
            check(bad, None);
        }
    }

    #[test]
    fn there_and_back() {
        let mut g = Guest::new();
        let data: Vec<u8> = (0..200_003u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        g.write("/f", &data);
        let (f, new, missing) = (g.path("/f"), g.path("/new"), g.path("/missing"));
        let text = g.download(|ctx, out| base64_out(ctx, &f, out)).unwrap();
        let lines: Vec<usize> = text.split(|b| *b == b'\n').map(<[u8]>::len).collect();
        assert!(lines.iter().rev().skip(2).all(|n| *n == 76) && lines.last() == Some(&0), "{lines:?}");
        g.upload(&text, |ctx, file| base64_in(ctx, file, &new)).unwrap();
        assert!(g.read("/new") == data);
        assert_eq!(g.download(|ctx, out| base64_out(ctx, &missing, out)).unwrap_err().errno(), Some(Errno::NOENT));
        assert_eq!(g.upload(b"YQ", |ctx, file| base64_in(ctx, file, &new)).unwrap_err().errno(), Some(Errno::INVAL));
    }
}
