//! Mounting what is no disk of the handle: an image in the guest, a directory of the host.
//!
//! In: a guest file, or the tag of a 9p device. Out: mounts like any other.

use super::attach;
use crate::ctx::{Ctx, Role};
use crate::device::{Device, Mountable};
use crate::error::{Context, Errno, Error, Result};
use crate::files::open_file;
use crate::kmod;
use crate::path::GuestPath;
use crate::sys::loop_device;
use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::opts::Mount9pOpts;
use rustix::fs::OFlags;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Where the kernel's driver lists its devices, each with a file that holds the tag.
const DEVICES: &str = "/sys/bus/virtio/drivers/9pnet_virtio";
/// A tag is up to 31 bytes long (qemu's MAX_TAG_LEN).
const TAG_FILE: &str = "mount_tag";

/// Mount the file system in a file. It is for reading only where the file can only be read.
pub fn mount_loop(ctx: &mut Ctx, file: &GuestPath, mountpoint: &GuestPath) -> Result<()> {
    if ctx.role() == Role::Directory {
        return Err(Error::not_supported("this daemon serves a plain directory, nothing can be mounted in it"));
    }
    let (image, read_only) = match open_file(ctx, file, OFlags::RDWR) {
        Err(e) if matches!(e.errno(), Some(Errno::ROFS | Errno::ACCESS)) => {
            (open_file(ctx, file, OFlags::RDONLY)?, true)
        }
        image => (image?, false),
    };
    kmod::load("loop")?;
    let (device, keep) = loop_device::attach(&image, read_only).context(file)?;
    let device = Device::from_real(device);
    let options: &[u8] = if read_only { b"ro" } else { b"" };
    let mounted = attach(ctx, options, b"", &Mountable::Device(device), mountpoint.as_bstr()).context(file);
    // The mount holds the device now; without one it goes away with this.
    drop(keep);
    mounted
}

/// The tags of the directories that the host shares with the machine, sorted.
pub fn list_9p(_ctx: &mut Ctx) -> Result<Vec<BString>> {
    load_9p()?;
    let Ok(devices) = std::fs::read_dir(DEVICES) else { return Ok(Vec::new()) };
    // Some entries are the driver's own.
    let tag = |entry: std::fs::DirEntry| std::fs::read(entry.path().join(TAG_FILE)).ok();
    let mut tags: Vec<BString> = devices.flatten().filter_map(tag).map(|text| name(&text).into()).collect();
    tags.sort();
    Ok(tags)
}

/// The file ends in a newline or, by older kernels, in a NUL.
fn name(text: &[u8]) -> &BStr {
    let end = text.find_byteset(b"\0\n").unwrap_or(text.len());
    text.get(..end).unwrap_or_default().as_bstr()
}

/// Mount the directory of the host with this tag.
pub fn mount_9p(ctx: &mut Ctx, mounttag: &BStr, mountpoint: &BStr, opts: &Mount9pOpts) -> Result<()> {
    if ctx.role() == Role::Directory {
        return Err(Error::not_supported("this daemon serves a plain directory, nothing can be mounted in it"));
    }
    let tags = list_9p(ctx)?;
    if !tags.iter().any(|tag| tag == mounttag) {
        let text = match tags.as_slice() {
            [] => "the host shares no directory with the machine".to_owned(),
            tags => format!("no directory of the host has this tag, only: {}", bstr::join(", ", tags).as_bstr()),
        };
        return Err(Error::new(Errno::NOENT, text).context(format!("'{mounttag}'")));
    }
    let given = opts.options.as_ref().map_or(&b""[..], |options| options.as_bytes());
    let mut options: Vec<&[u8]> = given.split_str(",").filter(|word| !word.is_empty()).collect();
    if !options.iter().any(|word| word.starts_with(b"trans=")) {
        options.insert(0, b"trans=virtio");
    }
    // mount(8) takes the tag in the place of a device.
    let source = Mountable::Device(Device::from_real(OsStr::from_bytes(mounttag)));
    attach(ctx, &bstr::join(",", options), b"9p", &source, mountpoint)
}

fn load_9p() -> Result<()> {
    if Path::new(DEVICES).exists() && kmod::is_loaded("9p") {
        return Ok(());
    }
    kmod::load("9p")?;
    kmod::load("9pnet_virtio")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags() {
        for (text, tag) in [(&b"a\0"[..], "a"), (b"a b\n", "a b"), (b"a", "a"), (b"", "")] {
            assert_eq!(name(text), tag);
        }
    }
}
