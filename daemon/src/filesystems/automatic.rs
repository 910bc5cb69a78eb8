//! Which file systems are mounted though nobody asked for one of them.
//!
//! In: a type as blkid(8) calls it. Out: whether inspection, and what goes by its answers (`-i` of the shell),
//! may mount it. Whoever makes a disk chooses what is on it, and with it which of the kernel's drivers reads
//! hostile data. Drivers that nobody looks after, and types on which no system that is recognised was ever
//! installed, are left to those who mount the device themselves.

use bstr::BStr;

/// The types: those that Linux is installed on or boots from, of the systems beside it (BSD has UFS, of which
/// our kernel only reads), and of media.
const AUTOMATIC: &[&str] = &[
    "btrfs", "erofs", "exfat", "ext2", "ext3", "ext4", "f2fs", "iso9660", "jfs", "ntfs", "reiserfs", "squashfs", "udf",
    "ufs", "vfat", "xfs",
];

/// See the module's description.
pub(crate) fn is_automatic(fstype: &BStr) -> bool {
    AUTOMATIC.iter().any(|known| fstype == known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_looked_after() {
        for (fstype, automatic) in [
            ("ext4", true),
            ("vfat", true),
            ("minix", false),
            ("hfs", false),
            ("hfsplus", false),
            ("ufs", true),
            ("affs", false),
            ("sysv", false),
            ("swap", false),
            ("unknown", false),
            ("", false),
        ] {
            assert_eq!(is_automatic(fstype.into()), automatic, "{fstype}");
        }
    }
}
