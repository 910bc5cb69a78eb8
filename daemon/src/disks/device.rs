//! A block device by its real node.
//!
//! In: a node that was checked, or that the daemon found itself. Out: its path, for opening and for tools.

use bstr::{BStr, ByteSlice};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A block device of the guest: disk, partition, volume, array.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Device {
    path: PathBuf,
    /// Not one of ours; see [`Device::absent`].
    absent: bool,
}

impl Device {
    /// A node the daemon found itself: in `/sys`, in a tool's output. Not checked.
    pub fn from_real(path: impl Into<PathBuf>) -> Device {
        Device { path: path.into(), absent: false }
    }

    /// A device that is not here, under the name that a guest's own files have for it: only to be
    /// shown.
    pub fn absent(name: &BStr) -> Device {
        Device { path: OsStr::from_bytes(name).into(), absent: true }
    }

    /// Whether it is not here.
    pub fn is_absent(&self) -> bool {
        self.absent
    }

    /// The real node, for opening and for tools.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The real node's path as bytes.
    pub fn as_bstr(&self) -> &BStr {
        self.path.as_os_str().as_bytes().as_bstr()
    }
}

impl AsRef<OsStr> for Device {
    fn as_ref(&self) -> &OsStr {
        self.path.as_os_str()
    }
}
