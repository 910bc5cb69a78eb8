//! Panics of callbacks.
//!
//! In: a panic in a callback, somewhere inside a call. Out: the same panic, when the call has ended: the library is
//! never left in the middle of what it does.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};

thread_local! {
    /// The first of the call that this thread is in.
    static CAUGHT: RefCell<Option<Box<dyn Any + Send>>> = const { RefCell::new(None) };
}

/// Run a callback.
pub fn catch(callback: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(callback)) {
        CAUGHT.with(|caught| {
            caught.borrow_mut().get_or_insert(panic);
        });
    }
}

/// Run a call, and go on with the panic of its callbacks, if one had any.
pub fn pass_on<T>(call: impl FnOnce() -> T) -> T {
    let result = call();
    match CAUGHT.with(RefCell::take) {
        Some(panic) => resume_unwind(panic),
        None => result,
    }
}

/// Run what may not panic. The message of a callback's panic was printed where it happened.
pub fn forget(close: impl FnOnce()) {
    let before = CAUGHT.with(RefCell::take);
    close();
    CAUGHT.with(|caught| drop(caught.replace(before)));
}
