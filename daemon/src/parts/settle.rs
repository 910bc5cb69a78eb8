//! Waiting until the kernel's partitions are those of a table that was just written.
//!
//! In: a disk. Out: agreement between its table and the nodes in `/dev`, or an error. parted tells the
//! kernel about each partition and devtmpfs makes the nodes at once, so this hardly ever waits; when
//! the kernel has not taken over the table it is asked to read it anew.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use guestfs_protocol::structs::Partition;
use rustix::fs::OFlags;

use crate::ctx::Ctx;
use crate::device::Device;
use crate::error::{Errno, Error, Result};

/// Longest wait. A rescan that is refused because of a mounted partition will not succeed later.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(10);

/// Wait until the kernel's partitions of `device` are `table`.
pub fn wait(ctx: &Ctx, device: &Device, table: &[Partition]) -> Result<()> {
    // A regular file (tests) has no partitions and no nodes.
    let Some(sys) = sys_dir(device.path()) else { return Ok(()) };
    wait_for(ctx, device, &sys, &table.iter().filter_map(|p| u32::try_from(p.part_num).ok()).collect())
}

/// Make a change that leaves partitions where they are, and wait until the kernel has all of them again.
pub fn keeping(ctx: &Ctx, device: &Device, change: impl FnOnce() -> Result<()>) -> Result<()> {
    let Some(sys) = sys_dir(device.path()) else { return change() };
    let before = known(&sys);
    change()?;
    wait_for(ctx, device, &sys, &before)
}

fn wait_for(ctx: &Ctx, device: &Device, sys: &Path, wanted: &BTreeSet<u32>) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    let mut asked = false;
    loop {
        if known(sys) == *wanted {
            return Ok(());
        }
        if Instant::now() >= until {
            return Err(Error::new(
                Errno::BUSY,
                "the kernel has not taken over the new partition table: is a partition in use?",
            ));
        }
        if !asked {
            asked = true;
            // Whether it did is seen above.
            let _ = crate::sys::reread_partitions(&device.open(ctx, OFlags::RDONLY)?);
        }
        std::thread::sleep(PAUSE);
    }
}

/// Size of the device's sectors in bytes; of a regular file (tests) what parted takes for it.
pub fn sector_size(file: &File) -> u32 {
    rustix::fs::ioctl_blksszget(file).ok().filter(|size| *size > 0).unwrap_or(512)
}

/// Where the kernel describes a block device.
fn sys_dir(node: &Path) -> Option<PathBuf> {
    let meta = std::fs::metadata(node).ok()?;
    if !std::os::unix::fs::FileTypeExt::is_block_device(&meta.file_type()) {
        return None;
    }
    let (major, minor) = (rustix::fs::major(meta.rdev()), rustix::fs::minor(meta.rdev()));
    Some(format!("/sys/dev/block/{major}:{minor}").into())
}

/// Numbers of the partitions that the kernel has and whose nodes exist.
fn known(sys: &Path) -> BTreeSet<u32> {
    let Ok(entries) = std::fs::read_dir(sys) else { return BTreeSet::new() };
    let number = |entry: std::fs::DirEntry| -> Option<u32> {
        let number = std::fs::read_to_string(entry.path().join("partition")).ok()?;
        Path::new("/dev").join(entry.file_name()).exists().then_some(())?;
        number.trim().parse().ok()
    };
    entries.flatten().filter_map(number).collect()
}
