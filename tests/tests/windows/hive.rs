//! Hives of the Windows Registry: an empty one is written here, hivexregedit(1) fills it.
//!
//! In: keys in the format of regedit. Out: a file. The layout of hives is described in
//! https://github.com/msuhanov/regf/blob/master/Windows%20registry%20file%20format%20specification.md.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

const BLOCK: usize = 4096;
const NONE: u32 = u32::MAX;
/// Places of cells, counted from the first block of cells: the root's key, its security, free space.
const ROOT: usize = 0x20;
const SECURITY: usize = 0x80;
const FREE: usize = 0xb0;

fn put(all: &mut [u8], at: usize, bytes: &[u8]) {
    all[at..at + bytes.len()].copy_from_slice(bytes);
}

fn words(all: &mut [u8], at: usize, words: &[u32]) {
    for (n, word) in words.iter().enumerate() {
        put(all, at + 4 * n, &word.to_le_bytes());
    }
}

/// A hive with a root and nothing else.
fn empty() -> Vec<u8> {
    let mut head = vec![0; BLOCK];
    put(&mut head, 0, b"regf");
    words(&mut head, 4, &[1, 1]);
    // Version 1.3, a primary file, loaded as memory, the root's cell, size of the cells.
    words(&mut head, 20, &[1, 3, 0, 1, ROOT as u32, BLOCK as u32, 1]);
    let sum = head[..508].chunks(4).fold(0, |sum, word| sum ^ u32::from_le_bytes(word.try_into().unwrap()));
    words(&mut head, 508, &[sum]);
    let mut cells = vec![0; BLOCK];
    put(&mut cells, 0, b"hbin");
    words(&mut cells, 4, &[0, BLOCK as u32]);
    // Sizes of cells in use are negative.
    words(&mut cells, ROOT, &[((SECURITY - ROOT) as u32).wrapping_neg()]);
    // The top, which cannot be deleted, its name in one byte a letter.
    put(&mut cells, ROOT + 4, b"nk\x2c\x00");
    let name = b"ROOT";
    words(&mut cells, ROOT + 24, &[0, 0, NONE, NONE, 0, NONE, SECURITY as u32, NONE]);
    put(&mut cells, ROOT + 76, &(name.len() as u16).to_le_bytes());
    put(&mut cells, ROOT + 80, name);
    words(&mut cells, SECURITY, &[((FREE - SECURITY) as u32).wrapping_neg()]);
    put(&mut cells, SECURITY + 4, b"sk");
    words(&mut cells, SECURITY + 8, &[SECURITY as u32, SECURITY as u32, 1, 20]);
    // A security descriptor without owner, group and lists.
    put(&mut cells, SECURITY + 24, &[1, 0, 0, 0x80]);
    words(&mut cells, FREE, &[(BLOCK - FREE) as u32]);
    [head, cells].concat()
}

/// The keys with those above them in front, which hivexregedit does not make by itself.
fn with_parents(keys: &str) -> String {
    let (mut text, mut known) = (String::new(), BTreeSet::new());
    for line in keys.lines() {
        if let Some(path) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            for (end, _) in path.match_indices('\\').skip(1) {
                if known.insert(&path[..end]) {
                    text += &format!("[{}]\n\n", &path[..end]);
                }
            }
            known.insert(path);
        }
        text += line;
        text.push('\n');
    }
    text
}

/// Make a hive with these keys; or say why that cannot be.
pub fn make(file: &Path, keys: &str) -> Result<(), String> {
    std::fs::write(file, empty()).unwrap();
    let text = file.with_extension("reg");
    std::fs::write(&text, format!("Windows Registry Editor Version 5.00\n\n{}", with_parents(keys))).unwrap();
    let mut merge = Command::new("hivexregedit");
    merge.arg("--merge").arg(file).arg(&text).stdin(Stdio::null());
    let done = merge.output().map_err(|e| format!("hivexregedit (of libwin-hivex-perl): {e}"))?;
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

/// A text as regedit writes data of other types: hex bytes.
pub fn hex(data: &[u8]) -> String {
    let bytes: Vec<String> = data.iter().map(|b| format!("{b:02x}")).collect();
    format!("hex:{}", bytes.join(","))
}
