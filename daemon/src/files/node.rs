//! Device nodes, FIFOs and other special files.
//!
//! In: guest paths, modes, device numbers. Out: nodes of the file system; nothing is opened.

use bstr::ByteSlice;
use rustix::fs::{FileType, Mode};

use crate::ctx::Ctx;
use crate::error::{Context, Error, Result};
use crate::path::GuestPath;

/// What the kernel keeps of a device number; more would be cut off without a word.
const MAJORS: i32 = 1 << 12;
const MINORS: i32 = 1 << 20;

/// Make a file of the type that is in `mode` (a regular one when there is none).
pub fn mknod(ctx: &mut Ctx, mode: i32, devmajor: i32, devminor: i32, path: &GuestPath) -> Result<()> {
    let bits = u32::try_from(mode).map_err(|_| Error::invalid("mode is negative").context(path))?;
    let kind = match FileType::from_raw_mode(bits) {
        _ if bits & !0o7777 == 0 => FileType::RegularFile,
        FileType::Unknown => return Err(Error::invalid(format!("{path}: 0{mode:o} has no type of file"))),
        FileType::Directory | FileType::Symlink => {
            return Err(Error::invalid(format!("{path}: mknod makes neither directories nor symbolic links")))
        }
        known => known,
    };
    let mut device = 0;
    if matches!(kind, FileType::BlockDevice | FileType::CharacterDevice) {
        if !(0..MAJORS).contains(&devmajor) || !(0..MINORS).contains(&devminor) {
            return Err(Error::invalid(format!(
                "{path}: no device has the numbers {devmajor}, {devminor} (majors are below {MAJORS}, minors below {MINORS})"
            )));
        }
        device = rustix::fs::makedev(devmajor.unsigned_abs(), devminor.unsigned_abs());
    }
    let (dir, name) = path.parent(ctx)?;
    rustix::fs::mknodat(&dir, name.as_bytes(), kind, Mode::from_raw_mode(bits & 0o7777), device).context(path)
}

/// Make a FIFO with the permission bits `mode` (less the umask).
pub fn mkfifo(ctx: &mut Ctx, mode: i32, path: &GuestPath) -> Result<()> {
    of_type(ctx, FileType::Fifo, mode, (0, 0), path)
}

/// Make the node of a block device with the permission bits `mode` (less the umask).
pub fn mknod_b(ctx: &mut Ctx, mode: i32, devmajor: i32, devminor: i32, path: &GuestPath) -> Result<()> {
    of_type(ctx, FileType::BlockDevice, mode, (devmajor, devminor), path)
}

/// The same of a character device.
pub fn mknod_c(ctx: &mut Ctx, mode: i32, devmajor: i32, devminor: i32, path: &GuestPath) -> Result<()> {
    of_type(ctx, FileType::CharacterDevice, mode, (devmajor, devminor), path)
}

fn of_type(ctx: &mut Ctx, kind: FileType, mode: i32, device: (i32, i32), path: &GuestPath) -> Result<()> {
    if !(0..=0o7777).contains(&mode) {
        return Err(Error::invalid(format!("{path}: 0{mode:o}: mode must specify only file permission bits")));
    }
    mknod(ctx, mode | kind.as_raw_mode() as i32, device.0, device.1, path)
}
