//! What a stream of our own knows beyond its bytes: how large it will be, and whether its other end
//! failed.
//!
//! In: a total from the caller, a failure flag from the thread at the other end. Out: progress events
//! at upstream's pace, and an end of file that is not mistaken for success.

use super::CallId;
use crate::channel::Caller;
use guestfs_protocol::message::Progress;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Upstream's daemon is silent for the first two seconds, then speaks up to three times a second.
const FIRST: Duration = Duration::from_secs(2);
const NEXT: Duration = Duration::from_millis(333);

#[derive(Debug, Clone)]
pub(crate) struct Flow {
    total: u64,
    failed: Arc<AtomicBool>,
    position: u64,
    due: Instant,
    told: bool,
}

impl Flow {
    /// A stream of about `total` bytes; 0: unknown, no progress.
    pub fn new(total: u64) -> Self {
        Flow { total, failed: Arc::default(), position: 0, due: Instant::now() + FIRST, told: false }
    }

    /// The thread at the other end gave up: the end of the stream is not the end of the data.
    pub fn fail(&self) {
        self.failed.store(true, Ordering::SeqCst);
    }

    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    /// Count bytes, and tell now and then.
    pub fn advance(&mut self, g: &dyn Caller, id: &CallId, bytes: usize) {
        self.position = self.position.saturating_add(bytes as u64);
        let now = Instant::now();
        if self.total > 0 && now >= self.due {
            self.due = now + NEXT;
            self.told = true;
            self.tell(g, id, self.position.min(self.total));
        }
    }

    /// The whole stream went through: a bar that was shown gets full.
    pub fn done(&self, g: &dyn Caller, id: &CallId) {
        if self.told {
            self.tell(g, id, self.total);
        }
    }

    fn tell(&self, g: &dyn Caller, id: &CallId, position: u64) {
        g.progress(&Progress { proc: id.info.proc, serial: id.serial, position, total: self.total });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_told_in_steps_and_to_the_end() {
        let g = crate::fake::Waiting::default();
        let id = CallId { info: &crate::client::info::TAR_IN, serial: 5 };
        let seen = || g.progress.take().iter().map(|p| (p.serial, p.position, p.total)).collect::<Vec<_>>();

        let mut quick = Flow::new(100);
        quick.advance(&g, &id, 100);
        quick.done(&g, &id);
        assert!(seen().is_empty(), "a short transfer shows no bar");

        let mut slow = Flow { due: Instant::now(), ..Flow::new(100) };
        slow.advance(&g, &id, 40);
        slow.advance(&g, &id, 1);
        slow.due = Instant::now();
        // More than was estimated is still not more than everything.
        slow.advance(&g, &id, 90);
        slow.done(&g, &id);
        assert_eq!(seen(), [(5, 40, 100), (5, 100, 100), (5, 100, 100)]);

        let mut unknown = Flow { due: Instant::now(), ..Flow::new(0) };
        unknown.advance(&g, &id, 40);
        unknown.done(&g, &id);
        assert!(seen().is_empty());
    }
}
