//! Family `transfer`: files and devices as streams to and from the library.
//!
//! In: a FileIn and where it goes; or what goes into a FileOut. Out: the same bytes on the other side.

mod base64;
mod tools;

use crate::ctx::{Ctx, Role};
use crate::device::DeviceOrPath;
use crate::error::{Context, Errno, Error, Result};
use crate::transfer_io::{FileIn, FileOut};
use bstr::BStr;
use rustix::fs::{FileType, Mode, OFlags};
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

pub(crate) use self::base64::decode_strict;
pub use self::base64::{base64_in, base64_out};
pub(crate) use self::tools::{feed, open_up, send, Source, PIPE, TICK};

/// Mode of files made by uploads, before the umask.
const NEW_FILE: Mode = Mode::from_raw_mode(0o666);

/// Write a file or device from its beginning; a file is made or emptied first.
pub fn upload(ctx: &mut Ctx, filename: &mut FileIn, remotefilename: &DeviceOrPath) -> Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
    let mut to = remotefilename.open(ctx, flags, NEW_FILE)?;
    receive(filename, &mut to, 0).with_context(|| remotefilename.api_name(ctx))
}

/// Overwrite a part of a file or device. A file that ends before `offset` grows, with a hole.
pub fn upload_offset(ctx: &mut Ctx, filename: &mut FileIn, remotefilename: &DeviceOrPath, offset: i64) -> Result<()> {
    let offset = unsigned("offset", offset).with_context(|| remotefilename.api_name(ctx))?;
    let mut to = remotefilename.open(ctx, OFlags::WRONLY | OFlags::CREATE, NEW_FILE)?;
    receive(filename, &mut to, offset).with_context(|| remotefilename.api_name(ctx))
}

/// Put a file of the library's into the appliance itself, below `/tmp`, for a later call to use.
pub fn internal_upload(ctx: &mut Ctx, filename: &mut FileIn, tmpname: &BStr, mode: i32) -> Result<()> {
    if ctx.role() != Role::Appliance {
        return Err(Error::not_supported("only an appliance has a place for temporary files of the library"));
    }
    let name = tmpname.strip_prefix(b"/tmp/").unwrap_or_default();
    if name.is_empty() || name.contains(&b'/') || name == b"." || name == b".." {
        return Err(Error::invalid("expected the name of a file directly below /tmp").context(tmpname));
    }
    to_appliance(filename, tmpname, mode, OFlags::NOFOLLOW)
}

/// Put a file anywhere in the appliance itself, for debugging.
pub fn debug_upload(ctx: &mut Ctx, filename: &mut FileIn, tmpname: &BStr, mode: i32) -> Result<()> {
    if ctx.role() != Role::Appliance {
        return Err(Error::new(Errno::PERM, "only in an appliance, and this daemon runs on somebody's machine"));
    }
    to_appliance(filename, tmpname, mode, OFlags::NOCTTY | OFlags::NONBLOCK)
}

fn to_appliance(filename: &mut FileIn, name: &BStr, mode: i32, flags: OFlags) -> Result<()> {
    let flags = flags | OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
    let mode = u32::try_from(mode).ok().filter(|m| *m <= 0o7777);
    let mode = mode.ok_or_else(|| Error::invalid("mode is not between 0 and 07777").context(name))?;
    let path = Path::new(std::ffi::OsStr::from_bytes(name));
    let mut to = rustix::fs::open(path, flags, Mode::from_raw_mode(mode)).map(File::from).context(name)?;
    receive(filename, &mut to, 0).context(name)
}

/// Send a whole file or device.
pub fn download(ctx: &mut Ctx, remotefilename: &DeviceOrPath, filename: &mut FileOut) -> Result<()> {
    let (from, size) = open_source(ctx, remotefilename)?;
    match size {
        Some(size) => filename.copy_from_file(&from, 0, None, size),
        None => filename.copy_from(&from, None, None),
    }
    .with_context(|| remotefilename.api_name(ctx))?;
    Ok(())
}

/// Send a part of a file or device; less when it ends earlier.
pub fn download_offset(
    ctx: &mut Ctx,
    remotefilename: &DeviceOrPath,
    filename: &mut FileOut,
    offset: i64,
    size: i64,
) -> Result<()> {
    let name = || remotefilename.api_name(ctx);
    let offset = unsigned("offset", offset).with_context(name)?;
    let size = unsigned("size", size).with_context(name)?;
    let (mut from, whole) = open_source(ctx, remotefilename)?;
    match whole {
        Some(whole) => filename.copy_from_file(&from, offset, Some(size), whole.saturating_sub(offset).min(size)),
        None => from
            .seek(SeekFrom::Start(offset))
            .map_err(Error::from)
            .and_then(|_| filename.copy_from(&from, Some(size), None)),
    }
    .with_context(name)?;
    Ok(())
}

/// Open what is to be read, and its size when it has one.
fn open_source(ctx: &Ctx, from: &DeviceOrPath) -> Result<(File, Option<u64>)> {
    let mut file = from.open(ctx, OFlags::RDONLY, Mode::empty())?;
    let name = || from.api_name(ctx);
    let stat = rustix::fs::fstat(&file).with_context(name)?;
    let size = match FileType::from_raw_mode(stat.st_mode) {
        // Said before any data, so that it is an error and not a file cut short.
        FileType::Directory => return Err(Error::new(Errno::ISDIR, "is a directory").context(name())),
        FileType::RegularFile => Some(u64::try_from(stat.st_size).unwrap_or(0)),
        FileType::BlockDevice => {
            let size = file.seek(SeekFrom::End(0)).with_context(name)?;
            file.rewind().with_context(name)?;
            Some(size)
        }
        _ => None,
    };
    // Double the kernel's read-ahead; only advice.
    let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Sequential);
    // Files whose size is 0 but which have content (/proc) have no total either.
    Ok((file, size.filter(|s| *s > 0)))
}

fn receive(from: &mut FileIn, to: &mut File, offset: u64) -> Result<()> {
    match FileType::from_raw_mode(rustix::fs::fstat(&to)?.st_mode) {
        FileType::RegularFile | FileType::BlockDevice => from.copy_to_file(to, offset)?,
        // A FIFO that somebody reads, a device like /dev/null.
        _ => {
            if offset > 0 {
                to.seek(SeekFrom::Start(offset))?;
            }
            from.copy_to(to)?
        }
    };
    Ok(())
}

fn unsigned(what: &str, value: i64) -> Result<u64> {
    u64::try_from(value).map_err(|_| Error::invalid(format!("{what} {value} is negative")))
}
