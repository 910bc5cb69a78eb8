//! Are two files the same?
//!
//! In: two guest files. Out: whether they hold the same bytes. It ends where they differ.

use std::fs::File;
use std::io::{BufRead, BufReader};

use rustix::fs::{FileType, OFlags};

use super::BLOCK;
use crate::channel::cancel;
use crate::ctx::Ctx;
use crate::error::{Context, Result};
use crate::files::open_file;
use crate::path::GuestPath;

/// Do both files hold the same bytes?
pub fn equal(ctx: &mut Ctx, file1: &GuestPath, file2: &GuestPath) -> Result<bool> {
    let a = open_file(ctx, file1, OFlags::RDONLY)?;
    let b = open_file(ctx, file2, OFlags::RDONLY)?;
    if let (Some(a), Some(b)) = (size(&a).context(file1)?, size(&b).context(file2)?) {
        if a != b {
            return Ok(false);
        }
    }
    let (mut a, mut b) = (BufReader::with_capacity(BLOCK, a), BufReader::with_capacity(BLOCK, b));
    loop {
        cancel::point()?;
        let (left, right) = (a.fill_buf().context(file1)?, b.fill_buf().context(file2)?);
        let n = left.len().min(right.len());
        if left.get(..n) != right.get(..n) {
            return Ok(false);
        }
        if n == 0 {
            return Ok(left.is_empty() && right.is_empty());
        }
        a.consume(n);
        b.consume(n);
    }
}

/// The size of a regular file that has one (those of /proc say 0 and hold something).
fn size(file: &File) -> Result<Option<i64>> {
    let stat = rustix::fs::fstat(file)?;
    let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    Ok(Some(stat.st_size).filter(|size| regular && *size > 0))
}
