//! Physical volumes, volume groups and logical volumes, by lvm(8).
//!
//! In: devices and names. Out: what lvm did or reports. There is no udev: lvm itself makes the nodes
//! below `/dev/VG` and `/dev/mapper` (the daemon's start writes it a configuration that says so).

mod change;
mod filter;
mod report;
mod uuid;

use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::structs::{LvmLv, LvmPv, LvmVg};

use crate::ctx::Ctx;
use crate::device::{self, Device, Mountable};
use crate::disks::any_volume;
use crate::error::{Error, Result};
use crate::run::Tool;
use report::Row;

pub use change::{
    lvm_canonical_lv_name, lvrename, lvresize_free, pvchange_uuid, pvchange_uuid_all, pvresize, pvresize_size,
    vgchange_uuid, vgchange_uuid_all, vgmeta, vgrename,
};
pub use filter::{lvm_clear_filter, lvm_set_filter};
pub use uuid::{lvuuid, pvuuid, vglvuuids, vgpvuuids, vguuid};

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
    if !any_volume() {
        return Ok(Vec::new());
    }
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

/// Make a logical volume of `percent` percent of the space that is free in its group.
pub fn lvcreate_free(ctx: &mut Ctx, logvol: &BStr, volgroup: &BStr, percent: i32) -> Result<()> {
    if !(1..=100).contains(&percent) {
        return Err(Error::invalid(format!("{logvol}: the size must be 1 to 100 percent, not {percent}")));
    }
    let tool = lvm("lvcreate").args(["--yes", "--wipesignatures", "y", "-l"]).arg(format!("{percent}%FREE"));
    tool.arg("-n").arg_bytes(logvol).arg("--").arg_bytes(volgroup).run(ctx).map(drop)
}

/// Make a logical volume larger or smaller: `mbytes` MiB.
pub fn lvresize(ctx: &mut Ctx, device: &Device, mbytes: i32) -> Result<()> {
    if mbytes <= 0 {
        let name = device.api_name(ctx);
        return Err(Error::invalid(format!("the size must be above zero, not {mbytes} MiB")).context(name));
    }
    // --force: do not ask before what is behind the new end is lost.
    let tool = lvm("lvresize").args(["--force", "-L"]).arg(format!("{mbytes}m")).arg("--").arg(device);
    match tool.run(ctx) {
        // It has that size, which lvm calls a failure.
        Err(e) if e.message().contains_str("matches existing size") => Ok(()),
        other => other.map(drop),
    }
}

/// Make a device no physical volume any more. One that is none is left as it is.
pub fn pvremove(ctx: &mut Ctx, device: &Device) -> Result<()> {
    lvm("pvremove").args(["--force", "--"]).arg(device).run(ctx).map(drop)
}

/// Remove a volume group with all its logical volumes.
pub fn vgremove(ctx: &mut Ctx, vgname: &BStr) -> Result<()> {
    lvm("vgremove").args(["--force", "--"]).arg_bytes(vgname).run(ctx).map(drop)
}

/// Remove all volume groups with their logical volumes, and all physical volumes.
pub fn lvm_remove_all(ctx: &mut Ctx) -> Result<()> {
    let groups = vgs(ctx)?;
    if !groups.is_empty() {
        groups.iter().fold(lvm("vgremove").args(["--force", "--"]), |tool, vg| tool.arg_bytes(vg)).run(ctx)?;
    }
    let devices = pvs(ctx)?;
    if !devices.is_empty() {
        lvm("pvremove").args(["--force", "--"]).args(&devices).run(ctx)?;
    }
    Ok(())
}

/// Is it a logical volume (that is for use, as in [`lvs`])?
pub fn is_lv(_ctx: &mut Ctx, mountable: &Mountable) -> Result<bool> {
    Ok(match mountable {
        Mountable::Device(device) => device::is_volume(device.as_bstr()),
        Mountable::BtrfsVol(..) => false,
    })
}

