//! Devices found by what is on them, or by what the partition table calls them.
//!
//! In: a label or UUID. Out: the first device that has it, of all there are now.

use bstr::BStr;

use super::list::survey;
use super::probe::value;
use crate::ctx::Ctx;
use crate::device::Device;
use crate::error::{Errno, Error, Result};

/// By the label of a file system or swap area.
pub fn findfs_label(ctx: &mut Ctx, label: &BStr) -> Result<Device> {
    find(ctx, "LABEL", label, None)
}

/// By the UUID of a file system or swap area.
pub fn findfs_uuid(ctx: &mut Ctx, uuid: &BStr) -> Result<Device> {
    find(ctx, "UUID", uuid, None)
}

/// By the name of a partition.
pub fn findfs_partlabel(ctx: &mut Ctx, label: &BStr) -> Result<Device> {
    find(ctx, "PART_ENTRY_NAME", label, None)
}

/// By the UUID of a partition.
pub fn findfs_partuuid(ctx: &mut Ctx, uuid: &BStr) -> Result<Device> {
    find(ctx, "PART_ENTRY_UUID", uuid, None)
}

/// The first device that blkid gives this tag, of any type or of one.
pub(crate) fn find(ctx: &mut Ctx, key: &str, wanted: &BStr, fstype: Option<&str>) -> Result<Device> {
    // Digits of a UUID are the same in both cases.
    let same = |found: &BStr| found == wanted || key.ends_with("UUID") && found.eq_ignore_ascii_case(wanted);
    let fits = |kind: Option<&BStr>| fstype.is_none_or(|fstype| kind.is_some_and(|kind| kind == fstype));
    let found = survey(ctx)?
        .into_iter()
        .find(|candidate| fits(value(&candidate.tags, "TYPE")) && value(&candidate.tags, key).is_some_and(same));
    let what = match key {
        "LABEL" => "label",
        "PART_ENTRY_NAME" => "partition name",
        _ => "UUID",
    };
    found.map(|candidate| candidate.device).filter(|_| !wanted.is_empty()).ok_or_else(|| {
        Error::new(Errno::NOENT, format!("no {} has the {what} '{wanted}'", fstype.map_or("device", |_| "swap area")))
    })
}
