//! Partition tables, changed by parted(8).
//!
//! In: devices and positions in sectors. Out: tables on disk, and the kernel's partition nodes: every
//! call that changes a table returns only when the nodes are those of the new one.

mod boot_sector;
mod gpt;
mod guid;
mod parted;
mod properties;
mod settle;
mod sfdisk;
#[cfg(test)]
mod tests;

use std::fs::File;

use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::structs::Partition;
use rustix::fs::OFlags;

use crate::blockdev;
use crate::ctx::Ctx;
use crate::device::Device;
use crate::error::{Context, Error, Result};
use crate::run::Tool;

pub use guid::{
    part_expand_gpt, part_get_disk_guid, part_get_gpt_attributes, part_set_disk_guid, part_set_disk_guid_random,
    part_set_gpt_attributes,
};
pub use properties::{
    part_get_bootable, part_get_gpt_guid, part_get_gpt_type, part_get_mbr_id, part_get_mbr_part_type,
    part_set_bootable, part_set_gpt_guid, part_set_gpt_type, part_set_mbr_id, part_to_dev, part_to_partnum,
};
pub use sfdisk::{sfdisk, sfdiskM, sfdisk_N, sfdisk_disk_geometry, sfdisk_kernel_geometry, sfdisk_l};

/// parted's name for a file system that has the whole disk, of which it makes one partition.
const NO_TABLE: &str = "loop";

/// Run parted on a device and read the table it prints after `words`, which are commands as parted
/// takes them from its command line.
fn table_after(ctx: &Ctx, device: &Device, words: &[&[u8]]) -> Result<parted::Table> {
    // Names are UTF-16 on disk; parted turns them into those of the locale. Negative positions are no
    // options, hence the dashes.
    let mut tool = Tool::new("parted").env("LC_ALL", "C.UTF-8").args(["-s", "-m", "--"]).arg(device);
    for word in words {
        tool = tool.arg_bytes(word);
    }
    let output = tool.args(["unit", "b", "print"]).run(ctx);
    let table = output.map_err(blank_is_ordinary).and_then(|output| parted::parse(&output.stdout));
    table.with_context(|| device.api_name(ctx))
}

/// A blank disk is no accident: callers look at the errno (EINVAL, as upstream).
fn blank_is_ordinary(e: Error) -> Error {
    if e.message().contains_str("unrecognised disk label") {
        return Error::invalid("no partition table is recognised on the device");
    }
    e
}

fn change(ctx: &Ctx, device: &Device, words: &[&[u8]]) -> Result<()> {
    let table = table_after(ctx, device, words)?;
    settled(ctx, device, &table)
}

fn settled(ctx: &Ctx, device: &Device, table: &parted::Table) -> Result<()> {
    settle::wait(ctx, device, &table.partitions).with_context(|| device.api_name(ctx))
}

fn table(ctx: &Ctx, device: &Device) -> Result<parted::Table> {
    table_after(ctx, device, &[])
}

fn label(parttype: &BStr) -> Result<&'static str> {
    parted::label_name(parttype).ok_or_else(|| {
        Error::invalid(format!("'{parttype}' is no known type of partition table: common choices are gpt and mbr"))
    })
}

fn missing(number: u32) -> Error {
    Error::invalid(format!("partition number {number} not found"))
}

/// Numbers count from 1.
fn number(partnum: i32) -> Result<u32> {
    match u32::try_from(partnum) {
        Ok(n @ 1..) => Ok(n),
        _ => Err(Error::invalid("partition number must be >= 1")),
    }
}

/// Write an empty partition table.
pub fn part_init(ctx: &mut Ctx, device: &Device, parttype: &BStr) -> Result<()> {
    let label = label(parttype)?;
    blockdev::require_unused(ctx, device)?;
    change(ctx, device, &[b"mklabel", label.as_bytes()])
}

/// Add a partition from sector `startsect` to `endsect`, both included; a negative end counts back
/// from the end of the disk (−1 is the last sector).
pub fn part_add(ctx: &mut Ctx, device: &Device, prlogex: &BStr, startsect: i64, endsect: i64) -> Result<()> {
    let kind = parted::partition_kind(prlogex).ok_or_else(|| {
        Error::invalid(format!("'{prlogex}' is no kind of partition: use primary, logical or extended"))
    })?;
    if startsect < 0 {
        return Err(Error::invalid(format!("the start sector {startsect} is negative")));
    }
    let (start, end) = (format!("{startsect}s"), format!("{endsect}s"));
    change(ctx, device, &[b"mkpart", kind.as_bytes(), start.as_bytes(), end.as_bytes()])
}

/// Delete a partition.
pub fn part_del(ctx: &mut Ctx, device: &Device, partnum: i32) -> Result<()> {
    change(ctx, device, &[b"rm", number(partnum)?.to_string().as_bytes()])
}

