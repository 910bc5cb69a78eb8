//! Writing out all that is only in memory.
//!
//! In: what the kernel says is still to be written. Out: all of it on the disks, and meanwhile progress, which
//! rises only as something was written: the library waits as long as it does.

use crate::ctx::Ctx;
use crate::error::Result;
use crate::run::apart;

/// sync(2), which can be cancelled.
pub fn all(ctx: &Ctx) -> Result<()> {
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
    apart(ctx.channel(), tick, rustix::fs::sync)
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
