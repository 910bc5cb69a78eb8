//! A child that can write below one directory and nowhere else.
//!
//! In: a command about to be run and an open directory. Out: the command, changed to run in a mount
//! name space of its own where every mount is read-only, but for a copy of the directory's (and of what
//! is mounted below it) that lies over the directory itself and is the current one. Absolute paths,
//! symbolic links and `..` all lead from there into read-only mounts, those of the guest's other
//! directories included. Without it `x -> /run` in a guest would let a tar file write to the
//! appliance's `/run`.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::fs::CWD;
use rustix::mount::{move_mount, open_tree, MoveMountFlags, OpenTreeFlags};

use crate::error::Result;

/// Confine `command` to `dir`, which must stay open until it is started.
pub fn confine(command: &mut Command, dir: &OwnedFd) -> Result<()> {
    let fd = dir.as_raw_fd();
    // Should somebody move the directory meanwhile, the copy lies elsewhere, amid what is read-only.
    let path: CString = rustix::fs::readlink(format!("/proc/self/fd/{fd}"), Vec::new())?;
    // SAFETY: the closure runs between fork and exec. It makes system calls only: no allocation, no
    // lock. `fd` is open there, because the child has a copy of our descriptors until exec.
    unsafe {
        command.pre_exec(move || {
            let flags = OpenTreeFlags::OPEN_TREE_CLONE
                | OpenTreeFlags::OPEN_TREE_CLOEXEC
                | OpenTreeFlags::AT_EMPTY_PATH
                | OpenTreeFlags::AT_RECURSIVE;
            // Only mounts of the name space we are in can be copied, so this comes first.
            let copy = open_tree(borrow(fd), c"", flags)?;
            leave_writable_mounts()?;
            move_mount(&copy, c"", CWD, path.as_c_str(), MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
            rustix::process::fchdir(&copy)?;
            leave_other_processes()
        });
    }
    Ok(())
}

/// The descriptor in the child.
fn borrow(fd: RawFd) -> BorrowedFd<'static> {
    // SAFETY: see `confine`: the caller keeps it open until the child has changed to it, and nothing
    // in the child closes it before exec.
    unsafe { BorrowedFd::borrow_raw(fd) }
}

/// `struct mount_attr` of linux/mount.h.
#[repr(C)]
struct MountAttr {
    set: u64,
    clear: u64,
    propagation: u64,
    userns_fd: u64,
}

fn leave_writable_mounts() -> io::Result<()> {
    const MOUNT_ATTR_RDONLY: u64 = 1;
    const AT_RECURSIVE: libc::c_uint = 0x8000;
    // SAFETY: the process has one thread (it was just forked) and no one else shares its name space.
    if unsafe { libc::unshare(libc::CLONE_NEWNS) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let attr = MountAttr { set: MOUNT_ATTR_RDONLY, clear: 0, propagation: libc::MS_PRIVATE, userns_fd: 0 };
    // SAFETY: a path that ends in NUL and a structure of the given size, both alive during the call.
    let r = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            c"/".as_ptr(),
            AT_RECURSIVE,
            &raw const attr,
            std::mem::size_of::<MountAttr>(),
        )
    };
    if r != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// `/proc/1/root` and the like lead into the name space left behind. The kernel lets nobody through who
/// could not also trace that process: root with all capabilities but this one cannot.
fn leave_other_processes() -> io::Result<()> {
    const CAP_SYS_PTRACE: libc::c_ulong = 19;
    // SAFETY: no memory is involved. What exec gives root is cut down by this.
    match unsafe { libc::prctl(libc::PR_CAPBSET_DROP, CAP_SYS_PTRACE, 0, 0, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
