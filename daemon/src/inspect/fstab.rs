//! `/etc/fstab` of a guest, fstab(5): what is mounted where.
//!
//! In: the file's bytes. Out: its entries for file systems and swap on block devices, at most
//! [`ENTRIES_MAX`] of them; [`super::resolve`] says which devices they mean.

use super::{guest, slices};
use crate::mountinfo::unescape;
use bstr::{BStr, BString, ByteSlice};

/// Nobody has more; every one costs a look at all devices.
const ENTRIES_MAX: usize = 500;

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `/dev/sda1`, `UUID=…`.
    pub spec: BString,
    /// The directory; for swap whatever is there, `none` or `swap`.
    pub place: BString,
    pub fstype: BString,
    /// The btrfs subvolume among its options, without a slash at its start.
    pub subvolume: Option<BString>,
}

/// The entries that matter to inspection.
pub fn parse(text: &[u8]) -> Vec<Entry> {
    text.lines().filter_map(entry).filter(wanted).take(ENTRIES_MAX).collect()
}

fn entry(line: &[u8]) -> Option<Entry> {
    let mut fields = line.fields();
    let spec = fields.next().filter(|spec| !spec.starts_with(b"#"))?;
    let (place, fstype) = (fields.next()?, fields.next()?);
    let options = fields.next().unwrap_or_default();
    // A directory that is seen at a second place is no file system, whatever stands for its device.
    if options.split_str(",").any(|option| option == b"bind" || option == b"rbind") {
        return None;
    }
    Some(Entry {
        spec: spec_of(spec),
        place: unescape(place),
        fstype: unescape(fstype),
        subvolume: if fstype == b"btrfs" { subvolume(options) } else { None },
    })
}

/// The device; in `UUID="…"` quotes are allowed.
pub(super) fn spec_of(field: &[u8]) -> BString {
    let field = unescape(field);
    match field.split_once_str("=") {
        Some((tag, value)) => bstr::concat([tag, b"=", guest::unquoted(value)]).into(),
        None => guest::unquoted(&field).into(),
    }
}

fn subvolume(options: &[u8]) -> Option<BString> {
    let path = options.split_str(",").filter_map(|option| option.strip_prefix(b"subvol=")).last()?;
    let path = unescape(path);
    let path = path.trim_start_with(|c| c == '/');
    (!path.is_empty() && path != b".").then(|| path.into())
}

/// No floppies and optical disks, nothing that the kernel itself provides, and only what has a place.
fn wanted(entry: &Entry) -> bool {
    let swap = entry.fstype == "swap";
    let removable = ["/dev/fd", "/dev/cd", "/dev/sr", "/dev/dvd"];
    let within = |dir: &str| {
        let rest = entry.place.strip_prefix(dir.as_bytes());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    };
    (swap || entry.place.starts_with(b"/"))
        && !["/dev", "/proc", "/sys"].iter().any(|dir| within(dir))
        && !removable.iter().any(|head| entry.spec.starts_with(head.as_bytes()))
        && is_device(entry.spec.as_bstr())
        && !entry.spec.contains(&0)
        && !entry.place.contains(&0)
}

fn is_device(spec: &BStr) -> bool {
    spec.starts_with(b"/dev/") || tag(spec).is_some() || slices::is_duid(spec)
}

