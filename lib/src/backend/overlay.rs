//! Temporary disks, as a rule without a name.
//!
//! In: a size. Out: an open file in the temporary directory that no path leads to: nothing is left
//! over, however the program ends. Either of zeroes, or an empty qcow2 to be laid over a read-only
//! image. Format: qemu's docs/interop/qcow2.txt.

use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

/// 64 KiB, qemu's default.
const CLUSTER_BITS: u32 = 16;
const CLUSTER: u64 = 1 << CLUSTER_BITS;
/// What one entry of the L1 table stands for: a table of 8-byte entries, one cluster each.
const L1_REACH: u64 = CLUSTER / 8 * CLUSTER;
/// What one 16-bit refcount block covers.
const REFCOUNTS: u64 = CLUSTER / 2;

/// An unnamed file in `dir`.
fn unnamed(dir: &Path) -> io::Result<File> {
    let mode = Mode::RUSR | Mode::WUSR;
    match rustix::fs::open(dir, OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, mode) {
        Ok(fd) => Ok(fd.into()),
        // File systems without O_TMPFILE (NFS, old overlayfs): make it and unlink it.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::ISDIR | rustix::io::Errno::INVAL) => {
            tempfile::tempfile_in(dir)
        }
        Err(e) => Err(e.into()),
    }
}

/// `size` bytes of zeroes that take no space yet.
pub fn zeroes(dir: &Path, size: u64) -> io::Result<OwnedFd> {
    let file = unnamed(dir)?;
    file.set_len(size)?;
    Ok(file.into())
}

/// An empty qcow2 image of `size` bytes, rounded up to a sector. It names no backing file: the backing
/// node is given to qemu directly.
pub fn qcow2(dir: &Path, size: u64) -> io::Result<OwnedFd> {
    let mut file = unnamed(dir)?;
    file.write_all(&image(size)?)?;
    Ok(file.into())
}

/// The same under a name, for those who cannot be given a descriptor.
pub fn qcow2_at(path: &Path, size: u64) -> io::Result<()> {
    std::fs::write(path, image(size)?)
}

/// Header, refcount table, one refcount block, L1 table: each from a cluster of its own on.
fn image(size: u64) -> io::Result<Vec<u8>> {
    let size = size.checked_next_multiple_of(512).ok_or(io::ErrorKind::FileTooLarge)?;
    let l1_entries = size.div_ceil(L1_REACH);
    let l1_clusters = (l1_entries * 8).div_ceil(CLUSTER);
    let clusters = 3 + l1_clusters;
    // qemu refuses L1 tables above 32 MiB, so one refcount block is always enough.
    if clusters > REFCOUNTS || l1_entries * 8 > 32 << 20 {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the disk is too large for an overlay"));
    }
    let mut header = Vec::with_capacity(112);
    header.extend_from_slice(b"QFI\xfb");
    let words = |out: &mut Vec<u8>, list: &[u32]| list.iter().for_each(|w| out.extend_from_slice(&w.to_be_bytes()));
    let longs = |out: &mut Vec<u8>, list: &[u64]| list.iter().for_each(|w| out.extend_from_slice(&w.to_be_bytes()));
    words(&mut header, &[3]); // version
    longs(&mut header, &[0]); // backing file name: none
    words(&mut header, &[0, CLUSTER_BITS]);
    longs(&mut header, &[size]);
    words(&mut header, &[0, u32::try_from(l1_entries).map_err(io::Error::other)?]); // no encryption
    longs(&mut header, &[3 * CLUSTER, CLUSTER]); // L1 table, refcount table
    words(&mut header, &[1, 0]); // clusters of the refcount table, snapshots
    longs(&mut header, &[0, 0, 0, 0]); // snapshots, incompatible, compatible, autoclear features
    words(&mut header, &[4, 104]); // 16-bit refcounts, length of this header
    words(&mut header, &[0, 0]); // end of the header extensions
    let mut image = header;
    let pad = |image: &mut Vec<u8>, cluster: u64| {
        image.resize(usize::try_from(cluster * CLUSTER).unwrap_or(usize::MAX), 0);
    };
    pad(&mut image, 1);
    image.extend_from_slice(&(2 * CLUSTER).to_be_bytes()); // the one refcount block
    pad(&mut image, 2);
    for _ in 0..clusters {
        image.extend_from_slice(&1u16.to_be_bytes());
    }
    pad(&mut image, 3 + l1_clusters);
    Ok(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qemu_img_finds_no_fault() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("overlay");
        for size in [0, 1, 512, 1 << 20, L1_REACH, L1_REACH + 1, 10 << 40, 64 << 40] {
            std::fs::write(&path, image(size).unwrap()).unwrap();
            let run = |verb: &str| {
                let out =
                    std::process::Command::new("qemu-img").args([verb, "--output=json"]).arg(&path).output().unwrap();
                assert!(out.status.success(), "{size}: {out:?}");
                serde_json::from_slice::<serde_json::Value>(&out.stdout).unwrap()
            };
            assert_eq!(run("info")["virtual-size"], serde_json::json!(size.next_multiple_of(512)));
            assert_eq!(run("info")["format"], "qcow2");
            assert_eq!(run("check")["check-errors"], 0);
        }
        assert!(image(u64::MAX).is_err());
        assert!(image(1 << 60).is_err());
    }

    #[test]
    fn nothing_is_left_in_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        let zeroes = File::from(zeroes(dir.path(), 5 << 30).unwrap());
        assert_eq!(zeroes.metadata().unwrap().len(), 5 << 30);
        drop(qcow2(dir.path(), 1 << 30).unwrap());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
