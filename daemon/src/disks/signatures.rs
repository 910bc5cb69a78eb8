//! Signatures on a disk: that it belongs to an array, a volume group, or the dynamic disks of Windows.
//!
//! In: a device's bytes at the few places where such signatures are. Out: what is there. Tools take a third
//! of a second under emulation, so they are started only where their own signatures are in sight. The tools
//! decide what the signatures are worth.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// What was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Signatures {
    /// Member of a Linux software RAID array.
    pub array: bool,
    /// Physical volume of LVM.
    pub volume: bool,
    /// Dynamic disk of Windows, by its partition table.
    pub dynamic: Dynamic,
}

/// How a disk is marked as a dynamic one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Dynamic {
    #[default]
    No,
    /// Some of its partitions belong to dynamic volumes.
    Partly,
    /// All of it does: an MBR has partitions of this kind and no others.
    Whole,
}

impl Signatures {
    /// Both together.
    pub fn and(self, other: Signatures) -> Signatures {
        Signatures {
            array: self.array || other.array,
            volume: self.volume || other.volume,
            dynamic: self.dynamic.max(other.dynamic),
        }
    }
}

/// A physical volume's label lies in one of the first four sectors of 512 bytes: `LABELONE`, and its
/// type at byte 24 (lib/label/label.h of LVM2).
const SECTOR: usize = 512;
const LABEL_SECTORS: usize = 4;
/// `MD_SB_MAGIC` of include/uapi/linux/raid/md_p.h. Version 1 is little-endian everywhere, 0.90 is as
/// the machine is that made it.
const MAGIC: u32 = 0xa92b_4efc;
/// Superblocks of version 1.1 are at the start, of 1.2 here.
const AT_1_2: usize = 4096;
/// Type of the partition in an MBR that makes a disk dynamic (`LDM_PARTITION` of Linux's block/partitions/ldm.h),
/// where types of its four partitions are, and where its own mark.
const MBR_DYNAMIC: u8 = 0x42;
const MBR_TYPES: [usize; 4] = [0x1c2, 0x1d2, 0x1e2, 0x1f2];
const MBR_MARK: std::ops::Range<usize> = 510..512;
/// Type of the partition of a GPT that has the database of dynamic disks,
/// 5808C8AA-7E8F-42E0-85D2-E1E90434CFB3 as it is on disk; entries of 128 bytes are in the third sector and on.
const GPT_DATABASE: [u8; 16] =
    [0xaa, 0xc8, 0x08, 0x58, 0x8f, 0x7e, 0xe0, 0x42, 0x85, 0xd2, 0xe1, 0xe9, 0x04, 0x34, 0xcf, 0xb3];
const GPT_ENTRIES: usize = 2 * SECTOR;
const GPT_ENTRY: usize = 128;
/// What is read at the start.
const HEAD: usize = AT_1_2 + SECTOR;
/// Version 0.90: in the last whole 64 KiB (`MD_NEW_SIZE_SECTORS`).
const RESERVED: u64 = 64 << 10;

/// Look at an open device of `size` bytes. What cannot be read has no signatures.
pub fn look(device: &File, size: u64) -> Signatures {
    let mut head = [0; HEAD];
    let read = read(device, &mut head, 0).unwrap_or(0);
    let head = head.get(..read).unwrap_or_default();
    let volume = has_label(head);
    let array = is_magic(head)
        || head.get(AT_1_2..).is_some_and(is_magic)
        || at_end(size).into_iter().any(|at| {
            let mut word = [0; 4];
            at.is_some_and(|at| read_exact(device, &mut word, at) && is_magic(&word))
        });
    Signatures { array, volume, dynamic: dynamic(head) }
}

/// Whether a device that begins like this has the label of a physical volume.
pub(super) fn has_label(head: &[u8]) -> bool {
    let mut sectors = head.chunks(SECTOR).take(LABEL_SECTORS);
    sectors.any(|sector| sector.starts_with(b"LABELONE") && sector.get(24..32) == Some(b"LVM2 001"))
}

/// Whether a disk that begins like this is a dynamic one.
fn dynamic(head: &[u8]) -> Dynamic {
    let mut used = MBR_TYPES.iter().filter_map(|at| head.get(*at)).filter(|kind| **kind != 0);
    if head.get(MBR_MARK) != Some(&[0x55, 0xaa]) {
        Dynamic::No
    } else if used.clone().any(|kind| *kind == MBR_DYNAMIC) {
        if used.all(|kind| *kind == MBR_DYNAMIC) {
            Dynamic::Whole
        } else {
            Dynamic::Partly
        }
    } else if head.get(SECTOR..).is_some_and(|second| second.starts_with(b"EFI PART"))
        && head.get(GPT_ENTRIES..).unwrap_or_default().chunks(GPT_ENTRY).any(|entry| entry.starts_with(&GPT_DATABASE))
    {
        Dynamic::Partly
    } else {
        Dynamic::No
    }
}

