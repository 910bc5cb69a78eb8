//! Unpacking an archive below a directory of the guest.
//!
//! In: members off a stream, as hostile as any. Out: files. Names are resolved inside the guest's root
//! and never above the directory; a symbolic link of the archive that is absolute or climbs is made
//! last, so that no later member is written through it. What goes wrong with one member does not keep
//! the others from being unpacked, except where the file system itself is at fault. However it ends,
//! what was put off is done.

use std::io::BufRead;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bstr::{BStr, BString, ByteSlice};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Uid};

use super::attributes::{set_attributes, split, times};
use super::deferred::{identity, Directories, Links};
use super::header::{Header, Kind};
use super::stream::{Archive, Member};
use crate::channel::cancel;
use crate::direct::{Buffer, Direct};
use crate::error::{Errno, Error, Result};
use crate::path::open_in;

/// Files from this size on are written past the page cache, in bytes.
const LARGE: u64 = 1 << 20;

/// Written at once then, in bytes.
const BLOCK: usize = 4 << 20;

/// Where an archive is unpacked to.
pub struct Target<'c> {
    /// The guest's root.
    pub root: BorrowedFd<'c>,
    /// The directory's path in the guest.
    pub path: &'c BStr,
    /// Leave a symbolic link to a directory where the archive has a directory.
    pub keep_links: bool,
}

/// A directory that members are made in.
struct Parent {
    path: BString,
    fd: OwnedFd,
    /// New entries get a group or an access list from it.
    inherits: bool,
}

struct Unpack<'t> {
    target: &'t Target<'t>,
    /// Most members follow others of the same directory.
    parent: Option<Parent>,
    /// Owners are set only by root, as with tar; this is who owns new files.
    owner: Option<(u32, u32)>,
    directories: Directories,
    links: Links,
    block: Option<Buffer>,
    failed: Option<Error>,
}

/// The umask until this is dropped: modes of new files are those of the archive.
struct NoUmask(Mode);

impl Drop for NoUmask {
    fn drop(&mut self) {
        rustix::process::umask(self.0);
    }
}

/// Unpack everything in `from`. At a member that only the real tar can read, `rest` is called with that
/// member's headers and the stream behind them, and unpacks what is left.
pub fn unpack<R: BufRead>(
    target: &Target<'_>,
    from: &mut R,
    rest: impl FnOnce(&[u8], &mut R) -> Result<()>,
) -> Result<()> {
    let root = rustix::process::geteuid().is_root();
    let mut to = Unpack {
        target,
        parent: None,
        owner: root.then(|| (0, rustix::process::getegid().as_raw())),
        directories: Directories::default(),
        links: Links::default(),
        block: None,
        failed: None,
    };
    let ended = match to.members(from) {
        Ok(Some(headers)) => rest(&headers, from),
        ended => ended.map(drop),
    };
    let finished = to.finish();
    ended.and(to.failed.map_or(Ok(()), Err)).and(finished)
}

