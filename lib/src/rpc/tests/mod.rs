//! The library against daemons that are slow, broken or hostile.

mod cancel;
mod cancel_all;
mod files;
mod hostile;
mod reentry;
mod scripted;
mod scripted_files;
mod scripted_hello;
mod values;

use crate::error::{Error, ErrorKind};
use crate::event::EventClass;
use crate::handle::{Handle, State};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

/// Count SUBPROCESS_QUIT events.
fn count_quits(g: &Handle) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    g.add_event_callback(EventClass::SubprocessQuit.bit(), move |_, _| {
        counter.fetch_add(1, Ordering::SeqCst);
    });
    count
}

/// The call failed, the connection is closed, everybody was told, and the handle can go on.
fn assert_lost(g: &Handle, quits: &AtomicUsize, error: &Error, kind: &ErrorKind) {
    assert_eq!(error.kind(), kind, "{error}");
    assert_eq!(g.state(), State::Config, "{error}");
    assert_eq!(quits.load(Ordering::SeqCst), 1, "{error}");
    let after = g.ping_daemon().unwrap_err();
    assert_eq!(*after.kind(), ErrorKind::NotLaunched);
}

/// The call failed but the connection is as good as before.
fn assert_sound(g: &Handle, error: &Error) {
    assert_eq!(g.state(), State::Ready, "{error}");
    g.ping_daemon().unwrap_or_else(|e| panic!("after {error}: {e}"));
}
