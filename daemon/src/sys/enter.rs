//! A child that enters another root between fork and exec.
//!
//! In: a command about to be run, and the root's path. Out: the command, changed.

use rustix::fd::OwnedFd;
use rustix::fs::CWD;
use rustix::mount::{mount, mount_change, move_mount, MountFlags, MountPropagationFlags, MoveMountFlags};
use rustix::thread::UnshareFlags;
use std::ffi::{CStr, CString};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Make the child see `root` as `/`, with the machine's own mounts.
pub fn plainly(command: &mut Command, root: CString) {
    // SAFETY: the closure only makes system calls, with a C string made before the fork.
    unsafe { command.pre_exec(move || Ok(change_root(&root)?)) };
}

/// Make the child see `root` as `/`, with fresh `/dev`, `/proc` and `/sys` in a mount name space of its own,
/// and `resolver`, a mount, as its `/etc/resolv.conf`.
pub fn with_mounts(command: &mut Command, root: CString, resolver: Option<OwnedFd>) {
    let prepare = move || {
        // SAFETY: the child is single-threaded after fork and shares no descriptors by this flag.
        unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS)? };
        mount_change(c"/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
        change_root(&root)?;
        // A guest without these directories has to live without them.
        let _ = mount(c"dev", c"/dev", c"devtmpfs", MountFlags::empty(), None);
        let _ = mount(c"devpts", c"/dev/pts", c"devpts", MountFlags::empty(), None);
        let _ = mount(c"proc", c"/proc", c"proc", MountFlags::empty(), None);
        let _ = mount(c"sys", c"/sys", c"sysfs", MountFlags::empty(), None);
        if let Some(file) = &resolver {
            let _ = move_mount(file, c"", CWD, c"/etc/resolv.conf", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH);
        }
        Ok(())
    };
    // SAFETY: the closure only makes system calls, with C strings made before the fork.
    unsafe { command.pre_exec(prepare) };
}

fn change_root(root: &CStr) -> rustix::io::Result<()> {
    rustix::process::chroot(root)?;
    rustix::process::chdir(c"/")
}
