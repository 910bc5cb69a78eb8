//! Values of more than 16344 bytes, which Windows stores in pieces ("big data"). The library reads them, but never
//! writes any.
//!
//! In: a hive, the name of a value in it, and data. Out: the hive with a further bin, where the value has that data.

use super::hives::{mend, number, put};

/// The most of a value that is in one piece, and what is behind it in its cell if it is so long.
pub const PIECE: usize = 16344;
const PADDING: usize = 4;
const BIN: usize = 4096;
/// Offsets are counted from the first bin on.
const HEADER: usize = 4096;

/// A cell with this content.
fn cell(content: &[u8]) -> Vec<u8> {
    let size = (4 + content.len()).next_multiple_of(8);
    let mut cell = [&(size as u32).wrapping_neg().to_le_bytes()[..], content].concat();
    cell.resize(size, 0);
    cell
}

/// Give the value `name` the `data`.
pub fn enlarge(hive: &mut Vec<u8>, name: &str, data: &[u8]) {
    let start = hive.len();
    let mut bin = vec![0; 32];
    let mut add = |content: &[u8]| {
        let offset = start - HEADER + bin.len();
        bin.extend(cell(content));
        (offset as u32).to_le_bytes()
    };
    let padding = |piece: &[u8]| vec![0; if piece.len() == PIECE { PADDING } else { 0 }];
    let pieces: Vec<[u8; 4]> = data.chunks(PIECE).map(|piece| add(&[piece, &padding(piece)].concat())).collect();
    let list = add(&pieces.concat());
    let record = add(&[&b"db"[..], &(pieces.len() as u16).to_le_bytes(), &list].concat());
    let used = bin.len();
    bin.resize((used + 8).next_multiple_of(BIN), 0);
    let free = bin.len() - used;
    put(&mut bin, 0, b"hbin");
    number(&mut bin, 4, (start - HEADER) as u32);
    let size = bin.len() as u32;
    number(&mut bin, 8, size);
    number(&mut bin, used, free as u32);
    hive.extend(bin);
    // The record of the value: its mark, the length of its name, then the length and place of its data. Cells that
    // are not in use, whose size is positive, still have what was in them.
    let mark = [&b"vk"[..], &(name.len() as u16).to_le_bytes()].concat();
    let is_it = |at: &usize| {
        let used = hive[at - 1] & 0x80 != 0;
        used && hive[*at..].starts_with(&mark) && hive[at + 20..].starts_with(name.as_bytes())
    };
    let value = (HEADER + 4..start - 24).find(is_it).unwrap_or_else(|| panic!("there is no value {name}"));
    number(hive, value + 4, data.len() as u32);
    put(hive, value + 8, &record);
    let bins = hive.len() - HEADER;
    number(hive, 0x28, bins as u32);
    mend(hive);
}
