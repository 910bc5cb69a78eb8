//! Signs on a disk that it belongs to an array or a volume group.
//!
//! In: a device's bytes at the few places where such signs are. Out: what is there. Tools take a third
//! of a second under emulation, so they are started only where their own signs are in sight. The tools
//! decide what the signs are worth.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// What was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Signs {
    /// Member of a Linux software RAID array.
    pub array: bool,
    /// Physical volume of LVM.
    pub volume: bool,
}

impl Signs {
    /// Both together.
    pub fn and(self, other: Signs) -> Signs {
        Signs { array: self.array || other.array, volume: self.volume || other.volume }
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
/// What is read at the start.
const HEAD: usize = AT_1_2 + SECTOR;
/// Version 0.90: in the last whole 64 KiB (`MD_NEW_SIZE_SECTORS`).
const RESERVED: u64 = 64 << 10;

/// Look at an open device of `size` bytes. What cannot be read has no signs.
pub fn look(device: &File, size: u64) -> Signs {
    let mut head = [0; HEAD];
    let read = read(device, &mut head, 0).unwrap_or(0);
    let head = head.get(..read).unwrap_or_default();
    let volume = head
        .chunks(SECTOR)
        .take(LABEL_SECTORS)
        .any(|sector| sector.starts_with(b"LABELONE") && sector.get(24..32) == Some(b"LVM2 001"));
    let array = is_magic(head) || head.get(AT_1_2..).is_some_and(is_magic) || at_end(size).into_iter().any(|at| {
        let mut word = [0; 4];
        at.is_some_and(|at| read_exact(device, &mut word, at) && is_magic(&word))
    });
    Signs { array, volume }
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

    /// Signs of a device with these bytes at these places.
    fn signs(size: u64, marks: &[(u64, &[u8])]) -> Signs {
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
            assert_eq!(signs(SIZE, &label), Signs { volume: seen, array: false }, "{sector}");
            assert!(!signs(SIZE, &label[..1]).volume);
        }
    }

    #[test]
    fn superblocks_of_every_version() {
        let magic = MAGIC.to_le_bytes();
        let array = |size, at| signs(size, &[(at, &magic)]).array;
        assert!(array(SIZE, 0) && array(SIZE, 4096));
        // An odd number of sectors: from the end, rounded down.
        let odd = SIZE + 5 * 512;
        assert!(array(SIZE, SIZE - 8192) && array(odd, SIZE - 8192));
        assert!(array(SIZE, SIZE - 65536) && array(odd, SIZE - 65536));
        assert!(signs(SIZE, &[(SIZE - 65536, &MAGIC.to_be_bytes())]).array);
        for at in [512, 8192, SIZE / 2, SIZE - 4096] {
            assert!(!array(SIZE, at), "{at}");
        }
    }

    #[test]
    fn devices_too_small_for_anything() {
        for size in [0, 1, 511, 512, 4096, 8191, 8192, 65535, 65536] {
            assert_eq!(signs(size, &[]), Signs::default(), "{size}");
        }
        assert!(signs(8192, &[(0, &MAGIC.to_le_bytes())]).array);
    }
}
