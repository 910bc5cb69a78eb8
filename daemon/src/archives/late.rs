//! What has to wait until everything is unpacked: attributes of directories, which change when they
//! are filled, and symbolic links that a later member must not be written through.
//!
//! In: members. Out: the same, made at the end. Both are bounded in memory.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};

use bstr::{BStr, BString, ByteSlice};
use rustix::fs::{AtFlags, Gid, Mode, Uid};

use super::header::Header;
use super::unpack::{set_attributes, split, times};
use crate::error::{Error, Result};

/// Most bytes of names remembered.
const MAX: usize = 64 << 20;
/// What a member costs besides its name.
const EACH: usize = 300;

/// Directories in the order of the archive.
#[derive(Default)]
pub struct Directories {
    all: Vec<(BString, Header)>,
    bytes: usize,
}

impl Directories {
    /// Note one; `false` when it is time to finish.
    pub fn add(&mut self, path: &BStr, header: &Header) -> bool {
        self.bytes = self.bytes.saturating_add(path.len() + EACH);
        let names = Header { path: BString::default(), link: BString::default(), ..header.clone() };
        self.all.push((path.to_owned(), names));
        self.bytes < MAX
    }

    /// Set owner, mode and time of all, the innermost first.
    pub fn finish(self, open: impl Fn(&BStr) -> Result<OwnedFd>, owner: bool) -> Result<()> {
        let mut failed = Ok(());
        for (path, header) in self.all.iter().rev() {
            let done = open(path.as_bstr()).and_then(|dir| {
                if owner {
                    rustix::fs::fchown(&dir, Some(Uid::from_raw(header.uid)), Some(Gid::from_raw(header.gid)))?;
                }
                rustix::fs::fchmod(&dir, Mode::from_raw_mode(header.mode))?;
                Ok(rustix::fs::futimens(&dir, &times(header))?)
            });
            if failed.is_ok() {
                failed = done.map_err(|e| e.context(path).context("tar"));
            }
        }
        failed
    }
}

/// Symbolic links, by path. In the place of each there is an empty file, known by its number.
#[derive(Default)]
pub struct Links {
    all: HashMap<BString, (Header, (u64, u64))>,
    bytes: usize,
}

impl Links {
    /// Note one, and what stands in for it.
    pub fn add(&mut self, path: &BStr, header: &Header, stand_in: (u64, u64)) -> Result<()> {
        self.bytes = self.bytes.saturating_add(path.len() + header.link.len() + EACH);
        if self.bytes > MAX {
            return Err(Error::msg("tar: the archive has too many symbolic links that lead out of their directory"));
        }
        let header = Header { path: BString::default(), ..header.clone() };
        self.all.insert(path.to_owned(), (header, stand_in));
        Ok(())
    }

    /// `to` is another name of what is at `from`: perhaps of one of these links.
    pub fn copied(&mut self, from: &BStr, to: &BStr) -> Result<()> {
        let Some((header, stand_in)) = self.all.get(from).cloned() else { return Ok(()) };
        self.add(to, &header, stand_in)
    }

    /// Make them; how that went, one by one.
    pub fn finish(self, open: impl Fn(&BStr) -> Result<OwnedFd>, owner: bool) -> Vec<(BString, Result<()>)> {
        let make = |path: &BStr, header: &Header, stand_in: (u64, u64)| {
            let (above, name) = split(path);
            let dir = open(above)?;
            let there = rustix::fs::statat(&dir, name.as_bytes(), AtFlags::SYMLINK_NOFOLLOW);
            if !there.is_ok_and(|st| (st.st_dev, st.st_ino) == stand_in) {
                // A later member took its place.
                return Ok(());
            }
            rustix::fs::unlinkat(&dir, name.as_bytes(), AtFlags::empty())?;
            rustix::fs::symlinkat(header.link.as_bytes(), &dir, name.as_bytes())?;
            set_attributes(dir.as_fd(), name, header, owner)
        };
        let mut failed = Vec::new();
        for (path, (header, stand_in)) in self.all {
            if let Err(e) = make(path.as_bstr(), &header, stand_in) {
                failed.push((path, Err(e)));
            }
        }
        failed
    }
}
