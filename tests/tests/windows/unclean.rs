//! NTFS as a Windows leaves it that was not shut down: its journal says so.
//!
//! In: a handle and a device with NTFS. Out: the journal, `$LogFile`, written with the restart pages of a version.
//! The places of fields are those of ntfs-3g's logfile.h and of Linux's fs/ntfs3.

use guestfs::Handle;

/// Number of the journal's record, types of an attribute and of no more.
const LOG_FILE: i64 = 2;
const DATA: u32 = 0x80;
const NO_MORE: u32 = u32::MAX;
/// Bytes of the pages of a journal, of a sector, of the entry of a client.
const PAGE: usize = 4096;
const SECTOR: usize = 512;
const CLIENT: usize = 160;
/// Where the restart area is in a page, and the clients in that.
const AREA: usize = 0x30;
const CLIENTS: usize = 0x40;
const NO_CLIENT: u16 = u16::MAX;

fn number<const N: usize>(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + N].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

fn put(page: &mut [u8], at: usize, bytes: &[u8]) {
    page[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Where the journal begins and how long it is, in bytes: new file systems have it in one piece.
pub fn place(g: &Handle, device: &str) -> (i64, i64) {
    let boot = g.pread_device(device, SECTOR as i32, 0).unwrap();
    let cluster = number::<2>(&boot, 0x0b) * number::<1>(&boot, 0x0d);
    // Negative: a power of two.
    let record = match boot[0x40] as i8 {
        bits @ ..0 => 1 << -bits,
        clusters => clusters as i64 * cluster as i64,
    };
    let table = (number::<8>(&boot, 0x30) * cluster) as i64;
    let log = g.pread_device(device, record as i32, table + LOG_FILE * record).unwrap();
    assert_eq!(log[..4], *b"FILE");
    let mut at = number::<2>(&log, 0x14) as usize;
    while number::<4>(&log, at) as u32 != DATA {
        assert_ne!(number::<4>(&log, at) as u32, NO_MORE, "the journal has no content");
        at += number::<4>(&log, at + 4) as usize;
    }
    let runs = &log[at + number::<2>(&log, at + 0x20) as usize..];
    let (length, start) = (usize::from(runs[0] & 0xf), usize::from(runs[0] >> 4));
    let value = |at: usize, bytes: usize| runs[at..at + bytes].iter().rev().fold(0, |sum, b| sum << 8 | i64::from(*b));
    assert_eq!(runs[1 + length + start], 0, "the journal is in several pieces");
    (value(1 + length, start) * cluster as i64, value(1, length) * cluster as i64)
}

/// A restart page of this version, for a journal of so many bytes: a client, Windows, uses it.
fn page(version: [u8; 4], size: i64) -> Vec<u8> {
    let mut page = vec![0; PAGE];
    put(&mut page, 0, b"RSTR");
    let sectors = PAGE / SECTOR;
    put(&mut page, 4, &[0x1e, 0, 1 + sectors as u8, 0]);
    for at in [16, 20] {
        put(&mut page, at, &(PAGE as u32).to_le_bytes());
    }
    put(&mut page, 24, &[AREA as u8, 0]);
    put(&mut page, 26, &version);
    // The area: one client, none is free, the first is in use, and no flag says that all is written.
    let area = &mut page[AREA..];
    put(area, 8, &1u16.to_le_bytes());
    put(area, 10, &NO_CLIENT.to_le_bytes());
    let bits = 64 - (size as u64).leading_zeros();
    put(area, 16, &(67 - bits).to_le_bytes());
    put(area, 20, &((CLIENTS + CLIENT) as u16).to_le_bytes());
    put(area, 22, &(CLIENTS as u16).to_le_bytes());
    put(area, 24, &size.to_le_bytes());
    put(area, 36, &[0x30, 0, 0x40, 0]);
    for at in [16, 18] {
        put(area, CLIENTS + at, &NO_CLIENT.to_le_bytes());
    }
    let name: Vec<u8> = "NTFS".encode_utf16().flat_map(u16::to_le_bytes).collect();
    put(area, CLIENTS + 28, &(name.len() as u32).to_le_bytes());
    put(area, CLIENTS + 32, &name);
    // Sectors end in a number by which it is seen whether all were written; what it covers is all zeroes here.
    put(&mut page, 0x1e, &[1, 0]);
    for sector in 1..=sectors {
        put(&mut page, sector * SECTOR - 2, &[1, 0]);
    }
    page
}

/// Versions of restart pages: of all Windows; of those since 8 that keep changes to themselves.
pub const USUAL: [u8; 4] = [1, 0, 1, 0];
pub const KEPT: [u8; 4] = [0, 0, 2, 0];

/// Leave it as when the power fails.
pub fn leave(g: &Handle, device: &str, version: [u8; 4]) {
    let (start, size) = place(g, device);
    let page = page(version, size);
    g.pwrite_device(device, &[&page[..], &page].concat(), start).unwrap();
}
