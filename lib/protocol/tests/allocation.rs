//! A hostile length must not make the decoder reserve memory: counts bytes asked of the allocator.
//!
//! Alone in its file, because other tests of the same process would be counted too.

use guestfs_protocol::xdr::{from_slice, Opaque, Xdr, MESSAGE_MAX};
use guestfs_protocol::{structs, BString};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

struct Counting;

static LARGEST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator with its arguments unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.fetch_max(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Largest single allocation while `f` runs.
fn largest(f: impl FnOnce()) -> usize {
    LARGEST.store(0, Ordering::Relaxed);
    f();
    LARGEST.load(Ordering::Relaxed)
}

fn refused<T: Xdr + std::fmt::Debug>(word: u32) {
    let mut message = word.to_be_bytes().to_vec();
    message.extend([0; 64]);
    assert!(from_slice::<T>(&message).is_err());
}

#[test]
fn lengths_never_reserve_memory() {
    let limit = MESSAGE_MAX as u32;
    for word in [65, 1000, limit, limit + 1, i32::MAX as u32, u32::MAX] {
        let bytes = largest(|| {
            refused::<BString>(word);
            refused::<Opaque>(word);
            refused::<Vec<BString>>(word);
            refused::<Vec<structs::Statns>>(word);
            refused::<Vec<structs::LvmLv>>(word);
        });
        assert!(bytes < 4096, "a length of {word} reserved {bytes} bytes");
    }

    // The largest list of the smallest elements that fits into a message.
    let count = (MESSAGE_MAX / 4 - 1) as u32;
    let mut message = count.to_be_bytes().to_vec();
    message.resize(MESSAGE_MAX, 0);
    let bytes = largest(|| assert_eq!(from_slice::<Vec<BString>>(&message).map(|v| v.len()), Ok(count as usize)));
    assert!(bytes <= 12 * MESSAGE_MAX, "{bytes} bytes for one message");
}
