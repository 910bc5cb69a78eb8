//! Structs of the C ABI: what the generated types have in common.
//!
//! In: `repr(C)` structs whose pointers are null or from `malloc`. Out: free, deep copy and order, for
//! one struct and for lists.

use crate::memory::Memory;
use libc::{c_char, c_int, c_void};
use std::cmp::Ordering;
use std::ffi::CStr;
use std::ptr;

/// A generated struct.
///
/// # Safety
/// Every pointer member is null or from `malloc`, and owned by the struct.
pub unsafe trait CStruct: Sized {
    /// The library's own type.
    type Safe;
    /// Convert, copying strings to `malloc`ed memory.
    ///
    /// # Safety
    /// `place` is all zero.
    unsafe fn fill(place: *mut Self, safe: &Self::Safe, memory: Memory);
    /// Deep copy. False when memory is short: then members are null where it was.
    ///
    /// # Safety
    /// `place` is all zero. String members are null or NUL-terminated, buffers as long as they say.
    unsafe fn copy(&self, place: *mut Self) -> bool;
    /// Free what members point to.
    ///
    /// # Safety
    /// The members are not used again.
    unsafe fn free_members(&mut self);
    /// Order by members, in their order.
    ///
    /// # Safety
    /// As for [`CStruct::copy`], for both.
    unsafe fn compare(&self, other: &Self) -> Ordering;
}

/// `struct guestfs_X_list`.
#[repr(C)]
pub struct CList<C> {
    pub len: u32,
    pub val: *mut C,
}

impl<C> CList<C> {
    unsafe fn items(&self) -> &[C] {
        if self.val.is_null() {
            return &[];
        }
        // SAFETY: callers pass lists whose val has len elements.
        unsafe { std::slice::from_raw_parts(self.val, self.len as usize) }
    }
}

/// Free a struct. Null is ignored.
///
/// # Safety
/// `s` came from this library and is not used again.
pub unsafe fn free<C: CStruct>(s: *mut C) {
    // SAFETY: the caller's promise.
    unsafe {
        if let Some(members) = s.as_mut() {
            members.free_members();
        }
        libc::free(s.cast());
    }
}

/// Free a list. Null is ignored.
///
/// # Safety
/// As for [`free`].
pub unsafe fn free_list<C: CStruct>(list: *mut CList<C>) {
    // SAFETY: the caller's promise.
    unsafe {
        if let Some(l) = list.as_ref() {
            for i in 0..l.items().len() {
                (*l.val.add(i)).free_members();
            }
            libc::free(l.val.cast());
        }
        libc::free(list.cast());
    }
}

/// Copy a struct; null gives null.
///
/// # Safety
/// `s` is null or whole.
pub unsafe fn copy<C: CStruct>(s: *const C) -> *mut C {
    // SAFETY: the caller's promise; calloc aligns for every C type.
    unsafe {
        let Some(s) = s.as_ref() else { return ptr::null_mut() };
        let place = libc::calloc(1, size_of::<C>()).cast::<C>();
        if !place.is_null() && !s.copy(place) {
            free(place);
            return ptr::null_mut();
        }
        place
    }
}

/// Copy a list; null gives null.
///
/// # Safety
/// `list` is null or whole.
pub unsafe fn copy_list<C: CStruct>(list: *const CList<C>) -> *mut CList<C> {
    // SAFETY: the caller's promise; the new array has as many places as the old one. What was not reached is
    // zero, which free_list understands.
    unsafe {
        let Some(l) = list.as_ref() else { return ptr::null_mut() };
        let items = l.items();
        let done = libc::calloc(1, size_of::<CList<C>>()).cast::<CList<C>>();
        if done.is_null() {
            return done;
        }
        (*done).val = libc::calloc(items.len().max(1), size_of::<C>()).cast::<C>();
        let mut whole = !(*done).val.is_null();
        if whole {
            (*done).len = if l.val.is_null() { 0 } else { l.len };
            whole = items.iter().enumerate().all(|(i, item)| item.copy((*done).val.add(i)));
        }
        if !whole {
            free_list(done);
            return ptr::null_mut();
        }
        done
    }
}

/// -1, 0 or 1; a null pointer comes before everything.
///
/// # Safety
/// Both are null or whole.
pub unsafe fn compare<C: CStruct>(a: *const C, b: *const C) -> c_int {
    // SAFETY: the caller's promise.
    let order = unsafe {
        match (a.as_ref(), b.as_ref()) {
            (Some(a), Some(b)) => a.compare(b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        }
    };
    order as c_int
}

/// The shorter list first, then element by element.
///
/// # Safety
/// Both are null or whole.
pub unsafe fn compare_list<C: CStruct>(a: *const CList<C>, b: *const CList<C>) -> c_int {
    // SAFETY: the caller's promise.
    let order = unsafe {
        match (a.as_ref(), b.as_ref()) {
            (Some(a), Some(b)) => {
                let pairs = a.items().iter().zip(b.items());
                let elements = pairs.map(|(x, y)| x.compare(y)).find(|o| o.is_ne());
                a.len.cmp(&b.len).then(elements.unwrap_or(Ordering::Equal))
            }
            (a, b) => a.is_some().cmp(&b.is_some()),
        }
    };
    order as c_int
}

/// Length of a buffer member. The wire bounds buffers far below this type's limit.
pub fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// Free a string or buffer member and forget it.
///
/// # Safety
/// `member` is null or from `malloc`.
pub unsafe fn release(member: &mut *mut c_char) {
    // SAFETY: the caller's promise.
    unsafe { libc::free(std::mem::replace(member, ptr::null_mut()).cast::<c_void>()) };
}

/// Copy a string member to `to`; false when memory is short.
///
/// # Safety
/// `from` is null or NUL-terminated.
pub unsafe fn copy_string(from: *const c_char, to: &mut *mut c_char) -> bool {
    if !from.is_null() {
        // SAFETY: the caller's promise.
        *to = unsafe { libc::strdup(from) };
    }
    from.is_null() || !to.is_null()
}

/// Copy a buffer member to `to`; false when memory is short.
///
/// # Safety
/// `from` is null or has `len` bytes.
pub unsafe fn copy_bytes(from: *const c_char, len: u32, to: &mut *mut c_char) -> bool {
    if from.is_null() {
        return true;
    }
    let len = len as usize;
    // SAFETY: the new block has room for len bytes and a NUL, as `Memory::string` makes them.
    unsafe {
        let block = libc::malloc(len.saturating_add(1)).cast::<c_char>();
        if !block.is_null() {
            ptr::copy_nonoverlapping(from, block, len);
            block.add(len).write(0);
        }
        *to = block;
    }
    !to.is_null()
}

/// Order two string members; null comes first.
///
/// # Safety
/// Both are null or NUL-terminated.
pub unsafe fn compare_strings(a: *const c_char, b: *const c_char) -> Ordering {
    // SAFETY: the caller's promise.
    let text = |p: *const c_char| (!p.is_null()).then(|| unsafe { CStr::from_ptr(p) });
    text(a).cmp(&text(b))
}

/// Order two buffer members: the shorter first, then by bytes.
///
/// # Safety
/// Both are null or as long as they say.
pub unsafe fn compare_bytes(a: (*const c_char, u32), b: (*const c_char, u32)) -> Ordering {
    let bytes = |(p, len): (*const c_char, u32)| -> &[u8] {
        if p.is_null() {
            return &[];
        }
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts(p.cast(), len as usize) }
    };
    a.1.cmp(&b.1).then_with(|| bytes(a).cmp(bytes(b)))
}
