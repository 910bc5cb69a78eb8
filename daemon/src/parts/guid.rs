//! The GUID of a whole disk, the place of its table's second copy, the attributes of its partitions.
//!
//! In: devices with a GPT. Out: what the table says; changes by sgdisk(8).

use bstr::BString;

use super::properties::not_gpt;
use super::{from_gpt, gpt, gpt_entry, settle};
use crate::ctx::Ctx;
use crate::device::Device;
use crate::error::{Context, Result};
use crate::names::Guid;
use crate::run::Tool;

/// Run sgdisk with this option on a device that has a GPT.
fn sgdisk(ctx: &Ctx, device: &Device, option: &[&[u8]]) -> Result<()> {
    disk_guid(ctx, device)?;
    let tool = option.iter().fold(Tool::new("sgdisk"), |tool, word| tool.arg_bytes(word));
    settle::keeping(ctx, device, || tool.arg(device).run(ctx).map(drop)).with_context(|| device.api_name(ctx))
}

fn disk_guid(ctx: &Ctx, device: &Device) -> Result<BString> {
    from_gpt(ctx, device, gpt::disk_guid)?.ok_or_else(|| not_gpt(ctx, device))
}

/// Move the table's second copy to the end of a disk that has grown.
pub fn part_expand_gpt(ctx: &mut Ctx, device: &Device) -> Result<()> {
    sgdisk(ctx, device, &[b"-e"])
}

/// The GUID of the disk.
pub fn part_get_disk_guid(ctx: &mut Ctx, device: &Device) -> Result<BString> {
    disk_guid(ctx, device)
}

/// Set the GUID of the disk.
pub fn part_set_disk_guid(ctx: &mut Ctx, device: &Device, guid: &Guid) -> Result<()> {
    sgdisk(ctx, device, &[b"-U", guid.as_bstr()])
}

/// Give the disk a new GUID, which no other one has.
pub fn part_set_disk_guid_random(ctx: &mut Ctx, device: &Device) -> Result<()> {
    sgdisk(ctx, device, &[b"-U", b"R"])
}

/// The flags of a partition.
pub fn part_get_gpt_attributes(ctx: &mut Ctx, device: &Device, partnum: i32) -> Result<i64> {
    let entry = gpt_entry(ctx, device, partnum)?.ok_or_else(|| not_gpt(ctx, device))?;
    // The API's number is signed: the highest flag makes it negative.
    Ok(entry.attributes() as i64)
}

/// Set the flags of a partition, all of them.
pub fn part_set_gpt_attributes(ctx: &mut Ctx, device: &Device, partnum: i32, attributes: i64) -> Result<()> {
    // Of a partition that is missing sgdisk says nothing.
    part_get_gpt_attributes(ctx, device, partnum)?;
    let flags = format!("{partnum}:=:{:X}", attributes);
    sgdisk(ctx, device, &[b"-A", flags.as_bytes()])
}
