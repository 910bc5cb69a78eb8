//! Copying and moving inside the appliance: between files and devices, and whole trees.
//!
//! In: guest files and devices. Out: the same bytes elsewhere. Everything is done in-process on
//! descriptors that were resolved inside the guest, so neither a path nor a link leads a copy out of it.

mod attributes;
mod bytes;
#[cfg(test)]
mod tests;
mod tree;

use bstr::{BString, ByteSlice};
use guestfs_protocol::opts::{CopyDeviceToDeviceOpts, CopyDeviceToFileOpts, CopyFileToDeviceOpts, CopyFileToFileOpts};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use crate::ctx::Ctx;
use crate::device::{Device, DeviceOrPath};
use crate::error::{Context, Errno, Error, Result};
use crate::files::open_file;
use crate::path::GuestPath;

pub use attributes::copy_attributes;
pub use bytes::is_zero;
use bytes::{Range, Side};
use tree::Keep;

/// Copy from a device to a device.
pub fn copy_device_to_device(ctx: &mut Ctx, src: &Device, dest: &Device, opts: &CopyDeviceToDeviceOpts) -> Result<()> {
    let range = Range::new(opts.srcoffset, opts.destoffset, opts.size, opts.sparse)?;
    refuse_append(opts.append)?;
    let (from, to) = (Side::device(ctx, src, OFlags::RDONLY)?, Side::device(ctx, dest, OFlags::WRONLY)?);
    bytes::copy(ctx, &from, &to, &range)
}

/// Copy from a device to a file, which is made when missing, and emptied first unless appended to.
pub fn copy_device_to_file(ctx: &mut Ctx, src: &Device, dest: &GuestPath, opts: &CopyDeviceToFileOpts) -> Result<()> {
    let mut range = Range::new(opts.srcoffset, opts.destoffset, opts.size, opts.sparse)?;
    let from = Side::device(ctx, src, OFlags::RDONLY)?;
    let to = to_file(ctx, &from, dest, opts.append, &mut range)?;
    bytes::copy(ctx, &from, &to, &range)
}

/// Copy from a file to a device.
pub fn copy_file_to_device(ctx: &mut Ctx, src: &GuestPath, dest: &Device, opts: &CopyFileToDeviceOpts) -> Result<()> {
    let range = Range::new(opts.srcoffset, opts.destoffset, opts.size, opts.sparse)?;
    refuse_append(opts.append)?;
    let (from, to) = (Side::file(ctx, src, OFlags::RDONLY)?, Side::device(ctx, dest, OFlags::WRONLY)?);
    bytes::copy(ctx, &from, &to, &range)
}

/// Copy from a file to a file, which is made when missing, and emptied first unless appended to.
pub fn copy_file_to_file(ctx: &mut Ctx, src: &GuestPath, dest: &GuestPath, opts: &CopyFileToFileOpts) -> Result<()> {
    let mut range = Range::new(opts.srcoffset, opts.destoffset, opts.size, opts.sparse)?;
    let from = Side::file(ctx, src, OFlags::RDONLY)?;
    let to = to_file(ctx, &from, dest, opts.append, &mut range)?;
    bytes::copy(ctx, &from, &to, &range)
}

/// Copy all of a file or device to another.
pub fn dd(ctx: &mut Ctx, src: &DeviceOrPath, dest: &DeviceOrPath) -> Result<()> {
    either_to_either(ctx, src, dest, Range { progress: false, ..Range::new(None, None, None, None)? })
}

/// Copy the first `size` bytes of a file or device to another.
pub fn copy_size(ctx: &mut Ctx, src: &DeviceOrPath, dest: &DeviceOrPath, size: i64) -> Result<()> {
    either_to_either(ctx, src, dest, Range::new(None, None, Some(size), None)?)
}

fn either_to_either(ctx: &Ctx, src: &DeviceOrPath, dest: &DeviceOrPath, mut range: Range) -> Result<()> {
    let from = match src {
        DeviceOrPath::Device(device) => Side::device(ctx, device, OFlags::RDONLY)?,
        DeviceOrPath::Path(path) => Side::file(ctx, path, OFlags::RDONLY)?,
    };
    let to = match dest {
        DeviceOrPath::Device(device) => Side::device(ctx, device, OFlags::WRONLY)?,
        DeviceOrPath::Path(path) => to_file(ctx, &from, path, None, &mut range)?,
    };
    bytes::copy(ctx, &from, &to, &range)
}

/// Open the file that is copied to, ready for the range.
fn to_file(ctx: &Ctx, from: &Side, dest: &GuestPath, append: Option<bool>, range: &mut Range) -> Result<Side> {
    let to = Side::file(ctx, dest, OFlags::WRONLY | OFlags::CREATE)?;
    if append.unwrap_or(false) {
        range.dest = to.size()?;
    } else if !from.is_same(&to)? {
        // Emptying a file that is copied onto itself would lose it.
        to.empty()?;
    }
    Ok(to)
}

