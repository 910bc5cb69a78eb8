//! Which of our devices a name in a guest's configuration means.
//!
//! In: the guest's name of a device, and all that blkid and mdadm say of ours. Out: one of ours; the
//! name itself, marked as absent, when it is a device's but ours has no such thing; nothing for tags
//! that nothing here has. Guests see their disks under other names: the first one is `/dev/sda` here and
//! may be `/dev/vda`, `/dev/xvda` or `/dev/nvme0n1` there.

use super::crypttab;
use super::fstab::tag;
use super::guest;
use crate::ctx::Ctx;
use crate::device::{self, drive_index, drive_name, Device};
use crate::filesystems::{plain_value, value, Candidate};
use crate::run::Tool;
use bstr::{BStr, BString, ByteSlice};
use rustix::fs::FileType;

/// What is known of the disks, and of the guest's names for arrays.
pub struct Names<'a> {
    candidates: &'a [Candidate],
    /// Names of arrays in the guest, and ours.
    arrays: Vec<(BString, Device)>,
    /// Names of open encrypted devices in the guest, and what they are opened from.
    encrypted: Vec<(BString, BString)>,
}

/// Have the tags that a guest may name as they are on disk. Once for all entries of all guests: where
/// one may be escaped in the list, it is a run of blkid.
pub fn make_plain(ctx: &Ctx, candidates: &mut [Candidate]) {
    for Candidate { device, tags } in candidates {
        for key in ["UUID", "LABEL", "PART_ENTRY_UUID", "PART_ENTRY_NAME"] {
            if let Some(plain) = plain_value(ctx, device, tags, key) {
                tags.iter_mut().filter(|(known, _)| known == key).for_each(|(_, value)| *value = plain.clone());
            }
        }
    }
}

