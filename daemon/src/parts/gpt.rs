//! Straight from a GPT: its GUID, and names, GUIDs and attributes of partitions.
//!
//! In: an open device and its sector size. Out: one entry, or the GUID. The table's header is used
//! only when its checksum is right; when the first copy is damaged the one in the last sector is
//! taken. Layout: UEFI specification 2.10, section 5.3.

use std::fs::File;
use std::os::unix::fs::FileExt;

use bstr::BString;

use crate::error::{Context, Error, Result};

/// The specification's least entry size; ours to reserve is bounded by [`MAX_ENTRY`].
const MIN_ENTRY: u32 = 128;
const MAX_ENTRY: u32 = 4096;
/// Header bytes that the checksum covers, by the specification at least 92.
const HEADER: usize = 92;
/// In the header.
const GUID_AT: usize = 56;
/// An entry begins with the GUID of its type and its own.
const GUID: usize = 16;
const ATTRIBUTES_AT: usize = 48;
const NAME_AT: usize = 56;
const NAME_BYTES: usize = 72;

/// The GUID of the whole table, and where its entries are.
struct Table {
    guid: BString,
    entries_at: u64,
    count: u32,
    entry_size: u32,
}

/// What the table says of one partition.
pub struct Entry([u8; MIN_ENTRY as usize]);

/// The entry of partition `number` (from 1) on `device`, whose size is `size` bytes.
/// `None` when the device has no GPT.
pub fn entry(device: &File, size: u64, sector_size: u32, number: u32) -> Result<Option<Entry>> {
    let Some(table) = table(device, size, sector_size)? else { return Ok(None) };
    let missing = || Error::invalid(format!("partition number {number} not found"));
    let index = number.checked_sub(1).filter(|i| *i < table.count).ok_or_else(missing)?;
    let at = u64::from(index)
        .checked_mul(u64::from(table.entry_size))
        .and_then(|o| o.checked_add(table.entries_at))
        .ok_or_else(missing)?;
    let mut entry = [0u8; MIN_ENTRY as usize];
    device.read_exact_at(&mut entry, at).context("read of the partition entry")?;
    if entry.iter().take(GUID).all(|b| *b == 0) {
        return Err(missing());
    }
    Ok(Some(Entry(entry)))
}

/// The GUID of the table on `device`; `None` when it has no GPT.
pub fn disk_guid(device: &File, size: u64, sector_size: u32) -> Result<Option<BString>> {
    Ok(table(device, size, sector_size)?.map(|table| table.guid))
}

/// The first copy that is whole.
fn table(device: &File, size: u64, sector_size: u32) -> Result<Option<Table>> {
    match read_table(device, u64::from(sector_size), sector_size)? {
        Some(table) => Ok(Some(table)),
        None => read_table(device, size.saturating_sub(u64::from(sector_size)), sector_size),
    }
}

impl Entry {
    /// Its name.
    pub fn name(&self) -> BString {
        let units = self.0.get(NAME_AT..NAME_AT + NAME_BYTES).unwrap_or_default().chunks_exact(2);
        let units = units.map(|pair| u16::from_le_bytes([byte(pair, 0), byte(pair, 1)])).take_while(|u| *u != 0);
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>().into()
    }

    /// Its flags.
    pub fn attributes(&self) -> u64 {
        u64_at(&self.0, ATTRIBUTES_AT)
    }

    /// What it is for.
    pub fn type_guid(&self) -> BString {
        guid(self.0.get(..GUID).unwrap_or_default())
    }

    /// Which one it is of all partitions of the world.
    pub fn guid(&self) -> BString {
        guid(self.0.get(GUID..2 * GUID).unwrap_or_default())
    }
}

/// A GUID as it is written: its first three fields are numbers, low byte first on disk.
fn guid(bytes: &[u8]) -> BString {
    let first = (u32_at(bytes, 0), u32_at(bytes, 4) & 0xffff, u32_at(bytes, 4) >> 16);
    let mut text = format!("{:08X}-{:04X}-{:04X}-", first.0, first.1, first.2);
    for (at, b) in bytes.iter().enumerate().skip(8) {
        if at == 10 {
            text.push('-');
        }
        text.push_str(&format!("{b:02X}"));
    }
    text.into()
}

