//! The callbacks of before `guestfs_set_event_callback`: one per class, replaced when set again.
//!
//! In: a callback of the class's own shape, or NULL for none. Out: an ordinary event callback that
//! calls it.

use crate::events::{self, Opaque};
use crate::handle::{callbacks, Guestfs, HandlePtr};
use guestfs::{Event, EventClass, EventId};
use libc::{c_char, c_int, c_void};
use std::sync::PoisonError;

/// Which event callback stands for each class.
#[derive(Default)]
pub struct OldStyle(Vec<(EventClass, EventId)>);

type LogMessageCb = unsafe extern "C" fn(*mut Guestfs, *mut c_void, *mut c_char, c_int);
type PlainCb = unsafe extern "C" fn(*mut Guestfs, *mut c_void);
type ProgressCb = unsafe extern "C" fn(*mut Guestfs, *mut c_void, c_int, c_int, u64, u64);

/// Take away what was set for `class` and put `callback` there.
unsafe fn replace(g: *mut Guestfs, class: EventClass, callback: Option<impl Fn(&Event<'_>) + Send + Sync + 'static>) {
    // SAFETY: callers pass null or an open handle.
    let Some(gfs) = (unsafe { g.as_ref() }) else { return };
    // The new one is there before the old one is gone: of two that set one at a time, one stays. Nothing is
    // deleted under the lock, since that waits for the callback, which may come here.
    let id = callback.map(|callback| gfs.handle().add_event_callback(class.bit(), move |_, event| callback(event)));
    let old: Vec<EventId> = {
        let mut set = gfs.oldstyle.lock().unwrap_or_else(PoisonError::into_inner);
        let old = set.0.iter().filter(|(c, _)| *c == class).map(|(_, id)| *id).collect();
        set.0.retain(|(c, _)| *c != class);
        set.0.extend(id.map(|id| (class, id)));
        old
    };
    for id in old {
        events::delete(gfs, id);
    }
}

/// Console output of the appliance.
///
/// # Safety
/// `g` is null or open; `cb` can be called with `opaque` until it is replaced or the handle is closed.
#[no_mangle]
pub unsafe extern "C" fn guestfs_set_log_message_callback(
    g: *mut Guestfs,
    cb: Option<LogMessageCb>,
    opaque: *mut c_void,
) {
    let (ptr, opaque) = (HandlePtr(g), Opaque::new(opaque));
    let callback = cb.map(|cb| {
        move |event: &Event<'_>| {
            // The old type lets the callback write to the text.
            let mut text = events::text(event);
            let len = c_int::try_from(event.data.len()).unwrap_or(c_int::MAX);
            // SAFETY: the program registered this function; the copy outlives the call.
            callbacks::run(ptr.get(), || unsafe { cb(ptr.get(), opaque.get(), text.as_mut_ptr().cast(), len) });
        }
    });
    // SAFETY: the same contract.
    unsafe { replace(g, EventClass::Appliance, callback) };
}

unsafe fn plain(g: *mut Guestfs, class: EventClass, cb: Option<PlainCb>, opaque: *mut c_void) {
    let (ptr, opaque) = (HandlePtr(g), Opaque::new(opaque));
    let callback = cb.map(|cb| {
        move |_: &Event<'_>| {
            // SAFETY: the program registered this function for exactly these arguments.
            callbacks::run(ptr.get(), || unsafe { cb(ptr.get(), opaque.get()) });
        }
    });
    // SAFETY: callers pass null or an open handle.
    unsafe { replace(g, class, callback) };
}

/// The appliance ended.
///
/// # Safety
/// As for [`guestfs_set_log_message_callback`].
#[no_mangle]
pub unsafe extern "C" fn guestfs_set_subprocess_quit_callback(
    g: *mut Guestfs,
    cb: Option<PlainCb>,
    opaque: *mut c_void,
) {
    // SAFETY: the same contract.
    unsafe { plain(g, EventClass::SubprocessQuit, cb, opaque) };
}

/// The launch is done.
///
/// # Safety
/// As for [`guestfs_set_log_message_callback`].
#[no_mangle]
pub unsafe extern "C" fn guestfs_set_launch_done_callback(g: *mut Guestfs, cb: Option<PlainCb>, opaque: *mut c_void) {
    // SAFETY: the same contract.
    unsafe { plain(g, EventClass::LaunchDone, cb, opaque) };
}

/// The handle is being closed.
///
/// # Safety
/// As for [`guestfs_set_log_message_callback`].
#[no_mangle]
pub unsafe extern "C" fn guestfs_set_close_callback(g: *mut Guestfs, cb: Option<PlainCb>, opaque: *mut c_void) {
    // SAFETY: the same contract.
    unsafe { plain(g, EventClass::Close, cb, opaque) };
}

/// Progress of a long call.
///
/// # Safety
/// As for [`guestfs_set_log_message_callback`].
#[no_mangle]
pub unsafe extern "C" fn guestfs_set_progress_callback(g: *mut Guestfs, cb: Option<ProgressCb>, opaque: *mut c_void) {
    let (ptr, opaque) = (HandlePtr(g), Opaque::new(opaque));
    let callback = cb.map(|cb| {
        move |event: &Event<'_>| {
            if let [proc, serial, position, total] = *event.array {
                // Both were 32-bit integers on the wire.
                let (proc, serial) = (proc as c_int, serial as c_int);
                // SAFETY: the program registered this function for exactly these arguments.
                callbacks::run(ptr.get(), || unsafe { cb(ptr.get(), opaque.get(), proc, serial, position, total) });
            }
        }
    });
    // SAFETY: the same contract.
    unsafe { replace(g, EventClass::Progress, callback) };
}
