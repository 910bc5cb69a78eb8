//! File systems that are mounted for the length of a call.
//!
//! In: a device. Out: the top of its file system, its subvolumes, its least size. The mount is detached: it has no
//! place in the appliance's tree, and is gone when its descriptor is closed.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;

use bstr::{BString, ByteSlice};
use rustix::fs::{Mode, OFlags};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};

use super::tree;
use crate::channel::Channel;
use crate::ctx::Ctx;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::path::our_fd;
use crate::run::{apart, Tool};

/// The paths of all subvolumes from the top of the file system, without the default one.
pub(crate) fn subvolumes(ctx: &Ctx, device: &Device) -> Result<Vec<BString>> {
    let top = Detached::mount(ctx, device, false)?;
    let default = tree::default(&top)?;
    let all = tree::subvolumes(&top)?.into_iter();
    Ok(all.filter(|s| s.btrfssubvolume_id != default).map(|s| s.btrfssubvolume_path).collect())
}

/// The size in bytes that the device can be made smaller to.
pub(crate) fn minimum_size(ctx: &Ctx, device: &Device) -> Result<i64> {
    let top = Detached::mount(ctx, device, false)?;
    let path = our_fd(&top) + "/.";
    let output = Tool::new("btrfs").args(["inspect-internal", "min-dev-size", &path]).run(ctx)?;
    // `105906176 bytes (101.00MiB)`
    let number = output.stdout.fields().next().and_then(|word| word.to_str().ok()?.parse().ok());
    number.ok_or_else(|| Error::msg(format!("btrfs printed no size: {}", output.stdout.trim().as_bstr())))
}

/// The directory at the top of a file system that is mounted nowhere, open for reading.
pub(super) struct Detached {
    /// Taken when it is closed.
    top: Option<OwnedFd>,
    channel: Rc<Channel>,
}

impl Detached {
    /// Both mounting and unmounting take as long as the disk takes.
    pub fn mount(ctx: &Ctx, device: &Device, write: bool) -> Result<Detached> {
        let path = device.path().to_owned();
        let top = apart(ctx.channel(), || {}, move || mount(&path, write))??;
        Ok(Detached { top: Some(top), channel: Rc::clone(ctx.channel()) })
    }
}

impl AsFd for Detached {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // It is there until this is dropped.
        self.top.as_ref().map_or(rustix::fs::CWD, AsFd::as_fd)
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        let top = self.top.take();
        // A cancelled call does not wait for it.
        let _ = apart(&self.channel, || {}, move || drop(top));
    }
}

fn mount(device: &Path, write: bool) -> rustix::io::Result<OwnedFd> {
    let fs = rustix::mount::fsopen("btrfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    rustix::mount::fsconfig_set_string(&fs, "source", device)?;
    // The top, whatever is mounted by default.
    rustix::mount::fsconfig_set_string(&fs, "subvolid", "5")?;
    if !write {
        rustix::mount::fsconfig_set_flag(&fs, "ro")?;
    }
    rustix::mount::fsconfig_create(&fs)?;
    let flags = if write { MountAttrFlags::empty() } else { MountAttrFlags::MOUNT_ATTR_RDONLY };
    let mount = rustix::mount::fsmount(&fs, FsMountFlags::FSMOUNT_CLOEXEC, flags)?;
    // What fsmount returns is good for paths only; it must stay until something below it is open.
    rustix::fs::openat(&mount, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}
