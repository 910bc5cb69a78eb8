//! Subvolumes and snapshots.
//!
//! In: paths and numbers. Out: subvolumes made, removed and listed.

use bstr::{BString, ByteSlice};
use guestfs_protocol::opts::{BtrfsSubvolumeCreateOpts, BtrfsSubvolumeSnapshotOpts};
use guestfs_protocol::structs::Btrfssubvolume;
use rustix::fs::{AtFlags, FileType};

use super::place::Place;
use super::quota::qgroup;
use super::tree;
use crate::ctx::Ctx;
use crate::device::MountableOrPath;
use crate::error::{Errno, Error, Result};
use crate::path::GuestPath;
use crate::run::Tool;

/// Make an empty subvolume.
pub fn btrfs_subvolume_create(ctx: &mut Ctx, dest: &GuestPath, opts: &BtrfsSubvolumeCreateOpts) -> Result<()> {
    let (parent, path) = new_in_place(ctx, dest)?;
    let mut tool = Tool::new("btrfs").args(["subvolume", "create"]);
    if let Some(group) = &opts.qgroupid {
        tool = tool.arg("-i").arg_bytes(qgroup(group.as_bstr())?);
    }
    parent.run(ctx, tool.arg("--").arg_bytes(path)).map(drop)
}

/// Make a snapshot of a subvolume.
pub fn btrfs_subvolume_snapshot(
    ctx: &mut Ctx,
    source: &GuestPath,
    dest: &GuestPath,
    opts: &BtrfsSubvolumeSnapshotOpts,
) -> Result<()> {
    let from = Place::subvolume(ctx, source)?;
    // As cp(1) does: into a directory that is there.
    let dest = match dest.stat(ctx) {
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => {
            dest.join(source.parent(ctx)?.1.as_bstr())
        }
        _ => dest.clone(),
    };
    let (to, path) = new_in_place(ctx, &dest)?;
    let mut tool = Tool::new("btrfs").args(["subvolume", "snapshot"]);
    if opts.ro == Some(true) {
        tool = tool.arg("-r");
    }
    if let Some(group) = &opts.qgroupid {
        tool = tool.arg("-i").arg_bytes(qgroup(group.as_bstr())?);
    }
    to.run(ctx, tool.arg("--").arg(from.path()).arg_bytes(path)).map(drop)
}

/// The directory that something new is to be in, and the path by which a program makes it.
fn new_in_place(ctx: &Ctx, dest: &GuestPath) -> Result<(Place, BString)> {
    let (dir, name) = dest.parent(ctx)?;
    let is_there = || Error::new(Errno::EXIST, "this exists already").context(dest);
    if name == "." || rustix::fs::statat(&dir, name.as_bytes(), AtFlags::SYMLINK_NOFOLLOW).is_ok() {
        return Err(is_there());
    }
    let parent = Place::opened(&dir, dest)?;
    let path = bstr::concat([parent.path().as_bytes(), b"/", &name]);
    Ok((parent, path.into()))
}

/// Remove a subvolume with all that is in it.
pub fn btrfs_subvolume_delete(ctx: &mut Ctx, subvolume: &GuestPath) -> Result<()> {
    let done = Place::subvolume(ctx, subvolume)?.btrfs(ctx, &["subvolume", "delete"]);
    done.map(drop).map_err(|e| match e.message().contains_str("default subvolume") {
        true => Error::new(Errno::PERM, "this is the default subvolume: set another one first").context(subvolume),
        false => e,
    })
}

/// All subvolumes, in the order of their numbers.
pub fn btrfs_subvolume_list(ctx: &mut Ctx, fs: &MountableOrPath) -> Result<Vec<Btrfssubvolume>> {
    let place = Place::or_mounted(ctx, fs, false)?;
    place.named(tree::subvolumes(&place))
}

/// The number of the subvolume that is mounted when none is named.
pub fn btrfs_subvolume_get_default(ctx: &mut Ctx, fs: &MountableOrPath) -> Result<i64> {
    let place = Place::or_mounted(ctx, fs, false)?;
    let number = place.named(tree::default(&place))?;
    i64::try_from(number).map_err(|_| Errno::OVERFLOW.into())
}

/// Change it.
pub fn btrfs_subvolume_set_default(ctx: &mut Ctx, id: i64, fs: &GuestPath) -> Result<()> {
    if id < 0 {
        return Err(Error::invalid(format!("{id} is not the number of a subvolume")));
    }
    Place::dir(ctx, fs)?.btrfs(ctx, &["subvolume", "set-default", &id.to_string()]).map(drop)
}
