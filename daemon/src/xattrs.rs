//! Extended attributes.
//!
//! In: guest paths, names and values. Out: the kernel's attributes, reached through `/proc/self/fd`
//! because the calls that take descriptors refuse those opened for looking only, and opening a
//! device or FIFO for reading is nothing an attribute should need.

use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::structs::Xattr;
use guestfs_protocol::xdr::{Opaque, MESSAGE_MAX};
use rustix::fs::{Mode, OFlags, XattrFlags};

use crate::ctx::Ctx;
use crate::error::{Context, Errno, Error, Result};
use crate::files::by_fd;
use crate::path::GuestPath;

/// The kernel's limits: all names of a file together, one value (`XATTR_LIST_MAX`, `XATTR_SIZE_MAX`).
const MAX_NAMES: usize = 64 * 1024;
const MAX_VALUE: usize = 64 * 1024;

/// All extended attributes of a file, sorted by name. Symbolic links are followed.
pub fn getxattrs(ctx: &mut Ctx, path: &GuestPath) -> Result<Vec<Xattr>> {
    let fd = path.open_path(ctx)?;
    let file = by_fd(&fd);
    let mut buffer = vec![0u8; MAX_NAMES];
    let n = rustix::fs::listxattr(&file, &mut *buffer).context(path)?;
    let mut names: Vec<&[u8]> =
        buffer.get(..n).unwrap_or_default().split(|b| *b == 0).filter(|n| !n.is_empty()).collect();
    names.sort_unstable();
    let mut total = 0;
    let mut xattrs = Vec::new();
    let mut value = vec![0u8; MAX_VALUE];
    for name in names {
        let n = match rustix::fs::getxattr(&file, name, &mut *value) {
            Ok(n) => n,
            // Listed but hidden from us, or gone: there is nothing to show.
            Err(Errno::NODATA) => continue,
            Err(e) => return Err(e).context(name).context(path),
        };
        let attrval = value.get(..n).unwrap_or_default().to_vec();
        total += name.len() + attrval.len();
        if total > MESSAGE_MAX {
            return Err(
                Error::new(Errno::TOOBIG, "the attributes are longer than a reply can be (4 MiB)").context(path)
            );
        }
        xattrs.push(Xattr { attrname: BString::from(name), attrval: Opaque(attrval) });
    }
    Ok(xattrs)
}

/// Set the attribute `xattr` to the first `vallen` bytes of `val`; on a symbolic link, that of the
/// link itself.
pub fn lsetxattr(ctx: &mut Ctx, xattr: &BStr, val: &BStr, vallen: i32, path: &GuestPath) -> Result<()> {
    let value = usize::try_from(vallen).ok().and_then(|n| val.get(..n)).ok_or_else(|| {
        Error::invalid(format!("vallen is {vallen}, but the value has {} bytes", val.len())).context(path)
    })?;
    let fd = path.open(ctx, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty())?;
    rustix::fs::setxattr(by_fd(&fd), xattr.as_bytes(), value, XattrFlags::empty()).context(xattr).context(path)
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
        let seen: Vec<String> = getxattrs(ctx, &l)
            .unwrap()
            .iter()
            .map(|x| format!("{}={}", x.attrname, x.attrval.0.as_bstr()))
            .collect();
        assert_eq!(seen, ["user.a=", "user.b=val"]);
        // Not what it links to, and a link cannot have this kind of attribute.
        assert_eq!(lsetxattr(ctx, "user.c".into(), "x".into(), 1, &l).unwrap_err().errno(), Some(Errno::PERM));
        assert_eq!(getxattrs(ctx, &f).unwrap().len(), 2);
        for vallen in [-1, 4] {
            let e = lsetxattr(ctx, "user.d".into(), "val".into(), vallen, &f).unwrap_err();
            assert_eq!(e.errno(), Some(Errno::INVAL), "{vallen}");
        }
        assert_eq!(getxattrs(ctx, &missing).unwrap_err().errno(), Some(Errno::NOENT));
    }
}