impl Unpack<'_> {
    /// All members up to the end, or up to one for the real tar: its headers.
    fn members(&mut self, from: &mut impl BufRead) -> Result<Option<Vec<u8>>> {
        let _umask = NoUmask(rustix::process::umask(Mode::empty()));
        let mut archive = Archive::new(from);
        loop {
            cancel::point()?;
            match archive.next()? {
                Member::End => return archive.drain().map(|()| None),
                Member::Foreign(headers) => return Ok(Some(headers)),
                Member::Entry(header) => self.entry(&header, &mut archive)?,
            }
        }
    }

    fn entry<R: BufRead>(&mut self, header: &Header, archive: &mut Archive<'_, R>) -> Result<()> {
        let made = clean(header.path.as_bstr()).and_then(|path| self.make(path.as_bstr(), header, archive));
        self.note(header.path.as_bstr(), made)
    }

    /// Remember the first failure of a member; end at those that all others would share.
    fn note(&mut self, path: &BStr, result: Result<()>) -> Result<()> {
        let Err(e) = result else { return Ok(()) };
        // Whatever came from the stream has its own text already.
        let e = if e.message().starts_with(b"tar: ") { e } else { e.context(path).context("tar") };
        match e.errno() {
            Some(Errno::NOSPC | Errno::DQUOT | Errno::ROFS | Errno::IO | Errno::NOMEM | Errno::INTR) => Err(e),
            _ => {
                self.failed.get_or_insert(e);
                Ok(())
            }
        }
    }

    fn make<R: BufRead>(&mut self, path: &BStr, header: &Header, archive: &mut Archive<'_, R>) -> Result<()> {
        let (above, name) = split(path);
        if header.kind == Kind::Directory {
            return self.directory(path, above, name, header);
        }
        if name.is_empty() {
            return Err(Error::invalid("is not a directory"));
        }
        self.enter(above)?;
        match header.kind {
            Kind::File => self.file(name, header, archive),
            Kind::HardLink => self.hard_link(path, name, header.link.as_bstr()),
            Kind::Symlink => self.symlink(path, name, header),
            _ => {
                let kind = match header.kind {
                    Kind::Character => FileType::CharacterDevice,
                    Kind::BlockDevice => FileType::BlockDevice,
                    _ => FileType::Fifo,
                };
                let device = rustix::fs::makedev(header.device.0, header.device.1);
                let mode = Mode::from_raw_mode(header.mode);
                let parent = self.here()?;
                replacing(parent, name, || Ok(rustix::fs::mknodat(parent, name.as_bytes(), kind, mode, device)?))?;
                self.attributes(name, header)
            }
        }
    }

    fn file<R: BufRead>(&mut self, name: &BStr, header: &Header, archive: &mut Archive<'_, R>) -> Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(header.mode & 0o777);
        let parent = self.here()?;
        let file = replacing(parent, name, || Ok(rustix::fs::openat(parent, name.as_bytes(), flags, mode)?))?;
        let file = std::fs::File::from(file);
        if header.size < LARGE {
            while archive.left() > 0 {
                cancel::point()?;
                let data = archive.data()?;
                let n = rustix::io::retry_on_intr(|| rustix::io::write(&file, data))?;
                archive.taken(n);
            }
        } else {
            let block = self.block.get_or_insert_with(|| Buffer::new(BLOCK));
            write_large(&file, archive, block)?;
        }
        let inherits = self.parent.as_ref().is_some_and(|p| p.inherits);
        let (uid, gid) = (header.uid, header.gid);
        if self.owner.is_some_and(|owner| owner != (uid, gid) || inherits) {
            rustix::fs::fchown(&file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
        }
        // Changing the owner takes these bits away.
        if inherits || header.mode & 0o7000 != 0 {
            rustix::fs::fchmod(&file, Mode::from_raw_mode(header.mode))?;
        }
        Ok(rustix::fs::futimens(&file, &times(header))?)
    }

    fn hard_link(&mut self, path: &BStr, name: &BStr, target: &BStr) -> Result<()> {
        let target = clean(target)?;
        let (above, last) = split(target.as_bstr());
        let from =
            open_in(self.target.root, self.full(above).as_bstr(), OFlags::PATH | OFlags::DIRECTORY, Mode::empty())?;
        let to = self.here()?;
        if target == path {
            return Ok(());
        }
        let linked = rustix::fs::statat(&from, last.as_bytes(), AtFlags::SYMLINK_NOFOLLOW)?;
        // The same under another path (`lib` may be a link to `usr/lib`): taking it away would be its end.
        if rustix::fs::statat(to, name.as_bytes(), AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|there| identity(&there) == identity(&linked))
        {
            return Ok(());
        }
        let stand_in = self.links.find(&linked);
        if stand_in.is_some() {
            self.links.room(path, "".into())?;
        }
        replacing(to, name, || Ok(rustix::fs::linkat(&from, last.as_bytes(), to, name.as_bytes(), AtFlags::empty())?))?;
        if let Some(stand_in) = stand_in {
            self.links.copied(stand_in, path);
        }
        Ok(())
    }

    fn symlink(&mut self, path: &BStr, name: &BStr, header: &Header) -> Result<()> {
        let parent = here(&self.parent)?;
        let target = header.link.as_bytes();
        if target.starts_with(b"/") || target.split(|b| *b == b'/').any(|part| part == b"..") {
            self.links.room(path, header.link.as_bstr())?;
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let stand_in =
                replacing(parent, name, || Ok(rustix::fs::openat(parent, name.as_bytes(), flags, Mode::empty())?))?;
            return self.links.add(path, header, &stand_in).inspect_err(|_| {
                // Nothing would ever take its place.
                let _ = rustix::fs::unlinkat(parent, name.as_bytes(), AtFlags::empty());
            });
        }
        replacing(parent, name, || Ok(rustix::fs::symlinkat(target, parent, name.as_bytes())?))?;
        self.attributes(name, header)
    }

    /// Owner, mode and time of what cannot be opened.
    fn attributes(&self, name: &BStr, header: &Header) -> Result<()> {
        set_attributes(self.here()?, name, header, self.owner.is_some())
    }

    fn directory(&mut self, path: &BStr, above: &BStr, name: &BStr, header: &Header) -> Result<()> {
        let made = if name.is_empty() {
            rustix::fs::fstat(open_dir(self.target, path)?)?
        } else {
            self.enter(above)?;
            let parent = self.here()?;
            let make =
                || Ok(rustix::fs::mkdirat(parent, name.as_bytes(), Mode::from_raw_mode(header.mode & 0o777 | 0o700))?);
            match make() {
                Err(e) if is_exist(&e) => {
                    let there = rustix::fs::statat(parent, name.as_bytes(), AtFlags::SYMLINK_NOFOLLOW)?;
                    match FileType::from_raw_mode(there.st_mode) {
                        FileType::Directory => {}
                        FileType::Symlink if self.target.keep_links && self.is_directory(path) => return Ok(()),
                        _ => replacing(parent, name, make)?,
                    }
                }
                made => made?,
            }
            rustix::fs::statat(parent, name.as_bytes(), AtFlags::SYMLINK_NOFOLLOW)?
        };
        if self.directories.add(path, identity(&made), header) {
            return Ok(());
        }
        // Too many to remember: these are done now, even if their times change again.
        let (target, owner) = (self.target, self.owner.is_some());
        std::mem::take(&mut self.directories).finish(|path| open_own(target, path), owner)
    }

    /// Does the name lead to a directory inside the guest?
    fn is_directory(&self, path: &BStr) -> bool {
        open_in(self.target.root, self.full(path).as_bstr(), OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).is_ok()
    }

    /// What was put off. Nothing is opened by way of the links, so they come last.
    fn finish(&mut self) -> Result<()> {
        self.parent = None;
        let (target, owner) = (self.target, self.owner.is_some());
        let set = std::mem::take(&mut self.directories).finish(|path| open_own(target, path), owner);
        set.and(std::mem::take(&mut self.links).finish(|path| open_dir(target, path), owner))
    }

    fn full(&self, path: &BStr) -> BString {
        full(self.target, path)
    }

    /// The directory entered last.
    fn here(&self) -> Result<BorrowedFd<'_>> {
        here(&self.parent)
    }

    /// Open the directory `path`, made with those above it when it is missing.
    fn enter(&mut self, path: &BStr) -> Result<()> {
        if self.parent.as_ref().is_some_and(|p| p.path == path) {
            return Ok(());
        }
        let fd = match open_dir(self.target, path) {
            Err(e) if e.errno() == Some(Errno::NOENT) && !path.is_empty() => self.make_missing(path)?,
            other => other?,
        };
        // An access list for new entries, or the bit that hands the group down.
        let list = rustix::fs::fgetxattr(&fd, "system.posix_acl_default", &mut [0u8; 0]).is_ok_and(|n| n > 0);
        let inherits = list || rustix::fs::fstat(&fd)?.st_mode & 0o2000 != 0;
        self.parent = Some(Parent { path: path.to_owned(), fd, inherits });
        Ok(())
    }

    fn make_missing(&self, path: &BStr) -> Result<OwnedFd> {
        let mut fd = open_dir(self.target, "".into())?;
        let mut within = BString::default();
        for part in path.split_str("/") {
            if !within.is_empty() {
                within.push(b'/');
            }
            within.extend_from_slice(part);
            fd = match open_dir(self.target, within.as_bstr()) {
                Err(e) if e.errno() == Some(Errno::NOENT) => {
                    rustix::fs::mkdirat(&fd, part, Mode::from_raw_mode(0o755))?;
                    open_dir(self.target, within.as_bstr())?
                }
                other => other?,
            };
        }
        Ok(fd)
    }
}

