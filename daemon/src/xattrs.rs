//! Extended attributes.
//!
//! In: guest paths, names and values. Out: the kernel's attributes, reached through `/proc/self/fd`
//! because the calls that take descriptors refuse those opened for looking only, and opening a
//! device or FIFO for reading is nothing an attribute should need.

use std::borrow::Cow;
use std::os::fd::OwnedFd;

use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::structs::Xattr;
use guestfs_protocol::xdr::{Opaque, MESSAGE_MAX};
use rustix::fs::{Mode, OFlags, XattrFlags};

use crate::ctx::Ctx;
use crate::error::{Context, Errno, Error, Result};
use crate::files::by_fd;
use crate::names::Filename;
use crate::path::{open_in, GuestPath};

/// The kernel's limits: all names of a file together, one value (`XATTR_LIST_MAX`, `XATTR_SIZE_MAX`).
const MAX_NAMES: usize = 64 * 1024;
const MAX_VALUE: usize = 64 * 1024;

/// All extended attributes of a file, sorted by name. Symbolic links are followed.
pub fn getxattrs(ctx: &mut Ctx, path: &GuestPath) -> Result<Vec<Xattr>> {
    let fd = path.open_path(ctx)?;
    all(&fd, &mut 0).context(path)
}

/// The same; on a symbolic link, those of the link itself.
pub fn lgetxattrs(ctx: &mut Ctx, path: &GuestPath) -> Result<Vec<Xattr>> {
    let fd = open_link(ctx, path)?;
    all(&fd, &mut 0).context(path)
}

/// All attributes of many names in one directory, one after the other. In front of those of each name
/// is an entry without a name, whose value is their number as the C string that upstream sends, or
/// empty when they cannot be found out.
pub fn internal_lxattrlist(ctx: &mut Ctx, path: &GuestPath, names: &[Filename]) -> Result<Vec<Xattr>> {
    let dir = path.open_dir(ctx)?;
    let (mut list, mut total) = (Vec::new(), 0);
    for name in names {
        let flags = OFlags::PATH | OFlags::NOFOLLOW;
        let file = match name.is_dot() {
            true => path.join(name.as_bstr()).open(ctx, flags, Mode::empty()),
            false => open_in(&dir, name.as_bstr(), flags, Mode::empty()).map_err(Error::from),
        };
        let found = file.and_then(|fd| all(&fd, &mut total));
        let (count, xattrs) = match found {
            Ok(xattrs) => (format!("{}\0", xattrs.len()), xattrs),
            Err(e) if e.errno() == Some(Errno::TOOBIG) => return Err(e.context(path)),
            Err(_) => (String::new(), Vec::new()),
        };
        list.push(Xattr { attrname: BString::default(), attrval: Opaque(count.into()) });
        list.extend(xattrs);
    }
    Ok(list)
}

/// The value of one attribute. Symbolic links are followed.
pub fn getxattr(ctx: &mut Ctx, path: &GuestPath, name: &BStr) -> Result<Vec<u8>> {
    let fd = path.open_path(ctx)?;
    value(&fd, name).context(name).context(path)
}

/// The same; on a symbolic link, that of the link itself.
pub fn lgetxattr(ctx: &mut Ctx, path: &GuestPath, name: &BStr) -> Result<Vec<u8>> {
    let fd = open_link(ctx, path)?;
    value(&fd, name).context(name).context(path)
}

/// The value of one attribute of an open file.
pub fn value(fd: &OwnedFd, name: &[u8]) -> rustix::io::Result<Vec<u8>> {
    let mut value = vec![0u8; MAX_VALUE];
    let n = rustix::fs::getxattr(by_fd(fd), name, &mut *value)?;
    value.truncate(n);
    Ok(value)
}

/// Set the attribute `xattr` to the first `vallen` bytes of `val`. Symbolic links are followed.
pub fn setxattr(ctx: &mut Ctx, xattr: &BStr, val: &BStr, vallen: i32, path: &GuestPath) -> Result<()> {
    let value = first(val, vallen).context(path)?;
    let fd = path.open_path(ctx)?;
    rustix::fs::setxattr(by_fd(&fd), xattr.as_bytes(), &value, XattrFlags::empty()).context(xattr).context(path)
}

