//! Walking a directory tree that may be hostile.
//!
//! In: a directory descriptor, a name in it, a [`Visitor`]. Out: calls to the visitor for every entry
//! below. Symbolic links are never followed. Descriptors, depth and memory are bounded: at most
//! [`OPEN_LEVELS`] directories are open, further up the way back goes through `..` and is checked to
//! arrive where the walk came from.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bstr::{BStr, BString, ByteSlice};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, Stat};

use crate::channel::cancel;
use crate::error::{Context, Errno, Error, Result};

/// Most directories kept open on the way down.
const OPEN_LEVELS: usize = 32;
/// Deepest nesting; a path of that many components is 64 times what the kernel takes at once.
const MAX_DEPTH: usize = 130_000;
/// Most bytes of names waiting for their turn. Files do not wait, directories do.
const MAX_PENDING: usize = 64 << 20;
/// What a waiting name costs besides its bytes.
const PER_NAME: usize = 48;
/// Directory entries are read in blocks of this size.
pub const BLOCK: usize = 32 * 1024;

/// Whether to look into what was just shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Descend {
    Yes,
    No,
}

/// What happens on a walk.
pub trait Visitor {
    /// An entry of `dir`, whose path below the top is `within` (empty for the top itself).
    fn entry(&mut self, dir: BorrowedFd<'_>, within: &BStr, name: &BStr, kind: FileType) -> Result<Descend>;

    /// A directory has been opened and its entries come next. `path` is that below the top.
    fn enter(&mut self, _dir: BorrowedFd<'_>, _path: &BStr) -> Result<()> {
        Ok(())
    }

    /// All below the directory `name` of `parent` has been shown. `path` is that below the top.
    fn leave(&mut self, _parent: BorrowedFd<'_>, _name: &BStr, _path: &BStr) -> Result<()> {
        Ok(())
    }
}

/// A directory on the way from the top to where the walk is.
struct Level {
    /// Closed when it is far up.
    fd: Option<OwnedFd>,
    id: (u64, u64),
    name: BString,
    /// Subdirectories still to be walked.
    pending: Vec<BString>,
    /// Length of the path down to here.
    path_len: usize,
}

/// Walk the tree below the directory `name` of `parent`. [`Visitor::enter`] and [`Visitor::leave`] are
/// not called for that directory itself.
pub fn walk(parent: impl AsFd, name: &BStr, visitor: &mut impl Visitor) -> Result<()> {
    let top = open_dir(parent.as_fd(), name)?;
    walk_fd(top, visitor)
}

/// The same for an open directory.
pub fn walk_fd(top: OwnedFd, visitor: &mut impl Visitor) -> Result<()> {
    let mut within = BString::default();
    let mut pending_bytes = 0usize;
    let mut levels = Vec::new();
    levels.push(enter(top, BString::default(), &mut within, 0, &mut pending_bytes, visitor)?);
    while let Some(here) = levels.last_mut() {
        cancel::point()?;
        let path_len = here.path_len;
        within.truncate(path_len);
        let Some(name) = here.pending.pop() else {
            let done = levels.pop();
            if let (Some(done), Some(above)) = (done, levels.last_mut()) {
                let parent = back(above, done.fd.as_ref()).with_context(|| within.as_slice())?;
                visitor
                    .leave(parent.as_fd(), done.name.as_bstr(), within.as_bstr())
                    .with_context(|| within.as_slice())?;
            }
            continue;
        };
        pending_bytes = pending_bytes.saturating_sub(name.len() + PER_NAME);
        let Some(fd) = &here.fd else { return Err(Error::msg("the walk lost its directory")) };
        let child = open_dir(fd.as_fd(), name.as_bstr());
        if !within.is_empty() {
            within.push(b'/');
        }
        within.extend_from_slice(&name);
        let child = child.with_context(|| within.as_slice())?;
        visitor.enter(child.as_fd(), within.as_bstr()).with_context(|| within.as_slice())?;
        let depth = levels.len();
        if depth >= MAX_DEPTH {
            return Err(Error::new(Errno::LOOP, format!("directories are nested more than {MAX_DEPTH} deep")));
        }
        if let Some(far) = depth.checked_sub(OPEN_LEVELS).and_then(|i| levels.get_mut(i)) {
            far.fd = None;
        }
        let path_len = within.len();
        levels.push(enter(child, name, &mut within, path_len, &mut pending_bytes, visitor)?);
    }
    Ok(())
}

/// Show all entries of a directory and note its subdirectories.
fn enter(
    fd: OwnedFd,
    name: BString,
    within: &mut BString,
    path_len: usize,
    pending_bytes: &mut usize,
    visitor: &mut impl Visitor,
) -> Result<Level> {
    let stat = rustix::fs::fstat(&fd).with_context(|| within.as_slice())?;
    let mut pending = Vec::new();
    for_each_entry(fd.as_fd(), |entry| {
        if is_dot(entry.name) {
            return Ok(());
        }
        let kind = match entry.kind {
            FileType::Unknown => FileType::from_raw_mode(stat_entry(fd.as_fd(), entry.name)?.st_mode),
            known => known,
        };
        if visitor.entry(fd.as_fd(), within.as_bstr(), entry.name, kind)? == Descend::Yes {
            *pending_bytes += entry.name.len() + PER_NAME;
            if *pending_bytes > MAX_PENDING {
                return Err(Error::new(Errno::NOMEM, "too many directories wait to be read"));
            }
            pending.push(entry.name.to_owned());
        }
        Ok(())
    })
    .map_err(|e| if within.is_empty() { e } else { e.context(within.as_slice()) })?;
    Ok(Level { fd: Some(fd), id: id_of(&stat), name, pending, path_len })
}

/// The directory of `above` again, after its child is done.
fn back<'a>(above: &'a mut Level, child: Option<&OwnedFd>) -> Result<&'a OwnedFd> {
    if above.fd.is_none() {
        let child = child.ok_or_else(|| Error::msg("the walk lost its directory"))?;
        let fd = open_dir(child.as_fd(), "..".into())?;
        if id_of(&rustix::fs::fstat(&fd)?) != above.id {
            return Err(Error::new(Errno::STALE, "the directory was moved while it was being read"));
        }
        above.fd = Some(fd);
    }
    above.fd.as_ref().ok_or_else(|| Error::msg("the walk lost its directory"))
}

