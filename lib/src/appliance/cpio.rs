//! An initrd as the kernel reads it: a cpio archive, format "newc", not compressed.
//!
//! In: directories, files and device nodes. Out: the archive's bytes, the same for the same
//! input. Format: Documentation/driver-api/early-userspace/buffer-format.rst.

use ::cpio::newc::{trailer, Builder};
use std::io::{self, Write};

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node<'a> {
    Directory,
    File {
        data: &'a [u8],
        executable: bool,
    },
    /// A character device: major, minor.
    Device {
        major: u32,
        minor: u32,
    },
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
        let member = Builder::new(name).ino(self.entries).mode(mode).rdev_major(rdev.0).rdev_minor(rdev.1);
        let mut member = member.write(&mut self.out, size);
        member.write_all(data)?;
        member.finish().map(drop)
    }

    /// Write the end mark and give the writer back.
    pub fn finish(self) -> io::Result<W> {
        trailer(self.out)
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
