//! Family `acl`: POSIX access control lists of files.
//!
//! In: guest paths and lists as text. Out: the kernel's `system.posix_acl_*` attributes, which hold a list in
//! the form that [`list`] reads and writes. The kernel judges what makes a valid list, and keeps the
//! permission bits in step with it.

mod list;

use bstr::{BStr, BString, ByteSlice};
use rustix::fs::{FileType, XattrFlags};

use crate::ctx::Ctx;
use crate::error::{Context, Errno, Error, Result};
use crate::files::by_fd;
use crate::path::GuestPath;
use crate::xattrs::value;
use list::List;

/// Which of a file's lists.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Access,
    Default,
}

impl Kind {
    fn parse(acltype: &BStr) -> Result<Kind> {
        match acltype.as_bytes() {
            b"access" => Ok(Kind::Access),
            b"default" => Ok(Kind::Default),
            _ => Err(Error::invalid(format!("{acltype}: acltype is either access or default"))),
        }
    }

    /// The attribute that holds it.
    fn attribute(self) -> &'static [u8] {
        match self {
            Kind::Access => b"system.posix_acl_access",
            Kind::Default => b"system.posix_acl_default",
        }
    }
}

/// The text of a list. Symbolic links are followed.
pub fn acl_get_file(ctx: &mut Ctx, path: &GuestPath, acltype: &BStr) -> Result<BString> {
    let kind = Kind::parse(acltype)?;
    let fd = path.open_path(ctx)?;
    match value(&fd, kind.attribute()) {
        Ok(bytes) => {
            let list = List::from_attribute(&bytes);
            Ok(list
                .ok_or_else(|| Error::new(Errno::IO, "the kernel's list cannot be understood").context(path))?
                .text())
        }
        Err(Errno::NODATA) => {
            let mode = rustix::fs::fstat(&fd).context(path)?.st_mode;
            match kind {
                Kind::Access => Ok(List::from_mode(mode).text()),
                Kind::Default if FileType::from_raw_mode(mode) == FileType::Directory => Ok(BString::default()),
                Kind::Default => Err(Error::new(Errno::ACCESS, "only a directory has a default list").context(path)),
            }
        }
        Err(e) => Err(e).context(path),
    }
}

/// Replace a list by what a text says. Symbolic links are followed.
pub fn acl_set_file(ctx: &mut Ctx, path: &GuestPath, acltype: &BStr, acl: &BStr) -> Result<()> {
    let kind = Kind::parse(acltype)?;
    let list = List::parse(acl)?;
    let fd = path.open_path(ctx)?;
    let set = rustix::fs::setxattr(by_fd(&fd), kind.attribute(), &list.attribute(), XattrFlags::empty());
    set.map_err(|e| match e {
        Errno::INVAL => Error::invalid(
            "the list is not valid: it takes one entry each for the owner, the group and others, \
             and a mask when other users or groups are named",
        ),
        Errno::ACCESS if kind == Kind::Default => Error::new(Errno::ACCESS, "only a directory has a default list"),
        e => e.into(),
    })
    .context(path)
}

/// Take the default list of a directory away. Where there is none nothing happens.
pub fn acl_delete_def_file(ctx: &mut Ctx, dir: &GuestPath) -> Result<()> {
    let fd = dir.open_path(ctx)?;
    match rustix::fs::removexattr(by_fd(&fd), Kind::Default.attribute()) {
        Ok(()) | Err(Errno::NODATA) => Ok(()),
        Err(e) => Err(e).context(dir),
    }
}
