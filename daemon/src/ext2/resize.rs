//! Growing and shrinking file systems.
//!
//! In: devices and sizes in bytes. Out: what resize2fs(8) did.

use guestfs_protocol::opts::E2fsckOpts;

use crate::ctx::Ctx;
use crate::device::Device;
use crate::error::{Context, Error, Result};
use crate::filesystems::probe::require_ext;
use crate::run::Tool;

/// Make the file system as large as its device.
pub fn resize2fs(ctx: &mut Ctx, device: &Device) -> Result<()> {
    resize(ctx, device, |tool| tool.arg(device))
}

/// Make the file system as small as its content allows.
#[allow(non_snake_case)]
pub fn resize2fs_M(ctx: &mut Ctx, device: &Device) -> Result<()> {
    resize(ctx, device, |tool| tool.arg("-M").arg(device))
}

/// Make the file system `size` bytes long.
pub fn resize2fs_size(ctx: &mut Ctx, device: &Device, size: i64) -> Result<()> {
    let size = kibibytes(size)?;
    resize(ctx, device, |tool| tool.arg(device).arg(size))
}

/// A size as resize2fs takes it.
fn kibibytes(size: i64) -> Result<String> {
    match size {
        1.. if size % 1024 == 0 => Ok(format!("{}K", size / 1024)),
        _ => Err(Error::invalid(format!("the size must be a multiple of 1024 bytes above zero, which {size} is not"))),
    }
}

fn resize(ctx: &mut Ctx, device: &Device, how: impl FnOnce(Tool) -> Tool) -> Result<()> {
    require_ext(ctx, device)?;
    // One that is mounted can grow as it is; the kernel would refuse to check it.
    if !crate::mount::is_mounted(ctx, device)? {
        // resize2fs wants it checked since it was mounted last.
        crate::filesystems::e2fsck(ctx, device, &E2fsckOpts { forceall: Some(true), ..Default::default() })?;
    }
    how(Tool::new("resize2fs")).pulse().run(ctx).with_context(|| device.api_name(ctx)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(kibibytes(1024).unwrap(), "1K");
        assert_eq!(kibibytes(1 << 50).unwrap(), "1099511627776K");
        for bad in [0, -1024, 1, 1025, i64::MIN, i64::MAX] {
            assert_eq!(kibibytes(bad).unwrap_err().errno(), Some(crate::error::Errno::INVAL), "{bad}");
        }
    }
}
