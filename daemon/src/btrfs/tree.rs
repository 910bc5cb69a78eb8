//! What the trees of a mounted Btrfs file system say of its subvolumes and quota groups.
//!
//! In: a directory of it. Out: lists in the order of their numbers. The kernel hands out the items as they are
//! on the disk, whose maker may have written anything.

use std::collections::BTreeMap;

use bstr::BString;
use guestfs_protocol::structs::{Btrfsqgroup, Btrfssubvolume};
use guestfs_protocol::xdr::MESSAGE_MAX;
use rustix::fd::AsFd;

use crate::channel::cancel;
use crate::error::{Context, Errno, Error, Result};
use crate::sys::btrfs::{inode_path, tree_search, Search, SearchKey};

// linux/btrfs_tree.h: trees, objects and types of items.
const ROOT_TREE: u64 = 1;
const QUOTA_TREE: u64 = 8;
/// The subvolume at the top.
pub(super) const TOP: u64 = 5;
const ROOT_TREE_DIR: u64 = 6;
/// The first number of other subvolumes, and the number of the directory at the top of each.
pub(super) const FIRST_FREE: u64 = 256;
const DIR_ITEM: u32 = 84;
const ROOT_BACKREF: u32 = 144;
const QGROUP_INFO: u32 = 242;

/// All subvolumes but the one at the top.
pub(super) fn subvolumes(dir: &impl AsFd) -> Result<Vec<Btrfssubvolume>> {
    let mut places = BTreeMap::new();
    let mut size = 0usize;
    search(dir, ROOT_TREE, ROOT_BACKREF, FIRST_FREE..=u64::MAX, |object, parent, data| {
        let mut item = Item(data);
        let damaged = || Error::new(Errno::UCLEAN, format!("the record of subvolume {object} is damaged"));
        let place = (|| {
            let directory = item.u64()?;
            item.u64()?;
            let length = item.u16()?;
            Some(Place { parent, directory, name: item.take(length.into())?.into() })
        })();
        let place = place.ok_or_else(damaged)?;
        within_message(&mut size, place.name.len())?;
        places.insert(object, place);
        Ok(())
    })?;
    let mut found = Vec::new();
    let mut size = 0usize;
    for (number, place) in &places {
        let path = path(dir, &places, *number)?;
        within_message(&mut size, path.len())?;
        found.push(Btrfssubvolume {
            btrfssubvolume_id: *number,
            btrfssubvolume_top_level_id: place.parent,
            btrfssubvolume_path: path,
        });
    }
    Ok(found)
}

/// Where a subvolume is: a name in a directory of another one.
struct Place {
    parent: u64,
    directory: u64,
    name: BString,
}

/// The path of a subvolume from the top of the file system.
fn path(dir: &impl AsFd, places: &BTreeMap<u64, Place>, number: u64) -> Result<BString> {
    let mut parts = Vec::new();
    let (mut at, mut size) = (number, 0);
    while at != TOP {
        cancel::point()?;
        let nowhere = || Error::new(Errno::UCLEAN, format!("subvolume {number} is nowhere below the top"));
        let place = places.get(&at).filter(|_| parts.len() < places.len()).ok_or_else(nowhere)?;
        let mut part = inode_path(dir, place.parent, place.directory)
            .with_context(|| format!("the directory that subvolume {at} is in"))?;
        part.extend_from_slice(&place.name);
        within_message(&mut size, part.len())?;
        parts.push(part);
        at = place.parent;
    }
    parts.reverse();
    Ok(bstr::join("/", parts).into())
}

/// More than a message holds cannot be told to the library: stop before memory is full of it.
fn within_message(size: &mut usize, more: usize) -> Result<()> {
    // Numbers and lengths in the answer.
    const REST: usize = 20;
    *size = size.saturating_add(more).saturating_add(REST);
    if *size > MESSAGE_MAX {
        return Err(Error::new(Errno::MSGSIZE, "too many subvolumes for one answer"));
    }
    Ok(())
}

/// The number of the subvolume that is mounted when none is named.
pub(super) fn default(dir: &impl AsFd) -> Result<u64> {
    let mut found = TOP;
    search(dir, ROOT_TREE, DIR_ITEM, ROOT_TREE_DIR..=ROOT_TREE_DIR, |_, _, data| {
        found = entries(data).into_iter().find(|(name, _)| name == "default").map_or(found, |(_, number)| number);
        Ok(())
    })?;
    Ok(found)
}

/// Names and what they lead to, of one item of a directory.
fn entries(data: &[u8]) -> Vec<(BString, u64)> {
    let mut item = Item(data);
    let mut next = || {
        let number = item.u64()?;
        // Type and offset of the key, transaction.
        item.take(1 + 8 + 8)?;
        let (value, length) = (item.u16()?, item.u16()?);
        item.take(1)?;
        let name = BString::from(item.take(length.into())?);
        item.take(value.into())?;
        Some((name, number))
    };
    std::iter::from_fn(&mut next).collect()
}

