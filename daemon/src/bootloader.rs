//! Family `bootloader`: boot loaders on the disks of the guest.
//!
//! In: directories and devices. Out: the loader's files, and boot sectors, written by its own installer.

use crate::blockdev::require_unused;
use crate::ctx::Ctx;
use crate::device::Device;
use crate::error::{Context, Errno, Error, Result};
use crate::path::GuestPath;
use crate::run::{Output, Tool};
use crate::words;
use bstr::ByteSlice;
use guestfs_protocol::opts::SyslinuxOpts;

/// Install GRUB for a PC with a BIOS on a disk, its files below a directory.
pub fn grub_install(ctx: &mut Ctx, root: &GuestPath, device: &Device) -> Result<()> {
    root.open_dir(ctx)?;
    let mut option = std::ffi::OsString::from("--boot-directory=");
    option.push(root.join("boot".into()).host_path(ctx)?);
    // What the appliance itself was started by is not the question.
    let tool = Tool::new("grub-install").arg("--target=i386-pc").arg(option).arg("--").arg(device);
    let done = run_confined(ctx, tool);
    done.map_err(|e| words::error(ctx, &e)).context(root).map(drop)
}

/// Install EXTLINUX on the file system that a directory is on, its files in the directory.
pub fn extlinux(ctx: &mut Ctx, directory: &GuestPath) -> Result<()> {
    directory.open_dir(ctx)?;
    let path = directory.host_path(ctx)?;
    let done = run_confined(ctx, Tool::new("extlinux").args(["--install", "--"]).arg(path));
    done.map_err(|e| words::error(ctx, &e)).context(directory).map(drop)
}

/// Run an installer that follows the guest's symbolic links: it can write to the guest's files and to devices only.
fn run_confined(ctx: &Ctx, mut tool: Tool) -> Result<Output> {
    let root = ctx.root().try_clone_to_owned()?;
    tool.confine(ctx, &root)?;
    tool.run(ctx)
}

/// Install SYSLINUX on a FAT file system.
pub fn syslinux(ctx: &mut Ctx, device: &Device, opts: &SyslinuxOpts) -> Result<()> {
    let name = || device.api_name(ctx);
    require_unused(ctx, device)?;
    let mut tool = Tool::new("syslinux").args(["--install", "--force"]);
    if let Some(directory) = &opts.directory {
        // It goes through a shell, and into the words of mtools.
        if let Some(bad) = directory.find_byteset(b"'\"\\`$*?[]:\n") {
            let bad = directory.get(bad..).unwrap_or_default().chars().next().unwrap_or_default();
            let text = format!("the directory's name has the character {bad:?}, which SYSLINUX cannot install into");
            return Err(Error::invalid(text).context(directory).context(name()));
        }
        tool = tool.arg("--directory").arg_bytes(directory);
    }
    let done = tool.arg(device).run(ctx).map_err(|e| words::error(ctx, &e)).with_context(name)?;
    // It is content with a loader that lies elsewhere than it was asked for.
    if done.stderr.contains_str("unable to move") {
        let text = "SYSLINUX cannot move its files there, and they are at the top: is it a directory that exists?";
        let directory = opts.directory.as_ref().map_or(&b"/"[..], |directory| directory.as_bytes());
        return Err(Error::new(Errno::NOENT, text).context(directory).context(name()));
    }
    Ok(())
}
