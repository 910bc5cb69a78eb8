//! Block devices as such: which there are, how large, and their zeroes.
//!
//! In: devices. Out: the kernel's numbers and lists. Lists are the handle's drives, so neither the
//! appliance's own disk nor arrays and volumes are among them.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use bstr::{BString, ByteSlice};
use rustix::fs::OFlags;

use crate::channel::cancel;
use crate::copy::is_zero;
use crate::ctx::Ctx;
use crate::device::{partition, Device, Disk};
use crate::direct::{self, Buffer};
use crate::disks::running_arrays;
use crate::error::{Context, Errno, Error, Result};

/// Read at once.
const BLOCK: usize = 1 << 20;
/// Looked at for zeroes at once when zeroing.
const PIECE: usize = 64 * 1024;

/// Size of a device in bytes.
pub fn blockdev_getsize64(ctx: &mut Ctx, device: &Device) -> Result<i64> {
    let size = size(&device.open(ctx, OFlags::RDONLY)?).with_context(|| device.api_name(ctx))?;
    i64::try_from(size).map_err(|_| Error::from(Errno::OVERFLOW).context(device.api_name(ctx)))
}

/// Size of a device's sectors in bytes, as it says to the kernel (logical size).
pub fn blockdev_getss(ctx: &mut Ctx, device: &Device) -> Result<i32> {
    let file = device.open(ctx, OFlags::RDONLY)?;
    let size = rustix::fs::ioctl_blksszget(&file).with_context(|| device.api_name(ctx))?;
    i32::try_from(size).map_err(|_| Error::from(Errno::OVERFLOW).context(device.api_name(ctx)))
}

/// Size in bytes of the blocks in which the kernel reads and writes the device.
pub fn blockdev_getbsz(ctx: &mut Ctx, device: &Device) -> Result<i32> {
    let file = device.open(ctx, OFlags::RDONLY)?;
    crate::sys::block_size(&file).with_context(|| device.api_name(ctx))
}

/// Set it, which lasts until the device is closed: at once.
pub fn blockdev_setbsz(ctx: &mut Ctx, device: &Device, blocksize: i32) -> Result<()> {
    let file = device.open(ctx, OFlags::RDONLY)?;
    let done = crate::sys::set_block_size(&file, blocksize).map_err(|e| match e.errno() {
        Some(Errno::BUSY) => Error::new(Errno::BUSY, "the device is in use"),
        Some(Errno::INVAL) => Error::invalid(format!("{blocksize} is not a size for its blocks")),
        _ => e,
    });
    done.with_context(|| device.api_name(ctx))
}

/// Set how much the kernel reads ahead, in units of 512 bytes.
pub fn blockdev_setra(ctx: &mut Ctx, device: &Device, sectors: i32) -> Result<()> {
    let Ok(count) = u32::try_from(sectors) else {
        let text = format!("cannot read {sectors} sectors ahead");
        return Err(Error::invalid(text).context(device.api_name(ctx)));
    };
    let file = device.open(ctx, OFlags::RDONLY)?;
    crate::sys::set_read_ahead(&file, count).with_context(|| device.api_name(ctx))
}

/// Size of a device in units of 512 bytes, whatever its sectors are.
pub fn blockdev_getsz(ctx: &mut Ctx, device: &Device) -> Result<i64> {
    Ok(blockdev_getsize64(ctx, device)? / 512)
}

/// Does the kernel refuse writes to the device?
pub fn blockdev_getro(ctx: &mut Ctx, device: &Device) -> Result<bool> {
    let flag = std::fs::read(sys_dir(ctx, device)?.join("ro")).with_context(|| device.api_name(ctx))?;
    Ok(flag.trim() != b"0")
}

/// Have the kernel refuse writes to the device.
pub fn blockdev_setro(ctx: &mut Ctx, device: &Device) -> Result<()> {
    set_read_only(ctx, device, true)
}

/// Have the kernel take writes to the device again.
pub fn blockdev_setrw(ctx: &mut Ctx, device: &Device) -> Result<()> {
    set_read_only(ctx, device, false)
}

fn set_read_only(ctx: &Ctx, device: &Device, read_only: bool) -> Result<()> {
    let file = device.open(ctx, OFlags::RDONLY)?;
    crate::sys::set_read_only(&file, read_only).with_context(|| device.api_name(ctx))
}

/// Write out what the kernel keeps of the device and forget it.
pub fn blockdev_flushbufs(ctx: &mut Ctx, device: &Device) -> Result<()> {
    let file = device.open(ctx, OFlags::RDONLY)?;
    crate::sys::flush_buffers(&file).with_context(|| device.api_name(ctx))
}

/// Have the kernel read the partition table anew.
pub fn blockdev_rereadpt(ctx: &mut Ctx, device: &Device) -> Result<()> {
    let file = device.open(ctx, OFlags::RDONLY)?;
    let done = crate::sys::reread_partitions(&file).map_err(|e| match e.errno() {
        Some(Errno::BUSY) => Error::new(Errno::BUSY, "the device or a partition of it is in use"),
        Some(Errno::INVAL) => Error::invalid("not a device that can have partitions"),
        _ => e,
    });
    done.with_context(|| device.api_name(ctx))
}

/// Is it a disk: neither a partition, nor an array or volume that others make up?
pub fn is_whole_device(ctx: &mut Ctx, device: &Device) -> Result<bool> {
    // Only what a driver of hardware has made points to its hardware.
    Ok(sys_dir(ctx, device)?.join("device").exists())
}

/// Where the kernel describes a block device.
fn sys_dir(ctx: &Ctx, device: &Device) -> Result<PathBuf> {
    let stat = rustix::fs::stat(device.path()).with_context(|| device.api_name(ctx))?;
    let (major, minor) = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
    Ok(format!("/sys/dev/block/{major}:{minor}").into())
}