/// All quota groups.
pub(super) fn qgroups(dir: &impl AsFd) -> Result<Vec<Btrfsqgroup>> {
    let mut found = Vec::new();
    let mut size = 0usize;
    let done = search(dir, QUOTA_TREE, QGROUP_INFO, 0..=0, |_, number, data| {
        let mut item = Item(data);
        let figures = (|| {
            item.u64()?;
            let referenced = item.u64()?;
            item.u64()?;
            Some((referenced, item.u64()?))
        })();
        let id = qgroup_id(number);
        let Some((referenced, exclusive)) = figures else {
            return Err(Error::new(Errno::UCLEAN, format!("the record of quota group {id} is damaged")));
        };
        within_message(&mut size, id.len() + 16)?;
        found.push(Btrfsqgroup {
            btrfsqgroup_id: id.into(),
            btrfsqgroup_rfer: referenced,
            btrfsqgroup_excl: exclusive,
        });
        Ok(())
    });
    match done {
        // There is no such tree.
        Err(e) if e.errno() == Some(Errno::NOENT) => {
            Err(Error::new(Errno::NOTCONN, "quotas are not enabled (btrfs_quota_enable does that)"))
        }
        done => done.map(|()| found),
    }
}

/// The level is in the upper 16 bits of the number.
fn qgroup_id(number: u64) -> String {
    format!("{}/{}", number >> 48, number & 0xffff_ffff_ffff)
}

/// Look at all items of one type that belong to these objects: object, offset and content of each.
fn search(
    dir: &impl AsFd,
    tree: u64,
    kind: u32,
    objects: std::ops::RangeInclusive<u64>,
    mut look: impl FnMut(u64, u64, &[u8]) -> Result<()>,
) -> Result<()> {
    let mut search = Search::new(SearchKey {
        tree,
        min_object: *objects.start(),
        max_object: *objects.end(),
        max_offset: u64::MAX,
        max_transaction: u64::MAX,
        min_type: kind,
        max_type: kind,
        ..SearchKey::default()
    });
    loop {
        cancel::point()?;
        search.key.items = u32::MAX;
        tree_search(dir, &mut search)?;
        let mut rest = Item(&search.answer);
        let mut last = None;
        for _ in 0..search.key.items {
            let Some((key, data)) = header(&mut rest) else { return Err(Error::from(Errno::UCLEAN)) };
            // A range of keys goes from object to object, with all types that are between.
            if key.kind == kind {
                look(key.object, key.offset, data)?;
            }
            last = Some(key);
        }
        // Go on behind the last one.
        let Some(next) = last.and_then(Key::next) else { return Ok(()) };
        search.key.min_object = next.object;
        search.key.min_type = next.kind;
        search.key.min_offset = next.offset;
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Key {
    object: u64,
    kind: u32,
    offset: u64,
}

impl Key {
    fn next(self) -> Option<Key> {
        if let Some(offset) = self.offset.checked_add(1) {
            return Some(Key { offset, ..self });
        }
        if self.kind < u8::MAX.into() {
            return Some(Key { kind: self.kind + 1, offset: 0, ..self });
        }
        Some(Key { object: self.object.checked_add(1)?, kind: 0, offset: 0 })
    }
}

/// `struct btrfs_ioctl_search_header`, and the content of the item.
fn header<'a>(rest: &mut Item<'a>) -> Option<(Key, &'a [u8])> {
    rest.u64()?;
    let (object, offset) = (rest.u64()?, rest.u64()?);
    let (kind, length) = (rest.u32()?, rest.u32()?);
    Some((Key { object, kind, offset }, rest.take(usize::try_from(length).ok()?)?))
}

/// Bytes that are read from their start.
struct Item<'a>(&'a [u8]);

impl<'a> Item<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_in_order() {
        let key = |object, kind, offset| Key { object, kind, offset };
        assert_eq!(key(5, 144, 7).next(), Some(key(5, 144, 8)));
        assert_eq!(key(5, 144, u64::MAX).next(), Some(key(5, 145, 0)));
        assert_eq!(key(5, 255, u64::MAX).next(), Some(key(6, 0, 0)));
        assert_eq!(key(u64::MAX, 255, u64::MAX).next(), None);
    }

    #[test]
    fn directories() {
        let entry = |number: u64, name: &str| {
            let mut bytes = number.to_le_bytes().to_vec();
            bytes.extend([0; 17]);
            bytes.extend([0, 0, name.len() as u8, 0, 2]);
            bytes.extend(name.bytes());
            bytes
        };
        let two = [entry(256, "other"), entry(257, "default")].concat();
        assert_eq!(entries(&two), [("other".into(), 256), ("default".into(), 257)]);
        assert_eq!(entries(&two[..two.len() - 1]), [("other".into(), 256)]);
        assert_eq!(entries(b""), []);
    }

    #[test]
    fn names_of_groups() {
        assert_eq!(qgroup_id(5), "0/5");
        assert_eq!(qgroup_id(1 << 48 | 100), "1/100");
        assert_eq!(qgroup_id(u64::MAX), "65535/281474976710655");
    }

    proptest::proptest! {
        /// Whatever is on a disk: an answer comes.
        #[test]
        fn any_item(data: Vec<u8>) {
            entries(&data);
            let mut rest = Item(&data);
            while header(&mut rest).is_some() {}
        }
    }
}
