//! Family `command`: running the guest's own programs in its own tree.
//!
//! In: an argv. Out: what it printed. The program runs as root of the appliance with the guest's root
//! as `/` and fresh `/dev`, `/proc` and `/sys` in a mount namespace of its own, so that none of these
//! mounts stays behind however it ends. It is not confined further: the appliance is the confinement.
//! Processes that it leaves behind go on, as services of the guest do; see [`left`].

pub mod left;

use crate::content::split_lines;
use crate::ctx::{Ctx, Role};
use crate::error::{Error, Result};
use crate::run::Tool;
use bstr::{BStr, BString};
use rustix::fd::OwnedFd;
use rustix::fs::CWD;
use rustix::mount::{
    mount, mount_change, move_mount, open_tree, MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags,
};
use rustix::thread::UnshareFlags;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;

/// Run a program of the guest.
pub fn command(ctx: &mut Ctx, arguments: &[BString]) -> Result<BString> {
    let Some((program, arguments)) = arguments.split_first() else {
        return Err(Error::invalid("the list of words is empty, so there is no program to run"));
    };
    ctx.require_root()?;
    let mut tool = Tool::in_guest(program.as_ref());
    for word in arguments {
        tool = tool.arg_bytes(word);
    }
    enter(ctx, &mut tool)?;
    Ok(tool.run(ctx)?.stdout.into())
}

/// Run a line in the guest's shell.
pub fn sh(ctx: &mut Ctx, command: &BStr) -> Result<BString> {
    self::command(ctx, &["/bin/sh".into(), "-c".into(), command.to_owned()])
}

/// The lines that a program of the guest prints.
pub fn command_lines(ctx: &mut Ctx, arguments: &[BString]) -> Result<Vec<BString>> {
    Ok(split_lines(&self::command(ctx, arguments)?).map(BString::from).collect())
}

/// The lines that a line in the guest's shell prints.
pub fn sh_lines(ctx: &mut Ctx, command: &BStr) -> Result<Vec<BString>> {
    Ok(split_lines(&sh(ctx, command)?).map(BString::from).collect())
}

/// Make the child enter the guest's tree between fork and exec.
fn enter(ctx: &Ctx, tool: &mut Tool) -> Result<()> {
    let root = CString::new(ctx.sysroot().as_os_str().as_bytes())
        .map_err(|_| Error::invalid("the sysroot's path contains a NUL byte"))?;
    let own_tree = ctx.role() == Role::Appliance;
    left::expect();
    let resolver = if own_tree { name_servers() } else { None };
    let prepare = move || {
        if own_tree {
            // SAFETY: the child is single-threaded after fork and shares no descriptors by this flag.
            unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS)? };
            mount_change(c"/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
        }
        rustix::process::chroot(root.as_c_str())?;
        rustix::process::chdir(c"/")?;
        if own_tree {
            // A guest without these directories has to live without them.
            let _ = mount(c"dev", c"/dev", c"devtmpfs", MountFlags::empty(), None);
            let _ = mount(c"devpts", c"/dev/pts", c"devpts", MountFlags::empty(), None);
            let _ = mount(c"proc", c"/proc", c"proc", MountFlags::empty(), None);
            let _ = mount(c"sys", c"/sys", c"sysfs", MountFlags::empty(), None);
            if let Some(file) = &resolver {
                let _ = move_mount(file, c"", CWD, c"/etc/resolv.conf", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH);
            }
        }
        Ok(())
    };
    // SAFETY: the closure only makes system calls, with C strings made before the fork.
    unsafe { tool.command_mut().pre_exec(prepare) };
    Ok(())
}

/// The appliance's resolv.conf as a mount of its own, when it has a network.
fn name_servers() -> Option<OwnedFd> {
    let path = "/etc/resolv.conf";
    if std::fs::metadata(path).map_or(true, |m| m.len() == 0) {
        return None;
    }
    open_tree(CWD, path, OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC).ok()
}
