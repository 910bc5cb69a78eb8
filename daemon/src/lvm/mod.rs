//! Physical volumes, volume groups and logical volumes, by lvm(8).
//!
//! In: devices and names. Out: what lvm did or reports. There is no udev: lvm itself makes the nodes
//! below `/dev/VG` and `/dev/mapper` (the daemon's start writes it a configuration that says so).

mod report;

use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::structs::LvmLv;

use crate::ctx::Ctx;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::run::Tool;
use report::Row;

fn lvm(command: &str) -> Tool {
    Tool::new("lvm").arg(command)
}

fn report<T>(
    ctx: &Ctx,
    command: &str,
    fields: &str,
    select: &[&str],
    row: impl Fn(Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let output = lvm(command).args(report::OPTIONS).args(["-o", fields]).args(select).run(ctx)?;
    report::rows(&output.stdout).map(row).collect()
}

/// Make a device a physical volume.
pub fn pvcreate(ctx: &mut Ctx, device: &Device) -> Result<()> {
    // --yes: wipe other signatures. It does not take a volume away from a group that uses it.
    lvm("pvcreate").args(["--force", "--yes", "--"]).arg(device).run(ctx).map(drop)
}

/// Make a volume group of physical volumes.
pub fn vgcreate(ctx: &mut Ctx, volgroup: &BStr, physvols: &[Device]) -> Result<()> {
    if physvols.is_empty() {
        return Err(Error::invalid(format!("{volgroup}: the list of physical volumes is empty")));
    }
    lvm("vgcreate").args(["--yes", "--"]).arg_bytes(volgroup).args(physvols).run(ctx).map(drop)
}

/// Make a logical volume of `mbytes` MiB.
pub fn lvcreate(ctx: &mut Ctx, logvol: &BStr, volgroup: &BStr, mbytes: i32) -> Result<()> {
    if mbytes <= 0 {
        return Err(Error::invalid(format!("{logvol}: the size must be above zero, not {mbytes} MiB")));
    }
    let tool = lvm("lvcreate").args(["--yes", "--wipesignatures", "y", "-L"]).arg(format!("{mbytes}m"));
    tool.arg("-n").arg_bytes(logvol).arg("--").arg_bytes(volgroup).run(ctx).map(drop)
}

/// Remove a logical volume, or all of a group when given `/dev/VG`.
pub fn lvremove(ctx: &mut Ctx, device: &Device) -> Result<()> {
    lvm("lvremove").args(["--force", "--"]).arg(device).run(ctx).map(drop)
}

/// All physical volumes, by the names that the API has for them: nodes are in probe order.
pub fn pvs(ctx: &mut Ctx) -> Result<Vec<Device>> {
    let names = report(ctx, "pvs", "pv_name", &[], |mut row| {
        let name = row.text()?;
        row.end().map(|()| name)
    })?;
    // A volume that is missing from its group is listed as `[unknown]`.
    let mut devices: Vec<Device> = names.iter().filter(|n| n.starts_with(b"/dev/")).map(device).collect();
    devices.sort_by_cached_key(|d| d.api_name(ctx));
    Ok(devices)
}

/// The names of all volume groups.
pub fn vgs(ctx: &mut Ctx) -> Result<Vec<BString>> {
    let names = report(ctx, "vgs", "vg_name", &[], |mut row| {
        let name = row.text()?;
        row.end().map(|()| name)
    });
    names.map(sorted)
}

/// All logical volumes that are for use, as `/dev/VG/LV`: not lvm's internal ones, nor those that are
/// never activated.
pub fn lvs(ctx: &mut Ctx) -> Result<Vec<Device>> {
    let select = ["--select", "lv_role=public && lv_skip_activation!=yes"];
    let names = report(ctx, "lvs", "vg_name,lv_name", &select, |mut row| {
        let (vg, lv) = (row.text()?, row.text()?);
        row.end()?;
        Ok(BString::from(bstr::concat([b"/dev/", vg.as_bytes(), b"/", lv.as_bytes()])))
    })?;
    Ok(sorted(names).iter().map(device).collect())
}

/// All that lvm tells about the logical volumes.
pub fn lvs_full(ctx: &mut Ctx) -> Result<Vec<LvmLv>> {
    const FIELDS: &str = "lv_name,lv_uuid,lv_attr,lv_major,lv_minor,lv_kernel_major,lv_kernel_minor,lv_size,\
        seg_count,origin,snap_percent,copy_percent,move_pv,lv_tags,mirror_log,modules";
    report(ctx, "lvs", FIELDS, &[], |mut row| {
        let lv = LvmLv {
            lv_name: row.text()?,
            lv_uuid: row.uuid()?,
            lv_attr: row.text()?,
            lv_major: row.number()?,
            lv_minor: row.number()?,
            lv_kernel_major: row.number()?,
            lv_kernel_minor: row.number()?,
            lv_size: row.number()?,
            seg_count: row.number()?,
            origin: row.text()?,
            snap_percent: row.percent()?,
            copy_percent: row.percent()?,
            move_pv: row.text()?,
            lv_tags: row.text()?,
            mirror_log: row.text()?,
            modules: row.text()?,
        };
        row.end().map(|()| lv)
    })
}

/// Activate or deactivate all logical volumes.
pub fn vg_activate_all(ctx: &mut Ctx, activate: bool) -> Result<()> {
    lvm("vgchange").args(["-a", if activate { "y" } else { "n" }]).run(ctx).map(drop)
}

/// lvm's own order depends on its version and configuration.
fn sorted(mut names: Vec<BString>) -> Vec<BString> {
    names.sort();
    names.dedup();
    names
}

fn device(name: &BString) -> Device {
    use std::os::unix::ffi::OsStrExt;
    Device::from_real(std::ffi::OsStr::from_bytes(name))
}
