//! Events for C.
//!
//! In: callbacks with an opaque pointer. Out: small integers that name them, calls of the callbacks.

use crate::handle::{callbacks, Guestfs, HandlePtr};
use crate::marshal::guard;
use crate::memory::{default_abort, Memory};
use guestfs::{Error, Event, EventId};
use libc::{c_char, c_int, c_void};
use std::ptr;

/// `guestfs_event_callback`.
pub type EventCb =
    unsafe extern "C" fn(*mut Guestfs, *mut c_void, u64, c_int, c_int, *const c_char, usize, *const u64, usize);

/// A pointer that belongs to the program.
#[derive(Clone, Copy)]
pub struct Opaque(*mut c_void);

// SAFETY: never looked at, only handed back to the program that gave it.
unsafe impl Send for Opaque {}
// SAFETY: as above.
unsafe impl Sync for Opaque {}

impl Opaque {
    pub fn new(p: *mut c_void) -> Self {
        Opaque(p)
    }

    /// The pointer.
    pub fn get(self) -> *mut c_void {
        self.0
    }
}

/// Register a callback for every class in `event_bitmask`; returns what names it, or -1.
///
/// # Safety
/// `g` is null or open; `cb` can be called with `opaque` until it is deleted or the handle is closed.
#[no_mangle]
pub unsafe extern "C" fn guestfs_set_event_callback(
    g: *mut Guestfs,
    cb: Option<EventCb>,
    event_bitmask: u64,
    flags: c_int,
    opaque: *mut c_void,
) -> c_int {
    let (ptr, opaque) = (HandlePtr(g), Opaque::new(opaque));
    // SAFETY: the same contract.
    unsafe {
        guard(g, "set_event_callback", |call| {
            if flags != 0 {
                return Err(Error::usage("set_event_callback: flags must be 0"));
            }
            let cb = cb.ok_or_else(|| Error::usage("set_event_callback: cb: parameter cannot be NULL"))?;
            let id = call.handle().add_event_callback(event_bitmask, move |_, event| {
                deliver(cb, ptr, opaque, event);
            });
            c_int::try_from(id.0).map_err(|_| Error::usage("set_event_callback: too many callbacks"))
        })
    }
}

/// The text of an event with a NUL, which is not counted: programs take it for a string.
pub(crate) fn text(event: &Event<'_>) -> Vec<u8> {
    [event.data, &[0]].concat()
}

fn deliver(cb: EventCb, g: HandlePtr, opaque: Opaque, event: &Event<'_>) {
    let text = (!event.data.is_empty()).then(|| text(event));
    let buf = text.as_ref().map_or(ptr::null(), |t| t.as_ptr().cast());
    let array = if event.array.is_empty() { ptr::null() } else { event.array.as_ptr() };
    let id = c_int::try_from(event.id.0).unwrap_or(c_int::MAX);
    // SAFETY: the program registered this function for exactly these arguments; the slices outlive the call.
    callbacks::run(g.get(), || unsafe {
        cb(g.get(), opaque.get(), event.class.bit(), id, 0, buf, event.data.len(), array, event.array.len());
    });
}

/// Forget a callback; unknown numbers are ignored. No other thread is in it any more when this returns.
///
/// # Safety
/// `g` is null or open.
#[no_mangle]
pub unsafe extern "C" fn guestfs_delete_event_callback(g: *mut Guestfs, event_handle: c_int) {
    // SAFETY: the same contract.
    let gfs = unsafe { g.as_ref() };
    if let (Some(gfs), Ok(id)) = (gfs, u32::try_from(event_handle)) {
        delete(gfs, EventId(id));
    }
}

/// Forget a callback, whose opaque pointer the program may free then: another thread that is in it is waited
/// for. Calls of other threads go on meanwhile, so they need not end first. Inside a callback there is no
/// waiting: two could wait for one another.
pub(crate) fn delete(gfs: &Guestfs, id: EventId) {
    let _in_call = gfs.enter();
    if callbacks::running(gfs) {
        gfs.handle().delete_event_callback(id);
    } else {
        gfs.handle().delete_event_callback_and_wait(id);
    }
}

/// Names of the classes in a mask, separated by commas, for the caller to free.
///
/// # Safety
/// Always sound.
#[no_mangle]
pub unsafe extern "C" fn guestfs_event_to_string(event: u64) -> *mut c_char {
    let memory = Memory { abort: default_abort };
    memory.string(guestfs::event_to_string(event).as_bytes())
}
