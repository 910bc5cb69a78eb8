//! Which tool unpacks what: magic numbers of packed files.
//!
//! In: the first bytes of a file. Out: the tool that unpacks its standard input.

use crate::run::Tool;

/// Magic number, tool, arguments.
const PACKED: &[(&[u8], &str, &[&str])] = &[
    (b"\x1f\x8b", "gzip", &["-dc"]),
    (b"\xfd7zXZ\0", "xz", &["-dc"]),
    (b"\x28\xb5\x2f\xfd", "zstd", &["-dcq"]),
    (b"BZh", "bzip2", &["-dc"]),
    (b"\x5d\0\0", "xz", &["--format=lzma", "-dc"]),
    (b"\x02\x21\x4c\x18", "lz4", &["-dcq"]),
    (b"\x04\x22\x4d\x18", "lz4", &["-dcq"]),
    (b"\x89LZO\0\r\n", "lzop", &["-dc"]),
];

/// What BZh and a digit are followed by: the number of a block (pi), so that text is not taken for it.
const BZIP2_BLOCK: &[u8] = b"\x31\x41\x59\x26\x53\x59";

/// The tool for what begins like this, when it is packed.
pub fn unpacker(head: &[u8]) -> Option<Tool> {
    let (_, name, args) = PACKED.iter().find(|(magic, ..)| head.starts_with(magic))?;
    Some(Tool::new(name).args(*args))
}

/// Whether something packed may begin here, in the midst of other bytes: the numbers that are too short
/// to tell are looked at more closely, or left out.
pub fn may_begin(head: &[u8]) -> bool {
    match head {
        // Deflate is the only method there is, and the upper flags are not in use.
        [0x1f, 0x8b, method, flags, ..] => *method == 8 && flags & 0xe0 == 0,
        [b'B', b'Z', b'h', level, rest @ ..] => level.is_ascii_digit() && rest.starts_with(BZIP2_BLOCK),
        [0x5d, ..] => false,
        _ => unpacker(head).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings() {
        for (head, packed, begins) in [
            (&b"\x1f\x8b\x08\0"[..], true, true),
            (b"\x1f\x8b\x07\0", true, false),
            (b"\x1f\x8b\x08\xff", true, false),
            (b"\xfd7zXZ\0", true, true),
            (b"BZh91AY&SY", true, true),
            (b"BZhello", true, false),
            (b"\x5d\0\0\x80", true, false),
            (b"070701", false, false),
            (b"", false, false),
        ] {
            assert_eq!((unpacker(head).is_some(), may_begin(head)), (packed, begins), "{head:?}");
        }
    }
}
