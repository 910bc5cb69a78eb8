//! Making, changing and asking about single files.
//!
//! In: guest paths. Out: system calls on descriptors that were resolved inside the guest's root
//! (openat2 with RESOLVE_IN_ROOT), so no symbolic link of the guest leads out of it and no process
//! is forked. Calls that the kernel offers for paths only go through `/proc/self/fd`.

mod case;
mod kind;
mod link;
mod mkdir;
mod node;
mod open;
mod remove;
mod temp;
#[cfg(test)]
mod tests;

use std::os::fd::{AsFd, OwnedFd};

use bstr::BString;
use rustix::fs::{AtFlags, FallocateFlags, FileType, Mode, OFlags, Timespec, Timestamps};

use crate::channel::cancel;
use crate::ctx::Ctx;
use crate::dirs::tree::stat_entry;
use crate::error::{Context, Errno, Error, Result};
use crate::path::GuestPath;

pub use crate::path::by_fd;
pub use case::case_sensitive_path;
pub use kind::{exists, is_blockdev, is_chardev, is_dir, is_fifo, is_file, is_socket, is_symlink};
pub use link::{internal_readlinklist, ln, ln_f, ln_s, ln_sf, readlink};
pub use mkdir::{mkdir, mkdir_mode, mkdir_p};
pub use node::{mkfifo, mknod, mknod_b, mknod_c};
pub use open::{describe, open_file, open_new};
pub use remove::{rm, rm_f, rm_rf, rmdir};
pub(crate) use temp::with_free_name;
pub use temp::{mkdtemp, mktemp};

/// Change the permission bits of a file, following symbolic links.
pub fn chmod(ctx: &mut Ctx, mode: i32, path: &GuestPath) -> Result<()> {
    let mode = mode_of(mode, path)?;
    let fd = path.open_path(ctx)?;
    rustix::fs::chmod(by_fd(&fd), mode).context(path)
}

/// Change owner and group, following symbolic links; −1 leaves one as it is.
pub fn chown(ctx: &mut Ctx, owner: i32, group: i32, path: &GuestPath) -> Result<()> {
    set_owner(&path.open_path(ctx)?, owner, group).context(path)
}

/// The same of a symbolic link itself.
pub fn lchown(ctx: &mut Ctx, owner: i32, group: i32, path: &GuestPath) -> Result<()> {
    let fd = path.open(ctx, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty())?;
    set_owner(&fd, owner, group).context(path)
}

fn set_owner(fd: &OwnedFd, owner: i32, group: i32) -> Result<()> {
    // The kernel takes the all-ones id, which is the -1 of the API, as "leave it".
    let id = |n: i32| if n == -1 { None } else { Some(n as u32) };
    let owner = id(owner).map(rustix::fs::Uid::from_raw);
    let group = id(group).map(rustix::fs::Gid::from_raw);
    Ok(rustix::fs::chownat(fd, "", owner, group, AtFlags::EMPTY_PATH)?)
}

/// Make a file of `len` bytes whose blocks are allocated; an old one of that name is emptied first.
pub fn fallocate64(ctx: &mut Ctx, path: &GuestPath, len: i64) -> Result<()> {
    let len = u64::try_from(len).map_err(|_| Error::invalid(format!("{path}: the length {len} is negative")))?;
    let fd = open_new(ctx, path)?;
    if len == 0 {
        return Ok(());
    }
    let done = match rustix::fs::fallocate(&fd, FallocateFlags::empty(), 0, len) {
        // Not every file system can (vfat, some FUSE): then allocation means writing.
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => open::write_zeroes(&fd, len),
        other => other.map_err(Error::from),
    };
    if done.is_err() {
        // A disk that was filled half-way must not stay full. The first error is the one to report.
        let _ = rustix::fs::ftruncate(&fd, 0);
    }
    done.context(path)
}

/// The same for less than 2 GiB.
pub fn fallocate(ctx: &mut Ctx, path: &GuestPath, len: i32) -> Result<()> {
    fallocate64(ctx, path, len.into())
}

