//! What was typed or pasted before it was asked for.
//!
//! In: lines that were entered together, bytes that came from the terminal while nobody read. Out: the same
//! lines one after the other, and what was begun of the next.

use bstr::{BString, ByteSlice};

/// See the module. Entered lines end in a newline.
#[derive(Debug, Default)]
pub struct Ahead {
    text: BString,
}

impl Ahead {
    /// A line that was entered; several when they were pasted together.
    pub fn entered(&mut self, lines: &str) {
        self.text.extend_from_slice(lines.as_bytes());
        self.text.push(b'\n');
    }

    /// The beginning of a line that was not entered yet.
    pub fn begun(&mut self, line: &str) {
        self.text.extend_from_slice(line.as_bytes());
    }

    /// Bytes from the terminal. Whoever typed them saw no line that cursor keys could have moved in: escape
    /// sequences, the marks around a paste among them, and control characters are left out.
    pub fn typed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let [byte, tail @ ..] = rest {
            rest = match byte {
                0x1b => skip_sequence(tail),
                b'\r' => {
                    self.text.push(b'\n');
                    tail.strip_prefix(b"\n").unwrap_or(tail)
                }
                b'\n' | b'\t' | b' '..=0x7e | 0x80.. => {
                    self.text.push(*byte);
                    tail
                }
                _ => tail,
            };
        }
    }

    /// The next line, when it was entered.
    pub fn line(&mut self) -> Option<BString> {
        let end = self.text.find_byte(b'\n')?;
        let mut line: Vec<u8> = self.text.drain(..=end).collect();
        line.pop();
        Some(line.into())
    }

    /// What was begun of the next line, which is no longer here then.
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.text).to_str_lossy().into_owned()
    }
}

/// What follows an escape sequence whose escape character was read.
fn skip_sequence(rest: &[u8]) -> &[u8] {
    match rest {
        [b'[', rest @ ..] => {
            let end = rest.iter().position(|b| matches!(b, 0x40..=0x7e));
            end.and_then(|end| rest.get(end + 1..)).unwrap_or_default()
        }
        [b'O', _, rest @ ..] | [_, rest @ ..] => rest,
        [] => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_as_they_went() {
        let mut ahead = Ahead::default();
        ahead.entered("one\n\ntwo");
        ahead.typed(b"th\x1b[Dree\r\n\x1b[200~fo\tur\rfi\x00ve\x1b[201~\x1bOA\x1bx");
        for line in ["one", "", "two", "three", "fo\tur"] {
            assert_eq!(ahead.line().unwrap(), line);
        }
        assert_eq!(ahead.line(), None);
        assert_eq!(ahead.take(), "five");
        ahead.begun("begun ");
        ahead.typed(b"caf\xc3\xa9 \xff\n\x1b[1");
        assert_eq!(ahead.line().unwrap(), BString::from(b"begun caf\xc3\xa9 \xff"));
        assert_eq!(ahead.take(), "");
    }
}
