//! Copying a tree, with all attributes as `cp -a` does or without as `cp -r` does.
//!
//! In: a file of any kind and where its copy goes. Out: the copy: links stay links, several names of
//! one file stay that, holes stay holes; owners, modes, times and extended attributes are kept. What
//! is there already is merged with (directories) or replaced (everything else). Without attributes the
//! copies are new files: of root, of now, with the permissions of their sources less the umask; names
//! of one file become files of their own, and a regular file that is there gets new contents.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bstr::{BStr, BString, ByteSlice};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat};

use super::attributes;
use super::bytes::{self, Side};
use crate::ctx::Ctx;
use crate::dirs::tree::{self, Descend, Visitor};
use crate::error::{Context, Errno, Error, Result};
use crate::path::GuestPath;

/// Bytes of paths remembered. Beyond, further names of files become copies, and directories that their
/// owners may not change stay open to them.
const MAX_PATHS: usize = 64 << 20;

/// What of a file goes into its copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Everything.
    All,
    /// What is in it, and who may do what.
    Contents,
}

/// Copy `src` to be `dest`, whose directory exists.
pub fn copy(ctx: &Ctx, src: &GuestPath, dest: &GuestPath, keep: Keep) -> Result<()> {
    let (from_dir, from) = src.parent(ctx)?;
    let (to_dir, to) = dest.parent(ctx)?;
    let stat = tree::stat_entry(from_dir.as_fd(), from.as_bstr()).context(src)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        return entry(ctx, from_dir.as_fd(), from.as_bstr(), to_dir.as_fd(), to.as_bstr(), keep).context(src);
    }
    let top = tree::open_dir(from_dir.as_fd(), from.as_bstr()).context(src)?;
    let (into, new) = directory(to_dir.as_fd(), to.as_bstr(), &stat, keep).context(dest)?;
    let id = id_of(&rustix::fs::fstat(&into).context(dest)?);
    if id == id_of(&stat) {
        return Err(Error::invalid(format!("{src} and {dest} are the same directory")));
    }
    let (links, to_shut) = (HashMap::new(), HashSet::new());
    let mut copying = Copying { ctx, keep, top: into, id, here: None, links, to_shut, path_bytes: 0 };
    let again = top.try_clone().context(src)?;
    tree::walk_fd(top, &mut copying).context(src)?;
    match keep {
        Keep::All => attributes::apply(&again, &stat, &copying.top),
        Keep::Contents if new => shut(&copying.top, &stat),
        Keep::Contents => Ok(()),
    }
    .context(dest)
}

fn id_of(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

/// The directory `name`, made when missing, and whether it was.
fn directory(dir: BorrowedFd<'_>, name: &BStr, stat: &Stat, keep: Keep) -> Result<(OwnedFd, bool)> {
    let mode = match keep {
        // Nobody else gets in before the owner is set.
        Keep::All => Mode::RWXU,
        // Whatever its source is, files must get into it.
        Keep::Contents => permissions(stat) | Mode::RWXU,
    };
    match rustix::fs::mkdirat(dir, name.as_bytes(), mode) {
        Ok(()) => Ok((tree::open_dir(dir, name)?, true)),
        Err(Errno::EXIST) => Ok((tree::open_dir(dir, name)?, false)),
        Err(e) => Err(e.into()),
    }
}

/// What a new file takes over of its source's mode.
fn permissions(stat: &Stat) -> Mode {
    Mode::from_raw_mode(stat.st_mode & 0o777)
}

/// Take from the owner of a filled directory what its source does not allow him.
fn shut(dir: impl AsFd, stat: &Stat) -> Result<()> {
    let refused = Mode::RWXU - permissions(stat);
    if refused.is_empty() {
        return Ok(());
    }
    let mode = Mode::from_raw_mode(rustix::fs::fstat(&dir)?.st_mode & 0o7777) - refused;
    match rustix::fs::fchmod(dir, mode) {
        // File systems without modes.
        Err(Errno::PERM | Errno::OPNOTSUPP) => Ok(()),
        other => Ok(other?),
    }
}

struct Copying<'a> {
    ctx: &'a Ctx,
    keep: Keep,
    /// The copy's top directory.
    top: OwnedFd,
    /// What it is, so that it is not copied into itself.
    id: (u64, u64),
    /// The copy of the directory that was asked for last.
    here: Option<(BString, OwnedFd)>,
    /// Paths in the copy of files that have several names.
    links: HashMap<(u64, u64), BString>,
    /// Paths of new directories that are to be shut when they have been filled.
    to_shut: HashSet<BString>,
    path_bytes: usize,
}