fn here(parent: &Option<Parent>) -> Result<BorrowedFd<'_>> {
    parent.as_ref().map(|p| p.fd.as_fd()).ok_or_else(|| Errno::NOENT.into())
}

fn full(target: &Target<'_>, path: &BStr) -> BString {
    bstr::concat([target.path.as_bytes(), b"/", path.as_bytes()]).into()
}

fn open_dir(target: &Target<'_>, path: &BStr) -> Result<OwnedFd> {
    Ok(open_in(target.root, full(target, path).as_bstr(), OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?)
}

/// The same, but not through a link at the end: members that are directories are none.
fn open_own(target: &Target<'_>, path: &BStr) -> Result<OwnedFd> {
    if path.is_empty() {
        return open_dir(target, path);
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
    Ok(open_in(target.root, full(target, path).as_bstr(), flags, Mode::empty())?)
}

/// The data of a large file, in blocks that can go directly.
fn write_large<R: BufRead>(file: &std::fs::File, archive: &mut Archive<'_, R>, block: &mut Buffer) -> Result<()> {
    let mut to = Direct::new(file);
    let (mut at, mut have) = (0u64, 0usize);
    while archive.left() > 0 {
        let room = block.get(BLOCK);
        let data = archive.data()?;
        let n = data.len().min(room.len().saturating_sub(have));
        if let (Some(room), Some(data)) = (room.get_mut(have..have + n), data.get(..n)) {
            room.copy_from_slice(data);
        }
        archive.taken(n);
        have += n;
        if have == BLOCK || archive.left() == 0 {
            to.write_all_at(block.get(have), at)?;
            at += have as u64;
            have = 0;
        }
    }
    Ok(())
}

/// Do what needs the name to be free; what has it goes, unless it is a directory with something in it.
fn replacing<T>(dir: BorrowedFd<'_>, name: &BStr, make: impl Fn() -> Result<T>) -> Result<T> {
    match make() {
        Err(e) if is_exist(&e) => {
            match rustix::fs::unlinkat(dir, name.as_bytes(), AtFlags::empty()) {
                Err(Errno::ISDIR | Errno::PERM) => rustix::fs::unlinkat(dir, name.as_bytes(), AtFlags::REMOVEDIR)?,
                other => other?,
            }
            make()
        }
        other => other,
    }
}

fn is_exist(e: &Error) -> bool {
    e.errno() == Some(Errno::EXIST)
}

/// A member's name below the directory: neither absolute nor climbing. Empty for the directory itself.
pub(super) fn clean(path: &BStr) -> Result<BString> {
    let mut clean = BString::default();
    for part in path.split_str("/").filter(|part| !part.is_empty() && *part != b".") {
        if part == b".." {
            return Err(Error::invalid("the name contains '..', which leads out of the directory"));
        }
        if !clean.is_empty() {
            clean.push(b'/');
        }
        clean.extend_from_slice(part);
    }
    Ok(clean)
}
