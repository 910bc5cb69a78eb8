//! Whether there is anything for LVM.
//!
//! In: the block devices of the kernel. Out: `false` when none has the label of a physical volume. lvm(8) would find
//! nothing then either, but under TCG it takes half a second to say so.

use super::{signatures, sysfs};
use bstr::BString;
use rustix::fs::{Mode, OFlags};
use std::io;

/// What is read of each, at an address that fits.
#[repr(align(4096))]
struct Head([u8; 4096]);

/// Whether a device has the label, or cannot be read.
pub fn any_volume() -> bool {
    let Some(devices) = sysfs::block_devices() else { return true };
    devices.iter().any(|kernel| has_label(kernel).unwrap_or(true))
}

/// As lvm does it: past the page cache, where a partition does not see what was written through its disk.
fn has_label(kernel: &BString) -> io::Result<bool> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECT;
    let device = rustix::fs::open(sysfs::node(kernel).path(), flags, Mode::empty())?;
    let mut head = Head([0; 4096]);
    let read = rustix::io::retry_on_intr(|| rustix::io::pread(&device, &mut head.0, 0))?;
    Ok(signatures::has_label(head.0.get(..read).unwrap_or_default()))
}
