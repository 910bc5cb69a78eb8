//! Making, checking, naming and finding file systems.
//!
//! In: devices, types and labels. Out: what the tools of each type did, and what blkid(8) recognises.

mod available;
mod btrfs;
mod label;
mod list;
mod make;
mod probe;
mod recipe;
#[cfg(test)]
mod tests;

use guestfs_protocol::opts::E2fsckOpts;
use guestfs_protocol::structs::InternalMountable;

use crate::ctx::Ctx;
use crate::device::{Device, Mountable};
use crate::error::{Context, Error, Result};
use crate::run::Tool;
use bstr::ByteSlice;

pub use available::filesystem_available;
pub use label::{set_label, set_uuid};
pub use list::list_filesystems;
pub use make::{mkfs, mkswap};
pub use probe::{blkid, vfs_label, vfs_type, vfs_uuid};

/// Check an ext2, ext3 or ext4 file system, even if it is marked clean. It is fine when errors were
/// found and repaired.
pub fn e2fsck(ctx: &mut Ctx, device: &Device, opts: &E2fsckOpts) -> Result<()> {
    let answers = [(opts.correct, "-p"), (opts.forceall, "-y"), (opts.forceno, "-n")];
    let mut wanted = answers.iter().filter(|(given, _)| given.unwrap_or(false)).map(|(_, option)| *option);
    let (Some(answer), None) = (wanted.next(), wanted.next()) else {
        return Err(Error::invalid("exactly one of the options 'correct', 'forceall' and 'forceno' must be true"));
    };
    let output = Tool::new("e2fsck")
        .args(["-f", answer])
        .arg(device)
        .pulse()
        .run_status(ctx)
        .with_context(|| device.api_name(ctx))?;
    // Exit status of e2fsck(8): 0 no errors, 1 errors corrected; 2 and more mean that something is
    // left to do or went wrong.
    if matches!(output.status, 0 | 1) {
        return Ok(());
    }
    // What is wrong with the file system it says on stdout, what is wrong with the call on stderr.
    let said = [output.stderr.trim(), output.stdout.trim()]
        .into_iter()
        .find(|s| s.lines().count() > 1 || !s.starts_with(b"e2fsck"));
    let text = said.unwrap_or_else(|| output.stderr.trim());
    Err(Error::msg(text)
        .context(format!("e2fsck failed with exit status {}", output.status))
        .context(device.api_name(ctx)))
}

/// The parts of a mountable. The numbers of the types are those of libguestfs's internal header:
/// 0 is a device, 1 a btrfs subvolume.
pub fn internal_parse_mountable(ctx: &mut Ctx, mountable: &Mountable) -> Result<InternalMountable> {
    Ok(InternalMountable {
        im_type: i32::from(mountable.subvolume().is_some()),
        im_device: mountable.device().api_name(ctx),
        im_volume: mountable.subvolume().map(ToOwned::to_owned).unwrap_or_default(),
    })
}