/// The table whose header is at byte `at`, or `None` when there is no valid header.
fn read_table(device: &File, at: u64, sector_size: u32) -> Result<Option<Table>> {
    let mut header = [0u8; HEADER];
    match device.read_exact_at(&mut header, at) {
        Ok(()) => {}
        Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(e).context("read of the partition table"),
    }
    if !header.starts_with(b"EFI PART") || u32_at(&header, 12) as usize != HEADER {
        return Ok(None);
    }
    let wanted = u32_at(&header, 16);
    for b in header.iter_mut().skip(16).take(4) {
        *b = 0;
    }
    if crc32(&header) != wanted {
        return Ok(None);
    }
    let table = Table {
        guid: guid(header.get(GUID_AT..GUID_AT + GUID).unwrap_or_default()),
        entries_at: u64_at(&header, 72).saturating_mul(u64::from(sector_size)),
        count: u32_at(&header, 80),
        entry_size: u32_at(&header, 84),
    };
    Ok((MIN_ENTRY..=MAX_ENTRY).contains(&table.entry_size).then_some(table))
}

fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([byte(bytes, at), byte(bytes, at + 1), byte(bytes, at + 2), byte(bytes, at + 3)])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

/// CRC-32 as in Ethernet and zip; bit by bit, since a header is 92 bytes.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for b in bytes {
        crc ^= u32::from(*b);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::FileExt;

    /// A disk of 512-byte sectors with one GPT header at `header_at` and one entry, "a ü:\"".
    fn disk(dir: &std::path::Path, header_at: u64) -> File {
        let mut f = File::options().read(true).write(true).create(true).truncate(true).open(dir.join("d")).unwrap();
        f.write_all(&[0; 64 * 512]).unwrap();
        let mut entry = [0u8; 128];
        entry[..16].fill(7);
        entry[ATTRIBUTES_AT..NAME_AT].copy_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0x80]);
        for (i, u) in "a ü:\"".encode_utf16().enumerate() {
            entry[NAME_AT + 2 * i..][..2].copy_from_slice(&u.to_le_bytes());
        }
        f.write_all_at(&entry, 2 * 512 + 128).unwrap();
        let mut header = [0u8; HEADER];
        header[..8].copy_from_slice(b"EFI PART");
        header[12..16].copy_from_slice(&92u32.to_le_bytes());
        header[56..72].fill(9);
        header[72..80].copy_from_slice(&2u64.to_le_bytes());
        header[80..84].copy_from_slice(&4u32.to_le_bytes());
        header[84..88].copy_from_slice(&128u32.to_le_bytes());
        let crc = crc32(&header);
        header[16..20].copy_from_slice(&crc.to_le_bytes());
        f.write_all_at(&header, header_at).unwrap();
        f
    }

    #[test]
    fn crc_of_the_usual_check_string() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn guids_as_written() {
        let bytes: Vec<u8> = (1..=16).collect();
        assert_eq!(guid(&bytes), "04030201-0605-0807-090A-0B0C0D0E0F10");
    }

    #[test]
    fn names() {
        let dir = tempfile::tempdir().unwrap();
        for header_at in [512, 63 * 512] {
            let f = disk(dir.path(), header_at);
            let e = entry(&f, 64 * 512, 512, 2).unwrap().unwrap();
            assert_eq!(e.name(), "a ü:\"");
            assert_eq!(e.attributes(), 1 << 63 | 1);
            assert_eq!(disk_guid(&f, 64 * 512, 512).unwrap().unwrap(), "09090909-0909-0909-0909-090909090909");
            assert_eq!(e.type_guid(), "07070707-0707-0707-0707-070707070707");
            assert_eq!(e.guid(), "00000000-0000-0000-0000-000000000000");
            for absent in [0, 1, 3, 5, u32::MAX] {
                let e = entry(&f, 64 * 512, 512, absent).err().unwrap();
                assert!(e.to_string().contains("not found"), "{e}");
            }
        }
    }

    #[test]
    fn damage_is_no_gpt() {
        let dir = tempfile::tempdir().unwrap();
        let f = disk(dir.path(), 512);
        f.write_all_at(&[9], 512 + 80).unwrap();
        assert!(entry(&f, 64 * 512, 512, 2).unwrap().is_none());
        f.set_len(100).unwrap();
        assert!(entry(&f, 100, 512, 2).unwrap().is_none());
        f.set_len(0).unwrap();
        assert!(entry(&f, 0, 512, 2).unwrap().is_none());
    }

    proptest::proptest! {
        /// A header with a right checksum but any numbers in it.
        #[test]
        fn any_header(mut header: [u8; HEADER], number: u32) {
            header[..8].copy_from_slice(b"EFI PART");
            header[12..16].copy_from_slice(&92u32.to_le_bytes());
            header[16..20].fill(0);
            let crc = crc32(&header);
            header[16..20].copy_from_slice(&crc.to_le_bytes());
            let f = tempfile::tempfile().unwrap();
            f.set_len(4096).unwrap();
            f.write_all_at(&header, 512).unwrap();
            let _ = entry(&f, 4096, 512, number);
        }
    }
}