/// Make empty files with the names `00000000` and up, so many of them. What is there already stays.
pub fn fill_dir(ctx: &mut Ctx, dir: &GuestPath, nr: i32) -> Result<()> {
    let fd = dir.open_dir(ctx)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    for number in 0..nr {
        cancel::point()?;
        let name = format!("{number:08}");
        match rustix::fs::openat(&fd, &name, flags, Mode::from_raw_mode(0o666)) {
            Ok(_) => Ok(()),
            Err(Errno::EXIST) => match stat_entry(fd.as_fd(), name.as_bytes().into()) {
                Ok(st) if FileType::from_raw_mode(st.st_mode) == FileType::Directory => Err(Errno::ISDIR.into()),
                other => other.map(drop),
            },
            Err(e) => Err(Error::from(e)),
        }
        .context(&name)
        .context(dir)?;
    }
    Ok(())
}

/// Size in bytes, following symbolic links.
pub fn filesize(ctx: &mut Ctx, file: &GuestPath) -> Result<i64> {
    Ok(file.stat(ctx)?.st_size)
}

/// The path without `.`, `..` and symbolic links.
pub fn realpath(ctx: &mut Ctx, path: &GuestPath) -> Result<BString> {
    path.resolve(ctx)
}

/// Make an empty file, or set the times of an existing regular file to now.
pub fn touch(ctx: &mut Ctx, path: &GuestPath) -> Result<()> {
    if kind::lookup(ctx, path, false)?.is_some_and(|st| FileType::from_raw_mode(st.st_mode) != FileType::RegularFile) {
        return Err(Error::invalid(format!("{path}: touch can only be used on a regular file")));
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW;
    let fd = path.open(ctx, flags, Mode::from_raw_mode(0o666))?;
    let now = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
    rustix::fs::futimens(&fd, &Timestamps { last_access: now, last_modification: now }).context(path)
}

/// Cut an existing file to nothing.
pub fn truncate(ctx: &mut Ctx, path: &GuestPath) -> Result<()> {
    truncate_size(ctx, path, 0)
}

/// Cut an existing file to `size` bytes, or extend it by a hole.
pub fn truncate_size(ctx: &mut Ctx, path: &GuestPath, size: i64) -> Result<()> {
    let size = u64::try_from(size).map_err(|_| Error::invalid(format!("{path}: the size {size} is negative")))?;
    let fd = path.open(ctx, OFlags::WRONLY, Mode::empty())?;
    rustix::fs::ftruncate(&fd, size).context(path)
}

/// The file mode creation mask.
pub fn get_umask(_ctx: &mut Ctx) -> Result<i32> {
    // It can only be read by setting it. Nothing makes files meanwhile: one call runs at a time.
    let mask = rustix::process::umask(Mode::from_raw_mode(0o022));
    rustix::process::umask(mask);
    Ok(mask.bits() as i32)
}

/// Set the file mode creation mask; the old one is the result.
pub fn umask(_ctx: &mut Ctx, mask: i32) -> Result<i32> {
    let new = u32::try_from(mask).ok().filter(|m| *m <= 0o777);
    let new = new.ok_or_else(|| Error::invalid(format!("0{mask:o}: mask negative or out of range")))?;
    Ok(rustix::process::umask(Mode::from_raw_mode(new)).bits() as i32)
}

/// Set access and modification time, of a symbolic link itself. Nanoseconds of −1 mean now, of −2 leave as
/// it is (guestfs(3)).
pub fn utimens(ctx: &mut Ctx, path: &GuestPath, atsecs: i64, atnsecs: i64, mtsecs: i64, mtnsecs: i64) -> Result<()> {
    let times = Timestamps {
        last_access: timespec(atsecs, atnsecs).context(path)?,
        last_modification: timespec(mtsecs, mtnsecs).context(path)?,
    };
    let fd = path.open(ctx, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty())?;
    rustix::fs::utimensat(&fd, "", &times, AtFlags::EMPTY_PATH).context(path)
}

fn timespec(secs: i64, nsecs: i64) -> Result<Timespec> {
    match nsecs {
        -1 => Ok(Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW }),
        -2 => Ok(Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT }),
        0..=999_999_999 => Ok(Timespec { tv_sec: secs, tv_nsec: nsecs }),
        _ => Err(Error::invalid(format!("{nsecs} is not a number of nanoseconds below a second, -1 or -2"))),
    }
}

/// Permission bits from the API's number; the kernel ignores what lies above them.
fn mode_of(mode: i32, path: &GuestPath) -> Result<Mode> {
    let mode = u32::try_from(mode).map_err(|_| Error::invalid(format!("{path}: mode is negative")))?;
    Ok(Mode::from_raw_mode(mode & 0o7777))
}