/// The same; on a symbolic link, that of the link itself.
pub fn lsetxattr(ctx: &mut Ctx, xattr: &BStr, val: &BStr, vallen: i32, path: &GuestPath) -> Result<()> {
    let value = first(val, vallen).context(path)?;
    let fd = open_link(ctx, path)?;
    rustix::fs::setxattr(by_fd(&fd), xattr.as_bytes(), &value, XattrFlags::empty()).context(xattr).context(path)
}

/// Take the attribute `xattr` away. Symbolic links are followed.
pub fn removexattr(ctx: &mut Ctx, xattr: &BStr, path: &GuestPath) -> Result<()> {
    let fd = path.open_path(ctx)?;
    rustix::fs::removexattr(by_fd(&fd), xattr.as_bytes()).context(xattr).context(path)
}

/// The same; on a symbolic link, that of the link itself.
pub fn lremovexattr(ctx: &mut Ctx, xattr: &BStr, path: &GuestPath) -> Result<()> {
    let fd = open_link(ctx, path)?;
    rustix::fs::removexattr(by_fd(&fd), xattr.as_bytes()).context(xattr).context(path)
}

fn open_link(ctx: &Ctx, path: &GuestPath) -> Result<OwnedFd> {
    path.open(ctx, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty())
}

/// The value's first `vallen` bytes. One more than it has is the NUL that ends it in C: SELinux labels are
/// stored with it, and the wire's strings cannot hold it.
fn first(val: &BStr, vallen: i32) -> Result<Cow<'_, [u8]>> {
    match usize::try_from(vallen) {
        Ok(n) if n.checked_sub(1) == Some(val.len()) => Ok(Cow::Owned(bstr::concat([val.as_bytes(), b"\0"]))),
        n => n.ok().and_then(|n| val.get(..n)).map(Cow::Borrowed).ok_or_else(|| {
            Error::invalid(format!("vallen is {vallen}, but the value has {} bytes and the NUL behind it", val.len()))
        }),
    }
}

