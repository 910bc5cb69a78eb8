//! Private data: pointers that a program hangs on a handle under string keys.
//!
//! In: key and pointer. Out: the same pointer; a walk over the keys whose pointer is not NULL.

use crate::handle::Guestfs;
use libc::{c_char, c_void};
use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::ops::Bound;
use std::ptr;
use std::sync::{MutexGuard, PoisonError};

/// The private area of one handle. Keys stay until close, so that pointers to them stay good.
#[derive(Default)]
pub struct Private {
    data: BTreeMap<CString, *mut c_void>,
    /// Last key that the walk gave out.
    at: Option<CString>,
}

// SAFETY: the pointers are only handed back to the program that gave them.
unsafe impl Send for Private {}

fn area(gfs: &Guestfs) -> MutexGuard<'_, Private> {
    gfs.private.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Private {
    fn next(&mut self) -> Option<(*const c_char, *mut c_void)> {
        let from = self.at.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let range = self.data.range::<CString, _>((from, Bound::Unbounded));
        let (key, data) = range.into_iter().find(|(_, data)| !data.is_null())?;
        let found = (key.as_ptr(), *data);
        self.at = Some(key.clone());
        Some(found)
    }
}

/// Hang `data` on the handle under `key`; NULL takes it away.
///
/// # Safety
/// `g` is null or open; `key` is null or NUL-terminated.
#[no_mangle]
pub unsafe extern "C" fn guestfs_set_private(g: *mut Guestfs, key: *const c_char, data: *mut c_void) {
    // SAFETY: the same contract.
    if let Some(gfs) = unsafe { g.as_ref() }.filter(|_| !key.is_null()) {
        // SAFETY: the same contract.
        let key = unsafe { CStr::from_ptr(key) }.to_owned();
        area(gfs).data.insert(key, data);
    }
}

/// What hangs under `key`, or NULL.
///
/// # Safety
/// As for [`guestfs_set_private`].
#[no_mangle]
pub unsafe extern "C" fn guestfs_get_private(g: *mut Guestfs, key: *const c_char) -> *mut c_void {
    // SAFETY: the same contract.
    let Some(gfs) = (unsafe { g.as_ref() }).filter(|_| !key.is_null()) else { return ptr::null_mut() };
    // SAFETY: the same contract.
    let key = unsafe { CStr::from_ptr(key) };
    area(gfs).data.get(key).copied().unwrap_or(ptr::null_mut())
}

/// Start a walk; the key goes through `key_rtn` and stays good until close. NULL at the end.
///
/// # Safety
/// `g` is null or open; `key_rtn` is null or can be written.
#[no_mangle]
pub unsafe extern "C" fn guestfs_first_private(g: *mut Guestfs, key_rtn: *mut *const c_char) -> *mut c_void {
    // SAFETY: the same contract.
    if let Some(gfs) = unsafe { g.as_ref() } {
        area(gfs).at = None;
    }
    // SAFETY: the same contract.
    unsafe { guestfs_next_private(g, key_rtn) }
}

/// Go on with a walk. Entries may be changed meanwhile.
///
/// # Safety
/// As for [`guestfs_first_private`].
#[no_mangle]
pub unsafe extern "C" fn guestfs_next_private(g: *mut Guestfs, key_rtn: *mut *const c_char) -> *mut c_void {
    // SAFETY: the same contract.
    let Some((key, data)) = (unsafe { g.as_ref() }).and_then(|gfs| area(gfs).next()) else {
        return ptr::null_mut();
    };
    if !key_rtn.is_null() {
        // SAFETY: the same contract.
        unsafe { key_rtn.write(key) };
    }
    data
}
