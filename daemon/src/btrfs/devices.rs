//! The devices of a Btrfs file system, and its size.
//!
//! In: devices, and where the file system is mounted. Out: devices added, removed, replaced and listed.

use bstr::{BStr, ByteSlice};
use guestfs_protocol::opts::BtrfsFilesystemResizeOpts;

use super::place::{said, Place};
use crate::ctx::Ctx;
use crate::device::Device;
use crate::error::{Context, Errno, Error, Result};
use crate::path::GuestPath;
use crate::run::Tool;

/// Add devices, whatever is on them.
pub fn btrfs_device_add(ctx: &mut Ctx, devices: &[Device], fs: &GuestPath) -> Result<()> {
    change(ctx, &["device", "add", "-f", "--"], devices, fs)
}

/// Remove devices; their data goes to the others.
pub fn btrfs_device_delete(ctx: &mut Ctx, devices: &[Device], fs: &GuestPath) -> Result<()> {
    change(ctx, &["device", "delete", "--"], devices, fs)
}

fn change(ctx: &Ctx, words: &[&str], devices: &[Device], fs: &GuestPath) -> Result<()> {
    let place = Place::dir(ctx, fs)?;
    if devices.is_empty() {
        return Ok(());
    }
    let tool = Tool::new("btrfs").args(words).args(devices).arg(place.path()).pulse();
    place.run(ctx, tool).map(drop)
}

/// Copy a device's data to another one and let that take its place.
pub fn btrfs_replace(ctx: &mut Ctx, srcdev: &Device, targetdev: &Device, mntpoint: &GuestPath) -> Result<()> {
    let place = Place::dir(ctx, mntpoint)?;
    // -B: until it is done. -f: whatever is on the target.
    let tool = Tool::new("btrfs").args(["replace", "start", "-B", "-f", "--"]).arg(srcdev).arg(targetdev);
    place.run(ctx, tool.arg(place.path()).pulse()).map(drop)
}

/// Change the size on the first device: to a number of bytes, or to all it has.
pub fn btrfs_filesystem_resize(ctx: &mut Ctx, mountpoint: &GuestPath, opts: &BtrfsFilesystemResizeOpts) -> Result<()> {
    let size = match opts.size {
        None => "max".to_owned(),
        Some(size) if size > 0 => size.to_string(),
        Some(size) => return Err(Error::invalid(format!("{mountpoint}: the size must be above zero, not {size}"))),
    };
    let place = Place::dir(ctx, mountpoint)?;
    let tool = Tool::new("btrfs").args(["filesystem", "resize", &size]).arg(place.path()).pulse();
    place.run(ctx, tool).map(drop)
}

/// Write all changes to the devices.
pub fn btrfs_filesystem_sync(ctx: &mut Ctx, fs: &GuestPath) -> Result<()> {
    Place::dir(ctx, fs)?.btrfs(ctx, &["filesystem", "sync"]).map(drop)
}

/// The devices of a file system. The program finds them, mounted or not, those of a seed too; ENODEV when
/// there are some missing.
pub fn btrfs_filesystem_show(ctx: &mut Ctx, device: &Device) -> Result<Vec<Device>> {
    let name = || device.api_name(ctx);
    let tool = Tool::new("btrfs").args(["filesystem", "show", "--"]).arg(device);
    let output = tool.run(ctx).map_err(|e| said(&e, <[u8]>::to_vec)).with_context(name)?;
    let lines = devices(&output.stdout);
    let warned = output.stderr.contains_str("devices missing") || lines.iter().any(|line| line.contains_str("*** "));
    if warned {
        return Err(Error::new(Errno::NODEV, "some devices of the file system are missing").context(name()));
    }
    let found: Option<Vec<Device>> = lines.iter().map(|line| path(line)).collect();
    let found = found.filter(|found| !found.is_empty());
    found.ok_or_else(|| Error::msg(format!("btrfs printed no devices: {}", output.stdout.as_bstr())).context(name()))
}

/// The lines about devices: those behind the one with their number, which is the last of its kind whatever
/// the label says.
fn devices(output: &[u8]) -> Vec<&[u8]> {
    let lines: Vec<&[u8]> = output.lines().collect();
    let last = lines.iter().rposition(|line| line.starts_with(b"\tTotal devices "));
    let rest = last.and_then(|at| lines.get(at + 1..)).unwrap_or_default();
    rest.iter().copied().filter(|line| !line.trim().is_empty()).collect()
}

/// The device of a line `\tdevid    1 size 1.00GiB used 126.38MiB path /dev/sda`.
fn path(line: &[u8]) -> Option<Device> {
    let (_, path) = line.strip_prefix(b"\tdevid ")?.split_once_str(" path ")?;
    let path: &BStr = path.strip_suffix(b" MISSING").unwrap_or(path).into();
    path.starts_with(b"/dev/").then(|| Device::from_real(path.to_path_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_devices() {
        let text = b"Label: 'a\n\tTotal devices 1 FS bytes used 9\n\tdevid 1 size 1 used 1 path /dev/evil'  uuid: x\n\
            \tTotal devices 2 FS bytes used 144.00KiB\n\tdevid    1 size 512.00MiB used 88.00MiB path /dev/sda\n\
            \tdevid    2 size 512.00MiB used 72.00MiB path /dev/mapper/a-b\n\n";
        let found: Vec<_> = devices(text).iter().map(|line| path(line).unwrap().as_bstr().to_string()).collect();
        assert_eq!(found, ["/dev/sda", "/dev/mapper/a-b"]);
        let missing =
            b"\tTotal devices 2 FS bytes used 1\n\tdevid 1 size 1 used 1 path /dev/sda\n\t*** Some devices missing\n";
        assert_eq!(devices(missing).len(), 2);
        assert!(path(b"\tdevid    0 size 0 used 0 path  MISSING").is_none());
        assert!(devices(b"").is_empty());
    }
}
