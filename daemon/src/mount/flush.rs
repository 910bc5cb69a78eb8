//! Writing out all that is only in memory.
//!
//! In: what the kernel says is still to be written. Out: all of it on the disks, and meanwhile progress, which
//! rises only as something was written: the library waits as long as it does.

use crate::ctx::Ctx;
use crate::error::{Context, Errno, Result};
use crate::run::apart;
use rustix::fs::{Mode, OFlags};
use std::path::PathBuf;

/// sync(2), which can be cancelled.
pub fn all(ctx: &Ctx) -> Result<()> {
    writing(ctx, rustix::fs::sync)
}

/// The same, and then what disks keep in caches of their own: sync(2) does not make them write it, fsync of the device
/// does. It is one piece of work, because to hand one over takes longer than most of them.
pub fn through(ctx: &Ctx) -> Result<()> {
    let disks: Vec<_> = ctx.disks().list().iter().map(|disk| disk.device()).collect();
    let paths: Vec<PathBuf> = disks.iter().map(|device| device.path().to_owned()).collect();
    let work = move || {
        rustix::fs::sync();
        paths.iter().map(flush).collect::<Vec<_>>()
    };
    let done = writing(ctx, work)?;
    disks.iter().zip(done).try_for_each(|(device, done)| done.with_context(|| device.api_name(ctx)))
}

fn flush(disk: &PathBuf) -> rustix::io::Result<()> {
    let open = rustix::fs::open(disk, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    match open.and_then(rustix::fs::fsync) {
        // Read-only disks, and those that went away, have nothing left to write.
        Err(Errno::ROFS | Errno::NODEV | Errno::NXIO | Errno::NOENT | Errno::NOMEDIUM) => Ok(()),
        done => done,
    }
}

/// Do it, and show how far it is.
fn writing<T: Send + 'static>(ctx: &Ctx, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    // To ask takes longer than most of what is written here: only when it is needed.
    let mut total = None;
    let mut written = 0;
    let tick = || {
        let left = unwritten();
        let total = *total.get_or_insert(left);
        written = total.saturating_sub(left).max(written);
        if written < total {
            // Nothing is cancelled in here: the wait looks after that itself.
            let _ = ctx.channel().progress(written, total);
        }
    };
    apart(ctx.channel(), tick, work)
}

/// KiB of files that are to be written, or are being written.
fn unwritten() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find_map(|l| l.strip_prefix(name))?;
        line.trim().split(' ').next()?.parse::<u64>().ok()
    };
    ["Dirty:", "Writeback:"].iter().filter_map(|name| field(name)).sum()
}
