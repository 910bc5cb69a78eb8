//! Memory that crosses to C: always from `malloc`, so that callers can `free()` it.
//!
//! In: bytes. Out: `malloc`ed copies. When memory is short the handle's out-of-memory handler runs,
//! which does not return.

use libc::{c_char, c_void};
use std::ptr;

/// `guestfs_abort_cb`: must not return.
pub type AbortCb = unsafe extern "C" fn();

/// Allocates, or ends the program through the handle's handler.
#[derive(Clone, Copy)]
pub struct Memory {
    pub abort: AbortCb,
}

impl Memory {
    /// `n` bytes, never null, content undefined.
    pub fn alloc(self, n: usize) -> *mut c_void {
        // SAFETY: malloc has no preconditions.
        let p = unsafe { libc::malloc(n.max(1)) };
        if p.is_null() {
            self.give_up();
        }
        p
    }

    fn give_up(self) -> ! {
        // SAFETY: the handler was given as a function without arguments. It should not return.
        unsafe { (self.abort)() };
        std::process::abort()
    }

    /// One `T`.
    pub fn boxed<T>(self, value: T) -> *mut T {
        let p = self.alloc(size_of::<T>()).cast::<T>();
        // SAFETY: p has room for a T and malloc aligns for every C type.
        unsafe { p.write(value) };
        p
    }

    /// An array; not null even when it is empty.
    pub fn array<T>(self, values: impl ExactSizeIterator<Item = T>) -> *mut T {
        let room = values.len();
        let Some(bytes) = room.checked_mul(size_of::<T>()) else { self.give_up() };
        let p = self.alloc(bytes).cast::<T>();
        for (i, value) in values.take(room).enumerate() {
            // SAFETY: i < room, and the array has room for that many, aligned by malloc.
            unsafe { p.add(i).write(value) };
        }
        p
    }

    /// The bytes and a terminating NUL, which is not counted.
    pub fn string(self, bytes: &[u8]) -> *mut c_char {
        let p = self.alloc(bytes.len().saturating_add(1)).cast::<u8>();
        // SAFETY: p has room for the bytes and one more; a fresh block overlaps nothing.
        unsafe {
            ptr::copy_nonoverlapping(bytes.as_ptr(), p, bytes.len());
            p.add(bytes.len()).write(0);
        }
        p.cast()
    }

    /// A NULL-terminated array of strings.
    pub fn strings<'a>(self, items: impl ExactSizeIterator<Item = &'a [u8]>) -> *mut *mut c_char {
        let room = items.len();
        let Some(bytes) = room.checked_add(1).and_then(|n| n.checked_mul(size_of::<*mut c_char>())) else {
            self.give_up()
        };
        let p = self.alloc(bytes).cast::<*mut c_char>();
        for (i, item) in items.take(room).enumerate() {
            // SAFETY: i < room.
            unsafe { p.add(i).write(self.string(item)) };
        }
        // SAFETY: the array has room + 1 places.
        unsafe { p.add(room).write(ptr::null_mut()) };
        p
    }
}

/// The default out-of-memory handler.
pub unsafe extern "C" fn default_abort() {
    std::process::abort();
}
