//! The few system calls that rustix has no safe form of, and what children do between fork and exec. The
//! only `unsafe` of the daemon.
//!
//! In: checked values. Out: the kernel's answer.

#![allow(unsafe_code)]

pub mod btrfs;
pub mod confine;
pub mod enter;
pub mod generation;
pub mod loop_device;

use crate::error::{Errno, Result};
use rustix::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

fn last() -> crate::error::Error {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO).into()
}

/// Take over a descriptor that the parent left open for us. It gets close-on-exec.
pub fn inherited(number: i32) -> Result<OwnedFd> {
    // SAFETY: fcntl on any number is harmless: it fails when the descriptor is not open.
    if unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } != 0 {
        return Err(last());
    }
    match number {
        0..=2 => Err(Errno::BADF.into()),
        // SAFETY: it is open (see above), was named on the command line for us to own, and nothing
        // else of this program uses it: the standard library only touches 0, 1 and 2.
        _ => Ok(unsafe { OwnedFd::from_raw_fd(number) }),
    }
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// The signal that killed it.
    pub signal: Option<i32>,
    /// What it ended with otherwise.
    pub status: i32,
    /// The most memory that it had, in bytes, with what it had mapped of files.
    pub peak: u64,
}

/// Reap a child that has ended, by its pidfd; an error when it has not, or somebody else reaped it.
pub fn reap(child: &impl AsFd) -> Result<Ended> {
    // SAFETY: structures of numbers, for which all zeroes are a value.
    let (mut info, mut used) = unsafe { (std::mem::zeroed::<libc::siginfo_t>(), std::mem::zeroed::<libc::rusage>()) };
    let (fd, options) = (child.as_fd().as_raw_fd(), libc::WEXITED | libc::WNOHANG);
    // SAFETY: the kernel fills in the two structures, which live as long as the call.
    let r = unsafe { libc::syscall(libc::SYS_waitid, libc::P_PIDFD, fd, &raw mut info, options, &raw mut used) };
    if r != 0 {
        return Err(last());
    }
    // SAFETY: waitid(2) gave these fields, or left them 0.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    if pid == 0 {
        return Err(Errno::AGAIN.into());
    }
    let signal = (info.si_code != libc::CLD_EXITED).then_some(status);
    let peak = u64::try_from(used.ru_maxrss).unwrap_or_default().saturating_mul(1024);
    Ok(Ended { signal, status, peak })
}

/// Largest entropy given at once, in bytes.
const ENTROPY_MAX: usize = 512;

/// `struct rand_pool_info` of linux/random.h with room for the bytes behind it.
#[repr(C)]
struct RandPoolInfo {
    /// Bits.
    entropy_count: libc::c_int,
    /// Bytes.
    buf_size: libc::c_int,
    buf: [u8; ENTROPY_MAX],
}

// linux/random.h: _IOW('R', 0x03, int[2]) and _IO('R', 0x07); not in the libc crate.
const RNDADDENTROPY: libc::Ioctl = 0x4008_5203;
const RNDRESEEDCRNG: libc::Ioctl = 0x5207;

/// Add bytes that count as fully random to the kernel's pool. Only the first 512 are taken.
pub fn add_entropy(random: &impl AsFd, bytes: &[u8]) -> Result<()> {
    let mut info = RandPoolInfo { entropy_count: 0, buf_size: 0, buf: [0; ENTROPY_MAX] };
    for (to, from) in info.buf.iter_mut().zip(bytes) {
        *to = *from;
    }
    let size = bytes.len().min(ENTROPY_MAX) as libc::c_int;
    info.buf_size = size;
    info.entropy_count = size * 8;
    // SAFETY: the request reads a rand_pool_info and `buf_size` bytes behind it, all inside `info`.
    match unsafe { libc::ioctl(random.as_fd().as_raw_fd(), RNDADDENTROPY, &raw const info) } {
        0 => Ok(()),
        _ => Err(last()),
    }
}

/// Make the kernel's generator take a new key from its pool now.
pub fn reseed_generator(random: &impl AsFd) -> Result<()> {
    // SAFETY: the request takes no argument.
    match unsafe { libc::ioctl(random.as_fd().as_raw_fd(), RNDRESEEDCRNG) } {
        0 => Ok(()),
        _ => Err(last()),
    }
}

// linux/fs.h: _IO(0x12, 98), _IOR(0x12, 112, size_t) and _IOW(0x12, 113, size_t); not in the libc crate. In spite
// of what the numbers say the two sizes are of the type int.
const BLKRASET: libc::Ioctl = 0x1262;
const BLKBSZGET: libc::Ioctl = 0x8008_1270_u32 as libc::Ioctl;
const BLKBSZSET: libc::Ioctl = 0x4008_1271;

/// Size in bytes of the blocks in which the kernel reads and writes a device.
pub fn block_size(device: &impl AsFd) -> Result<i32> {
    let mut size: libc::c_int = 0;
    // SAFETY: the request writes one int, which is there for the length of the call.
    if unsafe { libc::ioctl(device.as_fd().as_raw_fd(), BLKBSZGET, &raw mut size) } != 0 {
        return Err(last());
    }
    Ok(size)
}

/// Set it, until the device is closed.
pub fn set_block_size(device: &impl AsFd, size: i32) -> Result<()> {
    // SAFETY: the request reads one int, which is there for the length of the call.
    if unsafe { libc::ioctl(device.as_fd().as_raw_fd(), BLKBSZSET, &raw const size) } != 0 {
        return Err(last());
    }
    Ok(())
}