/// Where superblocks of versions 1.0 and 0.90 are on a device of `size` bytes.
fn at_end(size: u64) -> [Option<u64>; 2] {
    // At least 8 KiB from the end, at a multiple of 4 KiB (md's super_1_load).
    let v1_0 = (size / 512).checked_sub(16).map(|sector| (sector & !7) * 512);
    let v0_90 = (size & !(RESERVED - 1)).checked_sub(RESERVED);
    [v1_0, v0_90]
}

fn is_magic(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC.to_le_bytes()) || bytes.starts_with(&MAGIC.to_be_bytes())
}

fn read_exact(device: &File, buf: &mut [u8], at: u64) -> bool {
    matches!(read(device, buf, at), Ok(n) if n == buf.len())
}

/// As much as there is.
fn read(device: &File, buf: &mut [u8], at: u64) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match device.read_at(rest, at + done as u64) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: u64 = 10 << 20;

    /// Signatures of a device with these bytes at these places.
    fn signatures(size: u64, marks: &[(u64, &[u8])]) -> Signatures {
        let file = tempfile::tempfile().unwrap();
        file.set_len(size).unwrap();
        for (at, bytes) in marks {
            file.write_all_at(bytes, *at).unwrap();
        }
        look(&file, size)
    }

    #[test]
    fn labels_in_any_of_the_first_sectors() {
        for (sector, seen) in [(0, true), (1, true), (3, true), (4, false)] {
            let at = sector * 512;
            let label: [(u64, &[u8]); 2] = [(at, b"LABELONE"), (at + 24, b"LVM2 001")];
            assert_eq!(signatures(SIZE, &label), Signatures { volume: seen, ..Signatures::default() }, "{sector}");
            assert!(!signatures(SIZE, &label[..1]).volume);
        }
    }

    #[test]
    fn superblocks_of_every_version() {
        let magic = MAGIC.to_le_bytes();
        let array = |size, at| signatures(size, &[(at, &magic)]).array;
        assert!(array(SIZE, 0) && array(SIZE, 4096));
        // An odd number of sectors: from the end, rounded down.
        let odd = SIZE + 5 * 512;
        assert!(array(SIZE, SIZE - 8192) && array(odd, SIZE - 8192));
        assert!(array(SIZE, SIZE - 65536) && array(odd, SIZE - 65536));
        assert!(signatures(SIZE, &[(SIZE - 65536, &MAGIC.to_be_bytes())]).array);
        for at in [512, 8192, SIZE / 2, SIZE - 4096] {
            assert!(!array(SIZE, at), "{at}");
        }
    }

    #[test]
    fn dynamic_disks() {
        let mark: (u64, &[u8]) = (510, &[0x55, 0xaa]);
        let dynamic = |marks: &[(u64, &[u8])]| signatures(SIZE, marks).dynamic;
        assert_eq!(dynamic(&[mark]), Dynamic::No);
        assert_eq!(dynamic(&[(0x1c2, &[0x42])]), Dynamic::No);
        assert_eq!(dynamic(&[(0x1c2, &[0x42]), mark]), Dynamic::Whole);
        assert_eq!(dynamic(&[(0x1d2, &[0x42]), (0x1c2, &[0x83]), mark]), Dynamic::Partly);
        let gpt: (u64, &[u8]) = (512, b"EFI PART");
        assert_eq!(dynamic(&[mark, gpt, (1024 + 2 * 128, &GPT_DATABASE)]), Dynamic::Partly);
        assert_eq!(dynamic(&[mark, gpt, (1024 + 64, &GPT_DATABASE)]), Dynamic::No);
        assert_eq!(dynamic(&[mark, (1024, &GPT_DATABASE)]), Dynamic::No);
    }

    #[test]
    fn devices_too_small_for_anything() {
        for size in [0, 1, 511, 512, 4096, 8191, 8192, 65535, 65536] {
            assert_eq!(signatures(size, &[]), Signatures::default(), "{size}");
        }
        assert!(signatures(8192, &[(0, &MAGIC.to_le_bytes())]).array);
    }
}
