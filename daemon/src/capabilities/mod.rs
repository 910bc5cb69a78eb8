//! Family `capabilities`: what a program may do beyond what its user may.
//!
//! In: guest paths and sets as text. Out: the attribute `security.capability`, in the form of
//! linux/capability.h.

mod sets;

use bstr::{BStr, BString};
use rustix::fs::{FileType, Mode, OFlags, XattrFlags};

use crate::ctx::Ctx;
use crate::error::{Context, Errno, Error, Result};
use crate::files::by_fd;
use crate::path::GuestPath;
use crate::xattrs::value;
use sets::Sets;

const ATTRIBUTE: &[u8] = b"security.capability";

/// The capabilities of a file, or nothing when it has none. Symbolic links are followed.
pub fn cap_get_file(ctx: &mut Ctx, path: &GuestPath) -> Result<BString> {
    let fd = path.open_path(ctx)?;
    match value(&fd, ATTRIBUTE) {
        Ok(bytes) => {
            let sets = Sets::from_attribute(&bytes);
            let sets = sets.ok_or_else(|| Error::invalid("its security.capability attribute is damaged").context(path));
            Ok(sets?.text())
        }
        Err(Errno::NODATA) => Ok(BString::default()),
        Err(e) => Err(e).context(path),
    }
}

/// Replace the capabilities of a regular file.
pub fn cap_set_file(ctx: &mut Ctx, path: &GuestPath, cap: &BStr) -> Result<()> {
    let sets = Sets::parse(cap).ok_or_else(|| {
        Error::invalid("is no set of capabilities; expected such as cap_net_raw=ep or cap_chown,cap_fowner=p")
            .context(cap)
    })?;
    let bytes = sets.attribute().ok_or_else(|| {
        Error::invalid("a file has one flag e for all of its capabilities: give it to each of them or to none")
            .context(cap)
    })?;
    let fd = path.open(ctx, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty())?;
    if FileType::from_raw_mode(rustix::fs::fstat(&fd).context(path)?.st_mode) != FileType::RegularFile {
        return Err(Error::invalid("only regular files have capabilities").context(path));
    }
    rustix::fs::setxattr(by_fd(&fd), ATTRIBUTE, &bytes, XattrFlags::empty()).context(path)
}
