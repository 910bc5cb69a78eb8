//! The text interface of parted(8): what we say to it and what its machine mode says back.
//!
//! In: names and types from the caller, the output of `parted -m … print`. Out: words parted takes
//! as one each, the partition table's type, its partitions. parted glues its arguments together and
//! splits them again, so a name needs quotes of its own.

use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::structs::Partition;

use crate::error::{Error, Result};

/// parted's name for a table type as callers may write it: `mbr` and `efi` are our aliases, the
/// rest are parted's own labels. `None` for anything else.
pub fn label_name(parttype: &[u8]) -> Option<&'static str> {
    Some(match parttype {
        b"gpt" | b"efi" => "gpt",
        b"mbr" | b"msdos" => "msdos",
        b"aix" => "aix",
        b"amiga" | b"rdb" => "amiga",
        b"bsd" => "bsd",
        b"dasd" => "dasd",
        b"dvh" => "dvh",
        b"mac" => "mac",
        b"pc98" => "pc98",
        b"sun" => "sun",
        _ => return None,
    })
}

/// The kind of a new partition: `p`, `l`, `e` or the whole words.
pub fn partition_kind(prlogex: &[u8]) -> Option<&'static str> {
    Some(match prlogex {
        b"p" | b"primary" => "primary",
        b"l" | b"logical" => "logical",
        b"e" | b"extended" => "extended",
        _ => return None,
    })
}

/// `name` as one word of parted's command language.
pub fn quoted(name: &BStr) -> BString {
    let mut out = BString::from("\"");
    for &b in name.iter() {
        if b == b'"' || b == b'\\' {
            out.push(b'\\');
        }
        out.push(b);
    }
    out.push(b'"');
    out
}

/// What `parted -m DEVICE unit b print` says.
#[derive(Debug, PartialEq)]
pub struct Table {
    /// parted's name of the table's type; `loop` for a file system without partitions.
    pub label: BString,
    /// In the order parted lists them.
    pub partitions: Vec<Partition>,
    /// The numbers of those with the flag `boot`.
    pub bootable: Vec<i32>,
}

/// Take the output apart. Lines: `BYT;`, then the device, then one partition each:
/// `NUMBER:STARTB:ENDB:SIZEB:FILESYSTEM:NAME:FLAGS;`. Names and file systems come last, so whatever
/// they hold does not touch the fields read here.
pub fn parse(output: &[u8]) -> Result<Table> {
    let mut lines = output.lines().skip_while(|l| *l != b"BYT;").skip(1);
    let device = lines.next().ok_or_else(|| Error::msg("parted printed no partition table"))?;
    // The device's path may hold escaped colons: count its six fields from the end.
    let label = device.rsplit_str(":").nth(2).unwrap_or_default();
    if label.is_empty() {
        return Err(Error::msg(format!("parted printed no table type: {}", device.as_bstr())));
    }
    let mut table = Table { label: label.into(), partitions: Vec::new(), bootable: Vec::new() };
    for line in whole(lines) {
        let partition = partition(&line)?;
        if is_bootable(&line) {
            table.bootable.push(partition.part_num);
        }
        table.partitions.push(partition);
    }
    Ok(table)
}

/// A name may have newlines: what does not begin like a partition continues the one before. It cannot look
/// like one, as parted escapes the colons of names.
fn whole<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    for line in lines {
        match all.last_mut() {
            Some(last) if partition(line).is_err() => {
                last.push(b'\n');
                last.extend_from_slice(line);
            }
            _ => all.push(line.to_vec()),
        }
    }
    all.retain(|line| !line.is_empty());
    all
}

/// Flags are the last field, `boot, esp;`, whatever a name before them holds.
fn is_bootable(line: &[u8]) -> bool {
    let flags = line.rsplit_str(":").next().unwrap_or_default();
    flags.trim_end_with(|c| c == ';').split_str(",").any(|flag| flag.trim() == b"boot")
}

fn partition(line: &[u8]) -> Result<Partition> {
    let bad = || Error::msg(format!("parted printed a partition in an unknown form: {}", line.as_bstr()));
    let mut fields = line.split_str(":");
    let mut next = || fields.next().and_then(|f| f.to_str().ok()).ok_or_else(bad);
    let part_num = next()?.parse().map_err(|_| bad())?;
    let mut bytes = || -> Result<i64> { next()?.strip_suffix('B').and_then(|n| n.parse().ok()).ok_or_else(bad) };
    Ok(Partition { part_num, part_start: bytes()?, part_end: bytes()?, part_size: bytes()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables() {
        let t = parse(
            b"BYT;\n/dev/sd\\:x:67108864B:scsi:512:512:gpt:QEMU QEMU:;\n\
              1:1048576B:2097151B:1048576B:ext4:p1:boot, esp;\n2:2097152B:67091967B:64994816B::x\\:boot \"z;:;\n",
        )
        .unwrap();
        assert_eq!(t.label, "gpt");
        assert_eq!(t.bootable, [1]);
        assert_eq!(
            t.partitions,
            [
                Partition { part_num: 1, part_start: 1_048_576, part_end: 2_097_151, part_size: 1_048_576 },
                Partition { part_num: 2, part_start: 2_097_152, part_end: 67_091_967, part_size: 64_994_816 },
            ]
        );
        let named = parse(b"BYT;\n/dev/x:9B:scsi:512:512:gpt::;\n1:5B:6B:2B::a:boot\nb\n\n2\\:5B\\:6B\\:2B::boot:;\n3:7B:7B:1B::x:boot;\n").unwrap();
        assert_eq!((named.partitions.len(), named.bootable), (2, vec![3]));
        assert_eq!(parse(b"BYT;\n/dev/sda:1B:scsi:512:512:msdos::;\n").unwrap().partitions, []);
    }

    #[test]
    fn nonsense() {
        for bad in [
            &b""[..],
            b"BYT;",
            b"BYT;\n/dev/sda\n",
            b"BYT;\na:1B:s:512:512:gpt:m:;\n1:2s:3B:4B\n",
            b"BYT;\na:1B:s:512:512:gpt:m:;\nx:2B:3B:4B\n",
            b"BYT;\na:1B:s:512:512:gpt:m:;\n1:2B\n",
            b"BYT;\na:1B:s:512:512:gpt:m:;\n1:99999999999999999999B:3B:4B\n",
        ] {
            assert!(parse(bad).is_err(), "{}", bad.as_bstr());
        }
    }

    #[test]
    fn words() {
        assert_eq!(quoted("hi there".into()), "\"hi there\"");
        assert_eq!(quoted("a\"b\\c".into()), "\"a\\\"b\\\\c\"");
        assert_eq!(label_name(b"efi"), Some("gpt"));
        assert_eq!(label_name(b"loop"), None);
        assert_eq!(partition_kind(b"l"), Some("logical"));
        assert_eq!(partition_kind(b""), None);
    }

    proptest::proptest! {
        /// Tools print what hostile disks hold: whatever it is, an answer comes.
        #[test]
        fn any_output(output: Vec<u8>) {
            let _ = parse(&output);
            quoted(bstr::BStr::new(&output));
        }
    }
}
