//! `libguestfs-tools.conf`: whether disks are opened read-only when the command line does not say.
//!
//! In: the configuration files, from the system's to the user's, in the notation of libconfig: settings
//! `NAME = VALUE;`, of which only `read_only` is heeded. Out: the last `read_only` of them. A file that cannot
//! be understood is an error: it may have meant to protect the disks.

use crate::error::{Error, Result};
use bstr::ByteSlice;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Groups and lists in each other.
const MAX_DEPTH: usize = 32;

/// Files that may exist, the most important last. libguestfs-tools.conf(5).
fn files() -> Vec<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|v| !v.is_empty());
    let mut out = vec![PathBuf::from("/etc/libguestfs-tools.conf")];
    let dirs = variable("XDG_CONFIG_DIRS").unwrap_or_else(|| "/etc/xdg".into());
    let dirs: Vec<PathBuf> = std::env::split_paths(&dirs).collect();
    // The first directory of the list is the most important one.
    out.extend(dirs.iter().rev().map(|d| d.join("libguestfs/libguestfs-tools.conf")));
    let home = variable("HOME").map(PathBuf::from);
    out.extend(home.iter().map(|h| h.join(".libguestfs-tools.rc")));
    let user = variable("XDG_CONFIG_HOME").map(PathBuf::from).or_else(|| home.map(|h| h.join(".config")));
    out.extend(user.map(|u| u.join("libguestfs/libguestfs-tools.conf")));
    out
}

/// The configured default.
pub fn read_only() -> Result<bool> {
    let mut setting = false;
    for file in files() {
        // Most of them are not there, which is no error; neither is one that only others may read.
        let Ok(text) = std::fs::read(&file) else { continue };
        let found = parse(&text).map_err(|(line, why)| {
            let mut place = file.as_os_str().as_bytes().to_vec();
            place.extend_from_slice(format!(":{line}").as_bytes());
            Error::new(why).context(place).note("help: a setting is written: read_only = true;")
        })?;
        setting = found.unwrap_or(setting);
    }
    Ok(setting)
}

/// Line and reason of a mistake.
type Mistake = (usize, &'static str);

/// The top-level `read_only`.
fn parse(text: &[u8]) -> Result<Option<bool>, Mistake> {
    let mut reader = Reader { rest: text, line: 1 };
    reader.settings(0)
}

/// What is still to be read.
struct Reader<'a> {
    rest: &'a [u8],
    line: usize,
}

