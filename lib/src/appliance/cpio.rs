//! An initrd as the kernel reads it: a cpio archive, format "newc", not compressed.
//!
//! In: directories, files and device nodes. Out: the archive's bytes, the same for the same
//! input. Format: Documentation/driver-api/early-userspace/buffer-format.rst.

use bstr::{BString, ByteSlice};
use std::io::{self, Write};

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node<'a> {
    Directory,
    File { data: &'a [u8], executable: bool },
    /// A character device: major, minor.
    Device { major: u32, minor: u32 },
}

/// Writes entries in the order given; parents must come before their children.
#[derive(Debug)]
pub struct Archive<W: Write> {
    out: W,
    entries: u32,
}

impl<W: Write> Archive<W> {
    pub fn new(out: W) -> Self {
        Archive { out, entries: 0 }
    }

    /// Add one entry. `name` is relative to the root, without a leading slash.
    pub fn add(&mut self, name: &str, node: Node<'_>) -> io::Result<()> {
        let (mode, data, rdev) = match node {
            Node::Directory => (0o040_755, &b""[..], (0, 0)),
            Node::File { data, executable } => (if executable { 0o100_755 } else { 0o100_644 }, data, (0, 0)),
            Node::Device { major, minor } => (0o020_600, &b""[..], (major, minor)),
        };
        self.entry(name, mode, data, rdev)
    }

    fn entry(&mut self, name: &str, mode: u32, data: &[u8], rdev: (u32, u32)) -> io::Result<()> {
        self.entries += 1;
        let size = u32::try_from(data.len()).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        let name_len = u32::try_from(name.len() + 1).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        // ino, mode, uid, gid, nlink, mtime, size, dev, rdev, name length, checksum (unused).
        let fields =
            [self.entries, mode, 0, 0, 1, 0, size, 0, 0, rdev.0, rdev.1, name_len, 0];
        let mut header = BString::from("070701");
        for field in fields {
            write!(header, "{field:08x}")?;
        }
        header.extend_from_slice(name.as_bytes());
        header.push(0);
        pad(&mut header);
        self.out.write_all(header.as_bytes())?;
        self.out.write_all(data)?;
        let short = data.len() % 4;
        if short != 0 {
            self.out.write_all([0u8; 3].get(short - 1..).unwrap_or_default())?;
        }
        Ok(())
    }

    /// Write the end mark and give the writer back.
    pub fn finish(mut self) -> io::Result<W> {
        self.entry("TRAILER!!!", 0, b"", (0, 0))?;
        Ok(self.out)
    }
}

fn pad(buf: &mut Vec<u8>) {
    while buf.len() % 4 != 0 {
        buf.push(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn cpio_reads_it_back() {
        let mut archive = Archive::new(Vec::new());
        archive.add("dev", Node::Directory).unwrap();
        archive.add("dev/console", Node::Device { major: 5, minor: 1 }).unwrap();
        for n in 0..9u8 {
            let data: Vec<u8> = (0..n).collect();
            archive.add(&format!("f{n}"), Node::File { data: &data, executable: n == 8 }).unwrap();
        }
        let bytes = archive.finish().unwrap();
        assert_eq!(bytes.len() % 4, 0);

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.cpio");
        std::fs::write(&path, &bytes).unwrap();
        let run = |args: &[&str]| {
            let out = Command::new("cpio")
                .args(args)
                .current_dir(dir.path())
                .stdin(Stdio::from(std::fs::File::open(&path).unwrap()))
                .output()
                .unwrap();
            assert!(out.status.success(), "{out:?}");
            String::from_utf8(out.stdout).unwrap()
        };
        let listing = run(&["-tv", "--quiet", "--numeric-uid-gid"]);
        assert!(listing.lines().next().unwrap().starts_with("drwxr-xr-x"), "{listing}");
        assert!(listing.contains("crw-------"), "{listing}");
        assert!(listing.contains("5,   1"), "{listing}");
        assert_eq!(listing.lines().count(), 11, "{listing}");
        run(&["-i", "--quiet", "f*"]);
        for n in 0..9u8 {
            let data = std::fs::read(dir.path().join(format!("f{n}"))).unwrap();
            assert_eq!(data, (0..n).collect::<Vec<u8>>());
        }
    }
}
