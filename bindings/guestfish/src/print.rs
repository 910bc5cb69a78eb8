//! Results on standard output, in the notation of guestfish.
//!
//! In: typed results. Out: bytes on file descriptor 1, collected and written at the end of each command
//! (or earlier when there is much). Writing goes to the descriptor itself, not to Rust's `stdout`, because
//! a pipe to a command of the host replaces it for a while (`exec.rs`).

use crate::error::{Error, Result};
use bstr::{BString, ByteVec};

/// Written out when this much is waiting, in bytes.
const FULL: usize = 64 * 1024;

/// One field of a struct.
#[derive(Debug, Clone, Copy)]
pub enum Field<'a> {
    Char(u8),
    Text(&'a [u8]),
    /// Bytes: those that are not printable as `\xHH`.
    Buffer(&'a [u8]),
    Number(i128),
    /// Empty when below zero, which stands for "not present".
    Percent(f32),
}

/// A struct with its fields in order.
pub trait Record {
    fn fields(&self) -> Vec<(&'static str, Field<'_>)>;
}

/// Standard output.
#[derive(Debug, Default)]
pub struct Output {
    waiting: Vec<u8>,
    /// The other end is gone and nobody minds: what follows is thrown away.
    closed: bool,
    /// A closed pipe is no error.
    forgiving: bool,
}

impl Output {
    /// Begin to write into the pipe that file descriptor 1 is now.
    pub fn begin_pipe(&mut self, forgiving: bool) {
        self.forgiving = forgiving;
        self.closed = false;
    }

    /// File descriptor 1 is the shell's own again.
    pub fn end_pipe(&mut self) {
        self.waiting.clear();
        self.forgiving = false;
        self.closed = false;
    }

    /// Write out what waits.
    pub fn flush(&mut self) -> Result<()> {
        let mut rest: &[u8] = &self.waiting;
        let mut result = Ok(());
        while !rest.is_empty() && !self.closed {
            match rustix::io::write(rustix::stdio::stdout(), rest) {
                Ok(n) => rest = rest.get(n..).unwrap_or_default(),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::PIPE) if self.forgiving => self.closed = true,
                Err(e) => {
                    result = Err(Error::io("writing to standard output", &e.into()));
                    break;
                }
            }
        }
        self.waiting.clear();
        result
    }

    /// Bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() < FULL {
            return Ok(());
        }
        self.flush()
    }

    /// Bytes and a newline.
    pub fn line(&mut self, text: impl AsRef<[u8]>) -> Result<()> {
        self.bytes(text.as_ref())?;
        self.bytes(b"\n")
    }

    /// A result of type Bool.
    pub fn boolean(&mut self, value: &bool) -> Result<()> {
        self.line(if *value { "true" } else { "false" })
    }

    /// A result of type Int.
    pub fn int(&mut self, value: &i32) -> Result<()> {
        self.line(value.to_string())
    }

    /// A result of type Int64.
    pub fn int64(&mut self, value: &i64) -> Result<()> {
        self.line(value.to_string())
    }

    /// An Int in octal, with a leading 0.
    pub fn octal(&mut self, value: &i32) -> Result<()> {
        self.line(if *value == 0 { "0".to_owned() } else { format!("0{value:o}") })
    }

    /// An Int in hexadecimal, with a leading 0x unless it is 0.
    #[allow(dead_code)]
    pub fn hexadecimal(&mut self, value: &i32) -> Result<()> {
        self.line(if *value == 0 { "0".to_owned() } else { format!("{value:#x}") })
    }

    /// An Int64 in octal, with a leading 0.
    // Which of these occur depends on the API.
    #[allow(dead_code)]
    pub fn octal64(&mut self, value: &i64) -> Result<()> {
        self.line(if *value == 0 { "0".to_owned() } else { format!("0{value:o}") })
    }

    /// An Int64 in hexadecimal, as above.
    #[allow(dead_code)]
    pub fn hexadecimal64(&mut self, value: &i64) -> Result<()> {
        self.line(if *value == 0 { "0".to_owned() } else { format!("{value:#x}") })
    }

    /// A string. A newline follows even when it ends in one, as scripts expect.
    pub fn text(&mut self, value: &BString) -> Result<()> {
        self.line(value)
    }

    /// A string that may be missing.
    pub fn opt_text(&mut self, value: &Option<BString>) -> Result<()> {
        self.line(value.as_ref().map_or(&b"(null)"[..], |v| v))
    }

    /// A list of strings, one a line.
    pub fn list(&mut self, items: &[BString]) -> Result<()> {
        items.iter().try_for_each(|item| self.line(item))
    }

    /// A hash table, one pair a line.
    pub fn table(&mut self, pairs: &[(BString, BString)]) -> Result<()> {
        for (key, value) in pairs {
            self.bytes(key)?;
            self.bytes(b": ")?;
            self.line(value)?;
        }
        Ok(())
    }

    /// A buffer: nothing added.
    pub fn raw(&mut self, value: &[u8]) -> Result<()> {
        self.bytes(value)
    }

    /// A struct, one field a line.
    pub fn record(&mut self, value: &impl Record) -> Result<()> {
        self.indented("", value)
    }

    /// A list of structs, numbered.
    pub fn records(&mut self, values: &[impl Record]) -> Result<()> {
        for (i, value) in values.iter().enumerate() {
            self.line(format!("[{i}] = {{"))?;
            self.indented("  ", value)?;
            self.line("}")?;
        }
        Ok(())
    }

    fn indented(&mut self, indent: &str, value: &impl Record) -> Result<()> {
        for (name, field) in value.fields() {
            self.bytes(indent.as_bytes())?;
            self.bytes(name.as_bytes())?;
            self.bytes(b": ")?;
            self.line(field.text())?;
        }
        Ok(())
    }
}

