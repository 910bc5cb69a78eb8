//! Whether an image of another hypervisor is only the difference to a parent: VHDX, VHD, VDI.
//!
//! In: an open image. Out: that it has a parent, or that it stands alone. qemu cannot follow any of these
//! parents, so their names are not read. Formats: Microsoft's [MS-VHDX] and "Virtual Hard Disk Image Format
//! Specification", VirtualBox's VDICore.h.

use super::head::{be32, le32, le64, Head};
use super::{Fault, References};

/// GUIDs as they stand in the file.
const METADATA_REGION: [u8; 16] =
    [0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b, 0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e];
const FILE_PARAMETERS: [u8; 16] =
    [0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d, 0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b];
/// Both copies of the region table.
const REGION_TABLES: [u64; 2] = [192 << 10, 256 << 10];
/// Most entries of either table.
const ENTRIES_MAX: usize = 2047;

fn parent(has: bool) -> References {
    References { parent: has, ..References::default() }
}

/// The entry of `table` whose 32 bytes begin with `guid`; entries follow a head of `head` bytes.
fn entry<'t>(table: &'t [u8], head: usize, count: usize, guid: &[u8; 16]) -> Option<&'t [u8]> {
    table.get(head..)?.chunks_exact(32).take(count.min(ENTRIES_MAX)).find(|e| e.starts_with(guid))
}

pub(super) fn vhdx(image: &Head<'_>) -> Result<References, Fault> {
    if !image.some(0, 8)?.starts_with(b"vhdxfile") {
        return Err(Fault::damaged("it is not in the format vhdx"));
    }
    // Neither copy may name a parent: which one is valid only checksums tell.
    let mut known = false;
    let mut has_parent = false;
    for at in REGION_TABLES {
        let table = image.some(at, 64 << 10)?;
        if !table.starts_with(b"regi") {
            continue;
        }
        let count = usize::try_from(le32(&table, 8)).unwrap_or(usize::MAX);
        let Some(region) = entry(&table, 16, count, &METADATA_REGION) else { continue };
        let at = le64(region, 16);
        let table = image.some(at, 64 << 10)?;
        if !table.starts_with(b"metadata") {
            continue;
        }
        let count = usize::try_from(le32(&table, 8) >> 16).unwrap_or(usize::MAX);
        let Some(item) = entry(&table, 32, count, &FILE_PARAMETERS) else { continue };
        let parameters = image.all(at.saturating_add(le32(item, 16).into()), 8)?;
        known = true;
        has_parent |= le32(&parameters, 4) & 2 != 0;
    }
    if known {
        Ok(parent(has_parent))
    } else {
        Err(Fault::damaged("its metadata are not understood"))
    }
}

pub(super) fn vpc(image: &Head<'_>, size: u64) -> Result<References, Fault> {
    const DIFFERENCING: u32 = 4;
    // A copy of the footer stands at the beginning, but for disks of fixed size.
    let places = [0, size.saturating_sub(512)];
    let mut known = false;
    let mut has_parent = false;
    for at in places {
        let footer = image.some(at, 512)?;
        if footer.starts_with(b"conectix") {
            known = true;
            has_parent |= be32(&footer, 60) == DIFFERENCING;
        }
    }
    if known {
        Ok(parent(has_parent))
    } else {
        Err(Fault::damaged("it is not in the format vpc"))
    }
}

pub(super) fn vdi(image: &Head<'_>) -> Result<References, Fault> {
    const UNDO_OR_DIFFERENCING: [u32; 2] = [3, 4];
    let header = image.all(0, 512)?;
    if le32(&header, 0x40) != 0xbeda_107f {
        return Err(Fault::damaged("it is not in the format vdi"));
    }
    // UUIDs of the image it is linked to and of its parent.
    let linked = header.get(0x1a8..0x1c8).is_none_or(|uuids| uuids.iter().any(|b| *b != 0));
    Ok(parent(linked || UNDO_OR_DIFFERENCING.contains(&le32(&header, 0x4c))))
}
