//! File systems, for The Sleuth Kit.
//!
//! In: a handle. Out: an NTFS with files, a deleted one among them; what is called on damaged ones.

use super::Calls;
use guestfs::opts::{DownloadBlocksOpts, MkfsOpts};
use guestfs::Handle;

/// The disk that images are written to.
const DISK: &str = "/dev/sdb";
const SIZE: i32 = 2 << 20;

/// Numbers of inodes that are asked for: of the system and of a file.
const INODES: [i64; 3] = [0, 5, 64];
/// One that no sound image has.
const NO_INODE: i64 = 1 << 40;

/// The image.
pub fn sound(g: &Handle) -> Vec<u8> {
    g.mkfs("ntfs", DISK, MkfsOpts::default()).unwrap();
    g.mkdir("/ntfs").unwrap();
    g.mount(DISK, "/ntfs").unwrap();
    g.mkdir_p("/ntfs/a/b/c").unwrap();
    for (name, size) in [("/ntfs/small", 10), ("/ntfs/a/large", 100_000), ("/ntfs/a/b/deleted", 5000)] {
        g.write(name, &vec![b'x'; size]).unwrap();
    }
    g.rm("/ntfs/a/b/deleted").unwrap();
    g.umount("/ntfs", Default::default()).unwrap();
    g.pread_device(DISK, SIZE, 0).unwrap()
}

/// A walk, and the content of some files and blocks.
pub fn calls(calls: &mut Calls<'_>, image: &str) {
    // Else what follows would be about the image before. Damage makes none longer than the disk.
    let written = calls.make(|g| g.copy_file_to_device(image, DISK, Default::default()));
    assert!(written.is_some(), "{image}: {:?}", calls.errors);
    calls.make(|g| g.filesystem_walk(DISK));
    calls.make(|g| g.find_inode(DISK, 5));
    // What follows are tools, not the library, and take long to start: every tenth image.
    if !image.ends_with('0') {
        return;
    }
    for inode in INODES {
        calls.make(|g| g.download_inode(DISK, inode, "/dev/null"));
    }
    if !image.ends_with("-0") {
        calls.make(|g| g.download_inode(DISK, NO_INODE, "/dev/null"));
    }
    let opts = DownloadBlocksOpts { unallocated: Some(true) };
    calls.make(|g| g.download_blocks(DISK, 0, 100, "/dev/null", opts.clone()));
}
