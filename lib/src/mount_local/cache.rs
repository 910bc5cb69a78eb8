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
/// Most bytes of each sort: names may have 255, links 4 KiB, a file's attributes 64 KiB and more.
const BYTES_MAX: usize = 64 << 20;
/// What an entry costs beside its contents: allocations, and the table's free places.
const OVERHEAD: usize = 64;
/// Linux removes it when a file is written.
const CAPABILITY: &[u8] = b"security.capability";

/// What has contents of its own beside itself.
trait Contents {
    /// How many bytes.
    fn bytes(&self) -> usize;
}

impl Contents for Statns {
    fn bytes(&self) -> usize {
        0
    }
}

impl Contents for BString {
    fn bytes(&self) -> usize {
        self.len()
    }
}

impl Contents for Xattrs {
    fn bytes(&self) -> usize {
        let one = |x: &Xattr| {
            x.attrname.len().saturating_add(x.attrval.0.len()).saturating_add(OVERHEAD + size_of::<Xattr>())
        };
        self.iter().flatten().map(one).fold(0, usize::saturating_add)
    }
}

/// Something known until it is too old.
#[derive(Debug)]
struct Entry<T> {
    until: Instant,
    value: T,
    /// What it was counted with.
    bytes: usize,
}

/// One sort of knowledge.
#[derive(Debug)]
struct Table<T> {
    entries: HashMap<Place, Entry<T>>,
    /// Of all entries.
    bytes: usize,
}

impl<T: Contents> Table<T> {
    fn new() -> Table<T> {
        Table { entries: HashMap::new(), bytes: 0 }
    }

    fn get(&self, place: &Place, now: Instant) -> Option<&T> {
        self.entries.get(place).filter(|e| e.until > now).map(|e| &e.value)
    }

    fn put(&mut self, place: Place, value: T, now: Instant, lifetime: Duration) {
        self.remove(&place);
        let own = size_of::<(Place, Entry<T>)>() + OVERHEAD;
        let bytes = own.saturating_add(place.1.len()).saturating_add(value.bytes());
        let full = |t: &Self| t.entries.len() >= ENTRIES_MAX || t.bytes.saturating_add(bytes) > BYTES_MAX;
        if full(self) {
            self.entries.retain(|_, e| e.until > now);
            self.bytes = self.entries.values().map(|e| e.bytes).fold(0, usize::saturating_add);
            if full(self) {
                self.entries.clear();
                self.bytes = 0;
            }
        }
        if let Some(until) = now.checked_add(lifetime).filter(|_| bytes <= BYTES_MAX) {
            self.bytes = self.bytes.saturating_add(bytes);
            self.entries.insert(place, Entry { until, value, bytes });
        }
    }

    fn remove(&mut self, place: &Place) {
        if let Some(gone) = self.entries.remove(place) {
            self.bytes = self.bytes.saturating_sub(gone.bytes);
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
        Cache { lifetime, stats: Table::new(), xattrs: Table::new(), links: Table::new() }
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
        self.stats.remove(place);
        match self.xattrs.entries.get_mut(place).map(|e| &mut e.value) {
            Some(Ok(list)) => list.retain(|x| x.attrname != CAPABILITY),
            // An error is not kept over a change.
            _ => self.xattrs.remove(place),
        }
    }

    /// Mode, owner, size or times were changed: of extended attributes, ACLs follow the mode.
    pub fn changed(&mut self, place: &Place) {
        self.stats.remove(place);
        self.xattrs.remove(place);
    }

    /// Something is there, or gone, or another one than before. Its directory has changed with it.
    pub fn replaced(&mut self, place: &Place, directory: Option<&Place>) {
        self.changed(place);
        self.links.remove(place);
        if let Some(directory) = directory {
            self.stats.remove(directory);
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
        let (now, long) = (Instant::now(), Duration::from_secs(60));
        let mut t = Table::new();
        for i in 0..=ENTRIES_MAX {
            t.put(place(&i.to_string()), BString::default(), now, long);
        }
        assert_eq!(t.entries.len(), 1);
        let mut t = Table::new();
        let large = |mib: usize| BString::from(vec![b'x'; mib << 20]);
        for i in 0..100 {
            t.put(place(&i.to_string()), large(1), now, long);
            assert!(t.bytes <= BYTES_MAX && t.bytes >= t.entries.len() << 20, "{}", t.bytes);
        }
        t.put(place("99"), large(1), now, long);
        t.put(place("too large"), large(64), now, long);
        assert_eq!((t.entries.len(), t.bytes), (0, 0));
        t.put(place("a"), large(1), now, long);
        t.remove(&place("a"));
        t.remove(&place("a"));
        assert_eq!(t.bytes, 0);
    }
}
