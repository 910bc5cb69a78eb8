//! Paths inside the guest, resolved so that no symlink, `..` or race leads out of it.
//!
//! In: bytes from the client and symlinks from a hostile disk. Out: descriptors below the sysroot
//! (`openat2` with `RESOLVE_IN_ROOT`: the kernel treats the sysroot as `/` for the whole walk), or
//! the path a tool can use.

use crate::ctx::Ctx;
use crate::error::{Context, Errno, Error, Result};
use bstr::{BStr, BString, ByteSlice};
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::fs::{openat2, Mode, OFlags, ResolveFlags, Stat};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// An absolute path in the guest, while a root file system is mounted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GuestPath(BString);

impl GuestPath {
    /// Check a path argument: absolute, no NUL, and something is mounted on `/`.
    pub fn parse(ctx: &Ctx, path: &BStr) -> Result<GuestPath> {
        let path = GuestPath::parse_exempt(path)?;
        ctx.require_root()?;
        Ok(path)
    }

    /// The same for calls that prepare mounting: nothing need be mounted yet.
    pub fn parse_exempt(path: &BStr) -> Result<GuestPath> {
        if !path.starts_with(b"/") {
            return Err(Error::invalid("path must start with a / character").context(path));
        }
        if path.contains(&0) {
            return Err(Error::invalid("path contains a NUL byte").context(path));
        }
        Ok(GuestPath(path.to_owned()))
    }

    /// The path as the caller wrote it, for messages and results.
    pub fn as_bstr(&self) -> &BStr {
        self.0.as_bstr()
    }

    /// `name` below this directory. The caller got `name` from a directory listing or checked that
    /// it is a single component; resolution stays inside the guest in any case.
    pub fn join(&self, name: &BStr) -> GuestPath {
        let mut path = self.0.clone();
        if !path.ends_with(b"/") {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        GuestPath(path)
    }

    /// Open it. `CLOEXEC`, `NOCTTY` and `NONBLOCK` are always added: a FIFO or a terminal placed
    /// where a file is expected must not make the daemon wait.
    pub fn open(&self, ctx: &Ctx, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
        open_in(ctx.root(), self.as_bstr(), flags, mode).context(self.as_bstr())
    }

    /// Open it for looking at only (`O_PATH`), following a symlink at its end.
    pub fn open_path(&self, ctx: &Ctx) -> Result<OwnedFd> {
        self.open(ctx, OFlags::PATH, Mode::empty())
    }

    /// Open it as a directory.
    pub fn open_dir(&self, ctx: &Ctx) -> Result<OwnedFd> {
        self.open(ctx, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())
    }

    /// The directory that holds it, opened, and its name there, for the kernel's `…at` calls.
    /// Slashes at the end are dropped. Where the last component is no name (`/`, `.`, `..`) the
    /// directory is the thing itself and the name is `.`.
    pub fn parent(&self, ctx: &Ctx) -> Result<(OwnedFd, BString)> {
        let (dir, name) = split(self.as_bstr());
        let fd = open_in(ctx.root(), dir, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).context(self.as_bstr())?;
        Ok((fd, name.to_owned()))
    }

    /// `stat`, following symlinks inside the guest.
    pub fn stat(&self, ctx: &Ctx) -> Result<Stat> {
        let fd = self.open_path(ctx)?;
        rustix::fs::fstat(&fd).context(self.as_bstr())
    }

    /// `lstat`: a symlink at the end is not followed.
    pub fn lstat(&self, ctx: &Ctx) -> Result<Stat> {
        let fd = self.open(ctx, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty())?;
        rustix::fs::fstat(&fd).context(self.as_bstr())
    }

    /// The path by which a tool outside the guest reaches it: symlinks resolved inside the guest,
    /// the sysroot in front. The last component need not exist, its directory must.
    pub fn host_path(&self, ctx: &Ctx) -> Result<PathBuf> {
        match open_in(ctx.root(), self.as_bstr(), OFlags::PATH, Mode::empty()) {
            Ok(fd) => fd_path(&fd).context(self.as_bstr()),
            Err(Errno::NOENT) => self.host_path_nofollow(ctx),
            Err(e) => Err(e).context(self.as_bstr()),
        }
    }

    /// As [`host_path`](Self::host_path), but a symlink at the end stays a symlink.
    pub fn host_path_nofollow(&self, ctx: &Ctx) -> Result<PathBuf> {
        let (dir, name) = self.parent(ctx)?;
        let mut path = fd_path(&dir).context(self.as_bstr())?;
        if name != "." {
            path.push(std::ffi::OsStr::from_bytes(&name));
        }
        Ok(path)
    }

    /// The canonical path in the guest: absolute, no symlinks, `.` or `..`. It must exist.
    pub fn resolve(&self, ctx: &Ctx) -> Result<BString> {
        let fd = self.open_path(ctx)?;
        let path = fd_path(&fd).context(self.as_bstr())?;
        ctx.guest_path(&path).ok_or_else(|| Error::new(Errno::XDEV, "lies outside the guest").context(self.as_bstr()))
    }
}

impl std::fmt::Display for GuestPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.0, f)
    }
}