impl Reader<'_> {
    fn wrong<T>(&self, why: &'static str) -> Result<T, Mistake> {
        Err((self.line, why))
    }

    fn skip(&mut self, bytes: usize) {
        let (gone, rest) = self.rest.split_at(bytes.min(self.rest.len()));
        self.line += gone.iter().filter(|b| **b == b'\n').count();
        self.rest = rest;
    }

    /// The next byte that matters, past blanks and comments; `None` at the end.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.rest {
                [b'#', ..] | [b'/', b'/', ..] => self.skip(self.rest.find_byte(b'\n').unwrap_or(self.rest.len())),
                [b'/', b'*', ..] => self.skip(self.rest.find("*/").map_or(self.rest.len(), |at| at + 2)),
                [b, ..] if b.is_ascii_whitespace() => self.skip(1),
                _ => return self.rest.first().copied(),
            }
        }
    }

    /// Letters and what else names and numbers are made of.
    fn word(&mut self) -> Vec<u8> {
        let length = self.rest.iter().position(|b| !b.is_ascii_alphanumeric() && !b"_-+.*".contains(b));
        let word = self.rest.get(..length.unwrap_or(self.rest.len())).unwrap_or_default().to_vec();
        self.skip(word.len());
        word
    }

    /// Settings up to the end, or up to the brace that closes a group: `read_only` among them.
    fn settings(&mut self, depth: usize) -> Result<Option<bool>, Mistake> {
        let mut found = None;
        loop {
            match self.peek() {
                None if depth == 0 => return Ok(found),
                None => return self.wrong("a group that is never closed"),
                Some(b'}') if depth > 0 => return Ok(found),
                Some(b) if b.is_ascii_alphabetic() || b == b'*' => {}
                Some(_) => return self.wrong("syntax error: a name was expected"),
            }
            let name = self.word();
            match self.peek() {
                Some(b'=' | b':') => self.skip(1),
                _ => return self.wrong("syntax error: '=' was expected after a name"),
            }
            let value = self.value(depth)?;
            if name == b"read_only" {
                if found.is_some() {
                    return self.wrong("read_only is set twice");
                }
                // Values of other types do not count.
                found = value;
            }
            if matches!(self.peek(), Some(b';' | b',')) {
                self.skip(1);
            }
        }
    }

    /// A value of any type; something when it is a boolean.
    fn value(&mut self, depth: usize) -> Result<Option<bool>, Mistake> {
        if depth > MAX_DEPTH {
            return self.wrong("nested too deeply");
        }
        match self.peek() {
            Some(b'{') => {
                self.skip(1);
                self.settings(depth + 1)?;
                self.skip(1);
            }
            Some(open @ (b'[' | b'(')) => {
                let close = if open == b'[' { b']' } else { b')' };
                self.skip(1);
                while self.peek() != Some(close) {
                    self.value(depth + 1)?;
                    match self.peek() {
                        Some(b',') => self.skip(1),
                        other if other == Some(close) => {}
                        _ => return self.wrong("a list that is never closed"),
                    }
                }
                self.skip(1);
            }
            Some(b'"') => {
                // Strings beside each other are one.
                while self.peek() == Some(b'"') {
                    self.string()?;
                }
            }
            _ => {
                let word = self.word();
                return match () {
                    () if word.eq_ignore_ascii_case(b"true") => Ok(Some(true)),
                    () if word.eq_ignore_ascii_case(b"false") => Ok(Some(false)),
                    () if word.trim_start_with(|c| "+-.".contains(c)).first().is_some_and(u8::is_ascii_digit) => {
                        Ok(None)
                    }
                    () => self.wrong("syntax error: a value was expected"),
                };
            }
        }
        Ok(None)
    }

    fn string(&mut self) -> Result<(), Mistake> {
        self.skip(1);
        loop {
            match self.rest {
                [] => return self.wrong("a string that is never closed"),
                [b'"', ..] => {
                    self.skip(1);
                    return Ok(());
                }
                [b'\\', ..] => self.skip(2),
                _ => self.skip(1),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn settings() {
        let cases = [
            ("read_only = true;", Some(true)),
            ("# read_only = true;\n//read_only = true;\nread_only=FALSE ; x = 1;", Some(false)),
            ("read_only : True", Some(true)),
            ("other = true;\n", None),
            ("/* read_only = true; */ x = (1, [2, -3L], \"a;b\\\"\" \"c\", {y = 0x1f;})", None),
            ("group = { read_only = true; };\nread_only = false", Some(false)),
            ("read_only = \"true\";", None),
            ("read_only = 1", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text.as_bytes()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn mistakes_are_not_passed_over() {
        let deep = "x = ".to_owned() + &"(".repeat(100_000);
        let cases = [
            ("a = 1;\nread_only = maybe;", 2),
            ("read_only true", 1),
            ("read_only = true; read_only = false;", 1),
            ("read_only =", 1),
            ("= true", 1),
            ("x = \"\n\n", 3),
            ("x = (1 2)", 1),
            ("x = (", 1),
            ("x = { y = 1;", 1),
            ("}", 1),
            ("@include \"x\"", 1),
            (&deep, 1),
            ("x = \"\\", 1),
            ("/*", 1),
        ];
        for (text, line) in cases {
            match parse(text.as_bytes()) {
                Err((at, _)) => assert_eq!(at, line, "{text}"),
                Ok(found) => assert_eq!((text, found), ("/*", None)),
            }
        }
    }
}
