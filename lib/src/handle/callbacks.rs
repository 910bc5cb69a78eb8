//! Callbacks for events.
//!
//! In: callbacks with a bitmask of classes. Out: each event to every callback whose mask has its
//! class, in the order of registration, on the thread where it happened, with no inner lock held —
//! callbacks may make calls, add callbacks and delete any callback, themselves included.

use super::Handle;
use crate::event::{Event, EventClass, EventId};
use parking_lot::Condvar;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::Arc;
use std::thread::{current, ThreadId};

type Callback = dyn Fn(&Handle, &Event<'_>) + Send + Sync;

struct Slot {
    id: EventId,
    mask: u64,
    inside: parking_lot::Mutex<Inside>,
    left: Condvar,
    callback: Box<Callback>,
}

/// Who is in a callback.
#[derive(Default)]
struct Inside {
    /// Nobody goes in any more.
    deleted: bool,
    /// One entry a call: a thread may be in it several times, through calls that it makes.
    threads: Vec<ThreadId>,
}

/// A thread is in a callback until this goes away.
struct Visit<'s>(&'s Slot);

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let mut inside = self.0.inside.lock();
        if let Some(at) = inside.threads.iter().rposition(|t| *t == current().id()) {
            inside.threads.swap_remove(at);
        }
        self.0.left.notify_all();
    }
}

impl Slot {
    /// Go in, unless it is deleted.
    fn visit(&self) -> Option<Visit<'_>> {
        let mut inside = self.inside.lock();
        if inside.deleted {
            return None;
        }
        inside.threads.push(current().id());
        Some(Visit(self))
    }

    /// Wait until no other thread is in it.
    fn wait_for_others(&self) {
        let mut inside = self.inside.lock();
        while inside.threads.iter().any(|t| *t != current().id()) {
            self.left.wait(&mut inside);
        }
    }
}

/// The callbacks of one handle.
#[derive(Default)]
pub(crate) struct Callbacks {
    slots: parking_lot::Mutex<Vec<Arc<Slot>>>,
    next: AtomicU32,
    /// Union of the masks, read without the lock: most events have no listener.
    wanted: AtomicU64,
}

impl Callbacks {
    fn refresh(&self, slots: &[Arc<Slot>]) {
        self.wanted.store(slots.iter().fold(0, |m, s| m | s.mask), Ordering::Release);
    }

    pub(crate) fn wants(&self, class: EventClass) -> bool {
        self.wanted.load(Ordering::Acquire) & class.bit() != 0
    }
}

impl Handle {
    /// Call `callback` for every event whose class is in `mask` ([`EventClass::bit`]).
    pub fn add_event_callback(
        &self,
        mask: u64,
        callback: impl Fn(&Handle, &Event<'_>) + Send + Sync + 'static,
    ) -> EventId {
        let id = EventId(self.callbacks.next.fetch_add(1, Ordering::Relaxed));
        let mut slots = self.callbacks.slots.lock();
        let (inside, left) = Default::default();
        slots.push(Arc::new(Slot { id, mask, inside, left, callback: Box::new(callback) }));
        self.callbacks.refresh(&slots);
        id
    }

    /// Forget a callback; unknown ids are ignored. It is not called again on this thread; a call that
    /// another thread is in at this moment finishes.
    pub fn delete_event_callback(&self, id: EventId) {
        self.take_out(id);
    }

    /// As [`Handle::delete_event_callback`], and wait until no other thread is in it: for those who then take
    /// away what it works with. Not for callbacks, which others may be waiting for.
    pub fn delete_event_callback_and_wait(&self, id: EventId) {
        if let Some(slot) = self.take_out(id) {
            slot.wait_for_others();
        }
    }

    fn take_out(&self, id: EventId) -> Option<Arc<Slot>> {
        let gone = {
            let mut slots = self.callbacks.slots.lock();
            let at = slots.iter().position(|s| s.id == id);
            let gone = at.map(|at| slots.remove(at));
            self.callbacks.refresh(&slots);
            gone
        };
        if let Some(slot) = &gone {
            slot.inside.lock().deleted = true;
        }
        // Its destructor may be the user's code: it runs now that the lock is released.
        gone
    }

    /// Deliver one event. Returns false when nobody listens.
    pub(crate) fn fire(&self, class: EventClass, data: &[u8], array: &[u64]) -> bool {
        if !self.callbacks.wants(class) {
            return false;
        }
        let slots: Vec<Arc<Slot>> =
            self.callbacks.slots.lock().iter().filter(|s| s.mask & class.bit() != 0).cloned().collect();
        for slot in &slots {
            if let Some(_visit) = slot.visit() {
                (slot.callback)(self, &Event { class, id: slot.id, data, array });
            }
        }
        !slots.is_empty()
    }
}
