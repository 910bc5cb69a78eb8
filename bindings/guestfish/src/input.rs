//! Where lines come from: a script, standard input, the output of a `<!` command.
//!
//! In: bytes. Out: lines without their newline, and the place of the last one for error messages. Standard
//! input is read byte by byte, so that `upload - /file` finds everything after its own line.

use crate::error::{Error, Result};
use bstr::{BString, ByteVec};
use std::io::{BufRead, BufReader, Read};

/// A source of lines.
pub trait Input {
    /// The next line, `None` at the end. `more` is true inside a `-<<END` upload.
    fn line(&mut self, more: bool) -> Result<Option<BString>>;

    /// File and line of the last line; `None` at a prompt.
    fn place(&self) -> Option<BString>;

    /// Keep what was typed at the terminal up to now for later lines: false if it is not for here.
    fn keep(&mut self, typed: &[u8]) -> Result<bool> {
        let _ = typed;
        Ok(false)
    }

    /// Somebody sits there: errors are no reason to stop.
    fn interactive(&self) -> bool {
        false
    }
}

/// Lines of a file or pipe.
pub struct Script<R> {
    reader: R,
    name: BString,
    line: u64,
}

impl<R: Read> Script<BufReader<R>> {
    /// Lines of `reader`; `name` is shown in error messages.
    pub fn new(reader: R, name: impl Into<BString>) -> Self {
        Script { reader: BufReader::new(reader), name: name.into(), line: 0 }
    }
}

/// Standard input that is no terminal.
pub fn stdin() -> Script<BytewiseStdin> {
    Script { reader: BytewiseStdin { byte: [0], full: false }, name: "*stdin*".into(), line: 0 }
}

impl<R: BufRead> Input for Script<R> {
    fn line(&mut self, _more: bool) -> Result<Option<BString>> {
        let mut line = Vec::new();
        let n = self.reader.read_until(b'\n', &mut line).map_err(|e| Error::io(&self.name, &e))?;
        if n == 0 {
            return Ok(None);
        }
        self.line += 1;
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        Ok(Some(line.into()))
    }

    fn place(&self) -> Option<BString> {
        let mut place = self.name.clone();
        place.push_str(format!(":{}", self.line));
        Some(place)
    }
}

/// File descriptor 0 with a buffer of one byte.
pub struct BytewiseStdin {
    byte: [u8; 1],
    full: bool,
}

impl Read for BytewiseStdin {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let available = self.fill_buf()?;
        let n = available.len().min(buf.len());
        for (to, from) in buf.iter_mut().zip(available) {
            *to = *from;
        }
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for BytewiseStdin {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        while !self.full {
            match rustix::io::read(rustix::stdio::stdin(), &mut self.byte) {
                Ok(0) => return Ok(&[]),
                Ok(_) => self.full = true,
                Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(&self.byte)
    }

    fn consume(&mut self, amount: usize) {
        self.full = self.full && amount == 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_places() {
        let mut script = Script::new(&b"a\n\nlast"[..], "f");
        assert_eq!(script.line(false).unwrap().unwrap(), "a");
        assert_eq!(script.line(false).unwrap().unwrap(), "");
        assert_eq!(script.line(false).unwrap().unwrap(), "last");
        assert_eq!(script.place().unwrap(), "f:3");
        assert!(script.line(false).unwrap().is_none());
    }
}
