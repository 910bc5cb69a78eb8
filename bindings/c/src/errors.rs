//! Errors as C sees them: the last one of each thread, and the handler that is told at once.
//!
//! In: errors reported by the library (through its hook) or by `marshal`. Out: `guestfs_last_error`,
//! `guestfs_last_errno`, calls of the handler. The default handler prints to stderr.

use crate::handle::{callbacks, Guestfs};
use guestfs::Error;
use libc::{c_char, c_int, c_void};
use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// `guestfs_error_handler_cb`.
pub type ErrorHandlerCb = unsafe extern "C" fn(*mut Guestfs, *mut c_void, *const c_char);

/// A handler, or none, and what it wants back.
#[derive(Clone, Copy)]
struct Handler {
    cb: Option<ErrorHandlerCb>,
    opaque: *mut c_void,
}

// SAFETY: the opaque pointer is only handed back to the program that gave it.
unsafe impl Send for Handler {}

impl Default for Handler {
    fn default() -> Self {
        Handler { cb: Some(print_error), opaque: ptr::null_mut() }
    }
}

/// The handlers of one handle, and the mark of its life that per-thread errors hang on.
#[derive(Default)]
pub struct Errors {
    handlers: Mutex<Handlers>,
    alive: Arc<()>,
}

#[derive(Default)]
struct Handlers {
    current: Handler,
    pushed: Vec<Handler>,
}

struct LastError {
    handle: Weak<()>,
    message: CString,
    errno: c_int,
}

thread_local! {
    /// The last error of this thread for each handle that had one. In the thread and not in the handle,
    /// so that short-lived threads leave nothing behind; entries of closed handles go at the next error.
    static LAST: RefCell<Vec<LastError>> = const { RefCell::new(Vec::new()) };
}

impl Errors {
    fn handlers(&self) -> MutexGuard<'_, Handlers> {
        self.handlers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remember `error` for this thread and tell the handler, with no lock held.
    pub fn raise(&self, g: *mut Guestfs, error: &Error) {
        let mut text: Vec<u8> = error.full_text().into();
        text.retain(|b| *b != 0);
        let message = CString::new(text).unwrap_or_default();
        let handler = self.handlers().current;
        let told = handler.cb.map(|cb| (cb, message.clone()));
        // Fails only while the thread ends, when nobody is left to ask for it.
        let _ = LAST.try_with(|last| {
            let mut all = last.borrow_mut();
            all.retain(|e| e.handle.strong_count() > 0 && !self.is(&e.handle));
            all.push(LastError { handle: Arc::downgrade(&self.alive), message, errno: error.errno() });
        });
        if let Some((cb, message)) = told {
            // SAFETY: the program registered this function for exactly these arguments.
            callbacks::run(g, || unsafe { cb(g, handler.opaque, message.as_ptr()) });
        }
    }

    fn is(&self, other: &Weak<()>) -> bool {
        ptr::eq(Arc::as_ptr(&self.alive), other.as_ptr())
    }

    fn last<T>(&self, read: impl FnOnce(&LastError) -> T) -> Option<T> {
        LAST.try_with(|last| last.borrow().iter().find(|e| self.is(&e.handle)).map(read)).ok().flatten()
    }
}

/// The default handler: one line on stderr.
unsafe extern "C" fn print_error(_: *mut Guestfs, _: *mut c_void, msg: *const c_char) {
    let mut line = b"libguestfs: error: ".to_vec();
    if !msg.is_null() {
        // SAFETY: handlers are given NUL-terminated strings.
        guestfs::printable(&mut line, unsafe { CStr::from_ptr(msg) }.to_bytes(), b"\n\t");
    }
    line.push(b'\n');
    // Nobody to tell when stderr is gone.
    let _ = std::io::Write::write_all(&mut std::io::stderr(), &line);
}

/// Text of this thread's last error on the handle, or NULL; valid until its next error.
///
/// # Safety
/// `g` is null or an open handle.
#[no_mangle]
pub unsafe extern "C" fn guestfs_last_error(g: *mut Guestfs) -> *const c_char {
    // SAFETY: the same contract.
    let gfs = unsafe { g.as_ref() };
    gfs.and_then(|gfs| gfs.errors.last(|e| e.message.as_ptr())).unwrap_or(ptr::null())
}

/// errno of this thread's last error on the handle; 0 when there was none.
///
/// # Safety
/// `g` is null or an open handle.
#[no_mangle]
pub unsafe extern "C" fn guestfs_last_errno(g: *mut Guestfs) -> c_int {
    // SAFETY: the same contract.
    let gfs = unsafe { g.as_ref() };
    gfs.and_then(|gfs| gfs.errors.last(|e| e.errno)).unwrap_or(0)
}

/// Replace the error handler; NULL for silence.
///
/// # Safety
/// `g` is null or an open handle; `cb` can be called with `opaque` until it is replaced.
#[no_mangle]
pub unsafe extern "C" fn guestfs_set_error_handler(g: *mut Guestfs, cb: Option<ErrorHandlerCb>, opaque: *mut c_void) {
    // SAFETY: the same contract.
    if let Some(gfs) = unsafe { g.as_ref() } {
        gfs.errors.handlers().current = Handler { cb, opaque };
    }
}

/// The error handler, and its opaque pointer through `opaque_rtn` unless that is NULL.
///
/// # Safety
/// `g` is null or an open handle; `opaque_rtn` is null or can be written.
#[no_mangle]
pub unsafe extern "C" fn guestfs_get_error_handler(
    g: *mut Guestfs,
    opaque_rtn: *mut *mut c_void,
) -> Option<ErrorHandlerCb> {
    // SAFETY: the same contract.
    let handler = unsafe { g.as_ref() }?.errors.handlers().current;
    if !opaque_rtn.is_null() {
        // SAFETY: the same contract.
        unsafe { opaque_rtn.write(handler.opaque) };
    }
    handler.cb
}

/// Set a handler until [`guestfs_pop_error_handler`].
///
/// # Safety
/// As for [`guestfs_set_error_handler`].
#[no_mangle]
pub unsafe extern "C" fn guestfs_push_error_handler(g: *mut Guestfs, cb: Option<ErrorHandlerCb>, opaque: *mut c_void) {
    // SAFETY: the same contract.
    if let Some(gfs) = unsafe { g.as_ref() } {
        let mut handlers = gfs.errors.handlers();
        let before = std::mem::replace(&mut handlers.current, Handler { cb, opaque });
        handlers.pushed.push(before);
    }
}

/// Back to the handler before the last push; with nothing pushed, to the default handler.
///
/// # Safety
/// `g` is null or an open handle.
#[no_mangle]
pub unsafe extern "C" fn guestfs_pop_error_handler(g: *mut Guestfs) {
    // SAFETY: the same contract.
    if let Some(gfs) = unsafe { g.as_ref() } {
        let mut handlers = gfs.errors.handlers();
        handlers.current = handlers.pushed.pop().unwrap_or_default();
    }
}
