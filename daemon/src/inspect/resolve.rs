//! Which of our devices a name in a guest's configuration means.
//!
//! In: the guest's name of a device, and all that blkid and mdadm say of ours. Out: one of ours; the
//! name itself, marked as absent, when it is a device's but ours has no such thing; nothing for tags
//! that nothing here has. Guests see their disks under other names: the first one is `/dev/sda` here and
//! may be `/dev/vda`, `/dev/xvda` or `/dev/nvme0n1` there.

use super::arrays::Arrays;
use super::crypttab;
use super::fstab::tag;
use super::{guest, slices};
use crate::ctx::Ctx;
use crate::device::{drive_index, drive_name, Device};
use crate::disks;
use crate::filesystems::{value, Candidate};
use bstr::{BStr, BString, ByteSlice};
use rustix::fs::FileType;

/// What is known of the disks, and of the guest's names for arrays.
pub struct Names<'a> {
    candidates: &'a [Candidate],
    arrays: Arrays,
    /// Names of open encrypted devices in the guest, and what they are opened from.
    encrypted: Vec<(BString, BString)>,
}

impl<'a> Names<'a> {
    /// For the guest that is mounted now.
    pub fn new(ctx: &Ctx, candidates: &'a [Candidate]) -> Names<'a> {
        let encrypted = guest::text(ctx, "/etc/crypttab").map(|text| crypttab::parse(&text)).unwrap_or_default();
        Names { candidates, arrays: Arrays::new(ctx), encrypted }
    }

    /// The device of an entry in fstab, under the name that it has in lists.
    pub fn device(&self, ctx: &Ctx, spec: &BStr) -> Option<Device> {
        let found = self.find(ctx, spec)?;
        Some(present(ctx, found.api_name(ctx).as_bstr()).unwrap_or(found))
    }

    fn find(&self, ctx: &Ctx, spec: &BStr) -> Option<Device> {
        if let Some((tag, wanted)) = tag(spec) {
            return self.tagged(tag, wanted);
        }
        if let Some(device) = self.arrays.find(spec) {
            return Some(device);
        }
        let name = match slices::parse(spec) {
            Some(slices::Name::Entry { disk, slice, entry }) => {
                let found = slices::labelled(ctx, disk, slice, entry);
                return found.or_else(|| matches!(disk, slices::Whose::Disk(_)).then(|| Device::absent(spec)));
            }
            Some(slices::Name::Part { disk, part }) => Some(slices::ours(disk, part)),
            None => drive(spec).or_else(|| only_drive(ctx, spec)),
        };
        if let Some(name) = name {
            return Some(match present(ctx, name.as_bstr()) {
                Some(device) => device,
                None if drive_exists(ctx, &name) => Device::absent(name.as_bstr()),
                None => Device::absent(spec),
            });
        }
        if let Some(id) = spec.strip_prefix(b"/dev/disk/by-id/dm-uuid-") {
            return Some(disks::mapped(id).unwrap_or_else(|| Device::absent(spec)));
        }
        let volume = spec.strip_prefix(b"/dev/disk/by-id/dm-name-");
        let name = volume.map_or(spec.to_owned(), |v| bstr::concat([&b"/dev/mapper/"[..], v]).into());
        let found = present(ctx, name.as_bstr()).or_else(|| self.opened(ctx, name.as_bstr()));
        Some(found.unwrap_or_else(|| Device::absent(spec)))
    }

    /// What is open here of the encrypted device that the guest opens as `/dev/mapper/NAME`.
    fn opened(&self, ctx: &Ctx, name: &BStr) -> Option<Device> {
        let name = name.strip_prefix(b"/dev/mapper/")?;
        let (_, source) = self.encrypted.iter().find(|(known, _)| known == name)?;
        // One that is opened from another open one is not looked for.
        let device = (!source.starts_with(b"/dev/mapper/")).then(|| self.device(ctx, source.as_bstr()))??;
        let tags = self.candidates.iter().find(|c| c.device == device).map(|c| &c.tags)?;
        disks::opened(value(tags, "UUID")?)
    }

    fn tagged(&self, tag: &str, wanted: &BStr) -> Option<Device> {
        // Those of FAT and of partitions are written in either case.
        let same =
            |found: &BStr| if tag.ends_with("UUID") { found.eq_ignore_ascii_case(wanted) } else { found == wanted };
        let found = self.candidates.iter().find(|c| value(&c.tags, tag).is_some_and(same));
        found.map(|c| c.device.clone())
    }
}

/// One of our devices under its own name, when it is a block device.
fn present(ctx: &Ctx, name: &BStr) -> Option<Device> {
    let device = Device::parse(ctx, name).ok()?;
    let stat = rustix::fs::stat(device.path()).ok()?;
    (FileType::from_raw_mode(stat.st_mode) == FileType::BlockDevice).then_some(device)
}

/// Whether there is a drive that an API name of it or of its partition begins with.
fn drive_exists(ctx: &Ctx, name: &BString) -> bool {
    let whole = name.trim_end_with(|c| c.is_ascii_digit());
    present(ctx, whole.as_bstr()).is_some()
}

/// Our name of a disk or partition that the guest names by letters or number, counted from the first.
fn drive(spec: &BStr) -> Option<BString> {
    let rest = spec.strip_prefix(b"/dev/")?;
    let lettered = ["sd", "hd", "vd", "xvd"].iter().find_map(|head| rest.strip_prefix(head.as_bytes()));
    if let Some(rest) = lettered {
        let letters = rest.iter().take_while(|c| c.is_ascii_lowercase()).count();
        let (letters, part) = rest.split_at_checked(letters)?;
        return ours(drive_index(letters)?, part);
    }
    let heads = [("nvme", &b"n1"[..]), ("mmcblk", b""), ("cciss/c0d", b""), ("ida/c0d", b"")];
    let (rest, middle) =
        heads.iter().find_map(|(head, middle)| Some((rest.strip_prefix(head.as_bytes())?, *middle)))?;
    let digits = rest.iter().take_while(|c| c.is_ascii_digit()).count();
    let (index, rest) = rest.split_at_checked(digits)?;
    let rest = rest.strip_prefix(middle)?;
    let part = match rest {
        b"" => rest,
        rest => rest.strip_prefix(b"p").filter(|part| !part.is_empty())?,
    };
    ours(index.to_str().ok()?.parse().ok()?, part)
}

fn ours(index: usize, part: &[u8]) -> Option<BString> {
    let number = part.iter().all(u8::is_ascii_digit) && part.first() != Some(&b'0');
    number.then(|| bstr::concat([b"/dev/sd", drive_name(index).as_bytes(), part]).into())
}

/// A name by the serial number of a disk: no drive of ours has it, but when there is only one it is
/// that. (`/dev/disk/by-id/ata-XYZ-part1`)
fn only_drive(ctx: &Ctx, spec: &BStr) -> Option<BString> {
    let rest = ["/dev/disk/by-id/", "/dev/disk/by-path/"].iter().find_map(|dir| spec.strip_prefix(dir.as_bytes()))?;
    if rest.starts_with(b"dm-") || rest.starts_with(b"md-") || ctx.disks().list().len() != 1 {
        return None;
    }
    match rest.rsplit_once_str("-part") {
        Some((_, part)) => ours(0, part).filter(|_| !part.is_empty()),
        None => ours(0, b""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drives() {
        for (spec, want) in [
            ("/dev/sda1", Some("/dev/sda1")),
            ("/dev/xvdb", Some("/dev/sdb")),
            ("/dev/hdc12", Some("/dev/sdc12")),
            ("/dev/vdaa3", Some("/dev/sdaa3")),
            ("/dev/nvme0n1p2", Some("/dev/sda2")),
            ("/dev/nvme1n1", Some("/dev/sdb")),
            ("/dev/nvme1n2p1", None),
            ("/dev/mmcblk0p1", Some("/dev/sda1")),
            ("/dev/cciss/c0d1p3", Some("/dev/sdb3")),
            ("/dev/nvme99999999999999999999n1", None),
            ("/dev/sda0", None),
            ("/dev/sda1x", None),
            ("/dev/sd", None),
            ("/dev/sdaaaaaaaaa1", None),
            ("/dev/VG/LV", None),
            ("/dev/nvme0n1p", None),
        ] {
            assert_eq!(drive(spec.into()), want.map(BString::from), "{spec}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_name(spec: Vec<u8>, tail in "[a-z0-9/-]{0,20}") {
            let _ = drive(spec.as_bstr());
            let _ = drive(format!("/dev/{tail}").as_str().into());
        }
    }
}
