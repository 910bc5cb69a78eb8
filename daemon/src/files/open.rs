//! Opening guest files without being held up or led astray by what they are.

use std::fs::File;
use std::os::fd::OwnedFd;

use rustix::fs::{FileType, Mode, OFlags};

use crate::ctx::Ctx;
use crate::error::{Context, Errno, Error, Result};
use crate::path::GuestPath;

/// Open a guest file whose bytes are to be read or written: a regular file or a block device. A
/// directory, FIFO, socket or character device is refused, since reading it would fail, wait for
/// ever or never end.
pub fn open_file(ctx: &Ctx, path: &GuestPath, flags: OFlags) -> Result<File> {
    let fd = path.open(ctx, flags, Mode::from_raw_mode(0o666))?;
    check_type(&fd).context(path)?;
    Ok(File::from(fd))
}

/// Open a guest file to be written from scratch: made when missing, emptied when there.
pub fn open_new(ctx: &Ctx, path: &GuestPath) -> Result<File> {
    open_file(ctx, path, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC)
}

fn check_type(fd: &OwnedFd) -> Result<()> {
    match FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode) {
        FileType::RegularFile | FileType::BlockDevice => Ok(()),
        FileType::Directory => Err(Errno::ISDIR.into()),
        other => Err(Error::invalid(format!("this is {}, not a regular file", describe(other)))),
    }
}

/// The words of a file type, as file(1) and the API have them.
pub fn describe(file_type: FileType) -> &'static str {
    match file_type {
        FileType::RegularFile => "regular file",
        FileType::Directory => "directory",
        FileType::Symlink => "symbolic link",
        FileType::Fifo => "FIFO",
        FileType::Socket => "socket",
        FileType::CharacterDevice => "character device",
        FileType::BlockDevice => "block device",
        _ => "unknown file type",
    }
}

/// Fill a file with `len` zero bytes from its start.
pub fn write_zeroes(file: &File, len: u64) -> Result<()> {
    use std::io::Write;
    let block = vec![0u8; 1 << 20];
    let mut out = file;
    let mut left = len;
    while left > 0 {
        let n = left.min(block.len() as u64) as usize;
        out.write_all(block.get(..n).unwrap_or_default())?;
        left -= n as u64;
    }
    Ok(())
}
