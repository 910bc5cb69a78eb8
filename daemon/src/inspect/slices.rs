//! Devices under the names that BSD systems, the Hurd and Minix have for them.
//!
//! In: a name from their fstab, and the tables on our disks. Out: one of ours. BSD has partitions with
//! letters inside of one of the PC's kind, which it calls a slice; they are in a table of its own, the disk
//! label (disklabel(5)). Linux numbers those that it takes over from 5 on, so that the letter alone does not
//! tell which one it is: the label is read again, and the partition found that begins at the same place.

use crate::ctx::Ctx;
use crate::device::{drive_name, Device, Disk};
use crate::disks::{extent, Extent};
use bstr::{BStr, BString, ByteSlice};
use rustix::fs::OFlags;
use std::os::unix::fs::FileExt;

/// How drivers call disks, with a number behind it: FreeBSD's, then NetBSD's, OpenBSD's and the Hurd's.
const DRIVERS: &[&str] = &["ada", "ad", "da", "nda", "nvd", "vtbd", "mfid", "wd", "sd", "ld", "xbd", "hd"];
/// A disk label is in the second sector of its slice.
const LABEL_AT: u64 = 512;
/// Its head, and its entries: 16 is all that Linux and the systems have.
const LABEL_SIZE: usize = ENTRIES_AT + 16 * ENTRY_SIZE;
const ENTRIES_AT: usize = 148;
const ENTRY_SIZE: usize = 16;
/// At the start and behind the head.
const MAGIC: [u8; 4] = 0x8256_4557_u32.to_le_bytes();
/// Numbers of partitions that are in the PC's own table.
const PRIMARY_MAX: i32 = 4;
/// Linux's first number for those inside of others.
const INNER: u32 = 5;

/// What a name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// A disk, or a partition with a number of its own.
    Part { disk: usize, part: Option<u32> },
    /// A partition in a disk label: which disk, which slice of it, which entry.
    Entry { disk: Whose, slice: Option<u32>, entry: usize },
}

/// On which disk a label is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    Disk(usize),
    /// The one that OpenBSD knows by this identifier in its label.
    Uid([u8; 8]),
}

/// Take a name apart: `/dev/ada0p2`, `/dev/da0s1a`, `/dev/wd0e`, `/dev/hd0s1`, `/dev/c0d0p0s1`,
/// `52fdd1ce48744600.a`.
pub fn parse(spec: &BStr) -> Option<Name> {
    if let Some((uid, letter)) = duid(spec) {
        return Some(Name::Entry { disk: Whose::Uid(uid), slice: None, entry: letter });
    }
    let rest = spec.strip_prefix(b"/dev/")?;
    if let Some(name) = minix(rest) {
        return Some(name);
    }
    let (disk, rest) = DRIVERS.iter().find_map(|driver| number(rest.strip_prefix(driver.as_bytes())?))?;
    let disk = usize::try_from(disk).ok()?;
    match rest {
        [] => Some(Name::Part { disk, part: None }),
        [letter] => Some(Name::Entry { disk: Whose::Disk(disk), slice: None, entry: entry(*letter)? }),
        [b'p', rest @ ..] => match number(rest)? {
            (part @ 1.., []) => Some(Name::Part { disk, part: Some(part) }),
            _ => None,
        },
        [b's', rest @ ..] => match number(rest)? {
            (part @ 1.., []) => Some(Name::Part { disk, part: Some(part) }),
            (slice @ 1.., [letter]) => {
                Some(Name::Entry { disk: Whose::Disk(disk), slice: Some(slice), entry: entry(*letter)? })
            }
            _ => None,
        },
        _ => None,
    }
}

/// Whether it is OpenBSD's name by the identifier of a disk.
pub fn is_duid(spec: &BStr) -> bool {
    duid(spec).is_some()
}

fn duid(spec: &BStr) -> Option<([u8; 8], usize)> {
    let (uid, letter) = spec.split_once_str(".")?;
    let [letter] = letter else { return None };
    let uid: &[u8; 16] = uid.try_into().ok()?;
    let lower = uid.iter().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(c));
    let value = lower.then(|| u64::from_str_radix(uid.to_str().ok()?, 16).ok())??;
    Some((value.to_be_bytes(), entry(*letter)?))
}

