//! Disks, for libblkid.
//!
//! In: a handle. Out: a partitioned disk with a file system; what is asked about damaged ones.

use super::Calls;
use guestfs::opts::MkfsOpts;
use guestfs::Handle;

/// The disk that images are written to.
const DISK: &str = "/dev/sdb";
const SIZE: i32 = 2 << 20;

/// The image.
pub fn sound(g: &Handle) -> Vec<u8> {
    g.part_disk(DISK, "gpt").unwrap();
    g.mkfs("ext4", "/dev/sdb1", MkfsOpts { label: Some("label".into()), ..Default::default() }).unwrap();
    g.pread_device(DISK, SIZE, 0).unwrap()
}

/// What it is, as a whole and in parts.
pub fn calls(calls: &mut Calls<'_>, image: &str) {
    // Else what follows would be about the image before. Damage makes none longer than the disk.
    let written = calls.make(|g| g.copy_file_to_device(image, DISK, Default::default()));
    assert!(written.is_some(), "{image}: {:?}", calls.errors);
    calls.make(|g| g.blockdev_rereadpt(DISK));
    calls.make(|g| g.vfs_type(DISK));
    let all = calls.make(|g| g.list_filesystems()).unwrap_or_default();
    if image.ends_with("-0") {
        assert!(all.iter().any(|(device, kind)| device == "/dev/sdb1" && kind == "ext4"), "{all:?}");
    }
}
