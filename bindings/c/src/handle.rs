//! `guestfs_h`: the safe handle and what only C needs beside it.
//!
//! In: create and close. Out: a pointer that is valid from one to the other, its constant strings with
//! it. Handles that are still open when the program exits are closed then, unless that was declined.

use crate::errors::Errors;
use crate::memory::{default_abort, AbortCb, Memory};
use crate::oldstyle::OldStyle;
use crate::private::Private;
use guestfs::{BString, CreateFlags, Handle};
use libc::{c_char, c_uint};
use std::collections::BTreeSet;
use std::ffi::{CStr, CString};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

const NO_ENVIRONMENT: c_uint = 1 << 0;
const NO_CLOSE_ON_EXIT: c_uint = 1 << 1;
/// How long a close waits for calls of other threads to return once it has taken away what they worked with.
const LEAVE_MAX: Duration = Duration::from_secs(2);

/// What a `guestfs_h *` points to. The handle comes first: `c_pointer` returns its address.
#[repr(C)]
pub struct Guestfs {
    handle: Handle,
    pub(crate) errors: Arc<Errors>,
    pub(crate) private: Mutex<Private>,
    pub(crate) oldstyle: Mutex<OldStyle>,
    abort: Mutex<AbortCb>,
    /// Constant results, kept until close; equal ones are kept once.
    strings: Mutex<BTreeSet<CString>>,
    /// How many calls have not returned.
    calls: AtomicUsize,
}

/// A call on a handle: until this goes away the handle's memory stays.
pub struct InCall<'g>(&'g AtomicUsize);

impl Drop for InCall<'_> {
    fn drop(&mut self) {
        // The last touch of the handle: who closes it may free it at once.
        self.0.fetch_sub(1, Ordering::Release);
    }
}

const _: () = assert!(std::mem::offset_of!(Guestfs, handle) == 0);

