//! Owner, mode and time of what was unpacked.
//!
//! In: an open directory and a member's header. Out: the entry, changed without being followed.

use std::os::fd::BorrowedFd;

use bstr::{BStr, ByteSlice};
use rustix::fs::{AtFlags, Gid, Mode, Timespec, Timestamps, Uid, UTIME_OMIT};

use super::header::{Header, Kind};
use crate::error::Result;

/// Owner, mode and time of an entry that cannot be opened, without following it.
pub fn set_attributes(dir: BorrowedFd<'_>, name: &BStr, header: &Header, owner: bool) -> Result<()> {
    let name = name.as_bytes();
    if owner {
        let (uid, gid) = (Uid::from_raw(header.uid), Gid::from_raw(header.gid));
        rustix::fs::chownat(dir, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
    }
    // Links have no mode of their own.
    if header.kind != Kind::Symlink {
        rustix::fs::chmodat(dir, name, Mode::from_raw_mode(header.mode), AtFlags::empty())?;
    }
    Ok(rustix::fs::utimensat(dir, name, &times(header), AtFlags::SYMLINK_NOFOLLOW)?)
}

/// The time of the archive; that of the last access stays.
pub fn times(header: &Header) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT as _ },
        last_modification: Timespec { tv_sec: header.mtime.0, tv_nsec: header.mtime.1 as _ },
    }
}

/// The directory and the last name in it.
pub fn split(path: &BStr) -> (&BStr, &BStr) {
    path.rsplit_once_str("/").map_or((BStr::new(""), path), |(above, name)| (above.as_bstr(), name.as_bstr()))
}
