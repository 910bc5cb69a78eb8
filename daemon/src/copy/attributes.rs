//! Owner, mode, times and extended attributes, from one file to another.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

use bstr::ByteSlice;
use guestfs_protocol::opts::CopyAttributesOpts;
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid, XattrFlags};

use crate::ctx::Ctx;
use crate::error::{Context, Errno, Result};
use crate::files::by_fd;
use crate::path::GuestPath;

/// Names of most files' attributes fit here; the kernel's limit for all names, and for one value.
const USUAL: usize = 1024;
const MAX: usize = 64 * 1024;

/// Give the open file `dest` the attributes that `stat` has and the extended attributes of the open
/// `source`. Both are opened to be read or written.
pub fn apply(source: impl AsFd, stat: &Stat, dest: impl AsFd) -> Result<()> {
    let (source, dest) = (source.as_fd(), dest.as_fd());
    tolerate(rustix::fs::fchown(dest, Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid))))?;
    // After chown, which takes set-id bits away.
    tolerate(rustix::fs::fchmod(dest, Mode::from_raw_mode(stat.st_mode & 0o7777)))?;
    // Like `cp -a`, a copy does not fail for those that the other side does not take.
    let _ = xattrs(
        |names| rustix::fs::flistxattr(source, names),
        |name, value| rustix::fs::fgetxattr(source, name, value),
        |name, value| rustix::fs::fsetxattr(dest, name, value, XattrFlags::empty()),
    );
    Ok(rustix::fs::futimens(dest, &times(stat))?)
}

/// The same for files that cannot or must not be opened (links, devices, FIFOs): both descriptors are
/// for looking only, and are reached through `/proc`.
pub fn apply_unopened(source: impl AsFd, stat: &Stat, dest: impl AsFd) -> Result<()> {
    let (source, dest) = (source.as_fd(), dest.as_fd());
    let owner = (Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)));
    tolerate(rustix::fs::chownat(dest, "", owner.0, owner.1, AtFlags::EMPTY_PATH))?;
    // Links have no mode of their own.
    if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
        tolerate(rustix::fs::chmod(by_fd(dest), Mode::from_raw_mode(stat.st_mode & 0o7777)))?;
    }
    let _ = xattrs_by_path(source, dest);
    Ok(rustix::fs::utimensat(dest, "", &times(stat), AtFlags::EMPTY_PATH)?)
}

/// File systems without owners (vfat), and tests without privileges.
fn tolerate(result: rustix::io::Result<()>) -> Result<()> {
    match result {
        Err(Errno::PERM | Errno::OPNOTSUPP) => Ok(()),
        other => Ok(other?),
    }
}

fn times(stat: &Stat) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: stat.st_atime as _, tv_nsec: stat.st_atime_nsec as _ },
        last_modification: Timespec { tv_sec: stat.st_mtime as _, tv_nsec: stat.st_mtime_nsec as _ },
    }
}

/// Give `dest` some attributes of `src`; both are followed if they are links.
pub fn copy_attributes(ctx: &mut Ctx, src: &GuestPath, dest: &GuestPath, opts: &CopyAttributesOpts) -> Result<()> {
    let wanted = |one: Option<bool>| one.unwrap_or(opts.all.unwrap_or(false));
    let from = src.open(ctx, OFlags::PATH, Mode::empty())?;
    let to = dest.open(ctx, OFlags::PATH, Mode::empty())?;
    let stat = rustix::fs::fstat(&from).context(src)?;
    if wanted(opts.ownership) {
        let (uid, gid) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
        rustix::fs::chownat(&to, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH).context(dest)?;
    }
    if wanted(opts.xattributes) {
        xattrs_by_path(from.as_fd(), to.as_fd()).context(dest)?;
    }
    // Last: a change of the owner takes set-id bits away.
    if wanted(opts.mode) {
        rustix::fs::chmod(by_fd(&to), Mode::from_raw_mode(stat.st_mode & 0o7777)).context(dest)?;
    }
    Ok(())
}

/// Extended attributes of files that were opened for looking only.
fn xattrs_by_path(source: BorrowedFd<'_>, dest: BorrowedFd<'_>) -> rustix::io::Result<()> {
    let (from, to): (PathBuf, PathBuf) = (by_fd(source), by_fd(dest));
    xattrs(
        |names| rustix::fs::listxattr(&from, names),
        |name, value| rustix::fs::getxattr(&from, name, value),
        |name, value| rustix::fs::setxattr(&to, name, value, XattrFlags::empty()),
    )
}

/// Extended attributes (among them ACLs and SELinux labels) as far as the other side takes them. Out:
/// the first refusal, after all others were tried. A source that has none at all is fine.
fn xattrs(
    list: impl Fn(&mut [u8]) -> rustix::io::Result<usize>,
    get: impl Fn(&[u8], &mut [u8]) -> rustix::io::Result<usize>,
    set: impl Fn(&[u8], &[u8]) -> rustix::io::Result<()>,
) -> rustix::io::Result<()> {
    let mut names = vec![0u8; USUAL];
    let n = match list(&mut names) {
        Err(Errno::RANGE) => {
            names.resize(MAX, 0);
            list(&mut names)
        }
        other => other,
    };
    let Ok(n @ 1..) = n else { return Ok(()) };
    let mut value = vec![0u8; MAX];
    let mut result = Ok(());
    for name in names.get(..n).unwrap_or_default().split_str("\0").filter(|n| !n.is_empty()) {
        let copied = get(name, &mut value).and_then(|n| set(name, value.get(..n).unwrap_or_default()));
        result = result.and(copied);
    }
    result
}
