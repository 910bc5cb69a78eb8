//! Entries of a file system, read by libtsk in a process of its own.
//!
//! In: a device. Out: one `tsk_dirent` after the other, as the worker has encoded them.

use super::{not_negative, only_device};
use crate::ctx::Ctx;
use crate::device::Mountable;
use crate::error::{Context, Result};
use crate::transfer_io::FileOut;
use crate::worker::{Library, Worker};
use bstr::BString;
use rustix::fs::OFlags;
use std::io::Write;
use std::os::fd::AsFd;

static TSK: Library = Library { name: "tsk", thing: "file system", opener: "filesystem_walk" };

/// The number that asks for all inodes.
const ALL: i64 = -1;

/// All entries.
pub fn internal_filesystem_walk(ctx: &mut Ctx, device: &Mountable, filename: &mut FileOut) -> Result<()> {
    walk(ctx, device, ALL, filename)
}

/// The entries with the number of one inode.
pub fn internal_find_inode(ctx: &mut Ctx, device: &Mountable, inode: i64, filename: &mut FileOut) -> Result<()> {
    not_negative("inode", inode)?;
    walk(ctx, device, inode, filename)
}

fn walk(ctx: &Ctx, device: &Mountable, inode: i64, out: &mut FileOut) -> Result<()> {
    let device = only_device(ctx, device)?;
    let name = device.api_name(ctx);
    let file = device.open(ctx, OFlags::RDONLY)?;
    let mut worker = Worker::start(ctx, &TSK, name.as_ref())?;
    let each = |entries: BString| Ok(out.write_all(&entries)?);
    worker.stream::<_, ()>(ctx, "walk", (file.as_fd(), inode), each).context(name)
}
