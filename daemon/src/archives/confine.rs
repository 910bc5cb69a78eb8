//! A child that can write to one directory's file system and nowhere else.
//!
//! In: a command about to be run and an open directory. Out: the command, changed to run with that
//! directory as its current one, in a mount name space of its own where every mount is read-only. The
//! open directory still belongs to the name space outside, so below it writing works; an absolute path
//! or symbolic link leads into the read-only one. Without it `x -> /run` in a guest would let a
//! tar file write to the appliance's `/run`.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::ctx::{Ctx, Role};

/// Confine `command` to `dir`, which must stay open until it is started. In the tests' role, which may
/// run without privileges, it only becomes the current directory.
pub fn writes_to(ctx: &Ctx, command: &mut Command, dir: &OwnedFd) {
    let fd = dir.as_raw_fd();
    let confined = ctx.role() != Role::Directory;
    // SAFETY: the closure runs between fork and exec. It makes system calls only: no allocation, no
    // lock. `fd` is open there, because the child has a copy of our descriptors until exec.
    unsafe {
        command.pre_exec(move || {
            if confined {
                leave_writable_mounts()?;
            }
            Ok(rustix::process::fchdir(borrow(fd))?)
        });
    }
}

/// The descriptor in the child.
fn borrow(fd: RawFd) -> BorrowedFd<'static> {
    // SAFETY: see `writes_to`: the caller keeps it open until the child has changed to it, and nothing
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
