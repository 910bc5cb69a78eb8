//! A tar stream from the guest onto the host.
//!
//! In: bytes from an untrusted daemon. Out: files, directories and links beneath the root, with the
//! archive's modes and times (and owners when run by root). Device nodes are not made. What is kept in
//! memory has bounds whatever the stream holds, however long it is.

use super::beneath::{normal, Root, RootSeed, PATH_MAX};
use crate::error::{Error, ErrorKind, Result};
use bstr::ByteSlice;
use rustix::fs::{
    chmodat, chownat, fchmod, fchown, linkat, mkdirat, mkfifoat, openat, statat, symlinkat, unlinkat, utimensat,
    AtFlags, Mode, OFlags, Timespec, Timestamps,
};
use rustix::io::Errno;
use rustix::process::{geteuid, Gid, Uid};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use tar::{Archive, Entry, EntryType, Header};

/// Longest pax header; a path and a few numbers.
const PAX_MAX: usize = 64 * 1024;

/// Most bytes of directories' names to remember; less in tests, which reach it.
const LATER_MAX: usize = if cfg!(test) { 64 << 10 } else { 64 << 20 };

/// Most names of left-out entries to report one by one.
const SKIPPED_MAX: usize = 100;

/// What GNU and pax records say about the entry after them.
#[derive(Default, PartialEq)]
struct Ahead {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    mtime: Option<i64>,
    uid: Option<u64>,
    gid: Option<u64>,
}

/// Directories, by normal path, whose modes and times are set when all is unpacked: a read-only one must
/// take its files first, and every file put into it changes its time. By path, so that naming one again
/// and again costs nothing, and so that what is inside comes behind what it is in.
#[derive(Default)]
struct Later {
    all: BTreeMap<Vec<u8>, Meta>,
    bytes: usize,
}

impl Later {
    fn add(&mut self, path: Vec<u8>, meta: Meta) {
        let len = path.len() + size_of::<(Vec<u8>, Meta)>();
        if self.all.insert(path, meta).is_none() {
            self.bytes += len;
        }
    }
}

/// Names of what was left out; beyond a bound only their number.
#[derive(Default)]
struct Skipped {
    names: Vec<String>,
    more: u64,
}

impl Skipped {
    fn add(&mut self, path: &[u8]) {
        if self.names.len() < SKIPPED_MAX {
            self.names.push(path.as_bstr().to_string());
        } else {
            self.more += 1;
        }
    }

    fn into_names(mut self) -> Vec<String> {
        if self.more > 0 {
            self.names.push(format!("{} others", self.more));
        }
        self.names
    }
}

/// Notes whether the stream was read to its very end.
struct Watched<R> {
    inner: R,
    ended: Rc<Cell<bool>>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buf)?;
        if n == 0 && !buf.is_empty() {
            self.ended.set(true);
        }
        Ok(n)
    }
}

#[derive(Clone, Copy)]
struct Meta {
    mode: u32,
    mtime: i64,
    uid: u64,
    gid: u64,
}

struct Unpacker {
    root: Root,
    as_root: bool,
    umask: u32,
    later: Later,
    skipped: Skipped,
}

/// Unpack everything. Returns the names of what was left out.
pub(super) fn unpack(from: impl Read, seed: RootSeed) -> Result<Vec<String>> {
    let umask = current_umask();
    let mut u = Unpacker {
        root: Root::new(seed),
        as_root: geteuid().is_root(),
        umask,
        later: Later::default(),
        skipped: Skipped::default(),
    };
    let ended = Rc::new(Cell::new(false));
    let mut archive = Archive::new(Watched { inner: from, ended: Rc::clone(&ended) });
    let broken = |e| Error::io("copy_out: the archive from the appliance is broken", e);
    let mut ahead = Ahead::default();
    for entry in archive.entries().map_err(broken)?.raw(true) {
        let mut entry = entry.map_err(broken)?;
        if !note(&mut entry, &mut ahead)? {
            u.entry(&mut entry, std::mem::take(&mut ahead))?;
        }
    }
    u.finish()?;
    // The end marker follows the last entry: what was cut off between two entries must not pass for whole.
    if ended.get() || ahead != Ahead::default() {
        return Err(hostile("it ends in the middle"));
    }
    // What follows the end marker is padding; the daemon's writer wants it read.
    std::io::copy(&mut archive.into_inner(), &mut std::io::sink()).map_err(broken)?;
    Ok(u.skipped.into_names())
}