fn id_of(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

/// Open a directory to be listed, without following a symbolic link.
pub fn open_dir(parent: BorrowedFd<'_>, name: &BStr) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    Ok(rustix::fs::openat(parent, name.as_bytes(), flags, Mode::empty())?)
}

/// Attributes of a directory's entry itself, not of what it may link to.
pub fn stat_entry(dir: BorrowedFd<'_>, name: &BStr) -> Result<Stat> {
    Ok(rustix::fs::statat(dir, name.as_bytes(), AtFlags::SYMLINK_NOFOLLOW)?)
}

/// `.` or `..`.
pub fn is_dot(name: &BStr) -> bool {
    name == "." || name == ".."
}

/// One entry as the kernel lists it.
pub struct Entry<'a> {
    pub name: &'a BStr,
    pub kind: FileType,
    pub ino: u64,
}

/// Call `each` for every entry of an open directory, `.` and `..` included, in the kernel's order.
pub fn for_each_entry(dir: BorrowedFd<'_>, mut each: impl FnMut(Entry<'_>) -> Result<()>) -> Result<()> {
    let mut block = vec![MaybeUninit::<u8>::uninit(); BLOCK];
    let mut entries = RawDir::new(dir, &mut block);
    loop {
        if entries.is_buffer_empty() {
            cancel::point()?;
        }
        let Some(entry) = entries.next() else { return Ok(()) };
        let entry = entry?;
        each(Entry { name: entry.file_name().to_bytes().as_bstr(), kind: entry.file_type(), ino: entry.ino() })?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[derive(Default)]
    struct Record {
        seen: Vec<String>,
        left: Vec<String>,
    }

    impl Visitor for Record {
        fn entry(&mut self, _dir: BorrowedFd<'_>, within: &BStr, name: &BStr, kind: FileType) -> Result<Descend> {
            self.seen.push(format!("{within}:{name}"));
            Ok(if kind == FileType::Directory { Descend::Yes } else { Descend::No })
        }
        fn leave(&mut self, parent: BorrowedFd<'_>, name: &BStr, path: &BStr) -> Result<()> {
            stat_entry(parent, name)?;
            self.left.push(path.to_string());
            Ok(())
        }
    }

    fn dir_fd(path: &std::path::Path) -> OwnedFd {
        fs::File::open(path).unwrap().into()
    }

    #[test]
    fn everything_once_and_no_links() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("t/a/b")).unwrap();
        fs::write(dir.path().join("t/a/f"), "x").unwrap();
        symlink("/", dir.path().join("t/link")).unwrap();
        let mut record = Record::default();
        walk(dir_fd(dir.path()), "t".into(), &mut record).unwrap();
        record.seen.sort();
        assert_eq!(record.seen, [":a", ":link", "a:b", "a:f"]);
        assert_eq!(record.left, ["a/b", "a"]);
        assert_eq!(walk(dir_fd(dir.path()), "t/link".into(), &mut record).unwrap_err().errno(), Some(Errno::NOTDIR));
    }

    /// Deeper than the open descriptors reach, and than a path may be long.
    #[test]
    fn deep() {
        let dir = tempfile::tempdir().unwrap();
        let mut fd = dir_fd(dir.path());
        for _ in 0..1500 {
            rustix::fs::mkdirat(&fd, "dd", Mode::from_raw_mode(0o755)).unwrap();
            fd = open_dir(fd.as_fd(), "dd".into()).unwrap();
        }
        let mut record = Record::default();
        walk_fd(dir_fd(dir.path()), &mut record).unwrap();
        assert_eq!((record.seen.len(), record.left.len()), (1500, 1500));

        struct Remove;
        impl Visitor for Remove {
            fn entry(&mut self, _: BorrowedFd<'_>, _: &BStr, _: &BStr, _: FileType) -> Result<Descend> {
                Ok(Descend::Yes)
            }
            fn leave(&mut self, parent: BorrowedFd<'_>, name: &BStr, _path: &BStr) -> Result<()> {
                Ok(rustix::fs::unlinkat(parent, name.as_bytes(), AtFlags::REMOVEDIR)?)
            }
        }
        walk_fd(dir_fd(dir.path()), &mut Remove).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
