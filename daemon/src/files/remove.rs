//! Removing files and directories.

use bstr::{BStr, ByteSlice};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use std::os::fd::BorrowedFd;

use crate::ctx::Ctx;
use crate::dirs::tree::{self, Descend, Visitor};
use crate::error::{Context, Errno, Error, Result};
use crate::path::GuestPath;

/// Listings of a directory before giving up on emptying it.
const TRIES: u32 = 5;

/// Remove one file of any kind but a directory.
pub fn rm(ctx: &mut Ctx, path: &GuestPath) -> Result<()> {
    let (dir, name) = path.parent(ctx)?;
    rustix::fs::unlinkat(&dir, name.as_bytes(), AtFlags::empty()).context(path)
}

/// The same, but it is fine when there is no such file.
pub fn rm_f(ctx: &mut Ctx, path: &GuestPath) -> Result<()> {
    match rm(ctx, path) {
        Err(e) if e.errno() == Some(Errno::NOENT) => Ok(()),
        other => other,
    }
}

/// Remove an empty directory.
pub fn rmdir(ctx: &mut Ctx, path: &GuestPath) -> Result<()> {
    let (dir, name) = path.parent(ctx)?;
    rustix::fs::unlinkat(&dir, name.as_bytes(), AtFlags::REMOVEDIR).context(path)
}

/// Remove a file, or a directory with all it holds. Symbolic links are removed, never followed. It is
/// fine when there is nothing of that name.
pub fn rm_rf(ctx: &mut Ctx, path: &GuestPath) -> Result<()> {
    let top = match path.open(ctx, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty()) {
        Ok(fd) => fd,
        Err(e) if matches!(e.errno(), Some(Errno::NOENT | Errno::NOTDIR)) => return Ok(()),
        Err(e) => return Err(e),
    };
    let stat = rustix::fs::fstat(&top).context(path)?;
    let root = rustix::fs::fstat(ctx.root()).context("the guest's root")?;
    if (stat.st_dev, stat.st_ino) == (root.st_dev, root.st_ino) {
        return Err(Error::invalid("cannot remove root directory"));
    }
    let (dir, name) = path.parent(ctx)?;
    if name == "." {
        // Its contents would go before the kernel says that it has no name to remove.
        return Err(Error::invalid("ends with . or .., which is not removed").context(path));
    }
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        return rustix::fs::unlinkat(&dir, name.as_bytes(), AtFlags::empty()).context(path);
    }
    let mut tries = 0;
    loop {
        tries += 1;
        let removed = tree::walk(&dir, name.as_bstr(), &mut Remove)
            .and_then(|()| Ok(rustix::fs::unlinkat(&dir, name.as_bytes(), AtFlags::REMOVEDIR)?));
        match removed {
            // Some file systems skip entries of a listing when others are removed during it.
            Err(e) if e.errno() == Some(Errno::NOTEMPTY) && tries < TRIES => {}
            other => return other.context(path),
        }
    }
}

/// Removes everything on the way out of a tree.
struct Remove;

impl Visitor for Remove {
    fn entry(&mut self, dir: BorrowedFd<'_>, _within: &BStr, name: &BStr, kind: FileType) -> Result<Descend> {
        if kind == FileType::Directory {
            return Ok(Descend::Yes);
        }
        match rustix::fs::unlinkat(dir, name.as_bytes(), AtFlags::empty()) {
            // Some file systems do not say in the listing what is a directory.
            Err(Errno::ISDIR) => Ok(Descend::Yes),
            other => other.map(|()| Descend::No).map_err(Error::from),
        }
    }

    fn leave(&mut self, parent: BorrowedFd<'_>, name: &BStr, _path: &BStr) -> Result<()> {
        Ok(rustix::fs::unlinkat(parent, name.as_bytes(), AtFlags::REMOVEDIR)?)
    }
}