/// All attributes of an open file, sorted by name. `total` is how many bytes of the reply are taken.
fn all(fd: &OwnedFd, total: &mut usize) -> Result<Vec<Xattr>> {
    let file = by_fd(fd);
    let mut buffer = vec![0u8; MAX_NAMES];
    let n = rustix::fs::listxattr(&file, &mut *buffer)?;
    let mut names: Vec<&[u8]> =
        buffer.get(..n).unwrap_or_default().split(|b| *b == 0).filter(|n| !n.is_empty()).collect();
    names.sort_unstable();
    let mut xattrs = Vec::new();
    if names.is_empty() {
        return Ok(xattrs);
    }
    let mut value = vec![0u8; MAX_VALUE];
    for name in names {
        let n = match rustix::fs::getxattr(&file, name, &mut *value) {
            Ok(n) => n,
            // Listed but hidden from us, or gone: there is nothing to show.
            Err(Errno::NODATA) => continue,
            Err(e) => return Err(e).context(name),
        };
        let attrval = value.get(..n).unwrap_or_default().to_vec();
        *total += name.len() + attrval.len();
        if *total > MESSAGE_MAX {
            return Err(Error::new(Errno::TOOBIG, "the attributes are longer than a reply can be (4 MiB)"));
        }
        xattrs.push(Xattr { attrname: BString::from(name), attrval: Opaque(attrval) });
    }
    Ok(xattrs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Guest;

    #[test]
    fn set_and_listed() {
        let mut g = Guest::new();
        g.write("/f", "");
        g.link("f", "/l");
        let (f, l, missing) = (g.path("/f"), g.path("/l"), g.path("/missing"));
        let ctx = &mut g.ctx;
        lsetxattr(ctx, "user.b".into(), "value".into(), 3, &f).unwrap();
        lsetxattr(ctx, "user.a".into(), "".into(), 0, &f).unwrap();
        let seen: Vec<String> =
            getxattrs(ctx, &l).unwrap().iter().map(|x| format!("{}={}", x.attrname, x.attrval.0.as_bstr())).collect();
        assert_eq!(seen, ["user.a=", "user.b=val"]);
        // Not what it links to, and a link cannot have this kind of attribute.
        assert_eq!(lsetxattr(ctx, "user.c".into(), "x".into(), 1, &l).unwrap_err().errno(), Some(Errno::PERM));
        assert_eq!(getxattrs(ctx, &f).unwrap().len(), 2);
        lsetxattr(ctx, "user.b".into(), "val".into(), 4, &f).unwrap();
        assert_eq!(getxattr(ctx, &f, "user.b".into()).unwrap(), b"val\0");
        for vallen in [-1, 5, i32::MAX, i32::MIN] {
            let e = lsetxattr(ctx, "user.d".into(), "val".into(), vallen, &f).unwrap_err();
            assert_eq!(e.errno(), Some(Errno::INVAL), "{vallen}");
        }
        assert_eq!(getxattrs(ctx, &missing).unwrap_err().errno(), Some(Errno::NOENT));
    }
    #[test]
    fn one_by_one() {
        let mut g = Guest::new();
        g.write("/f", "");
        g.link("f", "/l");
        let (f, l, missing) = (g.path("/f"), g.path("/l"), g.path("/missing"));
        let ctx = &mut g.ctx;
        setxattr(ctx, "user.a".into(), "hello".into(), 4, &l).unwrap();
        assert_eq!(getxattr(ctx, &f, "user.a".into()).unwrap(), b"hell");
        setxattr(ctx, "user.a".into(), "hello".into(), 6, &l).unwrap();
        assert_eq!(getxattr(ctx, &f, "user.a".into()).unwrap(), b"hello\0");
        for vallen in [-1, 7] {
            let e = setxattr(ctx, "user.a".into(), "hello".into(), vallen, &f).unwrap_err();
            assert_eq!(e.errno(), Some(Errno::INVAL), "{vallen}");
        }
        assert_eq!(lgetxattrs(ctx, &l).unwrap(), []);
        assert_eq!(lgetxattr(ctx, &f, "user.a".into()).unwrap(), b"hello\0");
        assert_eq!(lgetxattr(ctx, &l, "user.a".into()).unwrap_err().errno(), Some(Errno::NODATA));
        assert_eq!(lgetxattrs(ctx, &f).unwrap().len(), 1);
        assert_eq!(lremovexattr(ctx, "user.a".into(), &l).unwrap_err().errno(), Some(Errno::PERM));
        removexattr(ctx, "user.a".into(), &l).unwrap();
        for e in [
            getxattr(ctx, &f, "user.a".into()).unwrap_err(),
            removexattr(ctx, "user.a".into(), &f).unwrap_err(),
            lremovexattr(ctx, "user.a".into(), &f).unwrap_err(),
        ] {
            assert_eq!(e.errno(), Some(Errno::NODATA), "{e}");
        }
        assert_eq!(getxattr(ctx, &missing, "user.a".into()).unwrap_err().errno(), Some(Errno::NOENT));
    }

    #[test]
    fn of_a_directory() {
        let mut g = Guest::new();
        g.write("/f", "");
        g.link("f", "/l");
        let (root, f) = (g.path("/"), g.path("/f"));
        let ctx = &mut g.ctx;
        setxattr(ctx, "user.b".into(), "2".into(), 1, &f).unwrap();
        setxattr(ctx, "user.a".into(), "1".into(), 1, &f).unwrap();
        let names = ["l", "f", "missing", ".."].map(|name| Filename::parse(name.into()).unwrap());
        let list: Vec<String> = internal_lxattrlist(ctx, &root, &names)
            .unwrap()
            .iter()
            .map(|x| format!("{}={}", x.attrname, x.attrval.0.as_bstr()))
            .collect();
        assert_eq!(list, ["=0\0", "=2\0", "user.a=1", "user.b=2", "=", "=0\0"]);
        assert_eq!(internal_lxattrlist(ctx, &f, &[]).unwrap_err().errno(), Some(Errno::NOTDIR));
    }
}