/// Move the end of a partition to sector `endsect`, the last that belongs to it; a negative one counts
/// back from the end of the disk.
pub fn part_resize(ctx: &mut Ctx, device: &Device, partnum: i32, endsect: i64) -> Result<()> {
    let number = number(partnum)?;
    let name = || device.api_name(ctx);
    let file = device.open(ctx, OFlags::RDONLY)?;
    let size = i64::try_from(blockdev::size(&file).with_context(name)?).unwrap_or(i64::MAX);
    let sector = i64::from(settle::sector_size(&file));
    drop(file);
    let table = self::table(ctx, device)?;
    let is = |p: &&Partition| u32::try_from(p.part_num) == Ok(number);
    let old = table.partitions.iter().find(is).ok_or_else(|| missing(number).context(name()))?;
    let (start, end) = (old.part_start / sector, old.part_end / sector);
    let wanted = if endsect < 0 { (size / sector).saturating_add(endsect) } else { endsect };
    if wanted < start {
        let text = format!("the end, sector {wanted}, is before the start of the partition, sector {start}");
        return Err(Error::invalid(text).context(name()));
    }
    if wanted >= size / sector {
        return Err(Error::invalid(format!("the end, sector {wanted}, is behind the end of the disk")).context(name()));
    }
    let (text, place) = (number.to_string(), format!("{wanted}s"));
    if wanted >= end {
        return change(ctx, device, &[b"resizepart", text.as_bytes(), place.as_bytes()]);
    }
    // parted asks whether data may be lost; where there is nobody to answer it takes a no for granted.
    // About anything else it would ask, it gets no answer and gives up.
    let tool = Tool::new("parted").args(["---pretend-input-tty", "--"]).arg(device);
    let output = tool.args(["resizepart", &text, &place]).stdin("Yes\n").run_status(ctx).with_context(name)?;
    let table = self::table(ctx, device)?;
    if table.partitions.iter().find(is).is_none_or(|p| p.part_end / sector != wanted) {
        let said = bstr::concat([&output.stdout[..], b"\n", &output.stderr]);
        return Err(Error::msg(said.trim()).context("parted has not made it smaller").context(name()));
    }
    settled(ctx, device, &table)
}

/// Write a partition table with one partition over the whole disk.
pub fn part_disk(ctx: &mut Ctx, device: &Device, parttype: &BStr) -> Result<()> {
    let label = label(parttype)?;
    // parted looks for mounted partitions only, not for volumes on the whole disk.
    blockdev::require_unused(ctx, device)?;
    // GPT partitions have a name where others have a kind.
    let kind: &[u8] = if label == "gpt" { b"p1" } else { b"primary" };
    // 64 KiB are left free at both ends: for alignment, and for GPT's second table.
    change(ctx, device, &[b"mklabel", label.as_bytes(), b"mkpart", kind, b"128s", b"-128s"])
}

/// All partitions, in bytes, as parted lists them.
pub fn part_list(ctx: &mut Ctx, device: &Device) -> Result<Vec<Partition>> {
    Ok(table(ctx, device)?.partitions)
}

/// The type of the partition table: `msdos`, `gpt` or another of parted's names.
pub fn part_get_parttype(ctx: &mut Ctx, device: &Device) -> Result<BString> {
    let label = table(ctx, device)?.label;
    if label != NO_TABLE {
        return Ok(label);
    }
    if boot_sector::has_table(device.open(ctx, OFlags::RDONLY)?)? {
        return Ok("msdos".into());
    }
    Err(Error::invalid("not a partitioned device: a file system without a partition table")
        .context(device.api_name(ctx)))
}

/// The name of a GPT partition.
pub fn part_get_name(ctx: &mut Ctx, device: &Device, partnum: i32) -> Result<BString> {
    let entry = gpt_entry(ctx, device, partnum)?.map(|entry| entry.name());
    entry.ok_or_else(|| {
        Error::not_supported("only GUID partition tables (gpt) have names").context(device.api_name(ctx))
    })
}

/// What a GPT says of a partition; `None` when the device does not have one.
fn gpt_entry(ctx: &Ctx, device: &Device, partnum: i32) -> Result<Option<gpt::Entry>> {
    let number = number(partnum)?;
    from_gpt(ctx, device, |file, size, sector| gpt::entry(file, size, sector, number))
}

/// Read something with the device, its size and that of its sectors.
fn from_gpt<T>(ctx: &Ctx, device: &Device, read: impl FnOnce(&File, u64, u32) -> Result<T>) -> Result<T> {
    let file = device.open(ctx, OFlags::RDONLY)?;
    let name = || device.api_name(ctx);
    let sector = rustix::fs::ioctl_blksszget(&file).with_context(name)?;
    let size = blockdev::size(&file).with_context(name)?;
    read(&file, size, sector).with_context(name)
}

/// Set the name of a partition.
pub fn part_set_name(ctx: &mut Ctx, device: &Device, partnum: i32, name: &BStr) -> Result<()> {
    let number = number(partnum)?.to_string();
    change(ctx, device, &[b"name", number.as_bytes(), &parted::quoted(name)])
}
