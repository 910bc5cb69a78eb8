//! Names beneath one host directory.
//!
//! In: paths from an untrusted archive. Out: descriptors of their parent directories, found component
//! by component with `O_NOFOLLOW`: no `..`, no absolute path, no symbolic link (not even one that the
//! archive itself just made) leads out, or anywhere else.

use rustix::fs::{openat, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;

/// Longest path taken from an archive; Linux itself stops at 4096.
pub(super) const PATH_MAX: usize = 4096;

const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC).union(OFlags::RDONLY);

/// The directory that everything stays beneath.
#[derive(Debug)]
pub(super) struct Root {
    dir: Rc<OwnedFd>,
    /// Parent of the entry before: most entries share it.
    last: Option<(Vec<u8>, Rc<OwnedFd>)>,
}

impl Root {
    /// An existing directory named by the user: links in its path are the user's.
    pub fn open(path: &Path) -> Result<RootSeed> {
        Ok(RootSeed(OwnedFd::from(File::open(path)?)))
    }

    /// The same, made if it is not there; an existing link of that name is refused.
    pub fn create(path: &Path) -> Result<RootSeed> {
        match std::fs::create_dir(path) {
            Err(e) if e.kind() != ErrorKind::AlreadyExists => return Err(e),
            _ => {}
        }
        let dir = rustix::fs::open(path, DIRECTORY, Mode::empty())?;
        Ok(RootSeed(dir))
    }

    pub fn new(seed: RootSeed) -> Self {
        Root { dir: Rc::new(seed.0), last: None }
    }

    /// The root itself.
    pub fn dir(&self) -> Rc<OwnedFd> {
        Rc::clone(&self.dir)
    }

    /// Parent directory and last component of `path`; `None` for the root itself.
    pub fn parent(&mut self, path: &[u8]) -> Result<Option<(Rc<OwnedFd>, Vec<u8>)>> {
        let parts = components(path)?;
        let Some((name, parents)) = parts.split_last() else { return Ok(None) };
        let key = parents.join(&b'/');
        if let Some((last, fd)) = &self.last {
            if *last == key {
                return Ok(Some((Rc::clone(fd), name.to_vec())));
            }
        }
        let mut dir = Rc::clone(&self.dir);
        for part in parents {
            dir = Rc::new(enter(&*dir, part)?);
        }
        self.last = Some((key, Rc::clone(&dir)));
        Ok(Some((dir, name.to_vec())))
    }

    /// The directory `path` itself.
    pub fn directory(&mut self, path: &[u8]) -> Result<Rc<OwnedFd>> {
        match self.parent(path)? {
            None => Ok(self.dir()),
            Some((parent, name)) => Ok(Rc::new(enter(&*parent, &name)?)),
        }
    }
}

/// A root that may travel to the thread that unpacks.
#[derive(Debug)]
pub(super) struct RootSeed(OwnedFd);

fn enter(dir: impl AsFd, name: &[u8]) -> Result<OwnedFd> {
    openat(dir, name, DIRECTORY, Mode::empty()).map_err(|e| match e {
        // What O_NOFOLLOW says about a link, depending on the other flags.
        Errno::LOOP | Errno::NOTDIR => Error::other("a part of the path is not a directory, or is a symbolic link"),
        e => e.into(),
    })
}

/// One spelling for every way to name the same thing: `/a//b/.` is `a/b`, the root is empty.
pub(super) fn normal(path: &[u8]) -> Result<Vec<u8>> {
    Ok(components(path)?.join(&b'/'))
}

/// The components of an archive path; leading slashes and `.` do not count, `..` is refused.
fn components(path: &[u8]) -> Result<Vec<&[u8]>> {
    if path.len() > PATH_MAX || path.contains(&0) {
        return Err(Error::other("the path is too long or holds a NUL byte"));
    }
    let parts: Vec<&[u8]> = path.split(|b| *b == b'/').filter(|p| !p.is_empty() && *p != b".").collect();
    if parts.iter().any(|p| *p == b"..") {
        return Err(Error::other("the path leads out of the target directory"));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_out() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("t/a/b")).unwrap();
        std::fs::create_dir(dir.path().join("outside")).unwrap();
        std::os::unix::fs::symlink("../../outside", dir.path().join("t/a/link")).unwrap();
        std::os::unix::fs::symlink("b", dir.path().join("t/a/inner")).unwrap();
        let mut root = Root::new(Root::open(&dir.path().join("t")).unwrap());
        assert!(root.parent(b"./").unwrap().is_none());
        assert!(root.parent(b"/a//b/x").unwrap().is_some());
        assert_eq!(root.parent(b"a/./b/x").unwrap().unwrap().1, b"x");
        for bad in [&b"../x"[..], b"a/../../x", b"a/..", b"a/link/x", b"a/inner/x", b"a/b\0/x"] {
            assert!(root.parent(bad).is_err(), "{:?}", bstr::BStr::new(bad));
        }
        assert!(root.parent(&[b'a'; PATH_MAX + 1]).is_err());
        assert_eq!(normal(b"/a//./b/").unwrap(), b"a/b");
        assert_eq!(normal(b"./").unwrap(), b"");
        assert!(root.directory(b"a/link").is_err());
        assert!(Root::create(&dir.path().join("t/a/link")).is_err());
    }
}
