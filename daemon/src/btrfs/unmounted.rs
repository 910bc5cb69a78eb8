//! Work on file systems that are not mounted: checks, repair, images of metadata, flags.
//!
//! In: devices. Out: what the programs changed or found.

use bstr::ByteSlice;
use guestfs_protocol::opts::{BtrfsFsckOpts, BtrfsImageOpts};

use super::devices::btrfs_filesystem_show;
use super::place::said;
use crate::blockdev::require_unused;
use crate::ctx::Ctx;
use crate::device::Device;
use crate::error::{Context, Error, Result};
use crate::files::open_new;
use crate::path::{our_fd, GuestPath};
use crate::run::Tool;

/// Check the structure, and repair it if asked to.
pub fn btrfs_fsck(ctx: &mut Ctx, device: &Device, opts: &BtrfsFsckOpts) -> Result<()> {
    let mut tool = Tool::new("btrfs").arg("check");
    if let Some(copy) = opts.superblock {
        if !(0..=2).contains(&copy) {
            return Err(Error::invalid(format!("super blocks have the numbers 0, 1 and 2, there is no {copy}")));
        }
        tool = tool.arg(format!("--super={copy}"));
    }
    if opts.repair == Some(true) {
        // --force: do not wait for somebody to think better of it. That nobody has it mounted is seen below.
        tool = tool.args(["--repair", "--force"]);
    }
    work(ctx, device, tool)
}

/// Save the metadata to a file.
pub fn btrfs_image(ctx: &mut Ctx, source: &[Device], image: &GuestPath, opts: &BtrfsImageOpts) -> Result<()> {
    let [device, others @ ..] = source else { return Err(Error::invalid("the list of devices is empty")) };
    let level = opts.compresslevel.unwrap_or_default();
    if !(0..=9).contains(&level) {
        return Err(Error::invalid(format!("the level of compression must be 0 to 9, not {level}")));
    }
    // The program is told one device and finds the others.
    let members = btrfs_filesystem_show(ctx, device)?;
    if let Some(other) = others.iter().find(|other| !members.contains(other)) {
        let text = format!("does not belong to the file system on {}", device.api_name(ctx));
        return Err(Error::invalid(text).context(other.api_name(ctx)));
    }
    let file = open_new(ctx, image)?;
    let target = our_fd(&file);
    let tool = Tool::new("btrfs-image").arg(format!("-c{level}")).arg("--").arg(device).arg(&target).pulse();
    let done = tool.run(ctx).map_err(|e| said(&e, |text| text.replace(&target, image))).map(drop);
    done.with_context(|| device.api_name(ctx))
}

/// Rebuild the chunk tree.
pub fn btrfs_rescue_chunk_recover(ctx: &mut Ctx, device: &Device) -> Result<()> {
    work(ctx, device, Tool::new("btrfs").args(["rescue", "chunk-recover", "-y"]))
}

/// Replace bad super blocks by a good one.
pub fn btrfs_rescue_super_recover(ctx: &mut Ctx, device: &Device) -> Result<()> {
    /// Exit status: there were bad ones, which are good now.
    const REPAIRED: i32 = 2;
    require_unused(ctx, device)?;
    let tool = Tool::new("btrfs").args(["rescue", "super-recover", "-y", "--"]).arg(device).pulse();
    let output = tool.run_status(ctx).with_context(|| device.api_name(ctx))?;
    if matches!(output.status, 0 | REPAIRED) {
        return Ok(());
    }
    let text = bstr::concat([output.stdout.trim(), b" ", output.stderr.trim()]);
    let text = if text.trim().is_empty() { "no good super block is left".into() } else { text };
    Err(said(&Error::msg(text.trim()), <[u8]>::to_vec).context(device.api_name(ctx)))
}

/// Set or clear the seeding flag.
pub fn btrfs_set_seeding(ctx: &mut Ctx, device: &Device, seeding: bool) -> Result<()> {
    // -f: do not ask.
    work(ctx, device, Tool::new("btrfstune").args(["-f", "-S", if seeding { "1" } else { "0" }]))
}

/// Set or clear the seeding flag.
pub fn btrfstune_seeding(ctx: &mut Ctx, device: &Device, seeding: bool) -> Result<()> {
    btrfs_set_seeding(ctx, device, seeding)
}

/// Switch on extended references to inodes.
pub fn btrfstune_enable_extended_inode_refs(ctx: &mut Ctx, device: &Device) -> Result<()> {
    work(ctx, device, Tool::new("btrfstune").arg("-r"))
}

/// Switch on short references to metadata.
pub fn btrfstune_enable_skinny_metadata_extent_refs(ctx: &mut Ctx, device: &Device) -> Result<()> {
    work(ctx, device, Tool::new("btrfstune").arg("-x"))
}

/// Run a tool on a device that nobody uses.
fn work(ctx: &Ctx, device: &Device, tool: Tool) -> Result<()> {
    require_unused(ctx, device)?;
    let done = tool.arg("--").arg(device).pulse().run(ctx).map_err(|e| said(&e, <[u8]>::to_vec));
    done.with_context(|| device.api_name(ctx)).map(drop)
}
