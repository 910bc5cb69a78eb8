//! Attributes of files and of the file systems they are on.
//!
//! In: guest paths. Out: the kernel's numbers, as stat(2) and statvfs(3) give them.

use std::os::fd::AsFd;

use guestfs_protocol::structs::{Statns, Statvfs};
use rustix::fs::Stat;

use crate::ctx::Ctx;
use crate::dirs::tree::stat_entry;
use crate::error::{Context, Result};
use crate::names::Filename;
use crate::path::GuestPath;

/// `stat`: symbolic links are followed.
pub fn statns(ctx: &mut Ctx, path: &GuestPath) -> Result<Statns> {
    Ok(numbers(&path.stat(ctx)?))
}

/// `lstat`: a symbolic link at the end is described itself.
pub fn lstatns(ctx: &mut Ctx, path: &GuestPath) -> Result<Statns> {
    Ok(numbers(&path.lstat(ctx)?))
}

/// `lstat` of many names in one directory. A name that cannot be looked up has −1 as its inode and
/// zeroes elsewhere.
pub fn internal_lstatnslist(ctx: &mut Ctx, path: &GuestPath, names: &[Filename]) -> Result<Vec<Statns>> {
    let dir = path.open_dir(ctx)?;
    let one = |name: &Filename| {
        let found = match name.is_dot() {
            true => path.join(name.as_bstr()).lstat(ctx),
            false => stat_entry(dir.as_fd(), name.as_bstr()),
        };
        found.map_or(Statns { st_ino: -1, ..Statns::default() }, |st| numbers(&st))
    };
    Ok(names.iter().map(one).collect())
}

/// Room on the file system that holds a file.
pub fn statvfs(ctx: &mut Ctx, path: &GuestPath) -> Result<Statvfs> {
    let fd = path.open_path(ctx)?;
    let st = rustix::fs::fstatvfs(&fd).context(path)?;
    // The API's fields are signed; a count above that is carried bit for bit.
    Ok(Statvfs {
        bsize: st.f_bsize as i64,
        frsize: st.f_frsize as i64,
        blocks: st.f_blocks as i64,
        bfree: st.f_bfree as i64,
        bavail: st.f_bavail as i64,
        files: st.f_files as i64,
        ffree: st.f_ffree as i64,
        favail: st.f_favail as i64,
        fsid: st.f_fsid as i64,
        flag: st.f_flag.bits() as i64,
        namemax: st.f_namemax as i64,
    })
}

fn numbers(st: &Stat) -> Statns {
    Statns {
        st_dev: st.st_dev as i64,
        st_ino: st.st_ino as i64,
        st_mode: i64::from(st.st_mode),
        st_nlink: st.st_nlink as i64,
        st_uid: i64::from(st.st_uid),
        st_gid: i64::from(st.st_gid),
        st_rdev: st.st_rdev as i64,
        st_size: st.st_size,
        st_blksize: st.st_blksize,
        st_blocks: st.st_blocks,
        st_atime_sec: st.st_atime,
        st_atime_nsec: st.st_atime_nsec as i64,
        st_mtime_sec: st.st_mtime,
        st_mtime_nsec: st.st_mtime_nsec as i64,
        st_ctime_sec: st.st_ctime,
        st_ctime_nsec: st.st_ctime_nsec as i64,
        ..Statns::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Guest;

    #[test]
    fn attributes() {
        let mut g = Guest::new();
        g.write("/f", "abc");
        g.link("f", "/l");
        let (f, l, root) = (g.path("/f"), g.path("/l"), g.path("/"));
        let st = statns(&mut g.ctx, &l).unwrap();
        assert_eq!((st.st_size, st.st_mode & 0o170_000, st.st_nlink), (3, 0o100_000, 1));
        assert_eq!(st, lstatns(&mut g.ctx, &f).unwrap());
        assert_eq!(lstatns(&mut g.ctx, &l).unwrap().st_mode & 0o170_000, 0o120_000);
        let names = ["f", "missing", "l"].map(|name| Filename::parse(name.into()).unwrap());
        let list = internal_lstatnslist(&mut g.ctx, &root, &names).unwrap();
        assert_eq!(list[0], st);
        assert_eq!((list[1].st_ino, list[1].st_mode), (-1, 0));
        assert_eq!(list[2].st_mode & 0o170_000, 0o120_000);
        let vfs = statvfs(&mut g.ctx, &l).unwrap();
        assert!(vfs.bsize >= 512 && vfs.blocks >= vfs.bfree && vfs.namemax >= 100, "{vfs:?}");
    }
}
