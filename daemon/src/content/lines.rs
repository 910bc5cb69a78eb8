//! The first and last lines of a stream.
//!
//! In: anything readable. Out: lines without their newlines, never more bytes of them than a reply
//! can carry. A last line without a newline counts as a line, as for head(1) and tail(1).

use std::collections::VecDeque;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::FileExt;

use bstr::{BString, ByteSlice};
use guestfs_protocol::xdr::MESSAGE_MAX;

use crate::channel::cancel;
use crate::error::{Errno, Error, Result};

const BLOCK: usize = 64 * 1024;
/// Each string of a list takes a length word besides its padded bytes.
const PER_LINE: usize = 4;

/// The lines of what a tool printed, by newlines alone: a carriage return belongs to its line.
pub fn split_lines(output: &[u8]) -> impl Iterator<Item = &[u8]> {
    output.lines_with_terminator().map(|line| line.strip_suffix(b"\n").unwrap_or(line))
}

/// Collects the lines of a reply within the protocol's limit.
#[derive(Default)]
pub struct Lines {
    done: VecDeque<BString>,
    bytes: usize,
}

impl Lines {
    /// Add one; an error when it is too much.
    pub fn push(&mut self, line: BString) -> Result<()> {
        self.bytes += line.len() + PER_LINE;
        self.done.try_reserve(1)?;
        self.done.push_back(line);
        self.check()
    }

    fn pop(&mut self) {
        if let Some(line) = self.done.pop_front() {
            self.bytes -= line.len() + PER_LINE;
        }
    }

    fn check(&self) -> Result<()> {
        if self.bytes > MESSAGE_MAX {
            return Err(too_long());
        }
        Ok(())
    }

    /// All of them.
    pub fn finish(self) -> Vec<BString> {
        self.done.into()
    }
}

/// What a call fails with whose lines do not fit.
pub fn too_long() -> Error {
    Error::new(Errno::TOOBIG, format!("the lines are longer than the {MESSAGE_MAX} bytes of the largest reply"))
}

/// Call `each` with every line in order until it says to stop.
/// A line longer than a reply is an error only when `each` would have been given it.
fn for_each(mut input: impl Read, mut each: impl FnMut(BString) -> Result<bool>) -> Result<()> {
    let mut block = vec![0u8; BLOCK];
    let mut line = BString::default();
    loop {
        cancel::point()?;
        let n = match input.read(&mut block) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) => return Err(e.into()),
        };
        let mut rest = block.get(..n).unwrap_or_default();
        while let Some(at) = rest.find_byte(b'\n') {
            line.try_reserve(at)?;
            line.extend_from_slice(rest.get(..at).unwrap_or_default());
            if !each(std::mem::take(&mut line))? {
                return Ok(());
            }
            rest = rest.get(at + 1..).unwrap_or_default();
        }
        line.try_reserve(rest.len())?;
        line.extend_from_slice(rest);
        if line.len() > MESSAGE_MAX {
            return Err(too_long());
        }
    }
    if !line.is_empty() {
        each(line)?;
    }
    Ok(())
}

/// The first `n` lines.
pub fn first(input: impl Read, n: u64) -> Result<Vec<BString>> {
    let mut lines = Lines::default();
    let mut left = n;
    if left > 0 {
        for_each(input, |line| {
            lines.push(line)?;
            left -= 1;
            Ok(left > 0)
        })?;
    }
    Ok(lines.finish())
}

/// All lines but the last `n`.
pub fn all_but_last(input: impl Read, n: u64) -> Result<Vec<BString>> {
    let mut lines = Lines::default();
    // Lines that may yet turn out to be among the last ones. They are held back in memory, so they
    // fall under the same limit.
    let mut held = Lines::default();
    for_each(input, |line| {
        held.push(line)?;
        if held.done.len() as u64 > n {
            if let Some(line) = held.done.front().cloned() {
                lines.push(line)?;
            }
            held.pop();
        }
        Ok(true)
    })?;
    Ok(lines.finish())
}

