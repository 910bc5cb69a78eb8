//! Files as base64 text (RFC 4648), as base64(1) writes and reads it.
//!
//! In: a guest file, or text from the library. Out: lines of 76 characters; the bytes in a guest file.
//! What is no character of the alphabet is skipped when reading, as `base64 -d -i` does: line breaks of
//! any kind, quoting, blanks. A text that ends in the middle of a byte is an error.

use std::io::{BufRead, Read, Write};

use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use base64::Engine;
use rustix::fs::OFlags;

use crate::ctx::Ctx;
use crate::error::{Context, Error, Result};
use crate::files::{open_file, open_new};
use crate::path::GuestPath;
use crate::transfer_io::{FileIn, FileOut};

/// As base64(1): padding must be there, bits that belong to no byte do not matter.
const ENGINE: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

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
    let mut text = String::with_capacity(LINES * (PER_LINE / 3 * 4 + 1));
    let mut block = Vec::with_capacity(LINES * PER_LINE);
    loop {
        block.clear();
        text.clear();
        let n = from.by_ref().take((LINES * PER_LINE) as u64).read_to_end(&mut block)?;
        for line in block.chunks(PER_LINE) {
            ENGINE.encode_string(line, &mut text);
            text.push('\n');
        }
        to.write_all(text.as_bytes())?;
        if n < LINES * PER_LINE {
            return Ok(());
        }
    }
}

fn is_base64(character: u8) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, b'+' | b'/' | b'=')
}

/// The bytes of a text that is nothing but base64: no line breaks, nothing to be skipped.
pub(crate) fn decode_strict(text: &[u8]) -> Result<Vec<u8>> {
    if !text.iter().copied().all(is_base64) {
        return Err(invalid());
    }
    let mut bytes = Vec::new();
    decode(&mut &*text, &mut bytes)?;
    Ok(bytes)
}

fn decode(from: &mut impl BufRead, to: &mut impl Write) -> Result<()> {
    // Never more than was read at once and an unfinished group.
    let mut text = Vec::new();
    loop {
        let read = from.fill_buf()?;
        if read.is_empty() {
            break;
        }
        text.extend(read.iter().copied().filter(|c| is_base64(*c)));
        let n = read.len();
        from.consume(n);
        let whole = text.len() & !3;
        pieces(text.get(..whole).unwrap_or_default(), to)?;
        text.drain(..whole);
    }
    if text.is_empty() {
        Ok(())
    } else {
        Err(invalid())
    }
}

/// Decode whole groups of four. Texts may follow one another: padding ends a piece, not everything.
fn pieces(mut text: &[u8], to: &mut impl Write) -> Result<()> {
    while !text.is_empty() {
        let padded = text.chunks(4).position(|group| group.contains(&b'='));
        let end = padded.map_or(text.len(), |group| (group + 1) * 4);
        let (piece, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
        to.write_all(&ENGINE.decode(piece).map_err(|_| invalid())?)?;
        text = rest;
    }
    Ok(())
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
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
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
        let check =
            |text: &str, want: Option<&[u8]>| assert_eq!(decoded(text.as_bytes()).ok().as_deref(), want, "{text:?}");
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
