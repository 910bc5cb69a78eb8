//! What the handle tells: errors to the program, messages to listeners or stderr.
//!
//! In: errors and lines from calls. Out: the last error of each thread, one call of the error hook an
//! error, message events.

use super::Handle;
use crate::error::Error;
use crate::event::EventClass;
use std::cell::Cell;
use std::sync::atomic::Ordering;
use std::sync::Arc;

thread_local! {
    /// Above zero: failures on this thread are expected and not reported.
    static QUIET: Cell<u32> = const { Cell::new(0) };
}

/// What [`Handle::set_error_hook`] takes.
pub type ErrorHook = dyn Fn(&Handle, &Error) + Send + Sync;

impl Handle {
    /// The last error of a call made by this thread on this handle.
    pub fn last_error(&self) -> Option<Error> {
        self.last_errors.lock().get(&std::thread::current().id()).cloned()
    }

    /// Replace (`Some`) or forget (`None`) the last error of this thread: for bindings whose own
    /// checks fail.
    pub fn set_last_error(&self, error: Option<Error>) {
        let mut errors = self.last_errors.lock();
        match error {
            Some(e) => errors.insert(std::thread::current().id(), e),
            None => errors.remove(&std::thread::current().id()),
        };
    }

    /// Call `hook` once for every error a call raises, before its trace line and before it returns:
    /// the C API's error handler. Errors that the library itself expects are not reported.
    pub fn set_error_hook(&self, hook: Option<Arc<ErrorHook>>) {
        *self.error_hook.lock() = hook;
    }

    /// Record and report an error as [`Handle::wrapped`] does: for checks made outside it.
    pub fn report(&self, mut error: Error) -> Error {
        if !error.reported() && QUIET.with(Cell::get) == 0 {
            error.mark_reported();
            self.set_last_error(Some(error.clone()));
            let hook = self.error_hook.lock().clone();
            if let Some(hook) = hook {
                hook(self, &error);
            }
        }
        error
    }

    /// Run `body` with failures neither reported nor recorded: for probes that may fail.
    pub(crate) fn quietly<T>(&self, body: impl FnOnce(&Handle) -> T) -> T {
        struct Quiet;
        impl Drop for Quiet {
            fn drop(&mut self) {
                QUIET.with(|q| q.set(q.get().saturating_sub(1)));
            }
        }
        QUIET.with(|q| q.set(q.get().saturating_add(1)));
        let _quiet = Quiet;
        body(self)
    }

    pub(super) fn trace_line(&self, line: &[u8]) {
        self.message(EventClass::Trace, line);
    }

    /// A debug message of the library: only when verbose.
    pub(crate) fn note(&self, line: &[u8]) {
        if self.verbose.load(Ordering::Relaxed) {
            self.message(EventClass::Library, line);
        }
    }

    /// A warning for the user.
    pub(crate) fn warn(&self, line: &[u8]) {
        self.message(EventClass::Warning, line);
    }

    /// Deliver a message event; without a listener it goes to stderr as upstream prints it.
    pub(crate) fn message(&self, class: EventClass, data: &[u8]) {
        if self.fire(class, data, &[]) {
            return;
        }
        let prefix: &[u8] = match class {
            EventClass::Trace => b"libguestfs: trace: ",
            EventClass::Warning => b"libguestfs: warning: ",
            EventClass::Library if self.verbose.load(Ordering::Relaxed) => b"libguestfs: ",
            EventClass::Appliance if self.verbose.load(Ordering::Relaxed) => b"",
            _ => return,
        };
        let mut line = prefix.to_vec();
        if class == EventClass::Trace {
            let identifier = self.props.lock().identifier.clone();
            if !identifier.is_empty() {
                line.extend_from_slice(&identifier);
                line.extend_from_slice(b": ");
            }
        }
        line.extend_from_slice(data);
        if class != EventClass::Appliance {
            line.push(b'\n');
        }
        // Nobody to tell when stderr is gone.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), &line);
    }

    /// Somebody listens to this class.
    pub(crate) fn wants(&self, class: EventClass) -> bool {
        self.callbacks.wants(class)
    }
}
