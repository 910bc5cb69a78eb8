//! Where file systems may be: whole disks, partitions, arrays, volumes, others of device-mapper (opened
//! encrypted devices) and btrfs subvolumes.
//!
//! In: the kernel's and lvm's lists, one look at all candidates by blkid. Out: mountables with types.
//! What only carries something else (a volume group's member, an encrypted container, an extended
//! partition) is left out, as guestfs(3) has it for list_filesystems.

use std::fs::File;

use bstr::{BStr, BString, ByteSlice};
use rustix::fs::OFlags;

use super::probe;
use super::prober::Tags;
use crate::ctx::Ctx;
use crate::device::{Device, Disk, Mountable};
use crate::disks::signatures::{self, Dynamic};
use crate::error::{Errno, Result};

/// Partitions that never hold a file system, by type as blkid prints it: extended ones (MBR), and for
/// Windows the reserved one and those of dynamic disks (MBR 0x42, GPT).
const NOT_FOR_FILES: &[&str] = &[
    "0x5",
    "0xf",
    "0x85",
    "0x42",
    "5808c8aa-7e8f-42e0-85d2-e1e90434cfb3",
    "af9b60a0-1431-4f62-bc68-3311714a69ad",
    "e3c9e316-0b5c-4db8-817d-f92df00215ae",
];

/// A device that may hold a file system, with what blkid says of it: nothing where it recognises nothing.
pub(crate) struct Candidate {
    pub device: Device,
    pub tags: Tags,
}

/// Every place that may hold a file system, with its type; `unknown` where nothing is recognised.
pub fn list_filesystems(ctx: &mut Ctx) -> Result<Vec<(Mountable, BString)>> {
    let candidates = survey(ctx)?;
    mountables(ctx, &candidates)
}

/// All devices that may hold a file system, also those whose content turns out to be something else.
pub(crate) fn survey(ctx: &mut Ctx) -> Result<Vec<Candidate>> {
    let candidates = candidates(ctx)?;
    // A volume that is not activated has no node.
    let present: Vec<Device> = candidates.iter().filter(|d| d.path().exists()).cloned().collect();
    let mut known = probe::probe_all(ctx, &present)?.into_iter();
    let mut tags_of = |device: &Device| present.contains(device).then(|| known.next()).flatten().unwrap_or_default();
    Ok(candidates.into_iter().map(|device| Candidate { tags: tags_of(&device), device }).collect())
}

/// What of these can be mounted or is swap, with its type.
pub(crate) fn mountables(ctx: &Ctx, candidates: &[Candidate]) -> Result<Vec<(Mountable, BString)>> {
    let mut found = Vec::new();
    for Candidate { device, tags } in candidates {
        let Some(fstype) = classify(tags) else { continue };
        let volumes = if fstype == "btrfs" { subvolumes(ctx, device)? } else { Vec::new() };
        found.push((Mountable::Device(device.clone()), fstype.to_owned()));
        found.extend(volumes.into_iter().map(|v| (Mountable::BtrfsVol(device.clone(), v), fstype.to_owned())));
    }
    Ok(found)
}

/// Disks without partitions, opened devices, partitions, arrays, volumes; in this order, which is
/// libguestfs's, each sorted as its source is.
fn candidates(ctx: &mut Ctx) -> Result<Vec<Device>> {
    let (mut whole, parts) = divided(ctx, &ctx.disks().list());
    // Half of a mirror is no file system of its own, though it looks like one.
    let halves = crate::device::ldm_parts();
    whole.extend(crate::device::others().into_iter().filter(|device| !halves.contains(device)));
    whole.extend(parts);
    let (arrays, parts) = divided(ctx, &crate::disks::running_arrays());
    whole.extend(arrays);
    whole.extend(parts);
    if ctx.groups().require("lvm2").is_ok() {
        whole.extend(crate::lvm::lvs(ctx)?);
    }
    Ok(whole)
}

/// Those without partitions, and the partitions of the others.
fn divided(ctx: &Ctx, disks: &[Disk]) -> (Vec<Device>, Vec<Device>) {
    let (mut whole, mut parts) = (Vec::new(), Vec::new());
    for disk in disks {
        let partitions = disk.partitions();
        if partitions.is_empty() {
            whole.push(disk.device());
        } else if !is_dynamic(ctx, &disk.device()) {
            parts.extend(partitions);
        }
    }
    (whole, parts)
}

/// Whether all of a disk belongs to the dynamic disks of Windows. What the kernel shows as its partitions are pieces
/// of volumes, which have devices of their own.
fn is_dynamic(ctx: &Ctx, disk: &Device) -> bool {
    let look = |file: File| crate::blockdev::size(&file).map(|size| signatures::look(&file, size));
    ctx.groups().require("ldm").is_ok()
        && disk.open(ctx, OFlags::RDONLY).and_then(look).is_ok_and(|seen| seen.dynamic == Dynamic::Whole)
}

/// The type to show for a device with these tags, or `None` when it is not to be listed.
fn classify(tags: &Tags) -> Option<&BStr> {
    let kind = probe::value(tags, "PART_ENTRY_TYPE").unwrap_or_default();
    if NOT_FOR_FILES.iter().any(|t| kind == t) {
        return None;
    }
    match probe::value(tags, "TYPE") {
        None => Some("unknown".into()),
        Some(t) if t.ends_with(b"_member") || t == "crypto_LUKS" || t == "BitLocker" => None,
        Some(t) => Some(t),
    }
}

/// The subvolumes of a btrfs file system but the one that is mounted by default, as paths from its
/// top. One that cannot be read has none to show: its device is listed all the same.
fn subvolumes(ctx: &Ctx, device: &Device) -> Result<Vec<BString>> {
    crate::btrfs::subvolumes(ctx, device).or_else(|e| {
        // Too many to list is not none, nor is a list that nobody wants any more.
        if matches!(e.errno(), Some(Errno::MSGSIZE | Errno::INTR)) {
            return Err(e.context(device.api_name(ctx)));
        }
        if ctx.verbose() {
            eprintln!("guestfsd: {}: subvolumes cannot be listed: {e}", device.api_name(ctx).as_bstr());
        }
        Ok(Vec::new())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        let tags = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect::<Tags>();
        let shown = |pairs: &[(&str, &str)]| classify(&tags(pairs)).map(ToString::to_string);
        assert_eq!(shown(&[]).as_deref(), Some("unknown"));
        assert_eq!(shown(&[("PTTYPE", "gpt")]).as_deref(), Some("unknown"));
        assert_eq!(shown(&[("TYPE", "ext4"), ("PART_ENTRY_TYPE", "0x83")]).as_deref(), Some("ext4"));
        assert_eq!(shown(&[("TYPE", "swap")]).as_deref(), Some("swap"));
        assert_eq!(shown(&[("TYPE", "LVM2_member")]), None);
        assert_eq!(shown(&[("TYPE", "crypto_LUKS")]), None);
        assert_eq!(shown(&[("PART_ENTRY_TYPE", "0x5")]), None);
    }
}
