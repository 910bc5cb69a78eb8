//! Digests and identities of files.
//!
//! In: bytes, files. Out: SHA-256 as lower-case hexadecimal; a [`Stamp`] that changes whenever a file
//! does.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// SHA-256 of several pieces, each with its length, so that moving a boundary changes the result.
pub fn of_parts(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())
}

/// SHA-256 of a file's content.
pub fn of_file(path: &Path) -> io::Result<String> {
    let mut file = super::entry::open(path, rustix::fs::OFlags::RDONLY)?;
    let mut hash = Sha256::new();
    let mut buf = vec![0; 1 << 20];
    loop {
        match file.read(&mut buf)? {
            0 => return Ok(hex(&hash.finalize())),
            n => hash.update(buf.get(..n).unwrap_or_default()),
        }
    }
}

/// SHA-256 of pieces as they come, each with its place.
#[derive(Default)]
pub struct Running(Sha256);

impl Running {
    /// One more piece.
    pub fn add(&mut self, place: u64, bytes: &[u8]) {
        self.0.update(place.to_le_bytes());
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// The digest of all of them.
    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// What tells one version of a file from another without reading it. The change time cannot be set by
/// anyone, so two equal stamps within one boot of the host mean equal content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    pub size: u64,
    pub inode: u64,
    /// Nanoseconds since 1970.
    pub modified: i128,
    pub changed: i128,
}

impl Stamp {
    /// The stamp of what `path` leads to.
    pub fn of(path: &Path) -> io::Result<Stamp> {
        let meta = path.metadata()?;
        let nanos = |s: i64, n: i64| i128::from(s) * 1_000_000_000 + i128::from(n);
        Ok(Stamp {
            size: meta.size(),
            inode: meta.ino(),
            modified: nanos(meta.mtime(), meta.mtime_nsec()),
            changed: nanos(meta.ctime(), meta.ctime_nsec()),
        })
    }
}

/// The host's boot, as the kernel names it; empty when it does not say.
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_digest_and_boundaries() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(of_file(&path).unwrap(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_ne!(of_parts(&[b"ab", b"c"]), of_parts(&[b"a", b"bc"]));
    }

    #[test]
    fn a_rewrite_with_the_same_size_and_time_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, "abc").unwrap();
        let before = Stamp::of(&path).unwrap();
        let time = path.metadata().unwrap().modified().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        std::fs::write(&path, "abd").unwrap();
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        let after = Stamp::of(&path).unwrap();
        assert_eq!((before.size, before.modified), (after.size, after.modified));
        assert_ne!(before, after);
    }
}
