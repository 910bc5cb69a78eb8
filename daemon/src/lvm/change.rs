//! Volumes and groups that become other ones: names, sizes, UUIDs.
//!
//! In: devices and names. Out: what lvm did.

use super::lvm;
use crate::blockdev;
use crate::ctx::Ctx;
use crate::device::Device;
use crate::error::{Context, Error, Result};
use bstr::BStr;
use rustix::fs::OFlags;

/// Rename a logical volume; both names are `/dev/VG/LV` or `VG/LV`.
pub fn lvrename(ctx: &mut Ctx, logvol: &BStr, newlogvol: &BStr) -> Result<()> {
    lvm("lvrename").arg("--").arg_bytes(logvol).arg_bytes(newlogvol).run(ctx).map(drop)
}

/// Rename a volume group, given by name or UUID.
pub fn vgrename(ctx: &mut Ctx, volgroup: &BStr, newvolgroup: &BStr) -> Result<()> {
    lvm("vgrename").arg("--").arg_bytes(volgroup).arg_bytes(newvolgroup).run(ctx).map(drop)
}

/// Make a logical volume larger by `percent` percent of the space that is free in its group.
pub fn lvresize_free(ctx: &mut Ctx, lv: &Device, percent: i32) -> Result<()> {
    if !(0..=100).contains(&percent) {
        let message = format!("the size must be 0 to 100 percent, not {percent}");
        return Err(Error::invalid(message).context(lv.api_name(ctx)));
    }
    lvm("lvresize").arg("-l").arg(format!("+{percent}%FREE")).arg("--").arg(lv).run(ctx).map(drop)
}

/// Make a physical volume as large as its device is.
pub fn pvresize(ctx: &mut Ctx, device: &Device) -> Result<()> {
    lvm("pvresize").arg("--").arg(device).run(ctx).map(drop)
}

/// Make a physical volume take `size` bytes of its device.
pub fn pvresize_size(ctx: &mut Ctx, device: &Device, size: i64) -> Result<()> {
    let name = || device.api_name(ctx);
    // lvm would believe that the device is larger than it is.
    let there = blockdev::size(&device.open(ctx, OFlags::RDONLY)?).with_context(name)?;
    let fits = u64::try_from(size).ok().filter(|size| (1..=there).contains(size));
    let Some(size) = fits else {
        return Err(Error::invalid(format!("the size must be 1 to {there} bytes, not {size}")).context(name()));
    };
    let tool = lvm("pvresize").args(["--yes", "--setphysicalvolumesize"]).arg(format!("{size}b"));
    tool.arg("--").arg(device).run(ctx).map(drop)
}

/// Give a physical volume a new UUID.
pub fn pvchange_uuid(ctx: &mut Ctx, device: &Device) -> Result<()> {
    lvm("pvchange").args(["--uuid", "--"]).arg(device).run(ctx).map(drop)
}

/// Give every physical volume a new UUID.
pub fn pvchange_uuid_all(ctx: &mut Ctx) -> Result<()> {
    lvm("pvchange").args(["--uuid", "--all"]).run(ctx).map(drop)
}

/// Give a volume group a new UUID.
pub fn vgchange_uuid(ctx: &mut Ctx, vg: &BStr) -> Result<()> {
    lvm("vgchange").args(["--uuid", "--"]).arg_bytes(vg).run(ctx).map(drop)
}

/// Give every volume group a new UUID.
pub fn vgchange_uuid_all(ctx: &mut Ctx) -> Result<()> {
    lvm("vgchange").arg("--uuid").run(ctx).map(drop)
}

/// The metadata of a group as text, in the form of vgcfgbackup(8), which writes only to files.
pub fn vgmeta(ctx: &mut Ctx, vgname: &BStr) -> Result<Vec<u8>> {
    let file = std::env::temp_dir().join(format!("guestfsd-{}-vgmeta", std::process::id()));
    let written = lvm("vgcfgbackup").arg("--file").arg(&file).arg("--").arg_bytes(vgname).run(ctx);
    let metadata = written.and_then(|_| std::fs::read(&file).context("the metadata that vgcfgbackup wrote"));
    let _ = std::fs::remove_file(&file);
    metadata
}

/// The name that the API has for a logical volume, whichever it was given by.
pub fn lvm_canonical_lv_name(ctx: &mut Ctx, lvname: &BStr) -> Result<Device> {
    let device = Device::parse(ctx, lvname)?;
    if !crate::device::is_volume(device.as_bstr()) {
        return Err(Error::invalid("not a logical volume").context(lvname));
    }
    Ok(device)
}
