//! What the kernel says a partition is: which one of which disk.
//!
//! In: a device node. Out: the disk, the number and where it lies, from sysfs. Names are not taken apart: `md0` is no
//! partition, `md0p1` and `sda1` are, and the kernel knows best.

use super::Device;
use crate::error::Result;
use bstr::ByteSlice;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A partition of a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// The whole disk.
    pub disk: Device,
    /// Counted from 1.
    pub number: i32,
}

/// Which partition a device is; `None` when it is not one.
pub fn partition(device: &Device) -> Result<Option<Partition>> {
    Ok(find(Path::new("/sys"), rustix::fs::stat(device.path())?.st_rdev))
}

/// Where a partition lies on its disk, in sectors of 512 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Counted from 1.
    pub number: i32,
    pub start: u64,
    pub sectors: u64,
}

/// Where a partition lies; `None` when it is not one.
pub fn extent(device: &Device) -> Option<Extent> {
    place(Path::new("/sys"), rustix::fs::stat(device.path()).ok()?.st_rdev)
}

fn place(sys: &Path, rdev: u64) -> Option<Extent> {
    let dir = directory(sys, rdev)?;
    let number = attribute(&dir, "partition").filter(|n| *n > 0)?;
    Some(Extent { number, start: attribute(&dir, "start")?, sectors: attribute(&dir, "size")? })
}

fn find(sys: &Path, rdev: u64) -> Option<Partition> {
    let dir = directory(sys, rdev)?;
    let number = attribute(&dir, "partition").filter(|n| *n > 0)?;
    // A partition's directory lies in its disk's.
    let disk = dir.parent()?.file_name()?.as_bytes();
    Some(Partition { disk: super::sysfs::node(disk), number })
}

fn directory(sys: &Path, rdev: u64) -> Option<PathBuf> {
    let (major, minor) = (rustix::fs::major(rdev), rustix::fs::minor(rdev));
    sys.join(format!("dev/block/{major}:{minor}")).canonicalize().ok()
}

/// A number in a file of a device's directory.
fn attribute<T: std::str::FromStr>(dir: &Path, name: &str) -> Option<T> {
    std::fs::read(dir.join(name)).ok()?.trim().to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn disks_and_numbers() {
        let sys = tempfile::tempdir().unwrap();
        let add = |number: &str, path: &str, partition: Option<&str>| {
            let dir = sys.path().join("devices").join(path);
            std::fs::create_dir_all(&dir).unwrap();
            if let Some(text) = partition {
                std::fs::write(dir.join("partition"), text).unwrap();
            }
            std::fs::create_dir_all(sys.path().join("dev/block")).unwrap();
            symlink(&dir, sys.path().join("dev/block").join(number)).unwrap();
        };
        add("8:0", "block/sda", None);
        add("8:1", "block/sda/sda1", Some("1\n"));
        add("259:1", "nvme/nvme0n1/nvme0n1p12", Some("12\n"));
        add("9:127", "virtual/block/md127", None);
        add("259:2", "virtual/block/md127/md127p3", Some("3\n"));
        add("104:1", "block/cciss!c0d0/cciss!c0d0p1", Some("1\n"));
        add("1:1", "block/x/x1", Some("nonsense"));
        add("1:2", "block/x/x2", Some("0\n"));
        let dir = sys.path().join("devices/block/sda/sda1");
        std::fs::write(dir.join("start"), "2048\n").unwrap();
        assert_eq!(place(sys.path(), rustix::fs::makedev(8, 1)), None);
        std::fs::write(dir.join("size"), "4096\n").unwrap();
        let there = Extent { number: 1, start: 2048, sectors: 4096 };
        assert_eq!(place(sys.path(), rustix::fs::makedev(8, 1)), Some(there));
        let found = |major, minor| {
            let p = find(sys.path(), rustix::fs::makedev(major, minor))?;
            Some((p.disk.as_bstr().to_string(), p.number))
        };
        for (at, wanted) in [
            ((8, 0), None),
            ((8, 1), Some(("/dev/sda", 1))),
            ((259, 1), Some(("/dev/nvme0n1", 12))),
            ((9, 127), None),
            ((259, 2), Some(("/dev/md127", 3))),
            ((104, 1), Some(("/dev/cciss/c0d0", 1))),
            ((1, 1), None),
            ((1, 2), None),
            ((7, 7), None),
        ] {
            assert_eq!(found(at.0, at.1), wanted.map(|(d, n)| (d.to_owned(), n)), "{at:?}");
        }
    }
}