impl Copying<'_> {
    /// The copy's directory at `path` below the top.
    fn at(&mut self, path: &BStr) -> Result<BorrowedFd<'_>> {
        if path.is_empty() {
            return Ok(self.top.as_fd());
        }
        if self.here.as_ref().is_none_or(|(known, _)| known != path) {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
            let fd = rustix::fs::openat2(&self.top, path.as_bytes(), flags, Mode::empty(), resolve)?;
            self.here = Some((path.to_owned(), fd));
        }
        self.here.as_ref().map(|(_, fd)| fd.as_fd()).ok_or_else(|| Errno::NOENT.into())
    }

    /// Make `name` another name of a file that was copied before; false when it was not.
    fn link(&mut self, stat: &Stat, within: &BStr, name: &BStr) -> Result<bool> {
        if stat.st_nlink < 2 || self.keep == Keep::Contents {
            return Ok(false);
        }
        if let Some(known) = self.links.get(&id_of(stat)).cloned() {
            let top = self.top.try_clone()?;
            let dir = self.at(within)?;
            make_way(dir, name)?;
            match rustix::fs::linkat(&top, known.as_bytes(), dir, name.as_bytes(), AtFlags::empty()) {
                // Not on this file system, or too many names: a copy it is.
                Err(Errno::PERM | Errno::MLINK | Errno::OPNOTSUPP) => return Ok(false),
                other => return Ok(other.map(|()| true)?),
            }
        }
        let path = join(within, name);
        if self.path_bytes + path.len() <= MAX_PATHS {
            self.path_bytes += path.len();
            self.links.insert(id_of(stat), path);
        }
        Ok(false)
    }
}

fn join(within: &BStr, name: &BStr) -> BString {
    let slash: &[u8] = if within.is_empty() { b"" } else { b"/" };
    bstr::concat([within.as_bytes(), slash, name.as_bytes()]).into()
}

impl Visitor for Copying<'_> {
    fn entry(&mut self, dir: BorrowedFd<'_>, within: &BStr, name: &BStr, kind: FileType) -> Result<Descend> {
        let stat = tree::stat_entry(dir, name).context(name)?;
        if kind == FileType::Directory {
            if id_of(&stat) == self.id {
                return Err(Error::invalid("a directory cannot be copied into itself"));
            }
            let keep = self.keep;
            let to = self.at(within)?;
            let (_, new) = directory(to, name, &stat, keep).context(name)?;
            if keep == Keep::Contents && new && !permissions(&stat).contains(Mode::RWXU) {
                let path = join(within, name);
                if self.path_bytes + path.len() <= MAX_PATHS {
                    self.path_bytes += path.len();
                    self.to_shut.insert(path);
                }
            }
            return Ok(Descend::Yes);
        }
        if !self.link(&stat, within, name).context(name)? {
            let (ctx, keep) = (self.ctx, self.keep);
            let to = self.at(within)?;
            entry(ctx, dir, name, to, name, keep).context(name)?;
        }
        Ok(Descend::No)
    }

    /// A directory's times change while it is filled, so its attributes come last.
    fn leave(&mut self, parent: BorrowedFd<'_>, name: &BStr, path: &BStr) -> Result<()> {
        let stat = tree::stat_entry(parent, name)?;
        if self.keep == Keep::Contents {
            if !self.to_shut.remove(path.as_bytes().as_bstr()) {
                return Ok(());
            }
            return shut(self.at(path)?, &stat);
        }
        let source = tree::open_dir(parent, name)?;
        let to = self.at(path)?;
        attributes::apply(source, &stat, to)
    }
}