/// The umask, without changing it (which would be visible to other threads).
fn current_umask() -> u32 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("Umask:"));
    line.and_then(|v| u32::from_str_radix(v.trim(), 8).ok()).unwrap_or(0o022)
}

/// Take in a record about the next entry; false: it is an entry itself.
fn note<R: Read>(entry: &mut Entry<'_, R>, ahead: &mut Ahead) -> Result<bool> {
    let limit = match entry.header().entry_type() {
        EntryType::GNULongName | EntryType::GNULongLink => PATH_MAX + 1,
        EntryType::XHeader | EntryType::XGlobalHeader => PAX_MAX,
        _ => return Ok(false),
    };
    let mut bytes = Vec::new();
    let read = entry.by_ref().take(limit as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|e| Error::io("copy_out: the archive from the appliance is broken", e))?;
    if bytes.len() > limit {
        return Err(hostile("a name or header is too long"));
    }
    let text = bytes.strip_suffix(b"\0").unwrap_or(&bytes).to_vec();
    match entry.header().entry_type() {
        EntryType::GNULongName => ahead.path = Some(text),
        EntryType::GNULongLink => ahead.link = Some(text),
        EntryType::XHeader => pax(&bytes, ahead)?,
        _ => {}
    }
    Ok(true)
}

/// `LENGTH KEY=VALUE\n` records (POSIX pax).
fn pax(mut bytes: &[u8], ahead: &mut Ahead) -> Result<()> {
    let broken = || hostile("a pax header is malformed");
    while !bytes.is_empty() {
        let space = bytes.find_byte(b' ').ok_or_else(broken)?;
        let length: usize = bytes.get(..space).and_then(|n| n.to_str().ok()?.parse().ok()).ok_or_else(broken)?;
        let record = bytes.get(space + 1..length).and_then(|r| r.strip_suffix(b"\n")).ok_or_else(broken)?;
        let (key, value) = record.split_once_str("=").ok_or_else(broken)?;
        let number = || value.to_str().ok().and_then(|v| v.split('.').next()).map(str::to_owned);
        match key {
            b"path" => ahead.path = Some(value.to_vec()),
            b"linkpath" => ahead.link = Some(value.to_vec()),
            b"size" => ahead.size = Some(value.to_str().ok().and_then(|v| v.parse().ok()).ok_or_else(broken)?),
            b"mtime" => ahead.mtime = number().and_then(|n| n.parse().ok()),
            b"uid" => ahead.uid = number().and_then(|n| n.parse().ok()),
            b"gid" => ahead.gid = number().and_then(|n| n.parse().ok()),
            // The file's data would be a map and pieces, under an invented name.
            key if key.starts_with(b"GNU.sparse.") => return Err(hostile("sparse files are not understood")),
            _ => {}
        }
        bytes = bytes.get(length..).ok_or_else(broken)?;
    }
    Ok(())
}

fn hostile(what: &str) -> Error {
    Error::new(ErrorKind::Protocol, format!("copy_out: the archive from the appliance is refused: {what}"))
        .with_errno(libc::EPROTO)
}

fn at(path: &[u8], e: impl Into<std::io::Error>) -> Error {
    Error::io(format!("copy_out: {}", path.as_bstr()), e.into())
}

fn meta(h: &Header, ahead: &Ahead) -> std::io::Result<Meta> {
    Ok(Meta {
        mode: h.mode()? & 0o7777,
        mtime: match ahead.mtime {
            Some(t) => t,
            None => i64::try_from(h.mtime()?).unwrap_or(0),
        },
        uid: match ahead.uid {
            Some(n) => n,
            None => h.uid()?,
        },
        gid: match ahead.gid {
            Some(n) => n,
            None => h.gid()?,
        },
    })
}

