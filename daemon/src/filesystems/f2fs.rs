//! Growing F2FS file systems.

use bstr::ByteSlice;

use super::probe;
use crate::blockdev::require_unused;
use crate::ctx::Ctx;
use crate::device::Device;
use crate::error::{Context, Error, Result};
use crate::run::Tool;

/// Make the file system as large as its device.
pub fn f2fs_expand(ctx: &mut Ctx, device: &Device) -> Result<()> {
    let name = || device.api_name(ctx);
    if probe::tag(ctx, device, "TYPE")? != "f2fs" {
        return Err(Error::invalid("no F2FS file system is recognised on it").context(name()));
    }
    require_unused(ctx, device)?;
    let output = Tool::new("resize.f2fs").arg(device).pulse().run_status(ctx).with_context(name)?;
    if output.status == 0 {
        return Ok(());
    }
    // It tells on its standard output what is wrong, below much about the disk.
    let said = if output.stderr.trim().is_empty() { &output.stdout } else { &output.stderr };
    let last = said.trim().lines().next_back().unwrap_or_default().trim();
    Err(Error::msg(last).context(format!("resize.f2fs failed with exit status {}", output.status)).context(name()))
}
