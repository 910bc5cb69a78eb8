//! What the process gives up, so that a library which a hostile file has taken over can do little.
//!
//! In: nothing, or the tree that the library is to work in. Out: a process
//! - that allocates no more than it was told, leaves no core, and is the first to go when memory is short;
//! - in a mount name space of its own: all of it read-only, and of the appliance only its root file system and
//!   `/proc` (no guest, no disk, no temporary file of others), for a library that tells what is on disks `/dev` and
//!   `/sys`, too; or, after [`enter`], nothing but the guest's tree;
//! - without capabilities but a few for files, which can never be regained (`no_new_privs`), and nobody rather than
//!   root when it only reads;
//! - with a system call filter, see [`crate::filter`].
//!
//! HOW TO CHOOSE. A library that reads a file or a disk is given the open descriptor, and is [`Rights::Files`]; one that
//! asks the kernel what belongs to the disk is [`Rights::Disks`].
//! One that finds its files itself is [`Rights::Tree`]: its module takes a descriptor of the tree in its first
//! request, has the library read what it needs of the appliance (lenses, macros), and calls [`enter`]. The
//! daemon gives it the live tree, where what it does is seen at once and changes of mounts are seen by it
//! (Augeas), or a copy, which is read-only in here (`daemon/src/worker/tree.rs`).
//!
//! [`Rights::Files`]: crate::library::Rights::Files
//! [`Rights::Disks`]: crate::library::Rights::Disks
//! [`Rights::Tree`]: crate::library::Rights::Tree

use crate::fault::Result;
use crate::filter;
use rustix::fd::OwnedFd;
use rustix::fs::CWD;
use rustix::mount::{mount_change, unmount, MountPropagationFlags, UnmountFlags};
use rustix::process::{setrlimit, Gid, Resource, Rlimit, Uid};
use rustix::thread::{
    capabilities, set_capabilities, set_keep_capabilities, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
    CapabilitySet, CapabilitySets, UnshareFlags,
};
use std::os::fd::AsRawFd;
use std::sync::OnceLock;

/// Open files of others: guests' files belong to anybody.
pub const READ: CapabilitySet = CapabilitySet::DAC_READ_SEARCH;

/// Write files of others, and leave them theirs.
pub const WRITE: CapabilitySet = CapabilitySet::DAC_OVERRIDE
    .union(CapabilitySet::DAC_READ_SEARCH)
    .union(CapabilitySet::CHOWN)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::SETFCAP);

/// Open files that a library may have at once.
const FILES: u64 = 256;

/// The limits and the name space: what the library's own loading can do with.
pub fn begin(memory: u64, appliance: bool, disks: bool) -> Result<()> {
    let limit = |resource, value| {
        let limit = Rlimit { current: Some(value), maximum: Some(value) };
        setrlimit(resource, limit)
    };
    limit(Resource::Core, 0)?;
    limit(Resource::Nofile, FILES)?;
    limit(Resource::Data, memory)?;
    rustix::thread::set_no_new_privs(true)?;
    if appliance {
        std::fs::write("/proc/self/oom_score_adj", "1000")?;
        leave_mounts(if disks { &["/", "/proc", "/dev", "/sys"] } else { &["/", "/proc"] })?;
    }
    Ok(())
}

/// All mounts but these go, and these become read-only.
fn leave_mounts(keep: &[&str]) -> Result<()> {
    // SAFETY: the process has one thread, and shares no descriptors by this flag.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS)? };
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    let text = std::fs::read_to_string("/proc/self/mountinfo")?;
    for target in text.lines().filter_map(|line| line.split(' ').nth(4)) {
        // What lay below one that went is not there any more. No mount of the appliance's own has a name that
        // is written in another way than it is.
        if !keep.contains(&target) {
            let _ = unmount(target, UnmountFlags::DETACH);
        }
    }
    read_only(CWD.as_raw_fd(), c"/", 0)
}

/// `struct mount_attr` of linux/mount.h.
#[repr(C)]
struct MountAttr {
    set: u64,
    clear: u64,
    propagation: u64,
    userns_fd: u64,
}

fn read_only(dir: i32, path: &std::ffi::CStr, flags: libc::c_int) -> Result<()> {
    const MOUNT_ATTR_RDONLY: u64 = 1;
    const AT_RECURSIVE: libc::c_int = 0x8000;
    let attr = MountAttr { set: MOUNT_ATTR_RDONLY, clear: 0, propagation: 0, userns_fd: 0 };
    // SAFETY: a path that ends in NUL and a structure of the given size, both alive during the call.
    let r = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            dir,
            path.as_ptr(),
            AT_RECURSIVE | flags,
            &raw const attr,
            size_of::<MountAttr>(),
        )
    };
    match r {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error().into()),
    }
}

/// A copy of a tree lasts as long as its descriptor.
static TREE: OnceLock<OwnedFd> = OnceLock::new();

/// Make `tree` the root of the process, and seal it. A tree that is not `writable` is a copy of the daemon's.
pub fn enter(tree: OwnedFd, writable: bool) -> Result<()> {
    // Outside of an appliance there is no copy, and the daemon's own rights are all there is.
    if !writable && capabilities(None)?.effective.contains(CapabilitySet::SYS_ADMIN) {
        read_only(tree.as_raw_fd(), c"", libc::AT_EMPTY_PATH)?;
    }
    rustix::process::fchdir(&tree)?;
    if capabilities(None)?.effective.contains(CapabilitySet::SYS_CHROOT) {
        rustix::process::chroot(".")?;
    }
    let _ = TREE.set(tree);
    seal(if writable { WRITE } else { READ })
}

/// Nobody: owner of no file.
const NOBODY: u32 = 65534;

/// One that may only read stops being root: the owner of a file can open it again for writing, whatever the
/// descriptor was opened for, and disks belong to root.
fn leave_root() -> Result<()> {
    if !capabilities(None)?.effective.contains(CapabilitySet::SETUID | CapabilitySet::SETGID) {
        // It never was.
        return Ok(());
    }
    let (uid, gid) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    set_keep_capabilities(true)?;
    set_thread_groups(&[])?;
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)?;
    Ok(())
}

/// Give up all capabilities but these, and put the filter on.
pub fn seal(keep: CapabilitySet) -> Result<()> {
    if keep == READ {
        leave_root()?;
    }
    let left = capabilities(None)?.permitted.intersection(keep);
    set_capabilities(None, CapabilitySets { effective: left, permitted: left, inheritable: CapabilitySet::empty() })?;
    filter::put_on()
}