/// Fail unless nobody uses the device: nothing on it or its partitions is mounted, no volume or array
/// lies on it. For calls that replace all that is on it.
pub fn require_unused(ctx: &Ctx, device: &Device) -> Result<()> {
    // What O_EXCL means on a block device, open(2).
    device.open(ctx, OFlags::RDWR | OFlags::EXCL).map(drop).map_err(|e| match e.errno() {
        Some(Errno::BUSY) => {
            let text = "is in use: unmount it or deactivate what lies on it first";
            Error::new(Errno::BUSY, text).context(device.api_name(ctx))
        }
        _ => e,
    })
}

/// Size in bytes of what is open, device or file.
pub fn size(file: &File) -> Result<u64> {
    Ok(rustix::fs::seek(file, rustix::fs::SeekFrom::End(0))?)
}

/// Is every byte of a device zero?
pub fn is_zero_device(ctx: &mut Ctx, device: &Device) -> Result<bool> {
    let file = open_whole(ctx, device)?;
    let mut block = Buffer::new(BLOCK);
    let mut at = 0u64;
    loop {
        cancel::point()?;
        let data = read(&file, &mut block, at).with_context(|| device.api_name(ctx))?;
        if data.is_empty() {
            return Ok(true);
        }
        if !is_zero(data) {
            return Ok(false);
        }
        at += data.len() as u64;
    }
}

/// Open for one pass over everything.
fn open_whole(ctx: &Ctx, device: &Device) -> Result<File> {
    direct::open(ctx, device, OFlags::RDONLY).map_or_else(|| device.open(ctx, OFlags::RDONLY), Ok)
}

/// The bytes at `at`: a whole block, except at the end.
fn read<'a>(file: &File, block: &'a mut Buffer, at: u64) -> Result<&'a [u8]> {
    let block = block.get(BLOCK);
    loop {
        match file.read_at(block, at) {
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e.into()),
            Ok(n) => return Ok(block.get(..n).unwrap_or_default()),
        }
    }
}

/// Write zeroes over a device, except where it has them already: that keeps a thin image thin.
pub fn zero_device(ctx: &mut Ctx, device: &Device) -> Result<()> {
    let file = device.open(ctx, OFlags::WRONLY)?;
    let reader = open_whole(ctx, device)?;
    let total = size(&file).with_context(|| device.api_name(ctx))?;
    zero(ctx, &reader, &file, total).with_context(|| device.api_name(ctx))
}

fn zero(ctx: &Ctx, reader: &File, writer: &File, total: u64) -> Result<()> {
    let zeroes = vec![0u8; PIECE];
    let mut block = Buffer::new(BLOCK);
    let mut at = 0u64;
    while at < total {
        let data = read(reader, &mut block, at)?;
        if data.is_empty() {
            return Err(Error::new(Errno::IO, "ends before its size"));
        }
        let mut piece_at = at;
        for piece in data.chunks(PIECE) {
            if !is_zero(piece) {
                writer.write_all_at(zeroes.get(..piece.len()).unwrap_or_default(), piece_at)?;
            }
            piece_at += piece.len() as u64;
        }
        at += data.len() as u64;
        ctx.progress(at, total)?;
    }
    Ok(())
}

/// All drives of the handle, in their order.
pub fn list_devices(ctx: &mut Ctx) -> Result<Vec<Device>> {
    Ok(ctx.disks().list().iter().map(|disk| disk.device()).collect())
}

/// All partitions of all drives, in the order of the drives, then those of arrays.
pub fn list_partitions(ctx: &mut Ctx) -> Result<Vec<Device>> {
    let on_drives = ctx.disks().list();
    Ok(on_drives.iter().chain(&running_arrays()).flat_map(Disk::partitions).collect())
}

/// How many drives the handle has.
pub fn nr_devices(ctx: &mut Ctx) -> Result<i32> {
    i32::try_from(ctx.disks().list().len()).map_err(|_| Errno::OVERFLOW.into())
}

/// The drives that have a label, and their partitions as label and number.
pub fn list_disk_labels(ctx: &mut Ctx) -> Result<Vec<(BString, Device)>> {
    let mut found = Vec::new();
    for disk in ctx.disks().list() {
        let Some(label) = &disk.label else { continue };
        found.push((label.clone(), disk.device()));
        for part in disk.partitions() {
            if let Some(p) = partition(&part)? {
                found.push((bstr::concat([label.as_slice(), p.number.to_string().as_bytes()]).into(), part));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Guest;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn zeroes() {
        let mut g = Guest::new();
        g.write("/d", "");
        let file = File::options().write(true).open(g.host("/d")).unwrap();
        file.set_len(10 << 20).unwrap();
        let d = Device::from_real(g.host("/d"));
        assert!(is_zero_device(&mut g.ctx, &d).unwrap());
        for at in [0, 5_000_001, (10 << 20) - 1] {
            file.write_all_at(b"x", at).unwrap();
            assert!(!is_zero_device(&mut g.ctx, &d).unwrap(), "{at}");
            let before = std::fs::metadata(g.host("/d")).unwrap().blocks();
            zero_device(&mut g.ctx, &d).unwrap();
            assert!(is_zero_device(&mut g.ctx, &d).unwrap());
            let after = std::fs::metadata(g.host("/d")).unwrap().blocks();
            assert!(after <= before + 256, "zeroes were written where zeroes were: {before} -> {after}");
        }
        assert_eq!(blockdev_getsize64(&mut g.ctx, &d).unwrap(), 10 << 20);
    }
}
