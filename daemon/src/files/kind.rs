//! What kind of file there is of a name, if any.
//!
//! In: guest paths. Out: yes or no; a name that leads to nothing is a no, not an error.

use guestfs_protocol::opts::{IsBlockdevOpts, IsChardevOpts, IsDirOpts, IsFifoOpts, IsFileOpts, IsSocketOpts};
use rustix::fs::{FileType, Stat};

use crate::ctx::Ctx;
use crate::error::{Errno, Result};
use crate::path::GuestPath;

/// Is there anything of that name (a dangling symbolic link counts)?
pub fn exists(ctx: &mut Ctx, path: &GuestPath) -> Result<bool> {
    Ok(lookup(ctx, path, false)?.is_some())
}

/// Is there a block device of that name?
pub fn is_blockdev(ctx: &mut Ctx, path: &GuestPath, opts: &IsBlockdevOpts) -> Result<bool> {
    has_type(ctx, path, opts.followsymlinks.unwrap_or(false), FileType::BlockDevice)
}

/// Is there a character device of that name?
pub fn is_chardev(ctx: &mut Ctx, path: &GuestPath, opts: &IsChardevOpts) -> Result<bool> {
    has_type(ctx, path, opts.followsymlinks.unwrap_or(false), FileType::CharacterDevice)
}

/// Is there a directory of that name?
pub fn is_dir(ctx: &mut Ctx, path: &GuestPath, opts: &IsDirOpts) -> Result<bool> {
    has_type(ctx, path, opts.followsymlinks.unwrap_or(false), FileType::Directory)
}

/// Is there a FIFO of that name?
pub fn is_fifo(ctx: &mut Ctx, path: &GuestPath, opts: &IsFifoOpts) -> Result<bool> {
    has_type(ctx, path, opts.followsymlinks.unwrap_or(false), FileType::Fifo)
}

/// Is there a regular file of that name?
pub fn is_file(ctx: &mut Ctx, path: &GuestPath, opts: &IsFileOpts) -> Result<bool> {
    has_type(ctx, path, opts.followsymlinks.unwrap_or(false), FileType::RegularFile)
}

/// Is there a socket of that name?
pub fn is_socket(ctx: &mut Ctx, path: &GuestPath, opts: &IsSocketOpts) -> Result<bool> {
    has_type(ctx, path, opts.followsymlinks.unwrap_or(false), FileType::Socket)
}

/// Is there a symbolic link of that name?
pub fn is_symlink(ctx: &mut Ctx, path: &GuestPath) -> Result<bool> {
    has_type(ctx, path, false, FileType::Symlink)
}

fn has_type(ctx: &Ctx, path: &GuestPath, follow: bool, wanted: FileType) -> Result<bool> {
    Ok(lookup(ctx, path, follow)?.is_some_and(|st| FileType::from_raw_mode(st.st_mode) == wanted))
}

/// The attributes of a file, `None` when there is none.
pub(super) fn lookup(ctx: &Ctx, path: &GuestPath, follow: bool) -> Result<Option<Stat>> {
    match if follow { path.stat(ctx) } else { path.lstat(ctx) } {
        Ok(stat) => Ok(Some(stat)),
        Err(e) if matches!(e.errno(), Some(Errno::NOENT | Errno::NOTDIR)) => Ok(None),
        Err(e) => Err(e),
    }
}
