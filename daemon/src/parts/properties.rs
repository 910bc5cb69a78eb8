//! What a partition is for: its type and identity, the flag to boot from it, its number and disk.
//!
//! In: devices and numbers of partitions. Out: what the table says of them; changes by parted(8) for the
//! flag, sgdisk(8) for GUIDs, sfdisk(8) for MBR.

use bstr::{BString, ByteSlice};

use super::{change, gpt_entry, missing, number, settle, table};
use crate::ctx::Ctx;
use crate::device::{partition, Device, Partition};
use crate::error::{Context, Error, Result};
use crate::names::Guid;
use crate::run::Tool;

/// Entries of an MBR. What comes after them is in the chain of an extended partition.
const MBR_ENTRIES: i32 = 4;

/// Type bytes of extended partitions: `is_extended_partition` in block/partitions/msdos.c of Linux.
const EXTENDED: [i32; 3] = [0x05, 0x0f, 0x85];

/// Has the partition the flag to boot from it? With GPT: is it an EFI system partition?
pub fn part_get_bootable(ctx: &mut Ctx, device: &Device, partnum: i32) -> Result<bool> {
    let number = number(partnum)?;
    let table = table(ctx, device)?;
    if !table.partitions.iter().any(|p| p.part_num == partnum) {
        return Err(missing(number).context(device.api_name(ctx)));
    }
    Ok(table.bootable.contains(&partnum))
}

/// Set or clear this flag.
pub fn part_set_bootable(ctx: &mut Ctx, device: &Device, partnum: i32, bootable: bool) -> Result<()> {
    let number = number(partnum)?.to_string();
    change(ctx, device, &[b"set", number.as_bytes(), b"boot", if bootable { b"on" } else { b"off" }])
}

/// The GUID of a GPT partition.
pub fn part_get_gpt_guid(ctx: &mut Ctx, device: &Device, partnum: i32) -> Result<BString> {
    match gpt_entry(ctx, device, partnum)? {
        Some(entry) => Ok(entry.guid()),
        None => Err(not_gpt(ctx, device)),
    }
}

/// The GUID of the type of a GPT partition. For MBR the one that its type would have in a GPT.
pub fn part_get_gpt_type(ctx: &mut Ctx, device: &Device, partnum: i32) -> Result<BString> {
    if let Some(entry) = gpt_entry(ctx, device, partnum)? {
        return Ok(entry.type_guid());
    }
    // This fails when the partition is missing or the table is no MBR.
    part_get_mbr_id(ctx, device, partnum)?;
    let output = Tool::new("sgdisk").arg("-i").arg(number(partnum)?.to_string()).arg(device).run(ctx);
    let found = output.and_then(|output| {
        type_line(&output.stdout).ok_or_else(|| Error::msg(format!("sgdisk: {}", output.stdout.trim().as_bstr())))
    });
    found.with_context(|| device.api_name(ctx))
}

/// The line `Partition GUID code: GUID (what it is)` of sgdisk.
fn type_line(output: &[u8]) -> Option<BString> {
    let line = output.lines().find_map(|line| line.strip_prefix(b"Partition GUID code: "))?;
    let guid = line.fields().next()?;
    Guid::parse(guid.as_bstr()).ok().map(|guid| guid.as_bstr().to_owned())
}

/// Set the GUID of a GPT partition.
pub fn part_set_gpt_guid(ctx: &mut Ctx, device: &Device, partnum: i32, guid: &Guid) -> Result<()> {
    set_gpt(ctx, device, partnum, "-u", guid)
}

/// Set the GUID of the type of a GPT partition.
pub fn part_set_gpt_type(ctx: &mut Ctx, device: &Device, partnum: i32, guid: &Guid) -> Result<()> {
    if guid.is_nil() {
        return Err(Error::invalid("a partition without a type would be none any more"));
    }
    set_gpt(ctx, device, partnum, "-t", guid)
}

fn set_gpt(ctx: &Ctx, device: &Device, partnum: i32, option: &str, guid: &Guid) -> Result<()> {
    if gpt_entry(ctx, device, partnum)?.is_none() {
        return Err(not_gpt(ctx, device));
    }
    let tool = Tool::new("sgdisk").arg(option).arg(format!("{partnum}:{guid}"));
    settle::keeping(ctx, device, || tool.arg(device).run(ctx).map(drop)).with_context(|| device.api_name(ctx))
}

