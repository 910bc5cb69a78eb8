//! Zeroes over the free space of a file system: what deleted files left behind does not compress.
//!
//! In: a directory of a mounted file system, or an ext file system that is not in use. Out: zeroes
//! where no data is.

use std::fs::File;
use std::io::Write;

use bstr::ByteSlice;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Mode, OFlags};

use super::BLOCK;
use crate::ctx::Ctx;
use crate::device::Device;
use crate::error::{Context, Errno, Error, Result};
use crate::files::with_free_name;
use crate::filesystems::probe::require_ext;
use crate::path::GuestPath;
use crate::run::{apart, Tool};

/// Let files of zeroes grow until the file system is full, and drop them.
pub fn zero_free_space(ctx: &mut Ctx, directory: &GuestPath) -> Result<()> {
    let dir = directory.open(ctx, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?;
    fill(ctx, &dir).context(directory)
}

fn fill(ctx: &Ctx, dir: &OwnedFd) -> Result<()> {
    // What was deleted a moment ago is free when that is on disk.
    let whole = dir.try_clone()?;
    apart(ctx.channel(), || {}, move || rustix::fs::syncfs(whole))??;
    let space = rustix::fs::fstatvfs(dir)?;
    let filler = Filler {
        ctx,
        zeroes: vec![0u8; BLOCK],
        block: usize::try_from(space.f_frsize).unwrap_or(BLOCK).clamp(1, BLOCK),
        total: space.f_bavail.saturating_mul(space.f_frsize),
    };
    // One that is full stays until the end, or the next would get its space.
    let mut full = Vec::new();
    let mut done = 0u64;
    loop {
        let mut file = match nameless(dir) {
            // No room for an inode: then there is none for data either, or data cannot get at it.
            Err(e) if e.errno() == Some(Errno::NOSPC) => return Ok(()),
            file => file?,
        };
        let before = done;
        let end = loop {
            let (grown, end) = filler.grow(&mut file, done);
            done += grown;
            // Without this most of it would never be written, but dropped from memory with the file.
            let grew = file.try_clone()?;
            apart(ctx.channel(), || {}, move || grew.sync_all())??;
            // With it space comes free that was kept back for writing it down.
            if grown == 0 || end.errno() != Some(Errno::NOSPC) {
                break end;
            }
        };
        match end.errno() {
            Some(Errno::NOSPC | Errno::DQUOT) => return Ok(()),
            // The largest file that there can be (4 GiB on FAT): go on with another one.
            Some(Errno::FBIG) if done > before => full.push(file),
            _ => return Err(end),
        }
    }
}

struct Filler<'a> {
    ctx: &'a Ctx,
    zeroes: Vec<u8>,
    /// Smallest piece of space.
    block: usize,
    /// What is free at the beginning.
    total: u64,
}

impl Filler<'_> {
    /// Write until there is no room for a block; how much it was, and what the end was.
    fn grow(&self, file: &mut File, done: u64) -> (u64, Error) {
        let mut grown = 0u64;
        let mut piece = BLOCK;
        loop {
            match file.write(self.zeroes.get(..piece).unwrap_or(&self.zeroes)) {
                Ok(n) => grown += n as u64,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                // A large piece may fail as a whole where some blocks have room.
                Err(_) if piece > self.block => piece = self.block,
                Err(e) => return (grown, e.into()),
            }
            // What else the file system needs room for is not known before.
            if let Err(e) = self.ctx.progress((done + grown).min(self.total), self.total) {
                return (grown, e);
            }
        }
    }
}

/// A new file whose name is gone already: whatever happens, it does not stay.
fn nameless(dir: &OwnedFd) -> Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let made = std::cell::Cell::new(None);
    with_free_name(b"guestfs-zero-", b"", |name| {
        let file = rustix::fs::openat(dir, name.as_bytes(), flags, Mode::RUSR | Mode::WUSR)?;
        rustix::fs::unlinkat(dir, name.as_bytes(), AtFlags::empty())?;
        made.set(Some(File::from(file)));
        Ok(())
    })?;
    made.take().ok_or_else(|| Errno::IO.into())
}

/// Write zeroes over the blocks of an ext file system that hold no data, where they are not zero.
pub fn zerofree(ctx: &mut Ctx, device: &Device) -> Result<()> {
    require_ext(ctx, device)?;
    Tool::new("zerofree").arg(device).pulse().run(ctx).with_context(|| device.api_name(ctx)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Guest;

    /// Filling a file system is shown by the steps; here, that the file has no name.
    #[test]
    fn nothing_to_be_seen() {
        let g = Guest::new();
        let dir = OwnedFd::from(File::open(g.host("/")).unwrap());
        let mut file = nameless(&dir).unwrap();
        file.write_all(b"x").unwrap();
        assert_eq!(std::fs::read_dir(g.host("/")).unwrap().count(), 0);
    }
}
