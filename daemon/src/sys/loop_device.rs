//! Loop devices: block devices whose bytes are those of a file (linux/loop.h).
//!
//! In: an open file. Out: a device that is there until its last user has gone.

use crate::error::{Context, Errno, Result};
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

// linux/loop.h; not in the libc crate.
const LOOP_CONFIGURE: libc::Ioctl = 0x4c0a;
const LOOP_CTL_GET_FREE: libc::Ioctl = 0x4c82;
const LO_FLAGS_READ_ONLY: u32 = 1;
const LO_FLAGS_AUTOCLEAR: u32 = 4;

/// How often another process may take the free device away first.
const TRIES: usize = 10;

/// `struct loop_info64`.
#[repr(C)]
struct LoopInfo {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    size_limit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

/// `struct loop_config`.
#[repr(C)]
struct LoopConfig {
    fd: u32,
    block_size: u32,
    info: LoopInfo,
    reserved: [u64; 8],
}

/// A loop device of `file`, and the descriptor that keeps it until somebody else uses it.
pub fn attach(file: &File, read_only: bool) -> Result<(PathBuf, File)> {
    let control = File::from(open("/dev/loop-control".into(), OFlags::RDWR)?);
    for _ in 0..TRIES {
        // SAFETY: the request takes no argument and gives a number.
        let number = unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE) };
        if number < 0 {
            return Err(super::last()).context("a free loop device");
        }
        let path = PathBuf::from(format!("/dev/loop{number}"));
        let device = File::from(open(path.clone(), if read_only { OFlags::RDONLY } else { OFlags::RDWR })?);
        let config = config(file.as_raw_fd() as u32, read_only);
        // SAFETY: the request reads a loop_config, which is there for the length of the call.
        if unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CONFIGURE, &raw const config) } == 0 {
            return Ok((path, device));
        }
        let error = super::last();
        if error.errno() != Some(Errno::BUSY) {
            return Err(error.context(path.as_os_str().as_encoded_bytes()));
        }
    }
    Err(Errno::BUSY.into())
}

fn open(path: PathBuf, flags: OFlags) -> Result<rustix::fd::OwnedFd> {
    rustix::fs::open(&path, flags | OFlags::CLOEXEC, Mode::empty())
        .with_context(|| path.as_os_str().as_encoded_bytes().to_vec())
}

fn config(fd: u32, read_only: bool) -> LoopConfig {
    let info = LoopInfo {
        device: 0,
        inode: 0,
        rdevice: 0,
        offset: 0,
        size_limit: 0,
        number: 0,
        encrypt_type: 0,
        encrypt_key_size: 0,
        flags: LO_FLAGS_AUTOCLEAR | if read_only { LO_FLAGS_READ_ONLY } else { 0 },
        file_name: [0; 64],
        crypt_name: [0; 64],
        encrypt_key: [0; 32],
        init: [0; 2],
    };
    LoopConfig { fd, block_size: 0, info, reserved: [0; 8] }
}

// As the kernel has them: 232 and 304 bytes.
const _: () = assert!(size_of::<LoopInfo>() == 232 && size_of::<LoopConfig>() == 304);
