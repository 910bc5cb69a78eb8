//! A file or directory of a mounted Btrfs file system, and programs that work on it.
//!
//! In: a path of the guest, or something that is mounted for the length of a call. Out: a name that a program
//! can use, whatever happens to the guest's links meanwhile, and its errors in the client's terms.

use std::os::fd::OwnedFd;

use bstr::{BString, ByteSlice};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{FileType, Mode, OFlags};

use super::detached::Detached;
use super::tree::FIRST_FREE;
use crate::ctx::Ctx;
use crate::device::MountableOrPath;
use crate::error::{strerror, Context, Errno, Error, Result};
use crate::path::{our_fd, GuestPath};
use crate::run::{Output, Tool};

/// linux/magic.h.
const BTRFS_SUPER_MAGIC: u32 = 0x9123_683e;

/// See the module's description.
pub(super) struct Place {
    fd: Holder,
    /// What the client calls it.
    name: BString,
    /// How a program reaches it.
    path: String,
}

/// What keeps it there.
enum Holder {
    Open(OwnedFd),
    Mounted(Detached),
}

impl From<OwnedFd> for Holder {
    fn from(fd: OwnedFd) -> Holder {
        Holder::Open(fd)
    }
}

impl AsFd for Holder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Holder::Open(fd) => fd.as_fd(),
            Holder::Mounted(top) => top.as_fd(),
        }
    }
}

impl Place {
    /// A file or directory of a mounted Btrfs file system.
    pub fn of(ctx: &Ctx, path: &GuestPath) -> Result<Place> {
        // Only these two can be opened without further ado.
        let kind = FileType::from_raw_mode(path.stat(ctx)?.st_mode);
        if !matches!(kind, FileType::Directory | FileType::RegularFile) {
            return Err(Error::invalid("neither a regular file nor a directory").context(path));
        }
        let fd = path.open(ctx, OFlags::RDONLY, Mode::empty())?;
        Place::new(fd, path.as_bstr().to_owned(), kind == FileType::Directory)
    }

    /// The same for what must be a directory.
    pub fn dir(ctx: &Ctx, path: &GuestPath) -> Result<Place> {
        Place::new(path.open_dir(ctx)?, path.as_bstr().to_owned(), true)
    }

    /// The same for what must be the top of a subvolume.
    pub fn subvolume(ctx: &Ctx, path: &GuestPath) -> Result<Place> {
        let place = Place::dir(ctx, path)?;
        if rustix::fs::fstat(&place.fd).context(path)?.st_ino != FIRST_FREE {
            return Err(Error::invalid("not the top of a subvolume").context(path));
        }
        Ok(place)
    }

    /// A directory that is open already, if only for looking at it: the one that `path` lies in.
    pub fn opened(dir: &OwnedFd, path: &GuestPath) -> Result<Place> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(dir, ".", flags, Mode::empty()).context(path)?;
        Place::new(fd, path.as_bstr().to_owned(), true)
    }

    /// A directory of the guest, or the top of a file system that is mounted for as long as this lives.
    pub fn or_mounted(ctx: &Ctx, fs: &MountableOrPath, write: bool) -> Result<Place> {
        match fs {
            MountableOrPath::Path(path) => Place::dir(ctx, path),
            MountableOrPath::Mountable(mountable) => {
                let name = mountable.api_name(ctx);
                let top = Detached::mount(ctx, mountable.device(), write).with_context(|| name.clone())?;
                Place::new(Holder::Mounted(top), name, true)
            }
        }
    }

    fn new(fd: impl Into<Holder>, name: BString, dir: bool) -> Result<Place> {
        let fd = fd.into();
        let magic = rustix::fs::fstatfs(&fd).with_context(|| name.clone())?.f_type;
        if u32::try_from(magic) != Ok(BTRFS_SUPER_MAGIC) {
            return Err(Error::invalid("not on a Btrfs file system").context(name));
        }
        let path = our_fd(&fd) + if dir { "/." } else { "" };
        Ok(Place { fd, name, path })
    }

    /// How a program reaches it while this lives.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Put the client's name in front of an error that has no name yet.
    pub fn named<T>(&self, result: Result<T>) -> Result<T> {
        result.with_context(|| self.name.clone())
    }

    /// Run `btrfs` with these words and this place behind them.
    pub fn btrfs(&self, ctx: &Ctx, words: &[&str]) -> Result<Output> {
        self.run(ctx, Tool::new("btrfs").args(words).arg(self.path()))
    }

    /// Run a program that has this place's path among its arguments.
    pub fn run(&self, ctx: &Ctx, tool: Tool) -> Result<Output> {
        self.named(tool.run(ctx).map_err(|e| self.plain(&e)))
    }

    /// The program's words without its way of reaching the place.
    pub fn plain(&self, error: &Error) -> Error {
        said(error, |text| text.replace(&self.path, &self.name))
    }
}

impl AsFd for Place {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// What btrfs-progs complain of, in one sentence, and with the errno whose words it ends with.
pub(super) fn said(error: &Error, translate: impl Fn(&[u8]) -> Vec<u8>) -> Error {
    const KNOWN: &[Errno] = &[
        Errno::NOSPC,
        Errno::EXIST,
        Errno::NOENT,
        Errno::NOTEMPTY,
        Errno::BUSY,
        Errno::ROFS,
        Errno::PERM,
        Errno::INVAL,
        Errno::NODEV,
        Errno::NOTCONN,
        Errno::INPROGRESS,
        Errno::DQUOT,
        Errno::IO,
        Errno::FBIG,
        Errno::TXTBSY,
    ];
    // That the kernel's log may say more is of no use to the client.
    let lines = error.message().lines().filter(|line| !line.contains_str("dmesg"));
    let text = translate(&bstr::join("\n", lines).replace("ERROR: ", ""));
    let known = || KNOWN.iter().copied().find(|e| text.ends_with_str(strerror(*e)));
    match known() {
        Some(errno) if error.errno().is_none() => Error::new(errno, text),
        _ => error.reworded(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_tool() {
        let plain = |text: &str| said(&Error::msg(text), |t| t.replace("/proc/1/fd/7/.", "/a"));
        let error = plain("btrfs: ERROR: unable to resize '/proc/1/fd/7/.': No space left on device");
        assert_eq!(error, Error::new(Errno::NOSPC, "btrfs: unable to resize '/a': No space left on device"));
        assert_eq!(plain("btrfs: ERROR: odd\ntry dmesg | tail"), Error::msg("btrfs: odd"));
        assert_eq!(said(&Error::new(Errno::INTR, "x"), <[u8]>::to_vec).errno(), Some(Errno::INTR));
    }
}
