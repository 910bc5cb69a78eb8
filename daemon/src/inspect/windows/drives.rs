//! Which device has a drive letter.
//!
//! In: values of the key `MountedDevices`, and what blkid says of all devices. Out: one of ours. The data are, for a
//! partition of an MBR, the disk's signature and where the partition begins, in bytes; for one of a GPT, and for
//! a volume of dynamic disks, a mark and its GUID; for others the name of a device of Windows.

use crate::device::{ldm_volume, Device};
use crate::filesystems::{value, Candidate};
use bstr::{BString, ByteSlice};

/// Bytes that `PART_ENTRY_OFFSET` counts in.
const SECTOR: u64 = 512;

/// The letter of a value's name, `\DosDevices\C:`.
pub fn letter(name: &[u8]) -> Option<BString> {
    const HEAD: &[u8] = b"\\DosDevices\\";
    let (head, rest) = name.split_at_checked(HEAD.len())?;
    match rest {
        [letter, b':'] if head.eq_ignore_ascii_case(HEAD) && letter.is_ascii_alphabetic() => {
            Some(BString::from(vec![letter.to_ascii_uppercase()]))
        }
        _ => None,
    }
}

/// The device of a value's data.
pub fn device(data: &[u8], candidates: &[Candidate]) -> Option<Device> {
    match data {
        [a, b, c, d, offset @ ..] if offset.len() == 8 => {
            let signature = u32::from_le_bytes([*a, *b, *c, *d]);
            let offset = u64::from_le_bytes(offset.try_into().ok()?);
            partition(candidates, |tag| {
                let (disk, _) = tag("PART_ENTRY_UUID")?.split_once_str("-")?;
                let start: u64 = tag("PART_ENTRY_OFFSET")?.to_str().ok()?.parse().ok()?;
                let same =
                    tag("PART_ENTRY_SCHEME")? == "dos" && u32::from_str_radix(disk.to_str().ok()?, 16) == Ok(signature);
                Some(same && start.checked_mul(SECTOR) == Some(offset))
            })
        }
        data => {
            let guid: &[u8; 16] = data.strip_prefix(b"DMIO:ID:")?.try_into().ok()?;
            let text = mixed(guid);
            let found = partition(candidates, |tag| {
                Some(
                    tag("PART_ENTRY_SCHEME")? == "gpt" && tag("PART_ENTRY_UUID")?.eq_ignore_ascii_case(text.as_bytes()),
                )
            });
            found.or_else(|| ldm_volume(plain(guid).as_bytes())).or_else(|| ldm_volume(text.as_bytes()))
        }
    }
}

/// The device whose tags are like this.
fn partition<'c>(
    candidates: &'c [Candidate],
    wanted: impl Fn(&dyn Fn(&str) -> Option<&'c bstr::BStr>) -> Option<bool>,
) -> Option<Device> {
    let found = candidates.iter().find(|c| wanted(&|key: &str| value(&c.tags, key)) == Some(true));
    found.map(|c| c.device.clone())
}

/// A GUID as text, its first three numbers with the low bytes first, as Windows and GPT store them.
fn mixed([a, b, c, d, e, f, g, h, rest @ ..]: &[u8; 16]) -> String {
    let [i, j, k, l, m, n, o, p] = rest;
    plain(&[*d, *c, *b, *a, *f, *e, *h, *g, *i, *j, *k, *l, *m, *n, *o, *p])
}

/// A GUID as text, its bytes in their order.
fn plain(guid: &[u8; 16]) -> String {
    let mut text = String::new();
    for (at, byte) in guid.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text += &format!("{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(name: &str, tags: &[(&str, &str)]) -> Candidate {
        let tags = tags.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        Candidate { device: Device::from_real(name), tags }
    }

    #[test]
    fn letters() {
        for (name, want) in [
            ("\\DosDevices\\C:", Some("C")),
            ("\\dosdevices\\d:", Some("D")),
            ("\\DosDevices\\CD:", None),
            ("\\DosDevices\\1:", None),
            ("\\??\\Volume{4c3a}", None),
            ("#{x}", None),
            ("", None),
        ] {
            assert_eq!(letter(name.as_bytes()), want.map(BString::from), "{name}");
        }
    }

    #[test]
    fn devices() {
        let guid = "33221100-5544-7766-8899-aabbccddeeff";
        let candidates = [
            candidate("/dev/sda", &[("PTUUID", "12345678")]),
            candidate(
                "/dev/sda1",
                &[("PART_ENTRY_SCHEME", "dos"), ("PART_ENTRY_UUID", "12345678-01"), ("PART_ENTRY_OFFSET", "63")],
            ),
            candidate(
                "/dev/sda2",
                &[("PART_ENTRY_SCHEME", "dos"), ("PART_ENTRY_UUID", "12345678-02"), ("PART_ENTRY_OFFSET", "2048")],
            ),
            candidate(
                "/dev/sdb1",
                &[("PART_ENTRY_SCHEME", "gpt"), ("PART_ENTRY_UUID", guid), ("PART_ENTRY_OFFSET", "2048")],
            ),
        ];
        let found = |data: &[u8]| device(data, &candidates).map(|d| d.as_bstr().to_string());
        let mbr = |signature: u32, offset: u64| [&signature.to_le_bytes()[..], &offset.to_le_bytes()].concat();
        assert_eq!(found(&mbr(0x1234_5678, 2048 * 512)).as_deref(), Some("/dev/sda2"));
        assert_eq!(found(&mbr(0x1234_5678, 63 * 512)).as_deref(), Some("/dev/sda1"));
        assert_eq!(found(&mbr(0x1234_5678, 64 * 512)), None);
        assert_eq!(found(&mbr(0x1234_5679, 63 * 512)), None);
        let gpt: Vec<u8> = [&b"DMIO:ID:"[..], &std::array::from_fn::<u8, 16, _>(|n| n as u8 * 0x11)].concat();
        assert_eq!(found(&gpt).as_deref(), Some("/dev/sdb1"));
        assert_eq!(found(&gpt[..23]), None);
        assert_eq!(found(b"\\\0?\0?\0\\\0"), None);
    }

    proptest::proptest! {
        #[test]
        fn any_value(name: Vec<u8>, data: Vec<u8>) {
            let _ = (letter(&name), device(&data, &[]));
        }
    }
}
