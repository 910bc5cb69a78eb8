//! Giving blocks back to the host: those of a whole device, or the free ones of a file system.
//!
//! In: devices and mounted file systems. Out: the kernel told the device what is not needed any more.
//! Whether an image gets smaller by it is up to all layers below.

use guestfs_protocol::opts::FstrimOpts;
use rustix::fs::{Mode, OFlags};

use crate::blockdev::{self, require_unused};
use crate::ctx::Ctx;
use crate::device::Device;
use crate::error::{Context, Errno, Error, Result};
use crate::path::GuestPath;
use crate::sys;

/// Discard everything on a device.
pub fn blkdiscard(ctx: &mut Ctx, device: &Device) -> Result<()> {
    require_unused(ctx, device)?;
    let file = device.open(ctx, OFlags::RDWR)?;
    let done = blockdev::size(&file).and_then(|size| sys::discard(&file, 0, size));
    done.map_err(unable).with_context(|| device.api_name(ctx))
}

/// Does the kernel promise zeroes where something was discarded?
pub fn blkdiscardzeroes(ctx: &mut Ctx, device: &Device) -> Result<bool> {
    let file = device.open(ctx, OFlags::RDONLY)?;
    sys::discard_zeroes(&file).with_context(|| device.api_name(ctx))
}

/// Discard what is free in a file system.
pub fn fstrim(ctx: &mut Ctx, mountpoint: &GuestPath, opts: &FstrimOpts) -> Result<()> {
    let start = number("offset", opts.offset, 0)?.unwrap_or(0);
    let length = number("length", opts.length, 1)?.unwrap_or(u64::MAX);
    let minimum = number("minimumfreeextent", opts.minimumfreeextent, 1)?.unwrap_or(0);
    let dir = mountpoint.open(ctx, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?;
    // Blocks of files that were deleted count as free when the deletion is on the disk.
    crate::mount::sync(ctx)?;
    sys::trim(&dir, start, length, minimum).map_err(unable).context(mountpoint)?;
    crate::mount::sync(ctx)
}

/// An option that must not be below `least`.
fn number(name: &str, value: Option<i64>, least: u64) -> Result<Option<u64>> {
    let Some(value) = value else { return Ok(None) };
    match u64::try_from(value) {
        Ok(n) if n >= least => Ok(Some(n)),
        _ => Err(Error::invalid(format!("the option '{name}' must be {least} or more, not {value}"))),
    }
}

fn unable(error: Error) -> Error {
    match error.errno() {
        // The second is what file systems without such a request answer.
        Some(Errno::OPNOTSUPP | Errno::NOTTY) => {
            Error::not_supported("this kind of file system or device cannot give blocks back")
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options() {
        assert_eq!(number("offset", None, 0).unwrap(), None);
        assert_eq!(number("offset", Some(0), 0).unwrap(), Some(0));
        assert_eq!(number("length", Some(i64::MAX), 1).unwrap(), Some(i64::MAX as u64));
        for (value, least) in [(-1, 0), (0, 1), (i64::MIN, 1)] {
            assert_eq!(number("x", Some(value), least).unwrap_err().errno(), Some(Errno::INVAL), "{value}");
        }
    }
}
