//! Files that a child may open by their names: those of a list, and no others (landlock(7)).
//!
//! In: names. Out: a rule set, made before the fork; the child only has to enter it. Which rights there are is
//! asked of the kernel; one without any of this makes no rule set.

#![allow(unsafe_code)]

use rustix::fs::{FileType, Mode, OFlags};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};

/// Rights, linux/landlock.h.
const EXECUTE: u64 = 1;
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const IOCTL_DEV: u64 = 1 << 15;
/// What can be allowed for a file that is not a directory, of the above.
const OF_FILES: u64 = EXECUTE | WRITE_FILE | READ_FILE | IOCTL_DEV;
/// Connecting and binding TCP sockets.
const TCP: u64 = 3;
/// Abstract sockets and processes of others.
const SCOPES: u64 = 3;

/// All rights on files that the kernel of this version of the interface knows.
fn known(version: libc::c_long) -> u64 {
    let count = match version {
        ..=1 => 13,
        2 => 14,
        3 | 4 => 15,
        _ => 16,
    };
    (1 << count) - 1
}

#[repr(C)]
struct Ruleset {
    files: u64,
    network: u64,
    scopes: u64,
}

#[repr(C, packed)]
struct Below {
    allowed: u64,
    place: RawFd,
}

/// What is allowed.
pub(super) struct Allowed<'a> {
    /// Files and directories to be read, and run.
    pub readable: &'a [PathBuf],
    /// Devices to be written to as well.
    pub writable: &'a [PathBuf],
    pub network: bool,
}

/// The rule set; `None` where the kernel has none. Places that are not there are left out.
pub(super) fn ruleset(allowed: &Allowed<'_>) -> Option<OwnedFd> {
    const CREATE_VERSION: u32 = 1;
    // SAFETY: a null pointer and flag 1 ask for the version.
    let version = unsafe {
        let none = std::ptr::null::<Ruleset>();
        libc::syscall(libc::SYS_landlock_create_ruleset, none, 0usize, CREATE_VERSION)
    };
    if version < 1 {
        return None;
    }
    let network = if version >= 4 && !allowed.network { TCP } else { 0 };
    let rules = Ruleset { files: known(version), network, scopes: if version >= 6 { SCOPES } else { 0 } };
    let size: usize = match version {
        ..=3 => 8,
        4 | 5 => 16,
        _ => 24,
    };
    // SAFETY: the structure is larger than the size that is told, which this kernel knows.
    let set = unsafe {
        match libc::syscall(libc::SYS_landlock_create_ruleset, &rules, size, 0u32) {
            fd @ 0.. => OwnedFd::from_raw_fd(RawFd::try_from(fd).ok()?),
            _ => return None,
        }
    };
    let allow = |place: &Path, rights: u64| {
        let _ = add(&set, place, rights & rules.files);
    };
    allowed.readable.iter().for_each(|place| allow(place, EXECUTE | READ_FILE | READ_DIR));
    allowed.writable.iter().for_each(|place| allow(place, READ_FILE | WRITE_FILE | IOCTL_DEV));
    Some(set)
}

fn add(set: &OwnedFd, place: &Path, rights: u64) -> rustix::io::Result<()> {
    const PATH_BENEATH: u32 = 1;
    let place = rustix::fs::open(place, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let kind = FileType::from_raw_mode(rustix::fs::fstat(&place)?.st_mode);
    let allowed = if kind == FileType::Directory { rights } else { rights & OF_FILES };
    let rule = Below { allowed, place: place.as_raw_fd() };
    // SAFETY: the rule is a plain value laid out as linux/landlock.h says. What cannot be allowed stays forbidden.
    unsafe { libc::syscall(libc::SYS_landlock_add_rule, set.as_raw_fd(), PATH_BENEATH, &rule, 0u32) };
    Ok(())
}

/// In the child, which must have given up getting privileges.
pub(super) fn enter(set: RawFd) {
    // SAFETY: numbers only.
    unsafe { libc::syscall(libc::SYS_landlock_restrict_self, set, 0u32) };
}
