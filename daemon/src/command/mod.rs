//! Family `command`: running the guest's own programs in its own tree.
//!
//! In: an argv. Out: what it printed, as a result or as a file that is sent while the program runs. The program runs as root of the appliance with the guest's root
//! as `/` and fresh `/dev`, `/proc` and `/sys` in a mount namespace of its own, so that none of these
//! mounts stays behind however it ends. It is not confined further: the appliance is the confinement.
//! Processes that it leaves behind go on, as services of the guest do; see [`orphans`].

pub mod orphans;

use crate::content::split_lines;
use crate::ctx::{Ctx, Role};
use crate::error::{Error, Result};
use crate::run::Tool;
use crate::sys;
use crate::transfer_io::FileOut;
use bstr::{BStr, BString};
use rustix::fd::OwnedFd;
use rustix::fs::CWD;
use rustix::mount::{open_tree, OpenTreeFlags};
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;

/// Run a program of the guest.
pub fn command(ctx: &mut Ctx, arguments: &[BString]) -> Result<BString> {
    Ok(program(ctx, arguments)?.run(ctx)?.stdout.into())
}

/// Run a program of the guest and send what it prints.
pub fn command_out(ctx: &mut Ctx, arguments: &[BString], output: &mut FileOut) -> Result<()> {
    let mut running = program(ctx, arguments)?.spawn_piped(ctx, false, true)?;
    if let Some(stdout) = running.stdout.take() {
        output.copy_from_program(&stdout)?;
    }
    running.finish()
}

/// Run a line in the guest's shell and send what it prints.
pub fn sh_out(ctx: &mut Ctx, command: &BStr, output: &mut FileOut) -> Result<()> {
    command_out(ctx, &shell(command), output)
}

/// The program that a list of words names, ready to run in the guest.
fn program(ctx: &Ctx, arguments: &[BString]) -> Result<Tool> {
    let Some((program, arguments)) = arguments.split_first() else {
        return Err(Error::invalid("the list of words is empty, so there is no program to run"));
    };
    ctx.require_root()?;
    let mut tool = Tool::in_guest(program.as_ref());
    for word in arguments {
        tool = tool.arg_bytes(word);
    }
    enter(ctx, &mut tool)?;
    Ok(tool)
}

fn shell(line: &BStr) -> [BString; 3] {
    ["/bin/sh".into(), "-c".into(), line.to_owned()]
}

/// Run a line in the guest's shell.
pub fn sh(ctx: &mut Ctx, command: &BStr) -> Result<BString> {
    self::command(ctx, &shell(command))
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
    match ctx.role() {
        Role::Appliance => {
            orphans::expect();
            sys::enter::with_mounts(tool.command_mut(), root, name_servers());
        }
        Role::Live | Role::Directory => sys::enter::plainly(tool.command_mut(), root),
    }
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
