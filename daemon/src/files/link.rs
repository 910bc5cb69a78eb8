//! Hard and symbolic links.
//!
//! In: guest paths, and the text of symbolic links. Out: links, and what they say. What is in the way
//! of a link that may replace it stays until the new one is there: a failure loses nothing.

use std::os::fd::{AsFd, BorrowedFd};

use bstr::{BStr, BString, ByteSlice};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use super::temp;
use crate::ctx::Ctx;
use crate::dirs::tree::stat_entry;
use crate::error::{Context, Errno, Error, Result};
use crate::names::Filename;
use crate::path::GuestPath;

/// Where a link goes: `linkname`, or into it when it is a directory, as with ln(1).
fn place(ctx: &Ctx, target: &BStr, linkname: &GuestPath) -> Result<GuestPath> {
    if !linkname.stat(ctx).is_ok_and(|st| FileType::from_raw_mode(st.st_mode) == FileType::Directory) {
        return Ok(linkname.clone());
    }
    let name = target.trim_end_with(|c| c == '/').rsplit_str("/").next().unwrap_or_default();
    if matches!(name, b"" | b"." | b"..") {
        let why = format!("{linkname} is a directory, and {target} gives a link in it no name");
        return Err(Error::new(Errno::ISDIR, why));
    }
    Ok(linkname.join(name.as_bstr()))
}

/// Make the symbolic link `linkname` that says `target`.
pub fn ln_s(ctx: &mut Ctx, target: &BStr, linkname: &GuestPath) -> Result<()> {
    let linkname = &place(ctx, target, linkname)?;
    let (dir, name) = linkname.parent(ctx)?;
    rustix::fs::symlinkat(target.as_bytes(), &dir, name.as_bytes()).context(linkname)
}

/// The same; a file of that name is replaced.
pub fn ln_sf(ctx: &mut Ctx, target: &BStr, linkname: &GuestPath) -> Result<()> {
    let linkname = &place(ctx, target, linkname)?;
    let (dir, name) = linkname.parent(ctx)?;
    match rustix::fs::symlinkat(target.as_bytes(), &dir, name.as_bytes()) {
        Err(Errno::EXIST) => replace(dir.as_fd(), name.as_bstr(), |new| {
            Ok(rustix::fs::symlinkat(target.as_bytes(), &dir, new.as_bytes())?)
        }),
        other => other.map_err(Error::from),
    }
    .context(linkname)
}

/// Make `linkname` one more name of the file `target`.
pub fn ln(ctx: &mut Ctx, target: &BStr, linkname: &GuestPath) -> Result<()> {
    let linkname = &place(ctx, target, linkname)?;
    let target = GuestPath::parse(ctx, target)?;
    let (from_dir, from) = target.parent(ctx)?;
    let (dir, name) = linkname.parent(ctx)?;
    rustix::fs::linkat(&from_dir, from.as_bytes(), &dir, name.as_bytes(), AtFlags::empty())
        .with_context(|| between(&target, linkname))
}

/// The same; a file of that name is replaced.
pub fn ln_f(ctx: &mut Ctx, target: &BStr, linkname: &GuestPath) -> Result<()> {
    let linkname = &place(ctx, target, linkname)?;
    let target = GuestPath::parse(ctx, target)?;
    let (from_dir, from) = target.parent(ctx)?;
    let (dir, name) = linkname.parent(ctx)?;
    let link = |new: &BStr| rustix::fs::linkat(&from_dir, from.as_bytes(), &dir, new.as_bytes(), AtFlags::empty());
    match link(name.as_bstr()) {
        Err(Errno::EXIST) => replace(dir.as_fd(), name.as_bstr(), |new| Ok(link(new)?)),
        other => other.map_err(Error::from),
    }
    .with_context(|| between(&target, linkname))
}

fn between(target: &GuestPath, linkname: &GuestPath) -> String {
    format!("{linkname} to {target}")
}

/// Let `make` make something of another name in `dir`, and put it in the place of `name`.
fn replace(dir: BorrowedFd<'_>, name: &BStr, make: impl Fn(&BStr) -> Result<()>) -> Result<()> {
    let new = temp::with_free_name(b".link-", b"", |new| make(new))?;
    let done = rustix::fs::renameat(dir, new.as_bytes(), dir, name.as_bytes());
    // Where both are names of one file, rename(2) does nothing: the wish is fulfilled, and the new
    // name is one too many. After a failure it is in any case.
    if done.is_err() || stat_entry(dir, new.as_bstr()).is_ok() {
        let _ = rustix::fs::unlinkat(dir, new.as_bytes(), AtFlags::empty());
    }
    Ok(done?)
}

/// What a symbolic link says.
pub fn readlink(ctx: &mut Ctx, path: &GuestPath) -> Result<BString> {
    let fd = path.open(ctx, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty())?;
    match rustix::fs::readlinkat(&fd, "", Vec::new()) {
        Ok(target) => Ok(target.into_bytes().into()),
        // With an empty path the kernel says ENOENT for what is no link, where readlink(2) says EINVAL.
        Err(Errno::NOENT) => Err(Error::from(Errno::INVAL).context(format!("{path}: not a symbolic link"))),
        Err(e) => Err(e).context(path),
    }
}

/// The same of many names in one directory; nothing for those that are no symbolic links.
pub fn internal_readlinklist(ctx: &mut Ctx, path: &GuestPath, names: &[Filename]) -> Result<Vec<BString>> {
    let dir = path.open_dir(ctx)?;
    let one = |name: &Filename| {
        let target = rustix::fs::readlinkat(&dir, name.as_bstr().as_bytes(), Vec::new());
        target.map(|t| BString::from(t.into_bytes())).unwrap_or_default()
    };
    Ok(names.iter().map(one).collect())
}
