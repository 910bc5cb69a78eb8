//! Names in images.
//!
//! In: the bytes of a name. Out: whether qemu takes it for a file or for something to reach in another way.

use bstr::{BStr, ByteSlice};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What a name means to qemu.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Name<'n> {
    /// Relative to the image that names it, unless it is absolute.
    File(&'n Path),
    /// `nbd:…`, `json:…`, `ssh://…`: a protocol and its address.
    Protocol(&'n BStr),
}

impl<'n> Name<'n> {
    /// qemu's rule: what stands before a colon is a protocol if no slash comes first.
    pub fn of(name: &'n BStr) -> Name<'n> {
        let name = match name.strip_prefix(b"file:") {
            Some(path) => path.as_bstr(),
            None => match name.find_byteset(b":/") {
                Some(at) if name.get(at) == Some(&b':') => return Name::Protocol(name),
                _ => name,
            },
        };
        Name::File(Path::new(OsStr::from_bytes(name)))
    }
}