/// Tag and value of `UUID=…` and its like, the tag as blkid names it; the last ones are of BSD systems.
pub fn tag(spec: &BStr) -> Option<(&'static str, &BStr)> {
    const TAGS: &[(&str, &str)] = &[
        ("UUID=", "UUID"),
        ("LABEL=", "LABEL"),
        ("PARTUUID=", "PART_ENTRY_UUID"),
        ("PARTLABEL=", "PART_ENTRY_NAME"),
        ("NAME=", "PART_ENTRY_NAME"),
        ("/dev/gpt/", "PART_ENTRY_NAME"),
        ("/dev/ufs/", "LABEL"),
        ("/dev/disk/by-uuid/", "UUID"),
        ("/dev/disk/by-label/", "LABEL"),
        ("/dev/disk/by-partuuid/", "PART_ENTRY_UUID"),
        ("/dev/disk/by-partlabel/", "PART_ENTRY_NAME"),
    ];
    let of = |(head, tag): &(&str, &'static str)| Some((*tag, spec.strip_prefix(head.as_bytes())?.as_bstr()));
    TAGS.iter().find_map(of).filter(|(_, value)| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let check = |line: &str, want: Option<(&str, &str, Option<&str>)>| {
            let got = parse(line.as_bytes()).into_iter().next();
            let got = got.map(|e| (e.spec, e.place, e.subvolume));
            let want = want.map(|(s, p, v)| (BString::from(s), BString::from(p), v.map(BString::from)));
            assert_eq!(got, want, "{line}");
        };
        check("/dev/sda1 / ext4 defaults 0 1", Some(("/dev/sda1", "/", None)));
        check("\tUUID=\"a-b\"\t/boot ext4", Some(("UUID=a-b", "/boot", None)));
        check("LABEL=my\\040disk /a\\040b ext4 rw", Some(("LABEL=my disk", "/a b", None)));
        check("PARTUUID=1 none swap sw 0 0", Some(("PARTUUID=1", "none", None)));
        check("/dev/sda2 swap swap sw 0 0", Some(("/dev/sda2", "swap", None)));
        check("0123456789abcdef.a / ffs rw 1 1", Some(("0123456789abcdef.a", "/", None)));
        check("/dev/gpt/rootfs / ufs rw 1 1", Some(("/dev/gpt/rootfs", "/", None)));
        check("/dev/sda2 /a ext4 bindings 0 0", Some(("/dev/sda2", "/a", None)));
        check("UUID=x / btrfs rw,subvol=/@,subvolid=256 0 0", Some(("UUID=x", "/", Some("@"))));
        check("UUID=x / btrfs subvol=/ 0 0", Some(("UUID=x", "/", None)));
        check("UUID=x / ext4 subvol=@ 0 0", Some(("UUID=x", "/", None)));
        for ignored in [
            "",
            "# /dev/sda1 / ext4",
            "/dev/sda1 /",
            "tmpfs /tmp tmpfs defaults 0 0",
            "proc /proc proc defaults 0 0",
            "/dev/sda3 /proc/x ext4 defaults 0 0",
            "/dev/sda3 none ext4 noauto 0 0",
            "/dev/sr0 /media/cdrom0 udf,iso9660 user,noauto 0 0",
            "/dev/fd0 /media/floppy auto rw 0 0",
            "server:/export /mnt nfs defaults 0 0",
            "/home /srv none bind 0 0",
            "/dev/sda2 /srv none rw,bind 0 0",
            "/dev/sda2 /srv ext4 rbind 0 0",
            "0123456789abcdef.q / ffs rw 1 1",
            "/swapfile none swap sw 0 0",
            "UUID= / ext4 defaults 0 0",
            "/dev/sda\\0001 / ext4 defaults 0 0",
        ] {
            check(ignored, None);
        }
        assert_eq!(parse(&b"/dev/sda1 /x ext4\n".repeat(5000)).len(), ENTRIES_MAX);
    }

    #[test]
    fn tags() {
        for (spec, want) in [
            ("UUID=x", Some(("UUID", "x"))),
            ("PARTLABEL=a b", Some(("PART_ENTRY_NAME", "a b"))),
            ("/dev/disk/by-label/ROOT", Some(("LABEL", "ROOT"))),
            ("NAME=netbsd-root", Some(("PART_ENTRY_NAME", "netbsd-root"))),
            ("/dev/ufs/rootfs", Some(("LABEL", "rootfs"))),
            ("/dev/sda1", None),
            ("LABEL=", None),
        ] {
            assert_eq!(tag(spec.into()), want.map(|(t, v)| (t, v.into())), "{spec}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text(text: Vec<u8>, line in "([ -~]{0,10}[ \t\\\\=,/\"']){0,8}") {
            parse(&text);
            parse(line.as_bytes());
        }
    }
}
