//! Reading and writing parts of files and devices by offset.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::FileExt;

use bstr::BStr;
use guestfs_protocol::xdr::MESSAGE_MAX;
use rustix::fs::OFlags;

use crate::ctx::Ctx;
use crate::device::Device;
use crate::error::{zeroed, Context, Errno, Error, Result};
use crate::files::{open_file, open_new};
use crate::path::GuestPath;

/// A reply holds its header and the length besides the bytes.
const MAX_READ: usize = MESSAGE_MAX - 256;

/// Up to `count` bytes from `offset` on; fewer only at the end of the file.
pub fn pread(ctx: &mut Ctx, path: &GuestPath, count: i32, offset: i64) -> Result<Vec<u8>> {
    let (count, offset) = extent(count, offset).context(path)?;
    read_at(&open_file(ctx, path, OFlags::RDONLY)?, count, offset).context(path)
}

/// The same of a device.
pub fn pread_device(ctx: &mut Ctx, device: &Device, count: i32, offset: i64) -> Result<Vec<u8>> {
    let (count, offset) = extent(count, offset).with_context(|| device.api_name(ctx))?;
    read_at(&device.open(ctx, OFlags::RDONLY)?, count, offset).with_context(|| device.api_name(ctx))
}

/// Write `content` at `offset` into an existing file; the number of bytes written.
pub fn pwrite(ctx: &mut Ctx, path: &GuestPath, content: &[u8], offset: i64) -> Result<i32> {
    let offset = position(offset).context(path)?;
    write_at(&open_file(ctx, path, OFlags::WRONLY)?, content, offset).context(path)
}

/// The same into a device.
pub fn pwrite_device(ctx: &mut Ctx, device: &Device, content: &[u8], offset: i64) -> Result<i32> {
    let offset = position(offset).with_context(|| device.api_name(ctx))?;
    write_at(&device.open(ctx, OFlags::WRONLY)?, content, offset).with_context(|| device.api_name(ctx))
}

/// Make a file with `content`, replacing what it had.
pub fn internal_write(ctx: &mut Ctx, path: &GuestPath, content: &[u8]) -> Result<()> {
    open_new(ctx, path)?.write_all(content).context(path)
}

/// Make a file with the first `size` bytes of `content`, or with all of it when that is 0.
pub fn write_file(ctx: &mut Ctx, path: &GuestPath, content: &BStr, size: i32) -> Result<()> {
    let size = usize::try_from(size).map_err(|_| Error::invalid(format!("{size}: size is negative")).context(path))?;
    let part = if size == 0 { Some(content.as_ref()) } else { content.get(..size) };
    let part = part.ok_or_else(|| {
        Error::invalid(format!("size is {size}, but the content has only {} bytes", content.len())).context(path)
    })?;
    internal_write(ctx, path, part)
}

/// Put `content` behind what a file has; it is made when missing.
pub fn internal_write_append(ctx: &mut Ctx, path: &GuestPath, content: &[u8]) -> Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND;
    open_file(ctx, path, flags)?.write_all(content).context(path)
}

fn position(offset: i64) -> Result<u64> {
    u64::try_from(offset).map_err(|_| Error::invalid("offset is negative"))
}

fn extent(count: i32, offset: i64) -> Result<(usize, u64)> {
    let offset = position(offset)?;
    let count = usize::try_from(count).map_err(|_| Error::invalid("count is negative"))?;
    if count > MAX_READ {
        return Err(Error::invalid(format!(
            "count is too large for the protocol, use reads of at most {MAX_READ} bytes"
        )));
    }
    Ok((count, offset))
}

fn read_at(file: &File, count: usize, offset: u64) -> Result<Vec<u8>> {
    let mut data = zeroed(count)?;
    let mut got = 0;
    while let Some(rest) = data.get_mut(got..).filter(|r| !r.is_empty()) {
        match file.read_at(rest, offset.saturating_add(got as u64)) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e.into()),
        }
    }
    data.truncate(got);
    Ok(data)
}

fn write_at(file: &File, content: &[u8], offset: u64) -> Result<i32> {
    let mut done = 0;
    while let Some(rest) = content.get(done..).filter(|r| !r.is_empty()) {
        match file.write_at(rest, offset.saturating_add(done as u64)) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            // What could be written was; the next call meets the error.
            Err(_) if done > 0 => break,
            Err(e) => return Err(e.into()),
        }
    }
    i32::try_from(done).map_err(|_| Errno::OVERFLOW.into())
}
