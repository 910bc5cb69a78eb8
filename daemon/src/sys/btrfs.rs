//! What the kernel tells of a mounted Btrfs file system, by the requests of linux/btrfs.h.
//!
//! In: a directory of the file system, open for reading. Out: items of its trees, paths, how far a balance
//! is.

use crate::error::{Errno, Result};
use rustix::fd::{AsFd, AsRawFd};

/// `struct btrfs_ioctl_search_key`: items from one key to another, by object, type and offset in this order.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct SearchKey {
    pub tree: u64,
    pub min_object: u64,
    pub max_object: u64,
    pub min_offset: u64,
    pub max_offset: u64,
    pub min_transaction: u64,
    pub max_transaction: u64,
    pub min_type: u32,
    pub max_type: u32,
    /// In: how many are wanted. Out: how many there are.
    pub items: u32,
    pub unused: u32,
    pub reserved: [u64; 4],
}

/// Bytes of items in one answer: no item is larger than a node, which has 64 KiB at most.
const ANSWER: usize = 64 * 1024;

/// `struct btrfs_ioctl_search_args_v2` with the room behind it.
#[repr(C)]
pub struct Search {
    pub key: SearchKey,
    size: u64,
    /// Out: headers and contents of items, one after the other.
    pub answer: [u8; ANSWER],
}

impl Search {
    /// A search for what is between the keys.
    pub fn new(key: SearchKey) -> Box<Search> {
        Box::new(Search { key, size: ANSWER as u64, answer: [0; ANSWER] })
    }
}

/// `struct btrfs_ioctl_ino_lookup_args`.
#[repr(C)]
struct InodeLookup {
    tree: u64,
    object: u64,
    path: [u8; 4080],
}

/// `struct btrfs_ioctl_balance_args`, as far as it is of use here.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Balance {
    flags: u64,
    /// [`BALANCE_RUNNING`] and others.
    pub state: u64,
    filters: [[u64; 17]; 3],
    /// Chunks that were expected to be moved, looked at, and moved.
    pub expected: u64,
    pub considered: u64,
    pub completed: u64,
    reserved: [u64; 72],
}

/// In [`Balance::state`]: it is running, not paused.
pub const BALANCE_RUNNING: u64 = 1;

// _IOWR(0x94, 17, 112 bytes), _IOWR(0x94, 18, 4096 bytes) and _IOR(0x94, 34, 1024 bytes).
const TREE_SEARCH_V2: libc::Ioctl = 0xc070_9411_u32 as libc::Ioctl;
const INO_LOOKUP: libc::Ioctl = 0xd000_9412_u32 as libc::Ioctl;
const BALANCE_PROGRESS: libc::Ioctl = 0x8400_9422_u32 as libc::Ioctl;

const _: () = assert!(std::mem::offset_of!(Search, answer) == 112);
const _: () = assert!(std::mem::size_of::<InodeLookup>() == 4096);
const _: () = assert!(std::mem::size_of::<Balance>() == 1024);

/// Fill the answer of a search.
pub fn tree_search(dir: &impl AsFd, search: &mut Search) -> Result<()> {
    search.size = ANSWER as u64;
    // SAFETY: the request reads and writes a key and a size, and at most `size` bytes behind them, all inside
    // of `search`.
    if unsafe { libc::ioctl(dir.as_fd().as_raw_fd(), TREE_SEARCH_V2, &raw mut *search) } != 0 {
        return Err(super::last());
    }
    Ok(())
}

/// The path of a directory from the top of its subvolume `tree`: empty, or with a slash at its end.
pub fn inode_path(dir: &impl AsFd, tree: u64, object: u64) -> Result<Vec<u8>> {
    let mut lookup = InodeLookup { tree, object, path: [0; 4080] };
    // SAFETY: the request reads and writes this structure.
    if unsafe { libc::ioctl(dir.as_fd().as_raw_fd(), INO_LOOKUP, &raw mut lookup) } != 0 {
        return Err(super::last());
    }
    Ok(lookup.path.split(|b| *b == 0).next().unwrap_or_default().to_vec())
}

/// How far the balance is; `None` when there is none.
pub fn balance(dir: &impl AsFd) -> Result<Option<Balance>> {
    let mut balance = Balance {
        flags: 0,
        state: 0,
        filters: [[0; 17]; 3],
        expected: 0,
        considered: 0,
        completed: 0,
        reserved: [0; 72],
    };
    // SAFETY: the request writes this structure.
    if unsafe { libc::ioctl(dir.as_fd().as_raw_fd(), BALANCE_PROGRESS, &raw mut balance) } == 0 {
        return Ok(Some(balance));
    }
    let error = super::last();
    match error.errno() {
        Some(Errno::NOTCONN) => Ok(None),
        _ => Err(error),
    }
}
