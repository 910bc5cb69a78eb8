//! Streams of directory entries and the sum of their sizes.

use std::collections::HashSet;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};

use bstr::{BStr, ByteSlice};
use guestfs_protocol::structs::Dirent;
use guestfs_protocol::xdr::{Char, Encoder};
use rustix::fs::{FileType, Mode, OFlags, Stat};

use super::tree::{self, Descend, Visitor};
use crate::ctx::Ctx;
use crate::error::{Context, Error, Result};
use crate::path::GuestPath;
use crate::progress::Pulse;
use crate::transfer_io::FileOut;

/// Hard links remembered so that a file counts once. Beyond that, du(1)'s sum becomes too large
/// rather than the appliance run out of memory.
const MAX_LINKS: usize = 1 << 20;

/// The names in a directory, each followed by a NUL byte, without `.` and `..`.
pub fn ls0(ctx: &mut Ctx, dir: &GuestPath, filenames: &mut FileOut) -> Result<()> {
    let fd = dir.open_dir(ctx)?;
    tree::for_each_entry(fd.as_fd(), |entry| {
        if !tree::is_dot(entry.name) {
            filenames.write_all(entry.name)?;
            filenames.write_all(&[0])?;
        }
        Ok(())
    })
    .context(dir)
}

/// All entries of a directory, `.` and `..` included, as XDR `guestfs_int_dirent` one after another.
pub fn internal_readdir(ctx: &mut Ctx, dir: &GuestPath, filename: &mut FileOut) -> Result<()> {
    let fd = dir.open_dir(ctx)?;
    tree::for_each_entry(fd.as_fd(), |entry| {
        let dirent = Dirent { ino: entry.ino as i64, ftyp: Char(letter(entry.kind)), name: entry.name.to_owned() };
        let mut encoder = Encoder::new();
        encoder.put(&dirent)?;
        Ok(filename.write_all(&encoder.into_vec())?)
    })
    .context(dir)
}

/// The API's letter for a type that the kernel's listing gives (guestfs(3), readdir).
fn letter(kind: FileType) -> u8 {
    match kind {
        FileType::BlockDevice => b'b',
        FileType::CharacterDevice => b'c',
        FileType::Directory => b'd',
        FileType::Fifo => b'f',
        FileType::Symlink => b'l',
        FileType::RegularFile => b'r',
        FileType::Socket => b's',
        FileType::Unknown => b'u',
    }
}

/// The paths of all files below a directory, each followed by a NUL byte: what comes behind the directory's own text,
/// so with a slash in front unless that ends in one. virt-v2v puts the two together.
pub fn find0(ctx: &mut Ctx, directory: &GuestPath, files: &mut FileOut) -> Result<()> {
    let fd = directory.open_dir(ctx)?;
    let front = if directory.as_bstr().ends_with(b"/") { "" } else { "/" };
    tree::walk_fd(fd, &mut Find { front, out: files }).context(directory)
}

struct Find<'a> {
    front: &'static str,
    out: &'a mut FileOut,
}

impl Visitor for Find<'_> {
    fn entry(&mut self, _dir: BorrowedFd<'_>, within: &BStr, name: &BStr, kind: FileType) -> Result<Descend> {
        self.out.write_all(self.front.as_bytes())?;
        if !within.is_empty() {
            self.out.write_all(within)?;
            self.out.write_all(b"/")?;
        }
        self.out.write_all(name)?;
        self.out.write_all(&[0])?;
        Ok(if kind == FileType::Directory { Descend::Yes } else { Descend::No })
    }
}

/// Space that a file or a tree takes on disk, in units of 1024 bytes, rounded up.
pub fn du(ctx: &mut Ctx, path: &GuestPath) -> Result<i64> {
    let fd = path.open(ctx, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty())?;
    let stat = rustix::fs::fstat(&fd).context(path)?;
    let mut usage = Usage { blocks: stat.st_blocks as u64, linked: HashSet::new(), ctx };
    if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
        let top = tree::open_dir(fd.as_fd(), ".".into()).context(path)?;
        tree::walk_fd(top, &mut usage).context(path)?;
    }
    i64::try_from(usage.blocks.div_ceil(2)).map_err(|_| Error::invalid(format!("{path}: the sum is too large")))
}

struct Usage<'a> {
    /// Of 512 bytes each, the unit of stat(2).
    blocks: u64,
    /// Files with several names that were counted already.
    linked: HashSet<(u64, u64)>,
    ctx: &'a mut Ctx,
}

impl Usage<'_> {
    fn counts(&mut self, stat: &Stat, kind: FileType) -> bool {
        if stat.st_nlink < 2 || kind == FileType::Directory {
            return true;
        }
        let id = (stat.st_dev, stat.st_ino);
        !self.linked.contains(&id) && (self.linked.len() >= MAX_LINKS || self.linked.insert(id))
    }
}

impl Visitor for Usage<'_> {
    fn entry(&mut self, dir: BorrowedFd<'_>, _within: &BStr, name: &BStr, kind: FileType) -> Result<Descend> {
        let stat = tree::stat_entry(dir, name).with_context(|| name.as_bytes())?;
        if self.counts(&stat, kind) {
            self.blocks = self.blocks.saturating_add(stat.st_blocks as u64);
        }
        Ok(if kind == FileType::Directory { Descend::Yes } else { Descend::No })
    }

    fn enter(&mut self, _dir: BorrowedFd<'_>, _path: &BStr) -> Result<()> {
        self.ctx.pulse(Pulse::Running)
    }
}
