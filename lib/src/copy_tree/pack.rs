//! A host tree as a tar stream.
//!
//! In: a directory and one name in it. Out: GNU tar with owners, modes, times, symbolic and hard
//! links, device nodes; entries in a fixed order.

use crate::error::{Error, Result};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{BufWriter, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use tar::{Builder, EntryType, Header};

/// Bytes a tree will take as a stream, for the progress bar: what cannot be read counts nothing.
pub(super) fn measure(path: &Path) -> u64 {
    let Ok(meta) = std::fs::symlink_metadata(path) else { return 0 };
    let mut total = 512;
    if meta.is_file() {
        total += meta.len().next_multiple_of(512);
    }
    let mut todo = if meta.is_dir() { vec![path.to_owned()] } else { Vec::new() };
    while let Some(dir) = todo.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            total += 512;
            match entry.metadata() {
                Ok(m) if m.is_dir() => todo.push(entry.path()),
                Ok(m) if m.is_file() => total += m.len().next_multiple_of(512),
                _ => {}
            }
        }
    }
    total
}

struct Packer<'a> {
    parent: &'a Path,
    builder: Builder<BufWriter<&'a mut dyn Write>>,
    /// First name of every file that has several: (device, inode).
    linked: HashMap<(u64, u64), PathBuf>,
    skipped: Vec<String>,
}

/// Write `base` below `parent`, and all in it, to `to`. Returns what tar cannot hold.
pub(super) fn pack(parent: &Path, base: &[u8], mut to: impl Write) -> Result<Vec<String>> {
    let to: &mut dyn Write = &mut to;
    let mut packer = Packer {
        parent,
        builder: Builder::new(BufWriter::with_capacity(256 * 1024, to)),
        linked: HashMap::new(),
        skipped: Vec::new(),
    };
    packer.tree(Path::new(OsStr::from_bytes(base)))?;
    let failed = |e| Error::io("copy_in: writing the archive", e);
    let mut rest = packer.builder.into_inner().map_err(failed)?;
    rest.flush().map_err(failed)?;
    drop(rest);
    Ok(packer.skipped)
}

impl Packer<'_> {
    /// Depth first without recursion: a tree may be deeper than a stack.
    fn tree(&mut self, base: &Path) -> Result<()> {
        let mut todo = vec![base.to_owned()];
        while let Some(name) = todo.pop() {
            let path = self.parent.join(&name);
            let meta = std::fs::symlink_metadata(&path).map_err(|e| failed(&path, e))?;
            self.entry(&name, &path, &meta)?;
            if meta.is_dir() {
                let mut children = Vec::new();
                for entry in std::fs::read_dir(&path).map_err(|e| failed(&path, e))? {
                    children.push(name.join(entry.map_err(|e| failed(&path, e))?.file_name()));
                }
                children.sort_unstable();
                todo.extend(children.into_iter().rev());
            }
        }
        Ok(())
    }

    fn entry(&mut self, name: &Path, path: &Path, meta: &Metadata) -> Result<()> {
        let kind = meta.file_type();
        if kind.is_socket() {
            self.skipped.push(path.display().to_string());
            return Ok(());
        }
        let mut header = header(meta);
        if !meta.is_dir() && meta.nlink() > 1 {
            if let Some(first) = self.linked.get(&(meta.dev(), meta.ino())) {
                header.set_entry_type(EntryType::Link);
                header.set_size(0);
                let first = first.clone();
                return self.builder.append_link(&mut header, name, first).map_err(|e| failed(path, e));
            }
            self.linked.insert((meta.dev(), meta.ino()), name.to_owned());
        }
        let done = if kind.is_symlink() {
            header.set_entry_type(EntryType::Symlink);
            header.set_size(0);
            let target = std::fs::read_link(path).map_err(|e| failed(path, e))?;
            self.builder.append_link(&mut header, name, target)
        } else if kind.is_dir() {
            header.set_entry_type(EntryType::Directory);
            header.set_size(0);
            // Tar marks directories with a slash.
            self.builder.append_data(&mut header, name.join(""), std::io::empty())
        } else if kind.is_file() {
            return self.file(&mut header, name, path);
        } else {
            self.special(&mut header, name, meta)
        };
        done.map_err(|e| failed(path, e))
    }

    fn special(&mut self, header: &mut Header, name: &Path, meta: &Metadata) -> std::io::Result<()> {
        let kind = meta.file_type();
        header.set_size(0);
        header.set_entry_type(match () {
            () if kind.is_fifo() => EntryType::Fifo,
            () if kind.is_block_device() => EntryType::Block,
            () => EntryType::Char,
        });
        if !kind.is_fifo() {
            let dev = meta.rdev();
            header.set_device_major(rustix::fs::major(dev))?;
            header.set_device_minor(rustix::fs::minor(dev))?;
        }
        self.builder.append_data(header, name, std::io::empty())
    }

    /// The size in the header is a promise: a file that grows meanwhile is cut, one that shrinks is an
    /// error, as the rest of the stream would be misread.
    fn file(&mut self, header: &mut Header, name: &Path, path: &Path) -> Result<()> {
        let file = File::open(path).map_err(|e| failed(path, e))?;
        let size = file.metadata().map_err(|e| failed(path, e))?.len();
        header.set_entry_type(EntryType::Regular);
        header.set_size(size);
        let mut counted = Counted { inner: file.take(size), got: 0 };
        self.builder.append_data(header, name, &mut counted).map_err(|e| failed(path, e))?;
        if counted.got < size {
            return Err(Error::new(
                crate::error::ErrorKind::Io,
                format!("copy_in: {}: the file shrank while it was read", path.display()),
            )
            .with_errno(libc::EIO));
        }
        Ok(())
    }
}

struct Counted<R> {
    inner: R,
    got: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.got += n as u64;
        Ok(n)
    }
}

fn failed(path: &Path, e: std::io::Error) -> Error {
    Error::io(format!("copy_in: {}", path.display()), e)
}

fn header(meta: &Metadata) -> Header {
    let mut h = Header::new_gnu();
    h.set_mode(meta.mode() & 0o7777);
    h.set_uid(meta.uid().into());
    h.set_gid(meta.gid().into());
    // Times before 1970 have no place in the format.
    h.set_mtime(u64::try_from(meta.mtime()).unwrap_or(0));
    h
}