pub(super) fn not_gpt(ctx: &Ctx, device: &Device) -> Error {
    Error::invalid("the device does not have a GUID partition table (gpt)").context(device.api_name(ctx))
}

/// The type byte of an MBR partition.
pub fn part_get_mbr_id(ctx: &mut Ctx, device: &Device, partnum: i32) -> Result<i32> {
    let tool = Tool::new("sfdisk").arg("--part-type").arg(device).arg(number(partnum)?.to_string());
    let output = tool.run(ctx).with_context(|| device.api_name(ctx))?;
    mbr_id(&output.stdout).map(i32::from).ok_or_else(|| {
        let text = "only partitions of an MBR partition table (msdos) have a type byte";
        Error::invalid(text).context(device.api_name(ctx))
    })
}

/// `primary`, `logical` or `extended`.
pub fn part_get_mbr_part_type(ctx: &mut Ctx, device: &Device, partnum: i32) -> Result<BString> {
    if gpt_entry(ctx, device, partnum)?.is_some() {
        return Ok("primary".into());
    }
    let id = part_get_mbr_id(ctx, device, partnum)?;
    let kind = if EXTENDED.contains(&id) {
        "extended"
    } else if partnum > MBR_ENTRIES {
        "logical"
    } else {
        "primary"
    };
    Ok(kind.into())
}

/// sfdisk prints the byte in hexadecimal; for other tables a GUID or nothing.
fn mbr_id(output: &[u8]) -> Option<u8> {
    u8::from_str_radix(output.trim().to_str().ok()?, 16).ok()
}

/// Set the type byte of an MBR partition.
pub fn part_set_mbr_id(ctx: &mut Ctx, device: &Device, partnum: i32, idbyte: i32) -> Result<()> {
    let id = u8::try_from(idbyte).map_err(|_| Error::invalid(format!("the type {idbyte} is not a byte, 0 to 255")))?;
    // This fails when the partition is missing or the table is no MBR.
    part_get_mbr_id(ctx, device, partnum)?;
    let tool = Tool::new("sfdisk").arg("--part-type").arg(device).arg(number(partnum)?.to_string());
    let tool = tool.arg(format!("{id:x}"));
    settle::keeping(ctx, device, || tool.run(ctx).map(drop)).with_context(|| device.api_name(ctx))
}

/// The disk that a partition is on.
pub fn part_to_dev(ctx: &mut Ctx, device: &Device) -> Result<Device> {
    Ok(as_partition(ctx, device)?.disk)
}

/// The number of a partition.
pub fn part_to_partnum(ctx: &mut Ctx, device: &Device) -> Result<i32> {
    Ok(as_partition(ctx, device)?.number)
}

fn as_partition(ctx: &Ctx, device: &Device) -> Result<Partition> {
    let found = partition(device).with_context(|| device.api_name(ctx))?;
    found.ok_or_else(|| Error::invalid("is not a partition").context(device.api_name(ctx)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tools_print() {
        assert_eq!(mbr_id(b"83\n"), Some(0x83));
        assert_eq!(mbr_id(b"0\n"), Some(0));
        for bad in [&b""[..], b"0FC63DAF-8483-4772-8E79-3D69D8477DE4\n", b"100", b"-1", b"x"] {
            assert_eq!(mbr_id(bad), None);
        }
        let guid = "0FC63DAF-8483-4772-8E79-3D69D8477DE4";
        let line = format!("***\nPartition GUID code: {guid} (Linux filesystem)\nPartition unique GUID: X\n");
        assert_eq!(type_line(line.as_bytes()), Some(guid.into()));
        assert_eq!(type_line(b"Partition #7 does not exist.\n"), None);
        assert_eq!(type_line(b"Partition GUID code: nonsense\n"), None);
    }

    proptest::proptest! {
        /// Whatever the tools print, an answer comes.
        #[test]
        fn any_output(output: Vec<u8>) {
            let _ = (mbr_id(&output), type_line(&output));
        }
    }
}
