//! Closing a handle.
//!
//! In: a handle, launched or not. Out: what it had mounted is let go of, the appliance is synced and ended,
//! listeners are told, its directories are gone; in a forked child memory is freed and that is all. On top of
//! everything else, since all of that ends here.

use crate::event::EventClass;
use crate::handle::Handle;
use std::sync::atomic::Ordering;

impl Handle {
    /// Close: sync and end the appliance if one runs, then tell CLOSE callbacks. Dropping does the same.
    pub fn close(self) {
        drop(self);
    }

    /// Close while others still hold a reference: what dropping does, once. For bindings whose CLOSE
    /// callbacks use the handle.
    pub fn close_in_place(&self) {
        // A forked child's is a copy: nobody is told.
        if self.closed.swap(true, Ordering::AcqRel) || self.is_foreign() {
            return;
        }
        if self.trace.load(Ordering::Relaxed) {
            self.trace_line(b"close");
        }
        self.note(format!("closing guestfs handle (state {})", self.state() as i32).as_bytes());
        crate::mount_local::close(self);
        if let Err(e) = crate::launch::shutdown(self) {
            // Nobody is left to return it to, and it can mean lost writes.
            self.warn(&[b"close: ", e.message() as &[u8]].concat());
        }
        self.fire(EventClass::Close, &[], &[]);
        self.remove_directories();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.is_foreign() {
            self.abandon();
        }
        self.close_in_place();
    }
}
