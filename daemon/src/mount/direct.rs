//! Mounting without mount(8), which under TCG takes longer to start than most file systems take to be mounted.
//!
//! In: what mount(8) would be given. Out: whether it is mounted. Only what is beyond doubt is done here: a type that has
//! no helper and no habits in mount(8), and options that mean the same to everybody. All else, and every failure, is left
//! to the program, so that what a user sees of these is its own.

use super::table;
use crate::ctx::Ctx;
use crate::device::Device;
use crate::error::Result;
use crate::filesystems::probe;
use crate::run::apart;
use bstr::ByteSlice;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::CWD;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags};
use std::path::{Path, PathBuf};

/// Types of disks' file systems that the kernel mounts by itself.
const TYPES: [&str; 9] = ["ext2", "ext3", "ext4", "xfs", "btrfs", "vfat", "iso9660", "squashfs", "f2fs"];

/// What the options ask for.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    read_only: bool,
    attributes: MountAttrFlags,
    subvolume: Option<String>,
}

/// Mount `device` at `target` if nothing speaks against it. False: nothing has happened.
pub fn mount(ctx: &Ctx, options: &[u8], fstype: &[u8], device: &Device, target: &Path) -> Result<bool> {
    let Some(wanted) = wanted(options) else { return Ok(false) };
    // The kernel would put it there once more.
    if table::mounted(ctx)?.iter().any(|entry| entry.target == target) {
        return Ok(false);
    }
    let found = match fstype {
        b"" | b"auto" => probe::sure_type(ctx, device),
        _ => Some(fstype.into()),
    };
    let known = |found: &bstr::BString| TYPES.into_iter().find(|known| found == known);
    let Some(fstype) = found.as_ref().and_then(known) else { return Ok(false) };
    if wanted.subvolume.is_some() && fstype != "btrfs" {
        return Ok(false);
    }
    let path = device.path().to_owned();
    // The mount is nowhere until it is moved. One that nobody waits for any more is gone with its descriptor.
    let Ok(made) = apart(ctx.channel(), || {}, move || make(fstype, path, &wanted))? else { return Ok(false) };
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    Ok(rustix::mount::move_mount(made.as_fd(), "", CWD, target, flags).is_ok())
}

fn make(fstype: &str, device: PathBuf, wanted: &Wanted) -> rustix::io::Result<OwnedFd> {
    let fs = rustix::mount::fsopen(fstype, FsOpenFlags::FSOPEN_CLOEXEC)?;
    rustix::mount::fsconfig_set_string(&fs, "source", device)?;
    if let Some(subvolume) = &wanted.subvolume {
        rustix::mount::fsconfig_set_string(&fs, "subvol", subvolume)?;
    }
    if wanted.read_only {
        rustix::mount::fsconfig_set_flag(&fs, "ro")?;
    }
    rustix::mount::fsconfig_create(&fs)?;
    rustix::mount::fsmount(&fs, FsMountFlags::FSMOUNT_CLOEXEC, wanted.attributes)
}

/// The options, if all of them mean the same to everybody.
fn wanted(options: &[u8]) -> Option<Wanted> {
    let mut wanted = Wanted { read_only: false, attributes: MountAttrFlags::empty(), subvolume: None };
    for word in options.split_str(",") {
        let (attribute, on) = match word {
            b"ro" => (MountAttrFlags::MOUNT_ATTR_RDONLY, true),
            b"rw" => (MountAttrFlags::MOUNT_ATTR_RDONLY, false),
            b"nodev" => (MountAttrFlags::MOUNT_ATTR_NODEV, true),
            b"nosuid" => (MountAttrFlags::MOUNT_ATTR_NOSUID, true),
            b"noexec" => (MountAttrFlags::MOUNT_ATTR_NOEXEC, true),
            b"noatime" => (MountAttrFlags::MOUNT_ATTR_NOATIME, true),
            _ => {
                let name = word.strip_prefix(b"subvol=").and_then(|name| name.to_str().ok())?;
                if wanted.subvolume.replace(name.to_owned()).is_some() {
                    return None;
                }
                continue;
            }
        };
        wanted.attributes.set(attribute, on);
    }
    wanted.read_only = wanted.attributes.contains(MountAttrFlags::MOUNT_ATTR_RDONLY);
    Some(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_mean_the_same_to_everybody() {
        let ro = MountAttrFlags::MOUNT_ATTR_RDONLY;
        let nodev = MountAttrFlags::MOUNT_ATTR_NODEV;
        let plain = |attributes| Wanted { read_only: false, attributes, subvolume: None };
        assert_eq!(wanted(b"nodev"), Some(plain(nodev)));
        assert_eq!(wanted(b"nodev,ro"), Some(Wanted { read_only: true, ..plain(nodev | ro) }));
        assert_eq!(wanted(b"nodev,ro,rw"), Some(plain(nodev)));
        let subvolume = Some(Wanted { subvolume: Some("a/b".into()), ..plain(nodev) });
        assert_eq!(wanted(b"subvol=a/b,nodev"), subvolume);
        for others in ["", "nodev,", "nodev,loop", "nodev,dev", "nodev,subvol=a,subvol=b", "remount,ro", "errors=panic"]
        {
            assert_eq!(wanted(others.as_bytes()), None, "{others}");
        }
    }
}
