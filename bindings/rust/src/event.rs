//! Events.
//!
//! In: closures, which may borrow and may be for one thread only. Out: callbacks of our own crate, which knows neither
//! of the two.

#![allow(unsafe_code)]

use crate::error::Error;
use crate::generated::Event;
use crate::handle::Handle;
use crate::panic;
use guestfs_rs as native;
use std::mem::{transmute, ManuallyDrop};
use std::thread::{current, ThreadId};

/// A callback that was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventHandle(native::EventId);

fn mask(events: &[Event]) -> u64 {
    events.iter().fold(0, |mask, event| mask | event.to_u64())
}

/// Names of classes, with commas between them, in alphabetical order.
///
/// # Errors
/// None; the type is upstream's.
pub fn event_to_string(events: &[Event]) -> Result<String, Error> {
    Ok(native::event_to_string(mask(events)))
}

type Callback<'a> = dyn Fn(Event, EventHandle, &[u8], &[u64]) + Send + Sync + 'a;

impl<'a> Handle<'a> {
    /// Have `callback` called for every event of these classes: with its class, what this returns, text or bytes
    /// (console, trace line, name of a call, …) and numbers (`progress`: call, serial number, position, total).
    ///
    /// It is called on the thread that makes the call in which the event happens, and only if that is the thread that
    /// has set it: so it need not be [`Send`]. For a handle that goes from thread to thread there is
    /// [`Handle::set_event_callback_for_all_threads`]. If the handle is closed on another thread, what the callback
    /// holds is not freed.
    ///
    /// What it borrows has to outlive the handle, which calls it when it closes. This does not compile:
    ///
    /// ```compile_fail,E0597
    /// # use guestfs_upstream::{Event, Handle};
    /// let mut g = Handle::create().unwrap();
    /// let count = std::cell::Cell::new(0);
    /// g.set_event_callback(|_, _, _, _| count.set(count.get() + 1), &[Event::Close]).unwrap();
    /// ```
    ///
    /// # Errors
    /// None; the type is upstream's.
    pub fn set_event_callback<C>(&mut self, callback: C, events: &[Event]) -> Result<EventHandle, Error>
    where
        C: Fn(Event, EventHandle, &[u8], &[u64]) + 'a,
    {
        let bound = Bound { thread: current().id(), callback: ManuallyDrop::new(callback) };
        self.set_event_callback_for_all_threads(
            move |event, eh, buf, array| {
                if let Some(callback) = bound.get() {
                    callback(event, eh, buf, array);
                }
            },
            events,
        )
    }

    /// As [`Handle::set_event_callback`], for a callback that may be called on any thread, and on several at once.
    ///
    /// # Errors
    /// None; the type is that of its sister.
    pub fn set_event_callback_for_all_threads<C>(&mut self, callback: C, events: &[Event]) -> Result<EventHandle, Error>
    where
        C: Fn(Event, EventHandle, &[u8], &[u64]) + Send + Sync + 'a,
    {
        let callback: Box<Callback<'a>> = Box::new(callback);
        // SAFETY: only the lifetime changes. The callback is called and dropped by the native handle alone, which
        // `self` owns and never gives away, and `'a` outlives `self`: `Handle` implements Drop and names `'a`, so that
        // what is borrowed for `'a` is still there when it closes. A handle that is leaked makes no calls.
        let callback: Box<Callback<'static>> = unsafe { transmute(callback) };
        let id = self.native().add_event_callback(mask(events), move |_, event| {
            if let Some(class) = Event::from_bitmask(event.class.bit()) {
                panic::catch(|| callback(class, EventHandle(event.id), event.data, event.array));
            }
        });
        Ok(EventHandle(id))
    }

    /// Call a callback no more, and drop it. What is not set any more is ignored.
    ///
    /// # Errors
    /// None; the type is upstream's.
    pub fn delete_event_callback(&mut self, eh: EventHandle) -> Result<(), Error> {
        self.native().delete_event_callback(eh.0);
        Ok(())
    }
}

/// A callback that never leaves its thread, wherever this is moved to.
struct Bound<C> {
    thread: ThreadId,
    callback: ManuallyDrop<C>,
}

// SAFETY: the callback is reached on its own thread only (`get`, `drop`); no other has this `ThreadId`, ever.
unsafe impl<C> Send for Bound<C> {}
// SAFETY: as above.
unsafe impl<C> Sync for Bound<C> {}

impl<C> Bound<C> {
    fn get(&self) -> Option<&C> {
        (self.thread == current().id()).then(|| &*self.callback)
    }
}

impl<C> Drop for Bound<C> {
    fn drop(&mut self) {
        if self.thread == current().id() {
            // SAFETY: this is its thread, and nothing sees it afterwards. Elsewhere it is leaked.
            unsafe { ManuallyDrop::drop(&mut self.callback) }
        }
    }
}