impl Guestfs {
    /// The safe handle.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// A call begins. Safe in signal handlers.
    pub fn enter(&self) -> InCall<'_> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        InCall(&self.calls)
    }

    /// Whether no call is left, perhaps after a while.
    fn left(&self, patience: Duration) -> bool {
        let begin = Instant::now();
        loop {
            if self.calls.load(Ordering::Acquire) == 0 {
                return true;
            }
            if begin.elapsed() >= patience {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The allocator for results.
    pub fn memory(&self) -> Memory {
        Memory { abort: *self.abort.lock().unwrap_or_else(PoisonError::into_inner) }
    }

    /// The same bytes as a C string that lives as long as the handle.
    pub fn keep(&self, string: BString) -> *const c_char {
        let mut bytes: Vec<u8> = string.into();
        bytes.retain(|b| *b != 0);
        let string = CString::new(bytes).unwrap_or_default();
        let mut kept = self.strings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.get(&string) {
            return known.as_ptr();
        }
        // Moving a CString into the set does not move its bytes.
        let p = string.as_ptr();
        kept.insert(string);
        p
    }
}

/// A pointer for closures and lists that cross threads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HandlePtr(pub *mut Guestfs);

// SAFETY: `Guestfs` is `Sync`: every part of it that changes is behind a lock.
unsafe impl Send for HandlePtr {}
// SAFETY: as above.
unsafe impl Sync for HandlePtr {}

impl HandlePtr {
    /// The pointer. (A method, so that closures capture all of `self` and not just the raw field.)
    pub fn get(self) -> *mut Guestfs {
        self.0
    }
}

/// Create with properties from the environment.
///
/// # Safety
/// Always sound; `unsafe` only for the likeness of its family.
#[no_mangle]
pub unsafe extern "C" fn guestfs_create() -> *mut Guestfs {
    create(0)
}

/// `guestfs_create_flags` without its variable arguments (none of which means anything yet); called
/// by `varargs.c`.
///
/// # Safety
/// Always sound.
#[no_mangle]
pub unsafe extern "C" fn guestfs_rs_create(flags: c_uint) -> *mut Guestfs {
    create(flags)
}

fn create(flags: c_uint) -> *mut Guestfs {
    let wanted =
        CreateFlags { no_environment: flags & NO_ENVIRONMENT != 0, no_close_on_exit: flags & NO_CLOSE_ON_EXIT != 0 };
    let handle = match catch_unwind(|| Handle::create(wanted)) {
        Ok(Ok(handle)) => handle,
        Ok(Err(e)) => {
            // There is no handle to hang the error on.
            eprintln!("libguestfs: error: {e}");
            return std::ptr::null_mut();
        }
        Err(_) => return std::ptr::null_mut(),
    };
    let errors = Arc::<Errors>::default();
    let gfs = Guestfs {
        handle,
        errors: errors.clone(),
        private: Mutex::default(),
        oldstyle: Mutex::default(),
        abort: Mutex::new(default_abort),
        strings: Mutex::default(),
        calls: AtomicUsize::new(0),
    };
    let g = HandlePtr(Box::into_raw(Box::new(gfs)));
    // SAFETY: just made, and nobody else knows it yet.
    let gfs = unsafe { &*g.get() };
    gfs.handle.set_error_hook(Some(Arc::new(move |_, error| errors.raise(g.get(), error))));
    if !wanted.no_close_on_exit {
        open_handles::add(g);
    }
    g.get()
}

/// Close: end the appliance in order, tell CLOSE callbacks, free everything. NULL is ignored. From a
/// callback of the same handle, whose caller still needs it, it is refused.
///
/// # Safety
/// `g` is null or open, and nobody but callers of a callback uses it any more.
#[no_mangle]
pub unsafe extern "C" fn guestfs_close(g: *mut Guestfs) {
    // SAFETY: the same contract.
    let Some(gfs) = (unsafe { g.as_ref() }) else { return };
    if callbacks::running(g) {
        // The error handler may be the callback that closes; it is told of the first refusal only.
        callbacks::unless_refusing(|| {
            let text = "close: a handle cannot be closed from one of its own callbacks";
            gfs.handle.report(guestfs::Error::usage(text));
        });
        return;
    }
    // SAFETY: the same contract.
    unsafe { close(g, false) };
}

/// See [`guestfs_close`]; also when the program exits, perhaps from a callback, to which nothing returns then,
/// or with other threads in the middle of calls. Memory that a call still uses is not freed: who serves a
/// mount, for one, returns a moment after the mount is gone.
///
/// # Safety
/// `g` is open, and nobody begins to use it any more.
unsafe fn close(g: *mut Guestfs, at_exit: bool) {
    open_handles::remove(HandlePtr(g));
    let close = || {
        // SAFETY: open, by contract. Callbacks use the handle while it closes, so it is only borrowed.
        let gfs = unsafe { &*g };
        gfs.handle.close_in_place();
        // At exit memory is no matter, and waiting would be for nothing; a forked child has no other threads.
        if gfs.handle.is_foreign() || gfs.left(if at_exit { Duration::ZERO } else { LEAVE_MAX }) {
            // SAFETY: `g` came from Box::into_raw in `create`; the caller gives it up, and no call is left.
            drop(unsafe { Box::from_raw(g) });
        } else if !at_exit {
            eprintln!(
                "libguestfs: warning: close: another thread is still in a call; the memory of the handle is not freed"
            );
        }
    };
    if catch_unwind(AssertUnwindSafe(close)).is_err() {
        eprintln!("libguestfs: internal error of the library while closing a handle");
    }
}

/// Replace what is called when memory is short.
///
/// # Safety
/// `g` is null or open; `cb` does not return.
#[no_mangle]
pub unsafe extern "C" fn guestfs_set_out_of_memory_handler(g: *mut Guestfs, cb: Option<AbortCb>) {
    // SAFETY: the same contract.
    if let Some(gfs) = unsafe { g.as_ref() } {
        *gfs.abort.lock().unwrap_or_else(PoisonError::into_inner) = cb.unwrap_or(default_abort);
    }
}

/// What is called when memory is short.
///
/// # Safety
/// `g` is null or open.
#[no_mangle]
pub unsafe extern "C" fn guestfs_get_out_of_memory_handler(g: *mut Guestfs) -> Option<AbortCb> {
    // SAFETY: the same contract.
    unsafe { g.as_ref() }.map(|gfs| gfs.memory().abort)
}

/// For `varargs.c`: an option number that this library does not know, or one given twice.
///
/// # Safety
/// `g` is null or open; `call` is a literal of `varargs.c`.
#[no_mangle]
pub unsafe extern "C" fn guestfs_rs_bad_option(
    g: *mut Guestfs,
    call: *const c_char,
    option: libc::c_int,
    repeated: libc::c_int,
) {
    // SAFETY: the same contract.
    let (gfs, call) = unsafe { (g.as_ref(), CStr::from_ptr(call)) };
    let call = call.to_string_lossy();
    let text = if repeated != 0 {
        format!("{call}: option {option} is given more than once")
    } else {
        format!("{call}: option {option} is unknown to this library; was the program compiled against a newer one, or the list not ended with -1?")
    };
    if let Some(gfs) = gfs {
        gfs.handle.report(guestfs::Error::usage(text));
    }
}

/// Callbacks of this thread that have not returned: no handle may be closed under them.
pub mod callbacks {
    use super::Guestfs;
    use std::cell::Cell;
    use std::ptr;

    /// One callback, on the stack of the function that calls it.
    struct Frame {
        handle: *const Guestfs,
        outer: *const Frame,
    }

    thread_local! {
        // A plain pointer and no vector: it is needed at exit, when destructors of this thread have run.
        static INNERMOST: Cell<*const Frame> = const { Cell::new(ptr::null()) };
        static REFUSING: Cell<bool> = const { Cell::new(false) };
    }

    impl Drop for Frame {
        fn drop(&mut self) {
            INNERMOST.set(self.outer);
        }
    }

    /// Run `body`, which calls a callback of `handle`.
    pub fn run(handle: *const Guestfs, body: impl FnOnce()) {
        let frame = Frame { handle, outer: INNERMOST.get() };
        INNERMOST.set(&frame);
        body();
    }

    /// Whether a callback of `handle` is running on this thread.
    pub fn running(handle: *const Guestfs) -> bool {
        let mut at = INNERMOST.get();
        // SAFETY: frames are taken out before they go, and those further out live longer.
        while let Some(frame) = unsafe { at.as_ref() } {
            if frame.handle == handle {
                return true;
            }
            at = frame.outer;
        }
        false
    }

    /// Run `report` unless that is what led here.
    pub(super) fn unless_refusing(report: impl FnOnce()) {
        if !REFUSING.replace(true) {
            report();
            REFUSING.set(false);
        }
    }
}

/// Handles to close when the program exits.
mod open_handles {
    use super::{close, HandlePtr, Mutex, Once, PoisonError};

    static OPEN: Mutex<Vec<HandlePtr>> = Mutex::new(Vec::new());

    pub(super) fn add(g: HandlePtr) {
        static AT_EXIT: Once = Once::new();
        AT_EXIT.call_once(|| {
            // SAFETY: a plain function of the C library; without room for one more we cannot close at exit.
            unsafe { libc::atexit(close_all) };
        });
        OPEN.lock().unwrap_or_else(PoisonError::into_inner).push(g);
    }

    pub(super) fn remove(g: HandlePtr) {
        OPEN.lock().unwrap_or_else(PoisonError::into_inner).retain(|open| *open != g);
    }

    extern "C" fn close_all() {
        loop {
            let next = OPEN.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match next {
                // SAFETY: in the list means open; it is not any more. A forked child leaves its parent's alone.
                Some(g) => unsafe {
                    if !(*g.get()).handle.is_foreign() {
                        close(g.get(), true);
                    }
                },
                None => break,
            }
        }
    }
}
