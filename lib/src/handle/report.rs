//! What the handle tells: errors to the program, messages to listeners or stderr.
//!
//! In: errors and lines from calls. Out: the last error of each thread, one call of the error hook an
//! error, message events.

use super::Handle;
use crate::error::Error;
use crate::event::EventClass;
use bstr::ByteSlice;
use std::cell::{Cell, RefCell};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

thread_local! {
    /// Above zero: failures on this thread are expected and not reported.
    static QUIET: Cell<u32> = const { Cell::new(0) };
    /// The last error of this thread for each handle that had one. In the thread and not in the handle, so
    /// that short-lived threads leave nothing behind; those of closed handles go with the next one.
    static LAST: RefCell<Vec<(Weak<()>, Error)>> = const { RefCell::new(Vec::new()) };
}

/// What [`Handle::set_error_hook`] takes.
pub type ErrorHook = dyn Fn(&Handle, &Error) + Send + Sync;

impl Handle {
    /// The last error of a call made by this thread on this handle.
    pub fn last_error(&self) -> Option<Error> {
        let find = |last: &RefCell<Vec<(Weak<()>, Error)>>| {
            last.borrow().iter().find(|(handle, _)| self.is(handle)).map(|(_, error)| error.clone())
        };
        // Fails only while the thread ends.
        LAST.try_with(find).ok().flatten()
    }

    /// Replace (`Some`) or forget (`None`) the last error of this thread: for bindings whose own
    /// checks fail.
    pub fn set_last_error(&self, error: Option<Error>) {
        let replace = |last: &RefCell<Vec<(Weak<()>, Error)>>| {
            let mut all = last.take();
            all.retain(|(handle, _)| handle.strong_count() > 0 && !self.is(handle));
            all.extend(error.map(|e| (Arc::downgrade(&self.alive), e)));
            last.replace(all)
        };
        // Fails only while the thread ends, when nobody is left to ask for it.
        let _ = LAST.try_with(replace);
    }

    fn is(&self, other: &Weak<()>) -> bool {
        std::ptr::eq(Arc::as_ptr(&self.alive), other.as_ptr())
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

    pub(crate) fn trace_line(&self, line: &[u8]) {
        self.message(EventClass::Trace, line);
    }

    /// A debug message of the library: only when verbose.
    pub(crate) fn note(&self, line: &[u8]) {
        if self.verbose.load(Ordering::Relaxed) {
            self.message(EventClass::Library, line);
        }
    }

    /// What a program may want to know though it did not ask: a LIBRARY event, verbose or not.
    pub(crate) fn notice(&self, line: &[u8]) {
        self.message(EventClass::Library, line);
    }

    /// Write notices to stderr, as warnings are, when nobody listens to LIBRARY events: for programs that people
    /// sit at.
    pub fn show_notices(&self, show: bool) {
        self.notices.store(show, Ordering::Relaxed);
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
            // Without verbose there are only notices.
            EventClass::Library if self.verbose.load(Ordering::Relaxed) || self.notices.load(Ordering::Relaxed) => {
                b"libguestfs: "
            }
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
        printable(
            &mut line,
            data,
            match class {
                EventClass::Appliance => b"\n\r\t",
                // Messages of tools and lists, in lines; who reads them knows where they are from.
                EventClass::Library => b"\n\t",
                _ => b"",
            },
        );
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

/// One line on stderr, of our words and perhaps somebody else's.
pub(super) fn print(prefix: &[u8], text: &[u8]) {
    let mut line = prefix.to_vec();
    printable(&mut line, text, b"");
    line.push(b'\n');
    // Nobody to tell when stderr is gone.
    let _ = std::io::Write::write_all(&mut std::io::stderr(), &line);
}

/// Add text that may hold a guest's bytes, for a terminal: control characters, those above 0x7f too, and
/// what is not UTF-8 are written as in C, except those in `kept`.
pub fn printable(line: &mut Vec<u8>, text: &[u8], kept: &[u8]) {
    for (from, to, c) in text.char_indices() {
        let bytes = text.get(from..to).unwrap_or_default();
        // A replacement character that is really there has three bytes, one made up for others not these.
        let made_up = c == char::REPLACEMENT_CHARACTER && bytes != "\u{fffd}".as_bytes();
        match c {
            '\n' if !kept.contains(&b'\n') => line.extend_from_slice(b"\\n"),
            _ if made_up || c.is_control() && !kept.iter().any(|k| char::from(*k) == c) => {
                for b in bytes {
                    line.extend_from_slice(format!("\\x{b:02x}").as_bytes());
                }
            }
            _ => line.extend_from_slice(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_get_no_orders() {
        let shown = |text: &[u8], kept| {
            let mut line = Vec::new();
            printable(&mut line, text, kept);
            String::from_utf8(line).unwrap()
        };
        assert_eq!(shown("a\tb\nc\r \u{e4} \u{fffd}".as_bytes(), b"\n\t"), "a\tb\nc\\x0d \u{e4} \u{fffd}");
        assert_eq!(shown(b"name\nlibguestfs: lie\r\t", b""), "name\\nlibguestfs: lie\\x0d\\x09");
        assert_eq!(
            shown(b"\x1b]0;x\x07 \x7f \xc2\x9b \x9b \xe2\x82", b"\n"),
            "\\x1b]0;x\\x07 \\x7f \\xc2\\x9b \\x9b \\xe2\\x82"
        );
        assert_eq!(shown(b"\r\n\t\x08", b"\n\r\t"), "\r\n\t\\x08");
    }

    #[test]
    fn threads_leave_no_errors_behind() {
        let g = crate::fake::handle();
        let other = crate::fake::handle();
        g.set_last_error(Some(Error::usage("first")));
        g.set_last_error(Some(Error::usage("mine")));
        other.set_last_error(Some(Error::usage("other")));
        std::thread::scope(|s| {
            s.spawn(|| {
                assert!(g.last_error().is_none());
                g.set_last_error(Some(Error::usage("its own")));
                assert_eq!(g.last_error().unwrap().message(), "its own");
            });
        });
        assert_eq!(g.last_error().unwrap().message(), "mine");
        drop(other);
        g.set_last_error(None);
        assert!(g.last_error().is_none());
        LAST.with(|last| assert!(last.borrow().is_empty(), "closed handles are forgotten"));
    }
}
