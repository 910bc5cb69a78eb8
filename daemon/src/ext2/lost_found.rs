//! The directory for files that have lost their name.
//!
//! In: a directory of the guest. Out: `lost+found` in it, with blocks to spare.

use std::os::fd::OwnedFd;

use rustix::fs::{fstat, mkdirat, openat, unlinkat, AtFlags, Mode, OFlags};

use crate::channel::cancel;
use crate::ctx::Ctx;
use crate::error::{Context, Error, Result};
use crate::path::GuestPath;

const NAME: &str = "lost+found";

/// Blocks that the directory gets in advance: mklost+found(8) takes those that an inode of ext2 lists
/// itself, but two.
const BLOCKS: i64 = 10;

/// The longest name there is: the fewest files then make many blocks.
const LONGEST: usize = 255;

/// Bytes in a block for one such name, at the worst: a block that was split is half full.
const SHARE: i64 = 128;

/// Make `lost+found` in a directory.
pub fn mklost_and_found(ctx: &mut Ctx, mountpoint: &GuestPath) -> Result<()> {
    let parent = mountpoint.open_dir(ctx)?;
    let name = || mountpoint.join(NAME.into());
    mkdirat(&parent, NAME, Mode::RWXU).with_context(name)?;
    let filled = fill(&parent);
    if filled.is_err() {
        let _ = unlinkat(&parent, NAME, AtFlags::REMOVEDIR);
    }
    filled.with_context(name)
}

/// Give the directory its blocks: one that became large stays so when its files are gone.
fn fill(parent: &OwnedFd) -> Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = openat(parent, NAME, flags, Mode::empty())?;
    let stat = fstat(&dir)?;
    let wanted = BLOCKS.saturating_mul(stat.st_blksize);
    let (mut made, mut result) = (0, Ok(()));
    // Elsewhere than on ext the size may say nothing.
    while result.is_ok() && made < wanted / SHARE && fstat(&dir)?.st_size <= wanted {
        result = cancel::point().and_then(|()| create(&dir, made));
        made += 1;
    }
    for number in 0..made {
        // The last one is missing when it could not be made.
        let _ = unlinkat(&dir, file_name(number), AtFlags::empty());
    }
    result
}

fn create(dir: &OwnedFd, number: i64) -> Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    openat(dir, file_name(number), flags, Mode::RUSR).map(drop).map_err(Error::from)
}

fn file_name(number: i64) -> String {
    format!("{number:x<LONGEST$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Errno;
    use crate::testing::Guest;

    #[test]
    fn names_are_long_and_differ() {
        assert_eq!(file_name(7).len(), 255);
        assert_ne!(file_name(1), file_name(11));
        assert_ne!(file_name(0), file_name(1));
    }

    #[test]
    fn made_empty_and_once() {
        let mut g = Guest::new();
        g.write("/f", "");
        let (root, f) = (g.path("/"), g.path("/f"));
        mklost_and_found(&mut g.ctx, &root).unwrap();
        let made = g.host("/lost+found");
        assert_eq!(std::fs::read_dir(made).unwrap().count(), 0);
        assert_eq!(mklost_and_found(&mut g.ctx, &root).unwrap_err().errno(), Some(Errno::EXIST));
        assert_eq!(mklost_and_found(&mut g.ctx, &f).unwrap_err().errno(), Some(Errno::NOTDIR));
    }
}
