//! Family `tsk`: what The Sleuth Kit finds in file systems, deleted files too.
//!
//! In: devices, which need not be mounted. Out: streams of entries, or of the bytes behind an inode or in
//! blocks. Bytes come from the kit's own programs, which end on their own when a disk is too much for them.

mod walk;

pub use walk::{internal_filesystem_walk, internal_find_inode};

use crate::ctx::Ctx;
use crate::device::{Device, Mountable};
use crate::error::{Context, Error, Result};
use crate::run::Tool;
use crate::transfer::send;
use crate::transfer_io::FileOut;
use guestfs_protocol::opts::DownloadBlocksOpts;

/// The kit takes a device for what it is, not for a container of some kind that a guest has written there.
const RAW: [&str; 2] = ["-i", "raw"];

/// The content of a file by the number of its inode.
pub fn download_inode(ctx: &mut Ctx, device: &Mountable, inode: i64, filename: &mut FileOut) -> Result<()> {
    let inode = not_negative("inode", inode)?.to_string();
    let device = only_device(ctx, device)?;
    let tool = Tool::new("icat").arg("-r").args(RAW).arg(device).arg(&inode);
    tool.spawn_piped(ctx, false, true)
        .and_then(|tool| send(tool, filename, || None))
        .with_context(|| device.api_name(ctx))
}

/// Data units from one number to another.
pub fn download_blocks(
    ctx: &mut Ctx,
    device: &Mountable,
    start: i64,
    stop: i64,
    filename: &mut FileOut,
    opts: &DownloadBlocksOpts,
) -> Result<()> {
    let (first, last) = (not_negative("start", start)?, not_negative("stop", stop)?);
    if last < first {
        return Err(Error::invalid(format!("the stop, block {last}, is before the start, block {first}")));
    }
    let device = only_device(ctx, device)?;
    let which = if opts.unallocated == Some(true) { "-A" } else { "-e" };
    let tool = Tool::new("blkls").arg(which).args(RAW).arg(device).arg(format!("{first}-{last}"));
    tool.spawn_piped(ctx, false, true)
        .and_then(|tool| send(tool, filename, || None))
        .with_context(|| device.api_name(ctx))
}

fn not_negative(what: &str, number: i64) -> Result<u64> {
    u64::try_from(number).map_err(|_| Error::invalid(format!("the {what} {number} is negative")))
}

/// The kit knows nothing of subvolumes.
fn only_device<'m>(ctx: &Ctx, mountable: &'m Mountable) -> Result<&'m Device> {
    match mountable {
        Mountable::Device(device) => Ok(device),
        Mountable::BtrfsVol(..) => {
            let text = "The Sleuth Kit does not know Btrfs, of which this is a subvolume";
            Err(Error::not_supported(text).context(mountable.api_name(ctx)))
        }
    }
}