/// Controller, disk, partition counted from 0, and perhaps one inside of that.
fn minix(rest: &[u8]) -> Option<Name> {
    let (_, rest) = number(rest.strip_prefix(b"c")?)?;
    let (disk, rest) = number(rest.strip_prefix(b"d")?)?;
    let disk = usize::try_from(disk).ok()?;
    if rest.is_empty() {
        return Some(Name::Part { disk, part: None });
    }
    let (part, rest) = number(rest.strip_prefix(b"p")?)?;
    let part = match rest {
        [] => part.checked_add(1)?,
        // The kernel takes those over one after the other.
        rest => match number(rest.strip_prefix(b"s")?)? {
            (inner @ 0..=3, []) => INNER + inner,
            _ => return None,
        },
    };
    Some(Name::Part { disk, part: Some(part) })
}

/// The digits at the start, and what follows.
fn number(text: &[u8]) -> Option<(u32, &[u8])> {
    let end = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(end)?;
    Some((digits.to_str().ok()?.parse().ok()?, rest))
}

fn entry(letter: u8) -> Option<usize> {
    (b'a'..=b'p').contains(&letter).then(|| usize::from(letter.wrapping_sub(b'a')))
}

/// Our name of what needs no label to be found.
pub fn ours(disk: usize, part: Option<u32>) -> BString {
    let part = part.map(|number| number.to_string()).unwrap_or_default();
    format!("/dev/sd{}{part}", drive_name(disk)).into()
}

/// The partition with an entry in a disk label; `None` when no such label or entry is here.
pub fn labelled(ctx: &Ctx, whose: Whose, slice: Option<u32>, entry: usize) -> Option<Device> {
    let on = |disk: &Disk| match whose {
        Whose::Disk(index) => disk.index == index,
        Whose::Uid(_) => true,
    };
    ctx.disks().list().iter().filter(|disk| on(disk)).find_map(|disk| in_disk(ctx, disk, whose, slice, entry))
}

fn in_disk(ctx: &Ctx, disk: &Disk, whose: Whose, slice: Option<u32>, entry: usize) -> Option<Device> {
    let parts: Vec<(Device, Extent)> =
        disk.partitions().into_iter().filter_map(|device| Some((device.clone(), extent(&device)?))).collect();
    let slices = parts.iter().filter(|(_, at)| match slice {
        Some(number) => i64::from(at.number) == i64::from(number),
        None => at.number <= PRIMARY_MAX,
    });
    slices.filter_map(|(device, at)| Some((at, Label::read(ctx, device)?))).find_map(|(at, label)| {
        if let Whose::Uid(uid) = whose {
            label.uid().filter(|found| *found == uid)?;
        }
        let (start, sectors) = label.entry(entry)?;
        // FreeBSD counts from where the slice begins, as a rule, the others from the start of the disk.
        let starts = [start, start.checked_add(at.start)?];
        let is = |(_, found): &&(Device, Extent)| starts.contains(&found.start) && found.sectors == sectors;
        // What is as large as its slice is that, for Linux.
        parts.iter().rev().find(is).map(|(device, _)| device.clone())
    })
}

/// A disk label.
struct Label([u8; LABEL_SIZE]);

impl Label {
    fn read(ctx: &Ctx, slice: &Device) -> Option<Label> {
        let mut bytes = [0; LABEL_SIZE];
        slice.open(ctx, OFlags::RDONLY).ok()?.read_exact_at(&mut bytes, LABEL_AT).ok()?;
        Label::new(bytes)
    }

    fn new(bytes: [u8; LABEL_SIZE]) -> Option<Label> {
        let magic = |at: usize| bytes.get(at..).is_some_and(|rest| rest.starts_with(&MAGIC));
        (magic(0) && magic(132)).then_some(Label(bytes))
    }

    /// What OpenBSD has there, random in others.
    fn uid(&self) -> Option<[u8; 8]> {
        self.0.get(64..)?.first_chunk().copied()
    }

