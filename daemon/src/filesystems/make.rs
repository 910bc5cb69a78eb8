//! Making file systems and swap areas.

use bstr::BStr;
use guestfs_protocol::opts::{MkfsBtrfsOpts, MkfsOpts, MkswapOpts};

use super::recipe;
use crate::blockdev::blockdev_getss;
use crate::ctx::Ctx;
use crate::device::Device;
use crate::erase::clear;
use crate::error::{Context, Error, Result};
use crate::run::{find_tool, Tool};

/// Linux swap labels have room for 16 bytes, the last of which is a NUL.
pub const SWAP_LABEL: usize = 15;

/// Make a file system. Wishes that its type cannot fulfil are refused before anything is touched.
pub fn mkfs(ctx: &mut Ctx, fstype: &BStr, device: &Device, opts: &MkfsOpts) -> Result<()> {
    let recipe = recipe::mkfs(fstype, opts, || blockdev_getss(ctx, device))?;
    if find_tool(&recipe.program).is_none() {
        return Err(Error::not_supported(format!(
            "{fstype} filesystems cannot be made: this appliance does not have the program {}",
            recipe.program
        )));
    }
    clear(ctx, device)?;
    // Labels are UTF-16 or a DOS code page on disk for some types, converted from the locale's.
    let tool = Tool::new(&recipe.program).env("LC_ALL", "C.UTF-8").args(&recipe.args).arg(device).pulse();
    tool.run(ctx).with_context(|| device.api_name(ctx)).map(drop)
}

/// Make a file system with a block size.
pub fn mkfs_b(ctx: &mut Ctx, fstype: &BStr, blocksize: i32, device: &Device) -> Result<()> {
    mkfs(ctx, fstype, device, &MkfsOpts { blocksize: Some(blocksize), ..MkfsOpts::default() })
}

/// Make a Btrfs file system on several devices.
pub fn mkfs_btrfs(ctx: &mut Ctx, devices: &[Device], opts: &MkfsBtrfsOpts) -> Result<()> {
    let recipe = recipe::mkfs_btrfs(opts)?;
    if devices.is_empty() {
        return Err(Error::invalid("the list of devices is empty"));
    }
    for device in devices {
        clear(ctx, device)?;
    }
    Tool::new(&recipe.program).args(&recipe.args).arg("--").args(devices).pulse().run(ctx).map(drop)
}

/// Make a swap area.
pub fn mkswap(ctx: &mut Ctx, device: &Device, opts: &MkswapOpts) -> Result<()> {
    let mut tool = Tool::new("mkswap").arg("-f");
    if let Some(label) = &opts.label {
        recipe::check_label(label.as_ref(), SWAP_LABEL, "Linux swap")?;
        tool = tool.arg("-L").arg_bytes(label);
    }
    if let Some(uuid) = &opts.uuid {
        tool = tool.arg("-U").arg_bytes(uuid);
    }
    clear(ctx, device)?;
    tool.arg(device).run(ctx).with_context(|| device.api_name(ctx)).map(drop)
}
