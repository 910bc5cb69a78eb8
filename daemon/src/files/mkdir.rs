//! Making directories.

use bstr::ByteSlice;
use rustix::fs::{Mode, OFlags};

use crate::ctx::Ctx;
use crate::error::{Context, Errno, Error, Result};
use crate::path::{open_in, GuestPath};

/// Make one directory with the usual permissions.
pub fn mkdir(ctx: &mut Ctx, path: &GuestPath) -> Result<()> {
    make(ctx, path, Mode::from_raw_mode(0o777))
}

/// Make one directory with the permission bits `mode` (less the umask).
pub fn mkdir_mode(ctx: &mut Ctx, path: &GuestPath, mode: i32) -> Result<()> {
    make(ctx, path, super::mode_of(mode, path)?)
}

fn make(ctx: &Ctx, path: &GuestPath, mode: Mode) -> Result<()> {
    let (dir, name) = path.parent(ctx)?;
    rustix::fs::mkdirat(&dir, name.as_bytes(), mode).context(path)
}

/// Make a directory and all that lead to it; what exists as a directory is left alone.
pub fn mkdir_p(ctx: &mut Ctx, path: &GuestPath) -> Result<()> {
    let open = |prefix: &[u8]| open_in(ctx.root(), prefix.as_bstr(), OFlags::PATH | OFlags::DIRECTORY, Mode::empty());
    let text = path.as_bstr();
    // The usual cases, one system call each: it is there, or only the last part is missing.
    let mut dir = match open(text) {
        Ok(_) => return Ok(()),
        Err(Errno::NOENT) => open(b"/").context(path)?,
        Err(Errno::NOTDIR) => return Err(not_directory(path)),
        Err(e) => return Err(e).context(path),
    };
    // Each prefix is resolved from the root again, because a symbolic link in it may be absolute.
    let mut end = 0;
    for name in text.split_str("/") {
        end += name.len() + 1;
        if name.is_empty() {
            continue;
        }
        let prefix = text.get(..end - 1).unwrap_or_default();
        dir = match open(prefix) {
            Ok(found) => found,
            Err(Errno::NOENT) => {
                match rustix::fs::mkdirat(&dir, name, Mode::from_raw_mode(0o777)) {
                    // Something is there that leads nowhere: a dangling symbolic link.
                    Err(Errno::EXIST) => return Err(not_directory(path)),
                    other => other.context(path)?,
                }
                open(prefix).context(path)?
            }
            Err(Errno::NOTDIR) => return Err(not_directory(path)),
            Err(e) => return Err(e).context(path),
        };
    }
    Ok(())
}

fn not_directory(path: &GuestPath) -> Error {
    Error::new(Errno::NOTDIR, format!("{path}: a path element was not a directory"))
}
