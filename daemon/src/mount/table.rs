//! What is mounted below the guest's root.
//!
//! In: `/proc/self/mountinfo` (proc_pid_mountinfo(5)). Out: entries with their guest paths.

use crate::ctx::Ctx;
use crate::error::{Context, Result};
use crate::mountinfo::{parse, Mount};
use bstr::{BString, ByteSlice};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// One mounted file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// In our own tree.
    pub target: PathBuf,
    /// In the guest.
    pub guest: BString,
    /// As it was given to mount, normally a device node.
    pub source: BString,
    /// The file system's device number, `MAJOR:MINOR`: the same wherever it is mounted.
    pub number: BString,
    /// The mount's number.
    pub id: u64,
    /// The number of the mount that it lies on.
    pub parent: u64,
}

/// The source of what lies below all mounts: a file system in memory, where mountpoints can be made
/// while nothing of the guest's is mounted.
pub const TREE: &str = "mountpoints";

/// All file systems mounted at or below the guest's root, oldest first.
pub fn mounted(ctx: &Ctx) -> Result<Vec<Entry>> {
    let text = std::fs::read("/proc/self/mountinfo").context("/proc/self/mountinfo")?;
    Ok(text.lines().filter_map(parse).filter_map(|line| entry(ctx, line)).collect())
}

/// Whether anything is mounted at or below the guest's root.
pub fn any_mounted(ctx: &Ctx) -> Result<bool> {
    Ok(!mounted(ctx)?.is_empty())
}

fn entry(ctx: &Ctx, Mount { id, parent, number, target, source }: Mount) -> Option<Entry> {
    let target = Path::new(OsStr::from_bytes(&target)).to_owned();
    if source == TREE && target == ctx.sysroot() {
        return None;
    }
    Some(Entry { guest: ctx.guest_path(&target)?, target, source, number, id, parent })
}