impl Field<'_> {
    fn text(self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Field::Char(byte) => out.push(byte),
            Field::Text(text) => out.extend_from_slice(text),
            Field::Number(n) => out.push_str(n.to_string()),
            Field::Buffer(bytes) => {
                for byte in bytes {
                    if byte.is_ascii_graphic() || *byte == b' ' {
                        out.push(*byte);
                    } else {
                        out.push_str(format!("\\x{byte:02x}"));
                    }
                }
            }
            Field::Percent(p) if p >= 0.0 => out.push_str(format!("{p}%")),
            Field::Percent(_) => {}
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sample;

    impl Record for Sample {
        fn fields(&self) -> Vec<(&'static str, Field<'_>)> {
            vec![
                ("c", Field::Char(b'x')),
                ("t", Field::Text(b"text")),
                ("b", Field::Buffer(b"a\x01 \xff")),
                ("n", Field::Number(-1)),
                ("p", Field::Percent(12.5)),
                ("q", Field::Percent(-1.0)),
            ]
        }
    }

    #[test]
    fn notation() {
        let mut out = Output::default();
        out.boolean(&true).unwrap();
        out.octal(&0o22).unwrap();
        out.octal(&0).unwrap();
        out.hexadecimal(&255).unwrap();
        out.hexadecimal(&0).unwrap();
        out.text(&"x\n".into()).unwrap();
        out.opt_text(&None).unwrap();
        out.table(&[("k".into(), "v".into())]).unwrap();
        out.raw(b"raw").unwrap();
        assert_eq!(BString::from(out.waiting.as_slice()), "true\n022\n0\n0xff\n0\nx\n\n(null)\nk: v\nraw");
        let mut out = Output::default();
        out.records(&[Sample]).unwrap();
        let expected = "[0] = {\n  c: x\n  t: text\n  b: a\\x01 \\xff\n  n: -1\n  p: 12.5%\n  q: \n}\n";
        assert_eq!(BString::from(out.waiting.as_slice()), expected);
    }
}
