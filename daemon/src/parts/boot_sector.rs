//! The partition table in the boot sector of a FAT that covers a whole disk.
//!
//! In: a disk. Out: whether its boot sector has partitions, for parted sees the FAT only. mkfs.fat 4.2 and
//! later writes such a table by itself, and the kernel makes a partition of it.

use std::fs::File;
use std::io::Read;

use crate::error::Result;

const SECTOR: usize = 512;
/// Four entries of 16 bytes, and the signature of a boot sector behind them.
const TABLE: std::ops::Range<usize> = 446..510;
const ENTRY: usize = 16;
const SIGNATURE: [u8; 2] = [0x55, 0xaa];

/// Whether the first sector of `disk` has a table with a partition, judged as `msdos_partition` of
/// block/partitions/msdos.c of Linux does: in a FAT without one the place is code, or blank.
pub fn has_table(disk: File) -> Result<bool> {
    let mut sector = Vec::with_capacity(SECTOR);
    disk.take(SECTOR as u64).read_to_end(&mut sector)?;
    Ok(is_table(&sector))
}

fn is_table(sector: &[u8]) -> bool {
    let signed = sector.get(TABLE.end..SECTOR) == Some(&SIGNATURE);
    let entries = || sector.get(TABLE).unwrap_or_default().chunks_exact(ENTRY);
    let is_used = |entry: &[u8]| match entry {
        [_, _, _, _, kind, _, _, _, _, _, _, _, size @ ..] => *kind != 0 && size.iter().any(|b| *b != 0),
        _ => false,
    };
    signed && entries().all(|entry| matches!(entry.first(), Some(0 | 0x80))) && entries().any(is_used)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables() {
        let mut sector = [0; SECTOR];
        sector[..3].copy_from_slice(&[0xeb, 0x3c, 0x90]);
        sector[510..].copy_from_slice(&SIGNATURE);
        assert!(!is_table(&sector), "blank");
        // As mkfs.fat --mbr=y: active, type 6, from sector 0.
        sector[446] = 0x80;
        sector[450] = 6;
        assert!(!is_table(&sector), "of no size");
        sector[458..462].copy_from_slice(&204_800u32.to_le_bytes());
        assert!(is_table(&sector));
        let mut code = sector;
        code[478] = b'R';
        assert!(!is_table(&code), "code");
        let mut unsigned = sector;
        unsigned[510] = 0;
        assert!(!is_table(&unsigned));
        for short in 0..SECTOR {
            assert!(!is_table(&sector[..short]));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_sector(sector: Vec<u8>) {
            is_table(&sector);
        }
    }
}
