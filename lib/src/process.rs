//! Which process this is.
//!
//! In: forks of any kind (fork(3), a plain clone(2), in any binding). Out: a number that no process shares
//! with its parent, at the price of a load. A process id would cost a system call, and can be the same in a
//! namespace of the child's own.

#![allow(unsafe_code)]

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::OnceLock;

/// Numbers given so far. A child goes on from its parent's.
static LAST: AtomicU32 = AtomicU32::new(0);

/// The number of this process: the kernel makes it 0 in every forked child (`MADV_WIPEONFORK`, Linux 4.14).
static NUMBER: OnceLock<Option<&'static AtomicU32>> = OnceLock::new();

/// The number of this process.
pub(crate) fn number() -> u32 {
    let Some(number) = NUMBER.get_or_init(wiped_on_fork) else { return std::process::id() };
    match number.load(Ordering::Acquire) {
        0 => {
            let new = LAST.fetch_add(1, Ordering::AcqRel).wrapping_add(1).max(1);
            // Another thread may have been first.
            number.compare_exchange(0, new, Ordering::AcqRel, Ordering::Acquire).map_or_else(|theirs| theirs, |_| new)
        }
        known => known,
    }
}

/// A number in a page of its own, which stays to the end; `None` where the kernel is too old.
fn wiped_on_fork() -> Option<&'static AtomicU32> {
    const SIZE: usize = 4096;
    // SAFETY: a new mapping, at no particular place, of which nobody else knows.
    unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let page = libc::mmap(std::ptr::null_mut(), SIZE, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        if page == libc::MAP_FAILED {
            return None;
        }
        if libc::madvise(page, SIZE, libc::MADV_WIPEONFORK) != 0 {
            libc::munmap(page, SIZE);
            return None;
        }
        // Aligned, zero, and never unmapped.
        Some(&*page.cast::<AtomicU32>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `child` returns in a forked child, whose other threads are gone: it only makes system calls.
    fn forked(child: impl FnOnce() -> u8) -> i32 {
        // SAFETY: the child runs `child`, which allocates nothing and takes no lock, and ends.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            let code = child();
            // SAFETY: ends the process at once.
            unsafe { libc::_exit(code.into()) };
        }
        let mut status = 0;
        // SAFETY: `status` is there for the length of the call.
        assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
        libc::WEXITSTATUS(status)
    }

    #[test]
    fn children_have_other_numbers() {
        let mine = number();
        assert_eq!((number(), std::thread::spawn(number).join().unwrap()), (mine, mine));
        assert_eq!(forked(|| u8::from(number() != mine && number() == number())), 1);
        assert_eq!(number(), mine);
    }
}