impl Unpacker {
    fn entry<R: Read>(&mut self, entry: &mut Entry<'_, R>, ahead: Ahead) -> Result<()> {
        let header = entry.header().clone();
        let path = match &ahead.path {
            Some(path) => path.clone(),
            None => header.path_bytes().into_owned(),
        };
        let meta = meta(&header, &ahead).map_err(|e| at(&path, e))?;
        // The stream was cut by the size in the header; one that differs cannot be followed.
        if ahead.size.is_some_and(|s| header.size().ok() != Some(s)) {
            return Err(hostile("sizes above 8 GiB in pax headers are not understood"));
        }
        let found = self.root.parent(&path).map_err(|e| at(&path, e))?;
        let Some((dir, name)) = found else {
            // "./": the root itself.
            if path.is_empty() || header.entry_type() != EntryType::Directory {
                return Err(hostile("an entry without a name"));
            }
            return self.remember(&path, meta);
        };
        let link = || ahead.link.clone().or_else(|| header.link_name_bytes().map(|l| l.into_owned()));
        match header.entry_type() {
            EntryType::Directory => {
                self.directory(&dir, &name).map_err(|e| at(&path, e))?;
                self.remember(&path, meta)
            }
            EntryType::Regular | EntryType::Continuous => self.file(&dir, &name, meta, entry).map_err(|e| at(&path, e)),
            EntryType::Symlink => {
                let target = link().ok_or_else(|| hostile("a link without a target"))?;
                self.symlink(&dir, &name, &target, meta).map_err(|e| at(&path, e))
            }
            EntryType::Link => {
                let target = link().ok_or_else(|| hostile("a link without a target"))?;
                self.hardlink(&dir, &name, &target).map_err(|e| at(&path, e))
            }
            EntryType::Fifo => {
                let made = replace(&dir, &name, || mkfifoat(&*dir, &name, Mode::from_raw_mode(0o600)));
                made.and_then(|()| self.settle_at(&dir, &name, meta)).map_err(|e| at(&path, e))
            }
            EntryType::Block | EntryType::Char => {
                self.skipped.add(&path);
                Ok(())
            }
            other => Err(hostile(&format!("{}: entries of type {other:?} are not understood", path.as_bstr()))),
        }
    }

