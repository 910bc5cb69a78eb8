//! Directory trees for libraries that find their files themselves.
//!
//! In: the guest's root, or a directory of it. Out: a descriptor that a worker makes its own root (`confine::enter`).

use crate::ctx::{Ctx, Role};
use crate::error::{Context, Result};
use rustix::fd::{AsFd, OwnedFd};
use rustix::mount::{open_tree, OpenTreeFlags};

/// The guest's tree as it is, to be read and changed. A worker that is kept says so by
/// [`Worker::reads`](super::Worker::reads), because it holds the root file system.
pub fn live(ctx: &Ctx) -> Result<OwnedFd> {
    Ok(ctx.root().try_clone_to_owned()?)
}

/// A copy of the guest's mounts, which the worker makes read-only. It keeps file systems that are unmounted
/// meanwhile in use: a worker that is kept says what it reads ([`Worker::reads`](super::Worker::reads)).
pub fn copy(ctx: &Ctx) -> Result<OwnedFd> {
    clone(ctx, &ctx.root(), OpenTreeFlags::AT_RECURSIVE)
}

/// The same of a directory of the guest, without what is mounted below it: that can be unmounted meanwhile.
pub fn copy_of(ctx: &Ctx, dir: &impl AsFd) -> Result<OwnedFd> {
    clone(ctx, dir, OpenTreeFlags::empty())
}

fn clone(ctx: &Ctx, dir: &impl AsFd, depth: OpenTreeFlags) -> Result<OwnedFd> {
    if ctx.role() != Role::Appliance {
        return Ok(dir.as_fd().try_clone_to_owned()?);
    }
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    open_tree(dir, "", flags | depth).context("copying the guest's mounts")
}
