//! What has to wait until everything is unpacked: attributes of directories, which change when they
//! are filled, and symbolic links that a later member must not be written through.
//!
//! In: members, and the inodes made for them. Out: the same, made at the end, where the names still
//! lead to those inodes: whatever a later member replaced is left alone. Bounded in memory.

use std::collections::{HashMap, HashSet};
use std::os::fd::{AsFd, OwnedFd};

use bstr::{BStr, BString, ByteSlice};
use rustix::fs::{AtFlags, FileType, Gid, Mode, Stat, Timespec, Timestamps, Uid, UTIME_OMIT};

use super::attributes::{set_attributes, split, times};
use super::header::Header;
use crate::error::{Errno, Error, Result};

/// Most bytes of names remembered.
const MAX: usize = 64 << 20;
/// What a member costs besides its name.
const EACH: usize = 350;

/// The time of change that stand-ins get, in seconds since 1970. Numbers of inodes are used again; with
/// this a file that got a stand-in's number is not taken for it. Every file system can store it.
const MARK: i64 = 0x2a2a_2a2a;

/// A file's device and number.
pub type Identity = (u64, u64);

/// Which file this is.
pub fn identity(stat: &Stat) -> Identity {
    (stat.st_dev, stat.st_ino)
}

/// Does the error say that a name leads nowhere, or not to a directory, any more?
fn is_gone(e: &Error) -> bool {
    matches!(e.errno(), Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP))
}

/// Directories in the order of the archive.
#[derive(Default)]
pub struct Directories {
    all: Vec<(BString, Identity, Header)>,
    bytes: usize,
}

impl Directories {
    /// Note one; `false` when it is time to finish.
    pub fn add(&mut self, path: &BStr, made: Identity, header: &Header) -> bool {
        self.bytes = self.bytes.saturating_add(path.len() + EACH);
        let header = Header { path: BString::default(), link: BString::default(), ..header.clone() };
        self.all.push((path.to_owned(), made, header));
        self.bytes < MAX
    }

    /// Set owner, mode and time of all, the innermost first; the first failure. `open` does not follow
    /// a link at the end of the path.
    pub fn finish(self, open: impl Fn(&BStr) -> Result<OwnedFd>, owner: bool) -> Result<()> {
        let mut failed = Ok(());
        // What the archive says last of a directory counts.
        let mut seen = HashSet::new();
        for (path, made, header) in self.all.iter().rev().filter(|(_, made, _)| seen.insert(*made)) {
            let set = |dir: OwnedFd| {
                if identity(&rustix::fs::fstat(&dir)?) != *made {
                    return Ok(());
                }
                if owner {
                    rustix::fs::fchown(&dir, Some(Uid::from_raw(header.uid)), Some(Gid::from_raw(header.gid)))?;
                }
                rustix::fs::fchmod(&dir, Mode::from_raw_mode(header.mode))?;
                Ok(rustix::fs::futimens(&dir, &times(header))?)
            };
            let done = match open(path.as_bstr()) {
                Err(e) if is_gone(&e) => Ok(()),
                opened => opened.and_then(set),
            };
            if failed.is_ok() {
                failed = done.map_err(|e| e.context(path).context("tar"));
            }
        }
        failed
    }
}

/// Symbolic links. In the place of each there is an empty file without a mode, its stand-in, by which
/// they are known here.
#[derive(Default)]
pub struct Links {
    all: HashMap<Identity, (Header, Vec<BString>)>,
    bytes: usize,
}

impl Links {
    /// Is there room for one more?
    pub fn room(&self, path: &BStr, link: &BStr) -> Result<()> {
        if self.bytes.saturating_add(cost(path, link)) > MAX {
            return Err(Error::msg("tar: the archive has too many symbolic links that lead out of their directory"));
        }
        Ok(())
    }

    /// Note a link at `path`, and the new and empty file that stands in for it.
    pub fn add(&mut self, path: &BStr, header: &Header, stand_in: &OwnedFd) -> Result<()> {
        let mark = Timespec { tv_sec: MARK, tv_nsec: 0 };
        rustix::fs::futimens(stand_in, &Timestamps { last_access: mark, last_modification: mark })?;
        let made = identity(&rustix::fs::fstat(stand_in)?);
        self.bytes = self.bytes.saturating_add(cost(path, header.link.as_bstr()));
        let header = Header { path: BString::default(), ..header.clone() };
        // One of the same number is gone, or the file would not be new.
        self.all.insert(made, (header, vec![path.to_owned()]));
        Ok(())
    }

    /// The stand-in that this is, if it is one.
    pub fn find(&self, stat: &Stat) -> Option<Identity> {
        Some(identity(stat)).filter(|made| is_stand_in(stat) && self.all.contains_key(made))
    }

    /// The stand-in has got a further name.
    pub fn copied(&mut self, stand_in: Identity, path: &BStr) {
        if let Some((_, paths)) = self.all.get_mut(&stand_in) {
            paths.push(path.to_owned());
            self.bytes = self.bytes.saturating_add(cost(path, "".into()));
        }
    }

    /// Make them all; the first failure.
    pub fn finish(self, open: impl Fn(&BStr) -> Result<OwnedFd>, owner: bool) -> Result<()> {
        let mut failed = Ok(());
        for (stand_in, (header, paths)) in self.all {
            let mut left = 0;
            for path in &paths {
                let made = make(path.as_bstr(), &header, stand_in, &open, owner);
                let made = made.map(|names| left = names.unwrap_or(left));
                if failed.is_ok() {
                    failed = made.map_err(|e| e.context(path).context("tar"));
                }
            }
            if let (Ok(()), 1.., Some(path)) = (&failed, left, paths.first()) {
                // Only the real tar, which does not know of stand-ins, gives them names behind our back.
                let e =
                    Error::msg("a hard link to this symbolic link could not be made, an empty file is in its place");
                failed = Err(e.context(path).context("tar"));
            }
        }
        failed
    }
}

fn cost(path: &BStr, link: &BStr) -> usize {
    path.len().saturating_add(link.len()).saturating_add(EACH)
}

fn is_stand_in(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_size == 0 && stat.st_mtime == MARK
}

/// Put the link in its stand-in's place; how many names the stand-in has left. `None` if it was not
/// there: a later member took its place.
fn make(
    path: &BStr,
    header: &Header,
    stand_in: Identity,
    open: impl Fn(&BStr) -> Result<OwnedFd>,
    owner: bool,
) -> Result<Option<u64>> {
    let (above, name) = split(path);
    let dir = match open(above) {
        Err(e) if is_gone(&e) => return Ok(None),
        opened => opened?,
    };
    let there = match rustix::fs::statat(&dir, name.as_bytes(), AtFlags::SYMLINK_NOFOLLOW) {
        Ok(there) if identity(&there) == stand_in && is_stand_in(&there) => there,
        _ => return Ok(None),
    };
    // The directories have their times already.
    let before = rustix::fs::fstat(&dir)?;
    rustix::fs::unlinkat(&dir, name.as_bytes(), AtFlags::empty())?;
    rustix::fs::symlinkat(header.link.as_bytes(), &dir, name.as_bytes())?;
    set_attributes(dir.as_fd(), name, header, owner)?;
    let times = Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT as _ },
        last_modification: Timespec { tv_sec: before.st_mtime, tv_nsec: before.st_mtime_nsec as _ },
    };
    rustix::fs::futimens(&dir, &times)?;
    Ok(Some(there.st_nlink.saturating_sub(1)))
}
