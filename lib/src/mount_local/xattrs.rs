//! Answers to requests about extended attributes.
//!
//! In: names and values. Out: all attributes of a file at once from the guest, then the cache: programs
//! ask for several, and most files have none.

use super::cache::Xattrs;
use super::export::{ask, Export, Reply};
use super::nodes::Place;
use super::wire::{Errno, Fields, Out};
use guestfs_protocol::structs::Xattr;

const CREATE: u32 = libc::XATTR_CREATE as u32;
const REPLACE: u32 = libc::XATTR_REPLACE as u32;

impl Export<'_> {
    fn xattrs(&mut self, place: &Place) -> Xattrs {
        if let Some(known) = self.cache.xattrs(place) {
            return known.clone();
        }
        let result = ask(self.g.lgetxattrs(self.path_of(place)?));
        // Passing failures are not worth keeping.
        if matches!(result, Ok(_) | Err(libc::ENOTSUP)) {
            self.cache.put_xattrs(place.clone(), result.clone());
        }
        result
    }

    pub(super) fn getxattr(&mut self, node: u64, mut body: Fields<'_>) -> Reply {
        let (size, _) = (body.u32()?, body.u32()?);
        let name = body.text()?;
        let list = self.xattrs(&self.place(node)?)?;
        let found: Option<&Xattr> = list.iter().find(|x| x.attrname == name);
        sized(found.ok_or(libc::ENODATA)?.attrval.0.to_vec(), size)
    }

    pub(super) fn listxattr(&mut self, node: u64, mut body: Fields<'_>) -> Reply {
        let size = body.u32()?;
        let names = match self.xattrs(&self.place(node)?) {
            Ok(list) => list.iter().flat_map(|x| [x.attrname.as_slice(), b"\0"].concat()).collect(),
            // Nothing to list, and tools that copy files would complain.
            Err(libc::ENOTSUP) => Vec::new(),
            Err(errno) => return Err(errno),
        };
        sized(names, size)
    }

    pub(super) fn setxattr(&mut self, node: u64, mut body: Fields<'_>) -> Reply {
        let (size, flags) = (body.u32()?, body.u32()?);
        let name = body.text()?;
        let value = body.bytes(size)?;
        let place = self.place(node)?;
        if flags & (CREATE | REPLACE) != 0 {
            let there = self.xattrs(&place)?.iter().any(|x| x.attrname == name);
            match there {
                true if flags & CREATE != 0 => return Err(libc::EEXIST),
                false if flags & REPLACE != 0 => return Err(libc::ENODATA),
                _ => {}
            }
        }
        // The call takes a string. Programs that copy ACLs get along without them after this errno.
        if value.contains(&0) {
            return Err(libc::EOPNOTSUPP);
        }
        let length = i32::try_from(size).map_err(|_| libc::E2BIG)?;
        // An ACL changes the mode.
        self.cache.changed(&place);
        ask(self.g.lsetxattr(name, value, length, self.path_of(&place)?)).map(|()| Vec::new())
    }

    pub(super) fn removexattr(&mut self, node: u64, mut body: Fields<'_>) -> Reply {
        let name = body.text()?;
        let place = self.place(node)?;
        self.cache.changed(&place);
        ask(self.g.lremovexattr(name, self.path_of(&place)?)).map(|()| Vec::new())
    }
}

/// The bytes if they fit into `size`; for size 0, how many they are.
fn sized(bytes: Vec<u8>, size: u32) -> Result<Vec<u8>, Errno> {
    match usize::try_from(size) {
        Ok(0) => Ok(Out::default().u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX)).u32(0).into_vec()),
        Ok(size) if bytes.len() <= size => Ok(bytes),
        _ => Err(libc::ERANGE),
    }
}

#[cfg(test)]
mod tests {
    use super::sized;

    #[test]
    fn sizes_first() {
        assert_eq!(sized(b"abc".to_vec(), 0).unwrap(), [3u32.to_ne_bytes(), [0; 4]].concat());
        assert_eq!(sized(b"abc".to_vec(), 3).unwrap(), b"abc");
        assert_eq!(sized(b"abc".to_vec(), 2), Err(libc::ERANGE));
        assert_eq!(sized(Vec::new(), 5).unwrap(), b"");
    }
}
