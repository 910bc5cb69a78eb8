//! How often the library hears how far a call is.
//!
//! In: every position a loop reaches. Out: whether to send it: nothing in the first two seconds (short
//! calls show no bar), then at most three messages a second, and always the end once something was
//! sent, so that bars reach 100 % (guestfs(3), `GUESTFS_EVENT_PROGRESS`).

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_secs(2);
const PERIOD: Duration = Duration::from_millis(333);

/// Rate limit of one call.
#[derive(Debug)]
pub struct Limiter {
    last: Instant,
    sent: bool,
    ended: bool,
    total: u64,
}

impl Default for Limiter {
    fn default() -> Self {
        Limiter { last: Instant::now(), sent: false, ended: false, total: 0 }
    }
}

impl Limiter {
    /// Whether a message with this position goes out now.
    pub fn due(&mut self, position: u64, total: u64) -> bool {
        self.due_at(position, total, Instant::now())
    }

    fn due_at(&mut self, position: u64, total: u64, now: Instant) -> bool {
        let complete = position >= total;
        if self.ended && complete {
            return false;
        }
        let wait = if self.sent { PERIOD } else { FIRST };
        if !(complete && self.sent) && now.saturating_duration_since(self.last) < wait {
            return false;
        }
        self.last = now;
        self.sent = true;
        self.ended = complete;
        self.total = total;
        true
    }

    /// The call succeeded: the total still to be reported as reached, when a bar was begun.
    pub fn finish(&mut self) -> Option<u64> {
        let open = self.sent && !self.ended;
        self.ended = true;
        open.then_some(self.total)
    }
}

/// Position and total of a call that does not know its total: the library shows a moving bar for
/// 0 of 1 and ends it at 1 of 1.
#[derive(Debug, Clone, Copy)]
pub enum Pulse {
    Running,
    Finished,
}

impl Pulse {
    /// The pair to send.
    pub fn position(self) -> (u64, u64) {
        match self {
            Pulse::Running => (0, 1),
            Pulse::Finished => (1, 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_at_first_then_once_a_second_and_the_end_once() {
        let start = Instant::now();
        let mut l = Limiter { last: start, sent: false, ended: false, total: 0 };
        let at = |ms| start + Duration::from_millis(ms);
        let log: Vec<bool> = [(1, 0), (2, 1999), (3, 2000), (4, 2332), (5, 2333), (10, 2334), (10, 9000)]
            .into_iter()
            .map(|(p, ms)| l.due_at(p, 10, at(ms)))
            .collect();
        assert_eq!(log, [false, false, true, false, true, true, false]);
    }

    #[test]
    fn a_short_call_stays_silent() {
        let start = Instant::now();
        let mut l = Limiter { last: start, sent: false, ended: false, total: 0 };
        assert!(!l.due_at(10, 10, start + Duration::from_millis(100)));
        assert_eq!(l.finish(), None);
    }

    #[test]
    fn a_bar_that_began_is_finished_once() {
        let start = Instant::now();
        let mut l = Limiter { last: start, sent: false, ended: false, total: 0 };
        assert!(l.due_at(3, 10, start + FIRST));
        assert_eq!(l.finish(), Some(10));
        assert_eq!(l.finish(), None);
    }
}
