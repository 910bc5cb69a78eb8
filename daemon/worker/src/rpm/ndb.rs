//! `Packages.db`, the database of SUSE's RPM ("ndb"): a file of headers, and a table that says where each is.
//!
//! In: the file. Out: the headers, as they are. The file is hostile: all of its numbers are checked.

use crate::library::{Fault, Result};
use rustix::io::Errno;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Magic numbers: of the file, of an entry of the table, and around a header.
const FILE: [u8; 4] = *b"RpmP";
const SLOT: [u8; 4] = *b"Slot";
const BLOB: [u8; 4] = *b"BlbS";
/// The table is in so large pages, of which the file's head says how many there are.
const PAGE: u64 = 4096;
const PAGES_MAX: u32 = 2048;
/// An entry of the table, and the unit in which it counts. The head of the file takes the room of two.
const UNIT: u64 = 16;
/// What librpm takes for a header.
const HEADER_MAX: u32 = 256 << 20;

/// Give all headers to `each`.
pub fn headers(path: &str, each: &mut dyn FnMut(&mut [u8]) -> Result<()>) -> Result<()> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut head = [0; 32];
    file.read_exact_at(&mut head, 0).map_err(|_| damaged("it ends early"))?;
    let [magic, version, _, pages, ..] = words(&head);
    if magic != FILE || u32::from_le_bytes(version) != 0 {
        return Err(damaged("it begins as none does"));
    }
    let pages = u32::from_le_bytes(pages);
    if pages > PAGES_MAX {
        return Err(damaged("its table is larger than any"));
    }
    for at in (UNIT * 2..u64::from(pages) * PAGE).step_by(UNIT as usize) {
        let mut slot = [0; 16];
        file.read_exact_at(&mut slot, at).map_err(|_| damaged("its table ends early"))?;
        let [magic, number, place, _] = words(&slot);
        if magic != SLOT {
            return Err(damaged("its table is not one"));
        }
        // One that is not in use has the number 0.
        if number == [0; 4] {
            continue;
        }
        let place = u64::from(u32::from_le_bytes(place)) * UNIT;
        let mut head = [0; 16];
        file.read_exact_at(&mut head, place).map_err(|_| damaged("a package is behind its end"))?;
        let [magic, owner, _, length] = words(&head);
        let length = u32::from_le_bytes(length);
        let rest = size.saturating_sub(place).saturating_sub(UNIT);
        if magic != BLOB || owner != number || length > HEADER_MAX || u64::from(length) > rest {
            return Err(damaged("a package is not where the table has it"));
        }
        let mut blob = Vec::new();
        blob.try_reserve_exact(length as usize).map_err(|_| Errno::NOMEM)?;
        blob.resize(length as usize, 0);
        file.read_exact_at(&mut blob, place + UNIT)?;
        each(&mut blob)?;
    }
    Ok(())
}

/// Four words of four bytes, however many there are.
fn words<const N: usize>(bytes: &[u8; N]) -> [[u8; 4]; 4] {
    let mut words = [[0; 4]; 4];
    for (word, from) in words.iter_mut().zip(bytes.chunks_exact(4)) {
        word.copy_from_slice(from);
    }
    words
}

fn damaged(why: &str) -> Fault {
    Fault::new(Errno::INVAL, format!("the RPM database Packages.db is damaged: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A database with these headers.
    fn database(blobs: &[&[u8]]) -> Vec<u8> {
        let mut file = vec![0; 4096];
        for (at, word) in [(0, &FILE), (12, &1u32.to_le_bytes())] {
            file[at..at + 4].copy_from_slice(word);
        }
        for slot in 2..256 {
            file[slot * 16..slot * 16 + 4].copy_from_slice(&SLOT);
        }
        for (n, blob) in blobs.iter().enumerate() {
            let (number, place) = (n as u32 + 1, file.len() as u32 / 16);
            let slot = (n + 3) * 16;
            file[slot + 4..slot + 8].copy_from_slice(&number.to_le_bytes());
            file[slot + 8..slot + 12].copy_from_slice(&place.to_le_bytes());
            let head = [BLOB, number.to_le_bytes(), [0; 4], (blob.len() as u32).to_le_bytes()].concat();
            file.extend([&head, *blob].concat());
            file.resize(file.len().next_multiple_of(16) + 16, 0);
        }
        file
    }

    fn read(bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let mut found = Vec::new();
        headers(file.path().to_str().unwrap(), &mut |blob| {
            found.push(blob.to_vec());
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn headers_and_damage() {
        let good = database(&[b"first", b"the second one is longer"]);
        assert_eq!(read(&good).unwrap(), [&b"first"[..], b"the second one is longer"]);
        assert!(read(&database(&[])).unwrap().is_empty());
        for cut in [0, 20, 100, 4096, 4100] {
            assert!(read(&good[..cut]).is_err(), "{cut}");
        }
        // The head, the entries in use, and the packages.
        for at in (0..96).chain(4096..good.len()) {
            let mut bad = good.clone();
            bad[at] ^= 0xff;
            let _ = read(&bad);
        }
    }
}
