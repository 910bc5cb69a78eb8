//! How far the kernel is with a disk that was just plugged in.
//!
//! In: the disk's directory below `/sys/block`. Out: whether its partitions can be waited for.

use std::path::Path;

/// Whether the kernel has begun to read the partition table of the disk in this directory: from then on
/// opening the disk waits for the end of that. A disk is in /sys before (`device_add_disk`, block/genhd.c
/// of Linux), and who opens it then may find it without its partitions. Nobody else reads it so early.
pub(super) fn begun(dir: &Path) -> bool {
    let first = |file: &str| -> Option<u64> {
        std::fs::read_to_string(dir.join(file)).ok()?.split_whitespace().next()?.parse().ok()
    };
    // The first number counts reads that ended (Documentation/block/stat.rst). Of no sectors none are read.
    first("stat") != Some(0) || first("size") == Some(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_has_begun_when_something_was_read() {
        let dir = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| std::fs::write(dir.path().join(file), text).unwrap();
        // What the kernel does not tell is not waited for.
        assert!(begun(dir.path()));
        write("size", "2048\n");
        write("stat", "       0        0        0        0\n");
        assert!(!begun(dir.path()));
        write("size", "0\n");
        assert!(begun(dir.path()));
        write("size", "2048\n");
        write("stat", "       1        0        8        0\n");
        assert!(begun(dir.path()));
    }
}
