//! Block devices and what is mounted from them, as types: an API name becomes a real node once, on
//! the way in, and is turned back on the way out.
//!
//! In: names from the client (`/dev/sda1`, `/dev/VG/LV`, `btrfsvol:/dev/sda1/home`). Out: real nodes
//! that were checked to be block devices and not the appliance's own disk. The names themselves are in
//! `disks`.

pub use crate::disks::{
    drive_index, drive_name, is_volume, ldm_parts, ldm_volume, ldm_volumes, opened, others, partition, Device, Disk,
    Disks, Partition,
};

use crate::ctx::{Ctx, Role};
use crate::error::{Context, Errno, Error, Result};
use crate::path::GuestPath;
use bstr::{BStr, BString, ByteSlice};
use rustix::fs::{FileType, Mode, OFlags};
use std::fs::File;
use std::path::Path;

impl Device {
    /// Translate and check a device argument.
    pub fn parse(ctx: &Ctx, name: &BStr) -> Result<Device> {
        if ctx.role() == Role::Directory && name.starts_with(b"/dev/") {
            return Err(
                Error::new(Errno::NOENT, "this daemon serves a plain directory and has no devices").context(name)
            );
        }
        let path = ctx.disks().real_path(name)?;
        let stat = rustix::fs::stat(&path).map_err(|e| match e {
            Errno::NOENT => Error::new(Errno::NOENT, "no such device").context(name),
            e => Error::from(e).context(name),
        })?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::Directory && is_volume_group(&path) {
            return Ok(Device::from_real(path));
        }
        if kind != FileType::BlockDevice {
            return Err(Error::new(Errno::NOTBLK, "not a block device").context(name));
        }
        if ctx.disks().is_appliance_root(stat.st_rdev) {
            return Err(Error::new(Errno::NOENT, "is the appliance's own disk").context(name));
        }
        Ok(Device::from_real(path))
    }

    /// The name the API knows it by.
    pub fn api_name(&self, ctx: &Ctx) -> BString {
        if self.is_absent() {
            self.as_bstr().to_owned()
        } else {
            ctx.api_device_name(self.as_bstr())
        }
    }

    /// Open the node; `flags` get `CLOEXEC`.
    pub fn open(&self, ctx: &Ctx, flags: OFlags) -> Result<File> {
        let open = || -> rustix::io::Result<File> {
            let file = rustix::fs::open(self.path(), flags | OFlags::CLOEXEC, Mode::empty())?;
            // A volume group; reading it would only fail later.
            if FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode) == FileType::Directory {
                return Err(Errno::ISDIR);
            }
            Ok(file.into())
        };
        open().with_context(|| self.api_name(ctx))
    }
}

/// `/dev/VG`, the directory of links that lvm makes for a group with active volumes: lvremove takes it
/// for "all of them".
fn is_volume_group(path: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(path) else { return false };
    let mut links = entries.map(|entry| entry.and_then(|e| e.file_type()).is_ok_and(|t| t.is_symlink()));
    path.parent() == Some(Path::new("/dev")) && links.next() == Some(true) && links.all(|link| link)
}

/// Something that can be mounted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mountable {
    /// A file system on a device.
    Device(Device),
    /// A btrfs subvolume: the device, and the subvolume's path without a leading slash.
    BtrfsVol(Device, BString),
}

impl Mountable {
    /// Translate `DEVICE` or `btrfsvol:DEVICE/SUBVOLUME`.
    pub fn parse(ctx: &Ctx, name: &BStr) -> Result<Mountable> {
        let Some(rest) = name.strip_prefix(b"btrfsvol:") else {
            return Ok(Mountable::Device(Device::parse(ctx, name)?));
        };
        // Device names contain slashes themselves (/dev/VG/LV), so the device is the shortest part that is
        // one; a volume group is not, though some calls take it for all its volumes.
        let mut last = None;
        for at in rest.find_iter(b"/").filter(|at| *at > b"/dev/".len()) {
            let (device, subvolume) = rest.split_at(at);
            match Device::parse(ctx, device.as_bstr()) {
                Ok(device) if device.path().is_dir() => {}
                Ok(device) => {
                    let subvolume = subvolume.strip_prefix(b"/").unwrap_or(subvolume);
                    if subvolume.is_empty() {
                        break;
                    }
                    return Ok(Mountable::BtrfsVol(device, subvolume.into()));
                }
                Err(e) => last = Some(e),
            }
        }
        Err(last.unwrap_or_else(|| Error::invalid("expected btrfsvol:DEVICE/SUBVOLUME").context(name)))
    }

    /// The device below it.
    pub fn device(&self) -> &Device {
        match self {
            Mountable::Device(device) | Mountable::BtrfsVol(device, _) => device,
        }
    }

    /// The subvolume, when it is one.
    pub fn subvolume(&self) -> Option<&BStr> {
        match self {
            Mountable::Device(_) => None,
            Mountable::BtrfsVol(_, subvolume) => Some(subvolume.as_bstr()),
        }
    }

    /// The name the API knows it by.
    pub fn api_name(&self, ctx: &Ctx) -> BString {
        let device = self.device().api_name(ctx);
        match self.subvolume() {
            None => device,
            Some(subvolume) => bstr::concat([&b"btrfsvol:"[..], &device, b"/", subvolume]).into(),
        }
    }
}

/// An argument that may be a device or a file in the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceOrPath {
    Device(Device),
    Path(GuestPath),
}

impl DeviceOrPath {
    /// Names below `/dev/` are devices, everything else is a path.
    pub fn parse(ctx: &Ctx, name: &BStr) -> Result<DeviceOrPath> {
        Ok(if name.starts_with(b"/dev/") {
            DeviceOrPath::Device(Device::parse(ctx, name)?)
        } else {
            DeviceOrPath::Path(GuestPath::parse(ctx, name)?)
        })
    }

    /// Open it, device or file; for a path the flags of [`GuestPath::open`] are added.
    pub fn open(&self, ctx: &Ctx, flags: OFlags, mode: Mode) -> Result<File> {
        match self {
            DeviceOrPath::Device(device) => device.open(ctx, flags & !(OFlags::CREATE | OFlags::TRUNC)),
            DeviceOrPath::Path(path) => path.open(ctx, flags, mode).map(File::from),
        }
    }

    /// The name as the API knows it, for messages.
    pub fn api_name(&self, ctx: &Ctx) -> BString {
        match self {
            DeviceOrPath::Device(device) => device.api_name(ctx),
            DeviceOrPath::Path(path) => path.as_bstr().to_owned(),
        }
    }
}

/// An argument that may be something mountable or a file in the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountableOrPath {
    Mountable(Mountable),
    Path(GuestPath),
}

impl MountableOrPath {
    /// A leading slash that is not a device is a path.
    pub fn parse(ctx: &Ctx, name: &BStr) -> Result<MountableOrPath> {
        Ok(if name.starts_with(b"/") && !name.starts_with(b"/dev/") {
            MountableOrPath::Path(GuestPath::parse(ctx, name)?)
        } else {
            MountableOrPath::Mountable(Mountable::parse(ctx, name)?)
        })
    }
}