/// All devices of device-mapper but logical volumes.
pub fn list_dm_devices(_ctx: &mut Ctx) -> Result<Vec<Device>> {
    Ok(device::others())
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

/// All that lvm tells about the physical volumes.
pub fn pvs_full(ctx: &mut Ctx) -> Result<Vec<LvmPv>> {
    const FIELDS: &str = "pv_name,pv_uuid,pv_fmt,pv_size,dev_size,pv_free,pv_used,pv_attr,pv_pe_count,\
        pv_pe_alloc_count,pv_tags,pe_start,pv_mda_count,pv_mda_free";
    let mut all = report(ctx, "pvs", FIELDS, &[], |mut row| {
        let pv = LvmPv {
            // A real node: its name for the client is put in with the reply.
            pv_name: row.text()?,
            pv_uuid: row.uuid()?,
            pv_fmt: row.text()?,
            pv_size: row.number()?,
            dev_size: row.number()?,
            pv_free: row.number()?,
            pv_used: row.number()?,
            pv_attr: row.text()?,
            pv_pe_count: row.number()?,
            pv_pe_alloc_count: row.number()?,
            pv_tags: row.text()?,
            pe_start: row.number()?,
            pv_mda_count: row.number()?,
            pv_mda_free: row.number()?,
        };
        row.end().map(|()| pv)
    })?;
    all.sort_by_cached_key(|pv| ctx.api_device_name(pv.pv_name.as_bstr()));
    Ok(all)
}

/// All that lvm tells about the volume groups.
pub fn vgs_full(ctx: &mut Ctx) -> Result<Vec<LvmVg>> {
    const FIELDS: &str = "vg_name,vg_uuid,vg_fmt,vg_attr,vg_size,vg_free,vg_sysid,vg_extent_size,\
        vg_extent_count,vg_free_count,max_lv,max_pv,pv_count,lv_count,snap_count,vg_seqno,vg_tags,\
        vg_mda_count,vg_mda_free";
    let mut all = report(ctx, "vgs", FIELDS, &[], |mut row| {
        let vg = LvmVg {
            vg_name: row.text()?,
            vg_uuid: row.uuid()?,
            vg_fmt: row.text()?,
            vg_attr: row.text()?,
            vg_size: row.number()?,
            vg_free: row.number()?,
            vg_sysid: row.text()?,
            vg_extent_size: row.number()?,
            vg_extent_count: row.number()?,
            vg_free_count: row.number()?,
            max_lv: row.number()?,
            max_pv: row.number()?,
            pv_count: row.number()?,
            lv_count: row.number()?,
            snap_count: row.number()?,
            vg_seqno: row.number()?,
            vg_tags: row.text()?,
            vg_mda_count: row.number()?,
            vg_mda_free: row.number()?,
        };
        row.end().map(|()| vg)
    })?;
    all.sort_by(|a, b| a.vg_name.cmp(&b.vg_name));
    Ok(all)
}

/// Activate or deactivate the logical volumes of these groups, of all groups when there are none.
pub fn vg_activate(ctx: &mut Ctx, activate: bool, volgroups: &[BString]) -> Result<()> {
    let tool = lvm("vgchange").args(["-a", if activate { "y" } else { "n" }, "--"]);
    volgroups.iter().fold(tool, |tool, vg| tool.arg_bytes(vg)).run(ctx).map(drop)
}

/// Activate or deactivate all logical volumes.
pub fn vg_activate_all(ctx: &mut Ctx, activate: bool) -> Result<()> {
    match any_volume() {
        true => vg_activate(ctx, activate, &[]),
        false => Ok(()),
    }
}

/// Look for volumes on devices that may have come since; nothing remembers them between two commands,
/// so that looking is all there is to do.
pub fn lvm_scan(ctx: &mut Ctx, activate: bool) -> Result<()> {
    lvm("pvscan").run(ctx)?;
    if activate {
        vg_activate_all(ctx, true)?;
    }
    Ok(())
}

/// The old name of a scan that activates nothing.
pub fn vgscan(ctx: &mut Ctx) -> Result<()> {
    lvm_scan(ctx, false)
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