impl<'a> Names<'a> {
    /// For the guest that is mounted now.
    pub fn new(ctx: &Ctx, candidates: &'a [Candidate]) -> Names<'a> {
        let encrypted = guest::text(ctx, "/etc/crypttab").map(|text| crypttab::parse(&text)).unwrap_or_default();
        Names { candidates, arrays: arrays(ctx, candidates), encrypted }
    }

    /// The device of an entry in fstab.
    pub fn device(&self, ctx: &Ctx, spec: &BStr) -> Option<Device> {
        if let Some((tag, wanted)) = tag(spec) {
            return self.tagged(tag, wanted);
        }
        if let Some(device) = self.array(spec) {
            return Some(device);
        }
        if let Some(name) = drive(spec).or_else(|| only_drive(ctx, spec)) {
            return Some(match present(ctx, name.as_bstr()) {
                Some(device) => device,
                None if drive_exists(ctx, &name) => Device::absent(name.as_bstr()),
                None => Device::absent(spec),
            });
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
        device::opened(value(tags, "UUID")?)
    }

    fn tagged(&self, tag: &str, wanted: &BStr) -> Option<Device> {
        // Those of FAT and of partitions are written in either case.
        let same = |found: &BStr| if tag.ends_with("UUID") { found.eq_ignore_ascii_case(wanted) } else { found == wanted };
        let found = self.candidates.iter().find(|c| value(&c.tags, tag).is_some_and(same));
        found.map(|c| c.device.clone())
    }

    /// An array that mdadm.conf names, or a partition of it.
    fn array(&self, spec: &BStr) -> Option<Device> {
        self.arrays.iter().find_map(|(name, device)| {
            let rest = spec.strip_prefix(name.as_slice())?;
            match rest {
                b"" => Some(device.clone()),
                [b'p', number @ ..] if !number.is_empty() && number.iter().all(u8::is_ascii_digit) => {
                    let node = bstr::concat([device.as_bstr(), rest]);
                    Some(Device::from_real(node.to_os_str().ok()?))
                }
                _ => None,
            }
        })
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
    let (rest, middle) = heads.iter().find_map(|(head, middle)| Some((rest.strip_prefix(head.as_bytes())?, *middle)))?;
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

/// The arrays in the guest's mdadm.conf(5), found by their UUIDs among those that run.
fn arrays(ctx: &Ctx, candidates: &[Candidate]) -> Vec<(BString, Device)> {
    let mut names = Vec::new();
    for file in ["/etc/mdadm.conf", "/etc/mdadm/mdadm.conf"] {
        names.extend(guest::text(ctx, file).map(|text| configured(&text)).unwrap_or_default());
    }
    if names.is_empty() {
        return Vec::new();
    }
    // Of an array with partitions these are candidates, it is not.
    let mut running: Vec<BString> = candidates.iter().filter_map(|c| whole_array(c.device.as_bstr())).collect();
    running.sort();
    running.dedup();
    let mut found = Vec::new();
    for node in running {
        let Ok(path) = node.to_os_str() else { continue };
        let Ok(output) = Tool::new("mdadm").args(["--detail", "--export"]).arg(path).run(ctx) else { continue };
        let Some(uuid) = guest::assigned(&output.stdout, "MD_UUID").and_then(|uuid| hex(&uuid)) else { continue };
        let these = names.iter().filter(|(_, wanted)| *wanted == uuid);
        found.extend(these.map(|(name, _)| (name.clone(), Device::from_real(path))));
    }
    found
}

/// `/dev/md127` of `/dev/md127` and `/dev/md127p1`.
fn whole_array(node: &BStr) -> Option<BString> {
    let rest = node.strip_prefix(b"/dev/md")?;
    let digits = rest.iter().take_while(|c| c.is_ascii_digit()).count();
    node.get(..b"/dev/md".len() + digits).filter(|_| digits > 0).map(BString::from)
}

/// Names and UUIDs of the lines `ARRAY NAME … UUID=…`.
fn configured(text: &[u8]) -> Vec<(BString, BString)> {
    let array = |line: &[u8]| {
        let mut words = line.fields();
        words.next().filter(|word| word.eq_ignore_ascii_case(b"array"))?;
        let name = words.next().filter(|name| name.starts_with(b"/dev/"))?;
        let uuid = words.find_map(|word| {
            let (key, value) = word.split_once_str("=")?;
            key.eq_ignore_ascii_case(b"uuid").then(|| hex(value))
        });
        Some((name.into(), uuid??))
    };
    text.lines().filter_map(array).take(100).collect()
}

/// The digits of a UUID, whose groups mdadm separates by colons.
fn hex(uuid: &[u8]) -> Option<BString> {
    let digits: Vec<u8> = uuid.iter().filter(|b| b.is_ascii_hexdigit()).map(u8::to_ascii_lowercase).collect();
    (digits.len() == 32).then(|| digits.into())
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

    #[test]
    fn arrays_by_uuid() {
        let conf = b"# x\nMAILADDR root\nARRAY /dev/md0 level=raid1 UUID=01234567:89ABCDEF:01234567:89abcdef\n\
            array /dev/md/boot metadata=1.2 uuid=1:2\nARRAY <ignore> UUID=01234567:89abcdef:01234567:89abcdef\nARRAY\n";
        let digits = BString::from("0123456789abcdef0123456789abcdef");
        assert_eq!(configured(conf), [(BString::from("/dev/md0"), digits)]);
        let ours = Device::from_real("/dev/md127");
        let names = Names { candidates: &[], arrays: vec![("/dev/md0".into(), ours.clone())], encrypted: Vec::new() };
        assert_eq!(names.array("/dev/md0".into()), Some(ours));
        assert_eq!(names.array("/dev/md0p2".into()), Some(Device::from_real("/dev/md127p2")));
        assert_eq!(names.array("/dev/md01".into()), None);
        assert_eq!(names.array("/dev/md0p".into()), None);
        for (node, want) in [("/dev/md127p1", Some("/dev/md127")), ("/dev/md3", Some("/dev/md3")), ("/dev/mdx", None), ("/dev/sda", None)] {
            assert_eq!(whole_array(node.into()), want.map(BString::from), "{node}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_name(spec: Vec<u8>, tail in "[a-z0-9/-]{0,20}", text: Vec<u8>) {
            let _ = drive(spec.as_bstr());
            let _ = drive(format!("/dev/{tail}").as_str().into());
            let _ = whole_array(format!("/dev/md{tail}").as_str().into());
            configured(&text);
        }
    }
}