fn refuse_append(append: Option<bool>) -> Result<()> {
    if append.unwrap_or(false) {
        return Err(Error::invalid("the append flag cannot be set for a device"));
    }
    Ok(())
}

/// Copy one file, to a name or into a directory. Symbolic links are followed on both sides.
pub fn cp(ctx: &mut Ctx, src: &GuestPath, dest: &GuestPath) -> Result<()> {
    let file = open_file(ctx, src, OFlags::RDONLY).map_err(|e| match e.errno() {
        Some(Errno::ISDIR) => Error::new(Errno::ISDIR, "is a directory, which takes cp_r or cp_a to copy").context(src),
        _ => e,
    })?;
    let dest = destination(ctx, src, dest)?;
    let mode = Mode::from_raw_mode(rustix::fs::fstat(&file).context(src)?.st_mode & 0o777);
    let to = dest.open(ctx, OFlags::WRONLY | OFlags::CREATE, mode)?.into();
    let from = Side::new(file, src.as_bstr().to_owned());
    let to = Side::new(to, dest.as_bstr().to_owned());
    if from.is_same(&to)? {
        return Err(Error::invalid(format!("{src} and {dest} are the same file")));
    }
    to.empty()?;
    bytes::copy(ctx, &from, &to, &Range::whole(from.has_holes()?))
}

/// Copy a file or a tree with all attributes, to a name or into a directory.
pub fn cp_a(ctx: &mut Ctx, src: &GuestPath, dest: &GuestPath) -> Result<()> {
    let dest = destination(ctx, src, dest)?;
    tree::copy(ctx, src, &dest, Keep::All)
}

/// The same with the contents and permissions only; copies belong to root.
pub fn cp_r(ctx: &mut Ctx, src: &GuestPath, dest: &GuestPath) -> Result<()> {
    let dest = destination(ctx, src, dest)?;
    tree::copy(ctx, src, &dest, Keep::Contents)
}

/// Give a file or a directory another name on the same file system.
pub fn rename(ctx: &mut Ctx, oldpath: &GuestPath, newpath: &GuestPath) -> Result<()> {
    let (from_dir, from) = oldpath.parent(ctx)?;
    let (to_dir, to) = newpath.parent(ctx)?;
    rustix::fs::renameat(&from_dir, from.as_bytes(), &to_dir, to.as_bytes())
        .with_context(|| format!("{oldpath} to {newpath}"))
}

/// Move a file or a directory, to a name or into a directory.
pub fn mv(ctx: &mut Ctx, src: &GuestPath, dest: &GuestPath) -> Result<()> {
    // A clear error for a missing source, rather than one about the pair.
    src.lstat(ctx)?;
    let dest = destination(ctx, src, dest)?;
    let (from_dir, from) = src.parent(ctx)?;
    let (to_dir, to) = dest.parent(ctx)?;
    match rustix::fs::renameat(&from_dir, from.as_bytes(), &to_dir, to.as_bytes()) {
        Ok(()) => Ok(()),
        // Another file system: copy, then remove, as mv(1) does.
        Err(Errno::XDEV) => {
            let is_dir = |path: &GuestPath| {
                path.lstat(ctx).is_ok_and(|st| FileType::from_raw_mode(st.st_mode) == FileType::Directory)
            };
            if is_dir(&dest) {
                if !is_dir(src) {
                    return Err(Error::from(Errno::ISDIR)).with_context(|| format!("{src} cannot be moved to {dest}"));
                }
                // A directory in the way must be empty.
                rustix::fs::unlinkat(&to_dir, to.as_bytes(), AtFlags::REMOVEDIR).context(&dest)?;
            }
            tree::copy(ctx, src, &dest, Keep::All)?;
            crate::files::rm_rf(ctx, src)
        }
        Err(e) => Err(e).with_context(|| format!("{src} cannot be moved to {dest}")),
    }
}

/// Where a copy of `src` goes: `dest`, or into it when it is a directory.
fn destination(ctx: &Ctx, src: &GuestPath, dest: &GuestPath) -> Result<GuestPath> {
    match dest.stat(ctx) {
        Ok(st) if FileType::from_raw_mode(st.st_mode) == FileType::Directory => {}
        Ok(_) => return Ok(dest.clone()),
        Err(e) if e.errno() == Some(Errno::NOENT) => return Ok(dest.clone()),
        Err(e) => return Err(e),
    }
    let name: BString = src.as_bstr().trim_end_with(|c| c == '/').rsplit_str("/").next().unwrap_or_default().into();
    // `/`, `/x/.` and the like have no name of their own: their contents go straight into `dest`.
    Ok(if matches!(name.as_slice(), b"" | b"." | b"..") { dest.clone() } else { dest.join(name.as_bstr()) })
}
