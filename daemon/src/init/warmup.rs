//! Work done once in a machine that will be saved, instead of in each of its copies.
//!
//! In: a machine that waits for its library. Out: the same, with the modules loaded and the programs in
//! memory that most first calls need: under TCG the first mount of an ext4 takes 0.6 s otherwise. What
//! this makes must be the same for every copy: nothing here may draw random numbers that matter.

use crate::ctx::Ctx;
use crate::filesystems::prober;
use crate::kmod;
use crate::run::{apart, Tool};

/// File systems and what they need for their usual options; memory: 8 MiB.
const MODULES: [&str; 8] = ["ext4", "xfs", "btrfs", "vfat", "nls_cp437", "nls_ascii", "dm_mod", "loop"];

/// Programs, and an argument with which they do nothing but start.
const TOOLS: [(&str, &str); 7] = [
    ("mke2fs", "-V"),
    ("lvm", "version"),
    ("sfdisk", "--version"),
    ("parted", "--version"),
    ("mkfs.xfs", "-V"),
    ("mkfs.btrfs", "-V"),
    ("tar", "--version"),
];

/// Warm up. What does not work here will say so when it is called.
pub fn up(ctx: &Ctx) {
    for name in MODULES {
        let _ = kmod::load(name);
    }
    for (name, argument) in TOOLS {
        let _ = Tool::new(name).arg(argument).run_status(ctx);
    }
    // The worker stays.
    let _ = prober::start(ctx);
    // The thread stays.
    let _ = apart(ctx.channel(), || {}, || ());
}