/// Copy one entry that is no directory.
fn entry(ctx: &Ctx, dir: BorrowedFd<'_>, name: &BStr, to: BorrowedFd<'_>, as_name: &BStr, keep: Keep) -> Result<()> {
    match make(ctx, dir, name, to, as_name, keep) {
        // Something is in the way: it goes, unless it is the file itself or a directory.
        Err(e) if e.errno() == Some(Errno::EXIST) => {
            let (source, there) = (tree::stat_entry(dir, name)?, tree::stat_entry(to, as_name)?);
            if id_of(&source) == id_of(&there) {
                return Err(Error::invalid("source and destination are the same file"));
            }
            let regular = |st: &Stat| FileType::from_raw_mode(st.st_mode) == FileType::RegularFile;
            if keep == Keep::Contents && regular(&source) && regular(&there) {
                return contents(ctx, dir, name, to, as_name, Written::Old);
            }
            make_way(to, as_name)?;
            make(ctx, dir, name, to, as_name, keep)
        }
        other => other,
    }
}

/// The same where nothing is yet; EEXIST otherwise.
fn make(ctx: &Ctx, dir: BorrowedFd<'_>, name: &BStr, to: BorrowedFd<'_>, as_name: &BStr, keep: Keep) -> Result<()> {
    let look = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let source = rustix::fs::openat(dir, name.as_bytes(), look, Mode::empty())?;
    let stat = rustix::fs::fstat(&source)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {
            let into = if keep == Keep::All { Written::NewWithAttributes } else { Written::New };
            return contents(ctx, dir, name, to, as_name, into);
        }
        FileType::Symlink => {
            let target = rustix::fs::readlinkat(&source, "", Vec::new())?;
            rustix::fs::symlinkat(target, to, as_name.as_bytes())?;
        }
        kind => {
            let mode = if keep == Keep::All { Mode::RUSR | Mode::WUSR } else { permissions(&stat) };
            rustix::fs::mknodat(to, as_name.as_bytes(), kind, mode, stat.st_rdev)?
        }
    }
    if keep == Keep::Contents {
        return Ok(());
    }
    let made = rustix::fs::openat(to, as_name.as_bytes(), look, Mode::empty())?;
    attributes::apply_unopened(&source, &stat, &made)
}

/// Remove what is in the way of a new entry; a directory stays and makes the copy fail.
fn make_way(dir: BorrowedFd<'_>, name: &BStr) -> Result<()> {
    match rustix::fs::unlinkat(dir, name.as_bytes(), AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// What the bytes of a regular file go into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    /// A new file that gets all attributes.
    NewWithAttributes,
    /// A new file that gets the permissions.
    New,
    /// A file that is there and stays what it is.
    Old,
}

fn contents(
    ctx: &Ctx,
    dir: BorrowedFd<'_>,
    name: &BStr,
    to: BorrowedFd<'_>,
    as_name: &BStr,
    into: Written,
) -> Result<()> {
    let read = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let write = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let from = File::from(rustix::fs::openat(dir, name.as_bytes(), read, Mode::empty())?);
    let stat = rustix::fs::fstat(&from)?;
    let (write, mode) = match into {
        Written::NewWithAttributes => (write | OFlags::CREATE | OFlags::EXCL, Mode::RUSR | Mode::WUSR),
        Written::New => (write | OFlags::CREATE | OFlags::EXCL, permissions(&stat)),
        Written::Old => (write | OFlags::TRUNC, Mode::empty()),
    };
    let file = File::from(rustix::fs::openat(to, as_name.as_bytes(), write, mode)?);
    let from = Side::new(from, name.to_owned());
    let to = Side::new(file, as_name.to_owned());
    let holes = (stat.st_blocks as u64).saturating_mul(512) < stat.st_size as u64;
    bytes::copy_new(ctx, &from, &to, stat.st_size as u64, holes)?;
    match into {
        Written::NewWithAttributes => attributes::apply(&from.file, &stat, &to.file),
        Written::New | Written::Old => Ok(()),
    }
}
