//! Bytes, words and lines of a file, as wc(1) counts them.
//!
//! In: guest files. Out: numbers, or EOVERFLOW where the API's 32 bits are too few.

use rustix::fs::OFlags;

use super::each_block;
use crate::ctx::Ctx;
use crate::error::{Context, Errno, Error, Result};
use crate::files::open_file;
use crate::path::GuestPath;

/// Number of bytes in a file.
pub fn wc_c(ctx: &mut Ctx, path: &GuestPath) -> Result<i32> {
    let file = open_file(ctx, path, OFlags::RDONLY)?;
    let stat = rustix::fs::fstat(&file).context(path)?;
    // Devices and the files of /proc say 0, whatever can be read from them.
    if stat.st_size > 0 {
        return fits(stat.st_size.unsigned_abs(), path);
    }
    count(file, path, |block| block.len())
}

/// Number of words: bytes between white space.
pub fn wc_w(ctx: &mut Ctx, path: &GuestPath) -> Result<i32> {
    let file = open_file(ctx, path, OFlags::RDONLY)?;
    let mut words = Words::default();
    count(file, path, |block| words.begin_in(block))
}

/// Number of newlines.
pub fn wc_l(ctx: &mut Ctx, path: &GuestPath) -> Result<i32> {
    let file = open_file(ctx, path, OFlags::RDONLY)?;
    count(file, path, |block| block.iter().filter(|b| **b == b'\n').count())
}

fn count(file: std::fs::File, path: &GuestPath, mut in_block: impl FnMut(&[u8]) -> usize) -> Result<i32> {
    let mut n = 0u64;
    each_block(file, |block| {
        n += in_block(block) as u64;
        Ok(true)
    })
    .context(path)?;
    fits(n, path)
}

fn fits(n: u64, path: &GuestPath) -> Result<i32> {
    i32::try_from(n).map_err(|_| Error::new(Errno::OVERFLOW, format!("{path}: {n} is more than the result can be")))
}

/// Counts words across the borders of blocks.
#[derive(Default)]
struct Words {
    inside: bool,
}

impl Words {
    /// How many words begin in this block.
    fn begin_in(&mut self, block: &[u8]) -> usize {
        let mut n = 0;
        for byte in block {
            let space = matches!(byte, b' ' | b'\t'..=b'\r');
            n += usize::from(!space && !self.inside);
            self.inside = !space;
        }
        n
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_across_blocks() {
        let check = |parts: &[&str], expected: usize| {
            let mut words = Words::default();
            assert_eq!(parts.iter().map(|p| words.begin_in(p.as_bytes())).sum::<usize>(), expected, "{parts:?}");
        };
        check(&[], 0);
        check(&["one two\n"], 2);
        check(&["on", "e tw", "o"], 2);
        check(&["one ", " two\tthree\u{b}four\u{c}five\rsix"], 6);
        check(&[" \n", "\n "], 0);
        check(&["naïve é \0 \u{1}"], 4);
    }
}
