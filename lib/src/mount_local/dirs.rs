//! Answers to requests about directories.
//!
//! In: an opened directory and an offset. Out: its entries. The whole directory is read at once, and with
//! it, in a few calls, what programs ask next about every entry: attributes, extended attributes, links.

use super::cache::Xattrs;
use super::export::{ask, Export, Reply};
use super::nodes::Place;
use super::wire::{self, Errno, Fields, Out};
use bstr::{BStr, BString};
use guestfs_protocol::structs::{Dirent, Xattr};

/// Names in one call, so that its answer fits into a message: an entry of a directory has 255 bytes, its
/// attributes 176, a link's target up to 4096.
const BATCH: usize = 500;

/// An open directory as it was when it was read.
#[derive(Debug)]
pub(super) struct Listing(Option<Vec<Dirent>>);

impl Export<'_> {
    pub(super) fn opendir(&mut self) -> Vec<u8> {
        self.last_listing = self.last_listing.wrapping_add(1);
        self.listings.insert(self.last_listing, Listing(None));
        Out::default().u64(self.last_listing).u32(0).u32(0).into_vec()
    }

    pub(super) fn releasedir(&mut self, handle: u64) -> Reply {
        self.listings.remove(&handle);
        Ok(Vec::new())
    }

    pub(super) fn readdir(&mut self, dir: u64, mut body: Fields<'_>, plus: bool) -> Reply {
        let (handle, offset, size) = (body.u64()?, body.u64()?, body.u32()?);
        let size = usize::try_from(size.min(wire::IO_MAX)).map_err(|_| libc::EINVAL)?;
        let skip = usize::try_from(offset).map_err(|_| libc::EINVAL)?;
        let kept = self.listings.remove(&handle).and_then(|listing| listing.0).filter(|_| offset > 0);
        let entries = match kept {
            Some(entries) => entries,
            // The first time, and after rewinddir(3).
            None => self.read_directory(dir)?,
        };
        let out = self.fill(dir, &entries, skip, size, plus);
        self.listings.insert(handle, Listing(Some(entries)));
        Ok(out)
    }

    /// As many entries after the first `skip` as fit into `size` bytes.
    fn fill(&mut self, dir: u64, entries: &[Dirent], skip: usize, size: usize, plus: bool) -> Vec<u8> {
        let mut out = Out::default();
        let mut left = size;
        for (at, entry) in entries.iter().enumerate().skip(skip) {
            let needed = wire::dirent_size(&entry.name).saturating_add(if plus { wire::ENTRY } else { 0 });
            let Some(rest) = left.checked_sub(needed) else { break };
            left = rest;
            let place: Place = (dir, entry.name.clone());
            let mut ino = entry.ino as u64;
            if plus {
                let known = if is_dots(&entry.name) { None } else { self.cache.stat(&place) };
                (out, ino) = match known {
                    Some(stat) => {
                        let out = self.entry(out, &place, &stat);
                        (out, if self.settings.use_ino { stat.st_ino as u64 } else { ino })
                    }
                    // Number 0: the kernel shall ask by name if it wants to know.
                    None => (out.zeroes(wire::ENTRY), ino),
                };
            }
            out = out.dirent(ino, at.saturating_add(1) as u64, kind(entry.ftyp.0), &entry.name);
        }
        out.into_vec()
    }

    /// Read a directory, and fill the caches.
    fn read_directory(&mut self, dir: u64) -> Result<Vec<Dirent>, Errno> {
        let path = self.path(dir)?;
        let mut entries = ask(self.g.readdir(&path))?;
        // Names that cannot be looked up would only confuse.
        entries.retain(|e| !e.name.is_empty() && e.name.len() <= 255 && !e.name.contains(&b'/'));
        let names: Vec<BString> = entries.iter().map(|e| e.name.clone()).filter(|n| !is_dots(n)).collect();
        if !self.settings.cache.is_zero() {
            for batch in names.chunks(BATCH) {
                self.prefetch(dir, path.as_ref(), batch);
            }
        }
        Ok(entries)
    }

    /// What cannot be had this way is asked for one by one later.
    fn prefetch(&mut self, dir: u64, path: &BStr, names: &[BString]) {
        let stats = self.g.internal_lstatnslist(path, names).unwrap_or_default();
        let mut links = Vec::new();
        if stats.len() == names.len() {
            for (name, stat) in names.iter().zip(&stats) {
                // Number -1: gone in the meantime.
                if stat.st_ino == -1 {
                    continue;
                }
                if stat.st_mode as u32 & libc::S_IFMT == libc::S_IFLNK {
                    links.push(name.clone());
                }
                self.cache.put_stat((dir, name.clone()), stat);
            }
        }
        let xattrs =
            self.g.internal_lxattrlist(path, names).map(|list| by_file(&list, names.len())).unwrap_or_default();
        for (name, xattrs) in names.iter().zip(xattrs) {
            if let Some(xattrs) = xattrs {
                self.cache.put_xattrs((dir, name.clone()), xattrs);
            }
        }
        if links.is_empty() {
            return;
        }
        let targets = self.g.internal_readlinklist(path, &links).unwrap_or_default();
        if targets.len() == links.len() {
            for (name, target) in links.into_iter().zip(targets) {
                // Empty: no link any more.
                if !target.is_empty() {
                    self.cache.put_link((dir, name), target);
                }
            }
        }
    }
}

fn is_dots(name: &[u8]) -> bool {
    matches!(name, b"." | b"..")
}

/// The list of `internal_lxattrlist` cut into so many files; nothing at all if it is not what it should be.
fn by_file(list: &[Xattr], files: usize) -> Vec<Option<Xattrs>> {
    match crate::contents::by_file(list) {
        Ok(cut) if cut.len() == files => cut.into_iter().map(|own| own.map(|own| Ok(own.to_vec()))).collect(),
        _ => Vec::new(),
    }
}

/// The kernel's number for the daemon's letter.
fn kind(letter: u8) -> u8 {
    match letter {
        b'b' => libc::DT_BLK,
        b'c' => libc::DT_CHR,
        b'd' => libc::DT_DIR,
        b'f' => libc::DT_FIFO,
        b'l' => libc::DT_LNK,
        b'r' => libc::DT_REG,
        b's' => libc::DT_SOCK,
        _ => libc::DT_UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xattr(name: &str, value: &str) -> Xattr {
        Xattr { attrname: name.into(), attrval: guestfs_protocol::xdr::Opaque(value.as_bytes().to_vec()) }
    }

    #[test]
    fn attributes_are_cut_into_files() {
        let list = [xattr("", "1"), xattr("user.a", "x"), xattr("", ""), xattr("", "0")];
        let cut = by_file(&list, 3);
        assert_eq!(cut, [Some(Ok(vec![xattr("user.a", "x")])), None, Some(Ok(vec![]))]);
        assert!(by_file(&list, 2).is_empty());
        assert_eq!(by_file(&[xattr("", "1\0"), xattr("user.a", "x")], 1), [Some(Ok(vec![xattr("user.a", "x")]))]);
        assert!(by_file(&[xattr("", "x"), xattr("", "0")], 2).is_empty());
        assert!(by_file(&[xattr("", "99999999999")], 1).is_empty());
        assert!(by_file(&[], 0).is_empty());
    }
}