    fn directory(&self, dir: &OwnedFd, name: &[u8]) -> std::io::Result<()> {
        match mkdirat(dir, name, Mode::from_raw_mode(0o700)) {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) => {
                let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                Ok(openat(dir, name, flags, Mode::empty()).map(drop)?)
            }
            Err(e) => Err(e.into()),
        }
    }

    fn file(&self, dir: &OwnedFd, name: &[u8], meta: Meta, from: &mut impl Read) -> std::io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut fd = None;
        replace(dir, name, || {
            fd = Some(openat(dir, name, flags, Mode::from_raw_mode(0o600))?);
            Ok(())
        })?;
        let Some(fd) = fd else { return Err(Errno::IO.into()) };
        let mut file = File::from(fd);
        std::io::copy(from, &mut file)?;
        if self.as_root {
            let (uid, gid) = owner(meta);
            fchown(&file, uid, gid)?;
        }
        fchmod(&file, Mode::from_raw_mode(self.mode(meta)))?;
        rustix::fs::futimens(&file, &times(meta))?;
        Ok(())
    }

    fn symlink(&self, dir: &OwnedFd, name: &[u8], target: &[u8], meta: Meta) -> std::io::Result<()> {
        replace(dir, name, || symlinkat(target, dir, name))?;
        if self.as_root {
            let (uid, gid) = owner(meta);
            chownat(dir, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
        }
        Ok(utimensat(dir, name, &times(meta), AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// A further name for a file of this archive: found beneath the root as well.
    fn hardlink(&mut self, dir: &OwnedFd, name: &[u8], target: &[u8]) -> std::io::Result<()> {
        let Some((from, old)) = self.root.parent(target)? else {
            return Err(std::io::Error::other("a hard link to the root directory"));
        };
        match linkat(&*from, &old, dir, name, AtFlags::empty()) {
            Err(Errno::EXIST) => {}
            other => return Ok(other?),
        }
        // A link to itself would be gone with what it replaces.
        let same = |a: &rustix::fs::Stat, b: &rustix::fs::Stat| (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino);
        let (here, there) =
            (statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?, statat(&*from, &old, AtFlags::SYMLINK_NOFOLLOW)?);
        if same(&here, &there) {
            return Ok(());
        }
        replace(dir, name, || linkat(&*from, &old, dir, name, AtFlags::empty()))
    }

    fn settle_at(&self, dir: &OwnedFd, name: &[u8], meta: Meta) -> std::io::Result<()> {
        if self.as_root {
            let (uid, gid) = owner(meta);
            chownat(dir, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
        }
        // Not a link: it was just made with O_EXCL semantics by this process in a directory it holds.
        chmodat(dir, name, Mode::from_raw_mode(self.mode(meta)), AtFlags::empty())?;
        Ok(utimensat(dir, name, &times(meta), AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// As tar does: root keeps every bit, others lose set-id bits and what the umask says.
    fn mode(&self, meta: Meta) -> u32 {
        if self.as_root {
            meta.mode
        } else {
            meta.mode & 0o1777 & !self.umask
        }
    }

    fn remember(&mut self, path: &[u8], meta: Meta) -> Result<()> {
        let key = normal(path).map_err(|e| at(path, e))?;
        self.later.add(key.clone(), meta);
        // Too many to wait for the end: times of those that get more entries will be the present. Those that
        // this one is in must stay open.
        if self.later.bytes > LATER_MAX {
            let open = |path: &[u8]| {
                path.is_empty() || key.strip_prefix(path).is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
            };
            let (stay, go) = std::mem::take(&mut self.later).all.into_iter().partition(|(path, _)| open(path));
            self.later.all = go;
            self.finish()?;
            for (path, meta) in stay {
                self.later.add(path, meta);
            }
        }
        Ok(())
    }

    /// Directories, what is inside before what it is in.
    fn finish(&mut self) -> Result<()> {
        for (path, meta) in std::mem::take(&mut self.later).all.into_iter().rev() {
            self.settle(&path, meta).map_err(|e| at(&path, e))?;
        }
        Ok(())
    }

    fn settle(&mut self, path: &[u8], meta: Meta) -> std::io::Result<()> {
        let dir: Rc<OwnedFd> = self.root.directory(path)?;
        if self.as_root {
            let (uid, gid) = owner(meta);
            fchown(&*dir, uid, gid)?;
        }
        fchmod(&*dir, Mode::from_raw_mode(self.mode(meta)))?;
        Ok(rustix::fs::futimens(&*dir, &times(meta))?)
    }
}

/// Make a name; when it is taken by something else than a directory, that goes first.
fn replace(dir: &OwnedFd, name: &[u8], mut make: impl FnMut() -> rustix::io::Result<()>) -> std::io::Result<()> {
    match make() {
        Err(Errno::EXIST) => {
            unlinkat(dir, name, AtFlags::empty())?;
            Ok(make()?)
        }
        other => Ok(other?),
    }
}

fn owner(meta: Meta) -> (Option<Uid>, Option<Gid>) {
    // -1 would mean "leave as it is".
    let id = |n: u64| u32::try_from(n).ok().filter(|n| *n != u32::MAX);
    (id(meta.uid).map(Uid::from_raw), id(meta.gid).map(Gid::from_raw))
}

fn times(meta: Meta) -> Timestamps {
    let now = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW as _ };
    Timestamps { last_access: now, last_modification: Timespec { tv_sec: meta.mtime, tv_nsec: 0 } }
}
