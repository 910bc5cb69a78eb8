//! What is in files: reading and writing parts, lines, checksums, descriptions.
//!
//! In: guest files and devices. Out: their bytes within the size of a reply, or what was computed
//! from them. Files are read in-process; only grep(1), file(1) and what unpacks for them are programs, and
//! they are given the open file, never its path.

mod compare;
mod count;
mod describe;
mod dump;
mod grep;
mod lines;
mod parts;
mod printable;
mod sum;
mod sums;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{ErrorKind, Read, Write};

use bstr::{BStr, BString};
use rustix::fs::{FileType, OFlags};

use crate::channel::cancel;
use crate::ctx::Ctx;
use crate::device::Device;
use crate::error::{Context, Error, Result};
use crate::files::{open_file, open_new};
use crate::path::GuestPath;

pub use compare::equal;
pub use count::{wc_c, wc_l, wc_w};
pub use describe::{file, zfile};
pub use dump::hexdump;
pub use grep::{egrep, egrepi, fgrep, fgrepi, grep, grepi, zegrep, zegrepi, zfgrep, zfgrepi, zgrep, zgrepi};
pub use lines::split_lines;
pub use parts::{internal_write, internal_write_append, pread, pread_device, pwrite, pwrite_device, write_file};
pub use printable::{strings, strings_e};
pub use sums::checksums_out;

/// Read and written at once.
const BLOCK: usize = 1 << 20;

/// What head(1) and tail(1) show when they are not told how much.
const LINES: i32 = 10;

/// The printable checksum of a file.
pub fn checksum(ctx: &mut Ctx, csumtype: &BStr, path: &GuestPath) -> Result<BString> {
    let sum = sum::Sum::new(csumtype)?;
    sum_of(open_file(ctx, path, OFlags::RDONLY)?, sum).context(path)
}

/// The same of a device.
pub fn checksum_device(ctx: &mut Ctx, csumtype: &BStr, device: &Device) -> Result<BString> {
    let sum = sum::Sum::new(csumtype)?;
    sum_of(device.open(ctx, OFlags::RDONLY)?, sum).with_context(|| device.api_name(ctx))
}

fn sum_of(file: File, mut sum: sum::Sum) -> Result<BString> {
    each_block(file, |block| {
        sum.update(block);
        Ok(true)
    })?;
    Ok(sum.finish())
}

/// Give `each` the bytes of a stream, a block at a time, until it says to stop.
fn each_block(mut input: impl Read, mut each: impl FnMut(&[u8]) -> Result<bool>) -> Result<()> {
    let mut block = vec![0u8; BLOCK];
    loop {
        cancel::point()?;
        match input.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(n) => {
                if !each(block.get(..n).unwrap_or_default())? {
                    return Ok(());
                }
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e.into()),
        }
    }
}

/// Make a file of `len` bytes, each of them `c`.
pub fn fill(ctx: &mut Ctx, c: i32, len: i32, path: &GuestPath) -> Result<()> {
    let byte = u8::try_from(c).map_err(|_| Error::invalid(format!("{c}: byte number must be in range 0..255")))?;
    let len = u64::try_from(len).map_err(|_| Error::invalid(format!("{len}: length is < 0")))?;
    let mut file = open_new(ctx, path)?;
    let block = vec![byte; BLOCK.min(usize::try_from(len).unwrap_or(BLOCK))];
    let mut done = 0u64;
    while done < len {
        let n = (len - done).min(block.len() as u64);
        file.write_all(block.get(..n as usize).unwrap_or_default()).context(path)?;
        done += n;
        ctx.progress(done, len)?;
    }
    Ok(())
}

/// The first ten lines.
pub fn head(ctx: &mut Ctx, path: &GuestPath) -> Result<Vec<BString>> {
    head_n(ctx, LINES, path)
}

/// The last ten lines.
pub fn tail(ctx: &mut Ctx, path: &GuestPath) -> Result<Vec<BString>> {
    tail_n(ctx, LINES, path)
}

/// The first `nrlines` lines; when negative, all but that many of the last.
pub fn head_n(ctx: &mut Ctx, nrlines: i32, path: &GuestPath) -> Result<Vec<BString>> {
    let file = open_file(ctx, path, OFlags::RDONLY)?;
    let n = u64::from(nrlines.unsigned_abs());
    if nrlines >= 0 { lines::first(file, n) } else { lines::all_but_last(file, n) }.context(path)
}

/// The last `nrlines` lines; when negative, those from that number on.
pub fn tail_n(ctx: &mut Ctx, nrlines: i32, path: &GuestPath) -> Result<Vec<BString>> {
    let file = open_file(ctx, path, OFlags::RDONLY)?;
    let n = u64::from(nrlines.unsigned_abs());
    if nrlines < 0 { lines::from(file, n) } else { last_lines(file, n) }.context(path)
}

fn last_lines(mut file: File, n: u64) -> Result<Vec<BString>> {
    let stat = rustix::fs::fstat(&file)?;
    // Files in /proc and the like have contents but no size.
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || stat.st_size == 0 {
        return lines::last(file, n);
    }
    let start = lines::start_of_last(&file, stat.st_size as u64, n)?;
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(start))?;
    lines::first(file, n)
}