/// Byte where the last `n` lines of a file of `size` bytes begin. Looks from the end, so that a long
/// file costs no more than its tail.
pub fn start_of_last(file: &File, size: u64, n: u64) -> Result<u64> {
    let mut block = vec![0u8; BLOCK];
    let mut newlines = 0u64;
    let mut end = size;
    while end > 0 && n > 0 {
        cancel::point()?;
        let start = end.saturating_sub(BLOCK as u64);
        let part = block.get_mut(..(end - start) as usize).unwrap_or_default();
        file.read_exact_at(part, start)?;
        for (at, _) in part.iter().enumerate().rev().filter(|(_, b)| **b == b'\n') {
            let after = start + at as u64 + 1;
            // The newline that ends the last line begins no line.
            if after < size {
                newlines += 1;
                if newlines == n {
                    return Ok(after);
                }
            }
        }
        if size - start > MESSAGE_MAX as u64 && newlines == 0 {
            return Err(too_long());
        }
        end = start;
    }
    Ok(if n == 0 { size } else { 0 })
}

/// The last `n` lines of a stream that cannot be read backwards.
pub fn last(input: impl Read, n: u64) -> Result<Vec<BString>> {
    let mut lines = Lines::default();
    if n > 0 {
        for_each(input, |line| {
            if lines.done.len() as u64 >= n {
                lines.pop();
            }
            lines.push(line)?;
            Ok(true)
        })?;
    }
    Ok(lines.finish())
}

/// The lines from number `n` on, counting from 1.
pub fn from(input: impl Read, n: u64) -> Result<Vec<BString>> {
    let mut lines = Lines::default();
    let mut number = 0u64;
    for_each(input, |line| {
        number += 1;
        if number >= n {
            lines.push(line)?;
        }
        Ok(true)
    })?;
    Ok(lines.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"one\n\ntwo\r\nthree";

    #[test]
    fn which_lines() {
        let check = |got: Result<Vec<BString>>, expected: &[&str]| assert_eq!(got.unwrap(), expected);
        check(first(TEXT, 2), &["one", ""]);
        check(first(TEXT, 0), &[]);
        check(first(TEXT, 9), &["one", "", "two\r", "three"]);
        check(all_but_last(TEXT, 1), &["one", "", "two\r"]);
        check(all_but_last(TEXT, 9), &[]);
        check(last(TEXT, 2), &["two\r", "three"]);
        check(last(TEXT, 0), &[]);
        check(last(&b"a\nb\n"[..], 1), &["b"]);
        check(from(TEXT, 2), &["", "two\r", "three"]);
        check(from(TEXT, 9), &[]);
        check(first(&b""[..], 3), &[]);
    }

    #[test]
    fn from_the_end() {
        let mut f = tempfile::tempfile().unwrap();
        for (text, n, expected) in [
            (TEXT.to_vec(), 1, 10u64),
            (TEXT.to_vec(), 2, 5),
            (TEXT.to_vec(), 0, 15),
            (TEXT.to_vec(), 9, 0),
            (b"a\nb\n".to_vec(), 1, 2),
            (b"".to_vec(), 1, 0),
            (b"x\n".repeat(BLOCK), 40_000, 2 * (BLOCK as u64 - 40_000)),
        ] {
            f.set_len(0).unwrap();
            std::io::Seek::rewind(&mut f).unwrap();
            std::io::Write::write_all(&mut f, &text).unwrap();
            assert_eq!(start_of_last(&f, text.len() as u64, n).unwrap(), expected, "last {n}");
        }
    }

    #[test]
    fn limits() {
        let big = vec![b'x'; MESSAGE_MAX + 1];
        assert_eq!(first(&big[..], 1).unwrap_err().errno(), Some(Errno::TOOBIG));
        let many = b"\n".repeat(MESSAGE_MAX / PER_LINE + 2);
        assert_eq!(from(&many[..], 1).unwrap_err().errno(), Some(Errno::TOOBIG));
        assert_eq!(last(&many[..], 3).unwrap().len(), 3);
    }
}