/// Set how many units of 512 bytes the kernel reads in advance.
pub fn set_read_ahead(device: &impl AsFd, sectors: u32) -> Result<()> {
    // SAFETY: the request takes a number and touches no memory of ours.
    if unsafe { libc::ioctl(device.as_fd().as_raw_fd(), BLKRASET, libc::c_ulong::from(sectors)) } != 0 {
        return Err(last());
    }
    Ok(())
}

// linux/fs.h: _IO(0x12, 93), (0x12, 95) and (0x12, 97); not in the libc crate.
const BLKROSET: libc::Ioctl = 0x125d;
const BLKRRPART: libc::Ioctl = 0x125f;
const BLKFLSBUF: libc::Ioctl = 0x1261;

/// Have the kernel read a disk's partition table anew. EBUSY while a partition of it is in use.
pub fn reread_partitions(disk: &impl AsFd) -> Result<()> {
    // SAFETY: the call takes no argument and touches no memory of ours.
    if unsafe { libc::ioctl(disk.as_fd().as_raw_fd(), BLKRRPART) } != 0 {
        return Err(last());
    }
    Ok(())
}

// klogctl(2), linux/syslog.h (SYSLOG_ACTION_READ_ALL, SYSLOG_ACTION_SIZE_BUFFER); not in the libc crate.
const READ_ALL: libc::c_int = 3;
const SIZE_BUFFER: libc::c_int = 10;

/// All that the kernel still has of its messages.
pub fn kernel_log() -> Result<Vec<u8>> {
    // SAFETY: this action looks at no buffer.
    let size = unsafe { libc::klogctl(SIZE_BUFFER, std::ptr::null_mut(), 0) };
    let size = usize::try_from(size).map_err(|_| last())?;
    let mut log = crate::error::zeroed(size)?;
    let room = libc::c_int::try_from(log.len()).unwrap_or(libc::c_int::MAX);
    // SAFETY: the kernel writes at most `room` bytes, which `log` has.
    let n = unsafe { libc::klogctl(READ_ALL, log.as_mut_ptr().cast(), room) };
    log.truncate(usize::try_from(n).map_err(|_| last())?);
    Ok(log)
}

/// Have the kernel refuse writes to a block device, or take them again.
pub fn set_read_only(device: &impl AsFd, read_only: bool) -> Result<()> {
    let value = libc::c_int::from(read_only);
    // SAFETY: the request reads one int, which is there for the length of the call.
    if unsafe { libc::ioctl(device.as_fd().as_raw_fd(), BLKROSET, &raw const value) } != 0 {
        return Err(last());
    }
    Ok(())
}

/// Write out what the kernel keeps of a block device and drop it from memory.
pub fn flush_buffers(device: &impl AsFd) -> Result<()> {
    // SAFETY: the call takes no argument and touches no memory of ours.
    if unsafe { libc::ioctl(device.as_fd().as_raw_fd(), BLKFLSBUF) } != 0 {
        return Err(last());
    }
    Ok(())
}

// linux/fs.h: _IO(0x12, 119), (0x12, 124) and _IOWR('X', 121, struct fstrim_range); not in the libc crate.
const BLKDISCARD: libc::Ioctl = 0x1277;
const BLKDISCARDZEROES: libc::Ioctl = 0x127c;
const FITRIM: libc::Ioctl = 0xc018_5879;

/// Tell a block device that `length` bytes from `start` are not needed any more.
pub fn discard(device: &impl AsFd, start: u64, length: u64) -> Result<()> {
    let range = [start, length];
    // SAFETY: the request reads two numbers of 64 bits, which are there for the length of the call.
    if unsafe { libc::ioctl(device.as_fd().as_raw_fd(), BLKDISCARD, range.as_ptr()) } != 0 {
        return Err(last());
    }
    Ok(())
}

/// Whether the kernel promises that discarded blocks of a device read as zeroes.
pub fn discard_zeroes(device: &impl AsFd) -> Result<bool> {
    let mut answer: libc::c_uint = 0;
    // SAFETY: the request writes one unsigned int, which is there for the length of the call.
    if unsafe { libc::ioctl(device.as_fd().as_raw_fd(), BLKDISCARDZEROES, &raw mut answer) } != 0 {
        return Err(last());
    }
    Ok(answer != 0)
}

/// Discard free space of the file system that a directory is on: pieces of at least `minimum` bytes
/// among the `length` bytes from `start`.
pub fn trim(dir: &impl AsFd, start: u64, length: u64, minimum: u64) -> Result<()> {
    // struct fstrim_range.
    let mut range = [start, length, minimum];
    // SAFETY: the request reads and writes three numbers of 64 bits, which are there for the length of
    // the call.
    if unsafe { libc::ioctl(dir.as_fd().as_raw_fd(), FITRIM, range.as_mut_ptr()) } != 0 {
        return Err(last());
    }
    Ok(())
}

/// The C library's fnmatch(3) for one component.
#[cfg(test)]
pub fn fnmatch(pattern: &std::ffi::CStr, name: &std::ffi::CStr) -> bool {
    // SAFETY: two strings that end in NUL and outlive the call.
    unsafe { libc::fnmatch(pattern.as_ptr(), name.as_ptr(), libc::FNM_PERIOD | libc::FNM_PATHNAME) == 0 }
}
