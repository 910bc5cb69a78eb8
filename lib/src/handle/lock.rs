//! The lock that a call holds from its beginning to its end.
//!
//! In: threads that make calls, nested calls of the same thread among them. Out: one thread at a time,
//! first come first served: who gives the lock up for a moment in a loop (a mounted file system between
//! two requests) does not keep the others out.

use parking_lot::{Condvar, Mutex};
use std::thread::{current, ThreadId};

/// A re-entrant lock without data, handed over in the order of asking.
#[derive(Default)]
pub(super) struct CallLock {
    state: Mutex<State>,
    free: Condvar,
}

#[derive(Default)]
struct State {
    owner: Option<ThreadId>,
    /// How deep the owner's calls are nested.
    depth: u32,
    /// The next ticket to give out, and the one whose turn it is.
    next: u64,
    turn: u64,
}

/// The lock is held until this goes away.
pub(crate) struct CallGuard<'l>(&'l CallLock);

impl CallLock {
    /// Wait for the lock; with it comes how deep this thread's calls were nested before.
    pub fn enter(&self) -> (CallGuard<'_>, u32) {
        let before = self.take(1);
        (CallGuard(self), before)
    }

    /// Nobody but this thread is in a call, as far as can be told without waiting.
    pub fn is_mine_or_free(&self) -> bool {
        self.state.try_lock().is_some_and(|state| state.owner.is_none_or(|owner| owner == current().id()))
    }

    /// Run `body` without the lock, if this thread has it.
    pub fn released<T>(&self, body: impl FnOnce() -> T) -> T {
        struct Retake<'l>(&'l CallLock, u32);
        impl Drop for Retake<'_> {
            fn drop(&mut self) {
                if self.1 > 0 {
                    self.0.take(self.1);
                }
            }
        }
        let _retake = Retake(self, self.give_up());
        body()
    }

    /// Wait for the lock and count `levels` more.
    fn take(&self, levels: u32) -> u32 {
        let me = current().id();
        let mut state = self.state.lock();
        if state.owner != Some(me) {
            let ticket = state.next;
            state.next = ticket.wrapping_add(1);
            while state.owner.is_some() || state.turn != ticket {
                self.free.wait(&mut state);
            }
            state.turn = ticket.wrapping_add(1);
            state.owner = Some(me);
            state.depth = 0;
        }
        let before = state.depth;
        state.depth = before.saturating_add(levels);
        before
    }

    /// All levels at once; how many there were.
    fn give_up(&self) -> u32 {
        let mut state = self.state.lock();
        if state.owner != Some(current().id()) {
            return 0;
        }
        state.owner = None;
        self.free.notify_all();
        std::mem::take(&mut state.depth)
    }
}

impl Drop for CallGuard<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.depth = state.depth.saturating_sub(1);
        if state.depth == 0 {
            state.owner = None;
            self.0.free.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CallLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn one_thread_at_a_time() {
        let (lock, inside) = (CallLock::default(), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let (_outer, before) = lock.enter();
                        assert_eq!(before, 0);
                        assert_eq!(lock.enter().1, 1);
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(lock.enter().1, 0);
    }

    #[test]
    fn a_loop_that_gives_it_up_lets_others_in() {
        let lock = CallLock::default();
        let (_first, _) = lock.enter();
        let (_second, depth) = lock.enter();
        assert_eq!(depth, 1);
        std::thread::scope(|scope| {
            let other = scope.spawn(|| drop(lock.enter()));
            while !other.is_finished() {
                lock.released(|| {});
            }
        });
        assert_eq!(lock.enter().1, 2, "all levels are back");
    }

    #[test]
    fn released_without_the_lock_does_nothing() {
        let lock = CallLock::default();
        lock.released(|| assert_eq!(lock.enter().1, 0));
        assert_eq!(lock.enter().1, 0);
    }
}
