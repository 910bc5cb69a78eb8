//! UUIDs of volumes and groups.
//!
//! In: devices and names. Out: UUIDs as lvm writes them, in groups with dashes.

use super::{lvm, report};
use crate::ctx::Ctx;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::run::Tool;
use bstr::{BStr, BString};

/// What lvm reports in the one field `field` of what `select` names.
fn values(ctx: &Ctx, command: &str, field: &str, select: impl FnOnce(Tool) -> Tool) -> Result<Vec<BString>> {
    let tool = lvm(command).args(report::OPTIONS).args(["-o", field, "--"]);
    let output = select(tool).run(ctx)?;
    let value = |mut row: report::Row<'_>| {
        let value = row.text()?;
        row.end().map(|()| value)
    };
    report::rows(&output.stdout).map(value).collect()
}

fn only(values: Vec<BString>) -> Result<BString> {
    values.into_iter().next().ok_or_else(|| Error::msg("lvm printed no UUID"))
}

/// UUID of a physical volume.
pub fn pvuuid(ctx: &mut Ctx, device: &Device) -> Result<BString> {
    values(ctx, "pvs", "pv_uuid", |tool| tool.arg(device)).and_then(only)
}

/// UUID of a volume group.
pub fn vguuid(ctx: &mut Ctx, vgname: &BStr) -> Result<BString> {
    values(ctx, "vgs", "vg_uuid", |tool| tool.arg_bytes(vgname)).and_then(only)
}

/// UUID of a logical volume.
pub fn lvuuid(ctx: &mut Ctx, device: &Device) -> Result<BString> {
    values(ctx, "lvs", "lv_uuid", |tool| tool.arg(device)).and_then(only)
}

/// UUIDs of the logical volumes of a group.
pub fn vglvuuids(ctx: &mut Ctx, vgname: &BStr) -> Result<Vec<BString>> {
    values(ctx, "lvs", "lv_uuid", |tool| tool.arg_bytes(vgname))
}

/// UUIDs of the physical volumes of a group, those that are missing among them.
pub fn vgpvuuids(ctx: &mut Ctx, vgname: &BStr) -> Result<Vec<BString>> {
    values(ctx, "vgs", "pv_uuid", |tool| tool.arg_bytes(vgname))
}