impl AsRef<[u8]> for GuestPath {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Open `path` as if `root` were `/`, whatever symlinks it meets. For calls that hold a directory
/// descriptor; everything else goes through [`GuestPath`].
pub fn open_in(root: impl AsFd, path: &BStr, flags: OFlags, mode: Mode) -> rustix::io::Result<OwnedFd> {
    let mut flags = flags | OFlags::CLOEXEC;
    if !flags.contains(OFlags::PATH) {
        flags |= OFlags::NOCTTY | OFlags::NONBLOCK;
    }
    // openat2 refuses mode bits without a creating flag, and set-id bits need no special care.
    let mode = if flags.intersects(OFlags::CREATE | OFlags::TMPFILE) { mode } else { Mode::empty() };
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    loop {
        match openat2(&root, path.as_bytes(), flags, mode, resolve) {
            // A rename or mount elsewhere raced with a `..`: the kernel asks to try again.
            Err(Errno::AGAIN | Errno::INTR) => {}
            result => return result,
        }
    }
}

/// The path through which calls that take only paths reach an open descriptor. The kernel goes
/// straight to the file, also when it is a symbolic link opened as such.
pub fn by_fd(fd: impl AsFd) -> PathBuf {
    format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd()).into()
}

/// The path through which a tool that we start reaches our open descriptor: by our number, because for the program
/// that opens it `self` is somebody else.
pub fn our_fd(fd: impl AsFd) -> String {
    format!("/proc/{}/fd/{}", std::process::id(), fd.as_fd().as_raw_fd())
}

/// Where a descriptor is, as `/proc` tells it.
fn fd_path(fd: &OwnedFd) -> Result<PathBuf> {
    let path = rustix::fs::readlink(by_fd(fd), Vec::new())?.into_bytes();
    Ok(PathBuf::from(OsString::from_vec(path)))
}

/// Directory and last component. No component that names something leaves (whole path, `.`).
fn split(path: &BStr) -> (&BStr, &BStr) {
    let mut trimmed = path.as_bytes();
    while let [rest @ .., b'/'] = trimmed {
        trimmed = rest;
    }
    let (dir, name) = match trimmed.rfind_byte(b'/') {
        Some(at) => trimmed.split_at(at.saturating_add(1)),
        None => (&b"/"[..], trimmed),
    };
    match name {
        b"" | b"." | b".." => (path, BStr::new(".")),
        _ => (dir.as_bstr(), name.as_bstr()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(path: &str) -> (String, String) {
        let (d, n) = split(BStr::new(path));
        (d.to_string(), n.to_string())
    }

    #[test]
    fn splitting() {
        let check = |p, d: &str, n: &str| assert_eq!(parts(p), (d.to_owned(), n.to_owned()), "{p}");
        check("/a", "/", "a");
        check("/a/b", "/a/", "b");
        check("/a/b//", "/a/", "b");
        check("/", "/", ".");
        check("//", "//", ".");
        check("/a/.", "/a/.", ".");
        check("/a/..", "/a/..", ".");
        check("/a/../", "/a/../", ".");
        check("/...", "/", "...");
    }
}
