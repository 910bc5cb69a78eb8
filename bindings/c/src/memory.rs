//! Memory that crosses to C: always from `malloc`, so that callers can `free()` it.
//!
//! In: bytes. Out: `malloc`ed copies. When memory is short the program's out-of-memory handler runs, which does
//! not return; a program that has set none gets ENOMEM from the call: places without memory are null until the
//! call has looked ([`was_short`]).

use libc::{c_char, c_void};
use std::cell::Cell;
use std::ptr;

/// `guestfs_abort_cb`: must not return.
pub type AbortCb = unsafe extern "C" fn();

thread_local! {
    static SHORT: Cell<bool> = const { Cell::new(false) };
}

/// Whether memory was short on this thread since the last time this was asked.
pub fn was_short() -> bool {
    SHORT.replace(false)
}

/// Allocates with the handle's handler.
#[derive(Clone, Copy)]
pub struct Memory {
    pub abort: AbortCb,
}

impl Memory {
    /// What an allocator gave, or was short of.
    fn checked(self, p: *mut c_void) -> *mut c_void {
        if p.is_null() {
            self.short();
        }
        p
    }

    fn short(self) {
        if self.abort as usize != default_abort as AbortCb as usize {
            // SAFETY: the handler was given as a function without arguments. It should not return.
            unsafe { (self.abort)() };
        }
        SHORT.set(true);
    }

    /// `n` bytes, content undefined.
    fn alloc(self, n: usize) -> *mut c_void {
        // SAFETY: malloc has no preconditions.
        self.checked(unsafe { libc::malloc(n.max(1)) })
    }

    /// Room for `n` values of type `T`, all zero: programs may read what lies between members, too. Not null
    /// because `n` is 0.
    pub fn zeroed<T>(self, n: usize) -> *mut T {
        // SAFETY: calloc has no preconditions.
        self.checked(unsafe { libc::calloc(n.max(1), size_of::<T>().max(1)) }).cast()
    }

    /// The bytes and a terminating NUL, which is not counted.
    pub fn string(self, bytes: &[u8]) -> *mut c_char {
        let p = self.alloc(bytes.len().saturating_add(1)).cast::<u8>();
        if !p.is_null() {
            // SAFETY: p has room for the bytes and one more; a fresh block overlaps nothing.
            unsafe {
                ptr::copy_nonoverlapping(bytes.as_ptr(), p, bytes.len());
                p.add(bytes.len()).write(0);
            }
        }
        p.cast()
    }

    /// A NULL-terminated array of strings; null, with nothing left behind, when memory is short.
    pub fn strings<'a>(self, items: impl ExactSizeIterator<Item = &'a [u8]>) -> *mut *mut c_char {
        let room = items.len();
        let p = self.zeroed::<*mut c_char>(room.saturating_add(1));
        if p.is_null() {
            return p;
        }
        for (i, item) in items.take(room).enumerate() {
            let string = self.string(item);
            // SAFETY: i < room.
            unsafe { p.add(i).write(string) };
            if string.is_null() {
                // SAFETY: the places before this one hold strings, this one and those behind it null.
                unsafe { free_strings(p) };
                return ptr::null_mut();
            }
        }
        p
    }
}

/// Free a NULL-terminated array of strings.
///
/// # Safety
/// It came from [`Memory::strings`] and is not used again.
unsafe fn free_strings(p: *mut *mut c_char) {
    let mut at = p;
    // SAFETY: by contract; it ends at null.
    unsafe {
        while !(*at).is_null() {
            libc::free((*at).cast());
            at = at.add(1);
        }
        libc::free(p.cast());
    }
}

/// The default out-of-memory handler.
pub unsafe extern "C" fn default_abort() {
    std::process::abort();
}
