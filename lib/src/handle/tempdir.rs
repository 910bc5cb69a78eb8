//! The handle's private directories.
//!
//! In: `get_tmpdir` and `get_sockdir`. Out: one 0700 directory each, made when first needed and
//! removed with the handle.

use super::{props, Handle};
use crate::error::{Error, Result};
use std::path::PathBuf;
use tempfile::TempDir;

#[derive(Debug, Default)]
pub(super) struct Directories {
    tmp: parking_lot::Mutex<Option<TempDir>>,
    sock: parking_lot::Mutex<Option<TempDir>>,
}

impl Directories {
    /// None was made, as far as can be told without waiting.
    pub fn are_unmade(&self) -> bool {
        [&self.tmp, &self.sock].iter().all(|dir| dir.try_lock().is_some_and(|dir| dir.is_none()))
    }
}

fn private(parent: &[u8]) -> Result<TempDir> {
    let parent = PathBuf::from(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(parent));
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    tempfile::Builder::new().prefix("libguestfs").permissions(mode).tempdir_in(&parent).map_err(|e| {
        Error::io(format!("cannot create a temporary directory in {}", parent.display()), e)
            .with_help("set LIBGUESTFS_TMPDIR or TMPDIR to a directory you can write to")
    })
}

impl Handle {
    /// The private directory for temporary files.
    pub(crate) fn private_tmpdir(&self) -> Result<PathBuf> {
        let parent = props::get_tmpdir(self)?;
        let mut dir = self.directories.tmp.lock();
        if dir.is_none() {
            *dir = Some(private(&parent)?);
        }
        dir.as_ref().map(|d| d.path().to_owned()).ok_or_else(|| Error::usage("no temporary directory"))
    }

    /// The private directory for sockets.
    pub(crate) fn private_sockdir(&self) -> Result<PathBuf> {
        let parent = props::get_sockdir(self)?;
        let mut dir = self.directories.sock.lock();
        if dir.is_none() {
            *dir = Some(private(&parent)?);
        }
        dir.as_ref().map(|d| d.path().to_owned()).ok_or_else(|| Error::usage("no socket directory"))
    }

    /// Remove them now.
    pub(crate) fn remove_directories(&self) {
        let dirs = [self.directories.tmp.lock().take(), self.directories.sock.lock().take()];
        for dir in dirs.into_iter().flatten() {
            let name = dir.path().to_owned();
            if let Err(e) = dir.close() {
                self.warn(format!("cannot remove {}: {}", name.display(), crate::error::io_text(&e)).as_bytes());
            }
        }
    }
}
