//! What the guest said about names, for a while.
//!
//! In: attributes, extended attributes and targets of links, with the place they belong to. Out: the same
//! again until they are too old or something was changed through the mount.

use super::nodes::Place;
use super::wire::Errno;
use bstr::BString;
use guestfs_protocol::structs::{Statns, Xattr};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Most entries of each sort; more would be a guest with endless directories.
const ENTRIES_MAX: usize = 200_000;
/// Linux removes it when a file is written.
const CAPABILITY: &[u8] = b"security.capability";

/// One sort of knowledge.
#[derive(Debug)]
struct Table<T>(HashMap<Place, (Instant, T)>);

impl<T> Table<T> {
    fn get(&self, place: &Place, now: Instant) -> Option<&T> {
        self.0.get(place).filter(|(until, _)| *until > now).map(|(_, value)| value)
    }

    fn put(&mut self, place: Place, value: T, now: Instant, lifetime: Duration) {
        if self.0.len() >= ENTRIES_MAX {
            self.0.retain(|_, (until, _)| *until > now);
            if self.0.len() >= ENTRIES_MAX {
                self.0.clear();
            }
        }
        if let Some(until) = now.checked_add(lifetime) {
            self.0.insert(place, (until, value));
        }
    }
}

/// Extended attributes of one file, or why there are none to be had.
pub(super) type Xattrs = Result<Vec<Xattr>, Errno>;

/// The three caches.
#[derive(Debug)]
pub(super) struct Cache {
    lifetime: Duration,
    stats: Table<Statns>,
    xattrs: Table<Xattrs>,
    links: Table<BString>,
}

impl Cache {
    pub fn new(lifetime: Duration) -> Cache {
        Cache { lifetime, stats: Table(HashMap::new()), xattrs: Table(HashMap::new()), links: Table(HashMap::new()) }
    }

    pub fn stat(&self, place: &Place) -> Option<Statns> {
        self.stats.get(place, Instant::now()).cloned()
    }

    /// A file with several names is not kept: a change through another name would not be seen.
    pub fn put_stat(&mut self, place: Place, stat: &Statns) {
        const TYPE: i64 = libc::S_IFMT as i64;
        const DIRECTORY: i64 = libc::S_IFDIR as i64;
        if stat.st_nlink <= 1 || stat.st_mode & TYPE == DIRECTORY {
            self.stats.put(place, stat.clone(), Instant::now(), self.lifetime);
        }
    }

    pub fn xattrs(&self, place: &Place) -> Option<&Xattrs> {
        self.xattrs.get(place, Instant::now())
    }

    pub fn put_xattrs(&mut self, place: Place, xattrs: Xattrs) {
        self.xattrs.put(place, xattrs, Instant::now(), self.lifetime);
    }

    pub fn link(&self, place: &Place) -> Option<BString> {
        self.links.get(place, Instant::now()).cloned()
    }

    pub fn put_link(&mut self, place: Place, target: BString) {
        self.links.put(place, target, Instant::now(), self.lifetime);
    }

    /// Content was changed.
    pub fn written(&mut self, place: &Place) {
        self.stats.0.remove(place);
        let mut stale = false;
        if let Some((_, Ok(list))) = self.xattrs.0.get_mut(place) {
            list.retain(|x| x.attrname != CAPABILITY);
        } else {
            stale = true;
        }
        if stale {
            // An error is not kept over a change.
            self.xattrs.0.remove(place);
        }
    }

    /// Mode, owner, size or times were changed: of extended attributes, ACLs follow the mode.
    pub fn changed(&mut self, place: &Place) {
        self.stats.0.remove(place);
        self.xattrs.0.remove(place);
    }

    /// Something is there, or gone, or another one than before. Its directory has changed with it.
    pub fn replaced(&mut self, place: &Place, directory: Option<&Place>) {
        self.changed(place);
        self.links.0.remove(place);
        if let Some(directory) = directory {
            self.stats.0.remove(directory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str) -> Place {
        (1, name.into())
    }

    fn xattr(name: &str) -> Xattr {
        Xattr { attrname: name.into(), attrval: guestfs_protocol::xdr::Opaque(b"v".to_vec()) }
    }

    fn stat(mode: u32, nlink: i64) -> Statns {
        Statns { st_mode: mode.into(), st_nlink: nlink, ..Default::default() }
    }

    #[test]
    fn kept_until_changed_or_old() {
        let mut c = Cache::new(Duration::from_secs(60));
        c.put_stat(place("f"), &stat(libc::S_IFREG, 1));
        c.put_stat(place("two names"), &stat(libc::S_IFREG, 2));
        c.put_stat(place("d"), &stat(libc::S_IFDIR, 2));
        assert!(c.stat(&place("f")).is_some() && c.stat(&place("d")).is_some());
        assert_eq!(c.stat(&place("two names")), None);
        c.put_link(place("f"), "target".into());
        c.put_xattrs(place("f"), Ok(vec![xattr("user.x"), xattr("security.capability")]));
        c.written(&place("f"));
        assert_eq!(c.stat(&place("f")), None);
        assert_eq!(c.xattrs(&place("f")), Some(&Ok(vec![xattr("user.x")])));
        assert_eq!(c.link(&place("f")).unwrap(), "target");
        c.replaced(&place("f"), Some(&place("d")));
        assert_eq!((c.stat(&place("d")), c.xattrs(&place("f")), c.link(&place("f"))), (None, None, None));

        let mut none = Cache::new(Duration::ZERO);
        none.put_stat(place("f"), &stat(libc::S_IFREG, 1));
        assert_eq!(none.stat(&place("f")), None);
    }

    #[test]
    fn it_does_not_grow_without_end() {
        let mut t = Table(HashMap::new());
        let now = Instant::now();
        for i in 0..=ENTRIES_MAX {
            t.put(place(&i.to_string()), (), now, Duration::from_secs(60));
        }
        assert_eq!(t.0.len(), 1);
    }
}