    /// First sector and sectors of an entry that is in use.
    fn entry(&self, number: usize) -> Option<(u64, u64)> {
        let count = u16::from_le_bytes(*self.0.get(138..)?.first_chunk()?);
        let at = ENTRIES_AT.checked_add(number.checked_mul(ENTRY_SIZE)?)?;
        let entry: &[u8; ENTRY_SIZE] = self.0.get(at..)?.first_chunk()?;
        let [s0, s1, s2, s3, o0, o1, o2, o3, ..] = *entry;
        let (sectors, start) = (u32::from_le_bytes([s0, s1, s2, s3]), u32::from_le_bytes([o0, o1, o2, o3]));
        (number < usize::from(count) && sectors > 0).then_some((u64::from(start), u64::from(sectors)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let part = |disk, part| Some(Name::Part { disk, part });
        let labelled = |disk, slice, entry| Some(Name::Entry { disk: Whose::Disk(disk), slice, entry });
        for (spec, want) in [
            ("/dev/ada0p2", part(0, Some(2))),
            ("/dev/ad1", part(1, None)),
            ("/dev/da0s1a", labelled(0, Some(1), 0)),
            ("/dev/da12s2", part(12, Some(2))),
            ("/dev/vtbd0p15", part(0, Some(15))),
            ("/dev/nvd0p1", part(0, Some(1))),
            ("/dev/wd0e", labelled(0, None, 4)),
            ("/dev/sd1p", labelled(1, None, 15)),
            ("/dev/ld0a", labelled(0, None, 0)),
            ("/dev/hd0s1", part(0, Some(1))),
            ("/dev/c0d0p0s2", part(0, Some(7))),
            ("/dev/c0d1p2", part(1, Some(3))),
            ("/dev/c0d1", part(1, None)),
            ("0123456789abcdef.d", {
                let uid = [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];
                Some(Name::Entry { disk: Whose::Uid(uid), slice: None, entry: 3 })
            }),
            ("0123456789abcdef.q", None),
            ("0123456789ABCDEF.a", None),
            ("0123456789abcdef", None),
            ("/dev/da0p0", None),
            ("/dev/da0s0a", None),
            ("/dev/da0s1ab", None),
            ("/dev/da0px", None),
            ("/dev/wd0q", None),
            ("/dev/wd0E", None),
            ("/dev/sda1", None),
            ("/dev/da99999999999p1", None),
            ("/dev/c0d0p0s4", None),
            ("/dev/c0d0p4294967295", None),
            ("/dev/VG/LV", None),
        ] {
            assert_eq!(parse(spec.into()), want, "{spec}");
        }
        assert_eq!((ours(27, Some(3)), ours(0, None)), ("/dev/sdab3".into(), "/dev/sda".into()));
    }

    #[test]
    fn labels() {
        let mut bytes = [0; LABEL_SIZE];
        assert!(Label::new(bytes).is_none());
        bytes[..4].copy_from_slice(&MAGIC);
        assert!(Label::new(bytes).is_none());
        bytes[132..136].copy_from_slice(&MAGIC);
        bytes[64..72].copy_from_slice(b"12345678");
        bytes[138] = 8;
        for (entry, sectors, start) in [(0, 100_u32, 63_u32), (1, 0, 5), (9, 7, 7)] {
            let at = ENTRIES_AT + entry * ENTRY_SIZE;
            bytes[at..at + 4].copy_from_slice(&sectors.to_le_bytes());
            bytes[at + 4..at + 8].copy_from_slice(&start.to_le_bytes());
        }
        let Some(label) = Label::new(bytes) else { panic!("no label") };
        assert_eq!(label.uid(), Some(*b"12345678"));
        assert_eq!([0, 1, 9, 99].map(|n| label.entry(n)), [Some((63, 100)), None, None, None]);
    }

    proptest::proptest! {
        #[test]
        fn any_name(spec: Vec<u8>, tail in "(ada|da|wd|c0d|hd)?[0-9a-z.]{0,20}") {
            parse(spec.as_bstr());
            parse(tail.as_str().into());
            parse(format!("/dev/{tail}").as_str().into());
        }
    }
}
