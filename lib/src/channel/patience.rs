//! How long the daemon is waited for.
//!
//! In: what is waited for, signs that it comes. Out: when to give the machine up. ARCHITECTURE.md has the
//! figures at one place ("Every wait has an end").

use super::Fault;
use std::time::{Duration, Instant};

/// How long to be patient.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Silence in the middle of a message, either way.
    pub stall: Duration,
    /// The end of a transfer that failed on either side.
    pub drain: Duration,
    /// `user_cancel`: until the daemon is heard stopping, and from one sign of that to the next.
    pub cancel: Duration,
    /// `user_cancel`: until it has stopped, whatever it says.
    pub stopping: Duration,
    /// The sync at the end, in all; it also has to go on within `stall`.
    pub sync: Duration,
}

/// How long a reply may take, whatever the user does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    /// What is waited for.
    pub what: &'static str,
    /// From one progress message that tells of more to the next.
    pub quiet: Duration,
    /// In all.
    pub total: Duration,
    /// Whether `user_cancel` may end it sooner.
    pub cancellable: bool,
}

/// A daemon that was told to stop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopping {
    told: Instant,
    heard: Instant,
}

impl Stopping {
    pub fn begin() -> Self {
        let now = Instant::now();
        Stopping { told: now, heard: now }
    }

    /// It is at it.
    pub fn heard(&mut self) {
        self.heard = Instant::now();
    }

    /// When to give it up.
    pub fn due(&self, patience: &Patience) -> Instant {
        (self.heard + patience.cancel).min(self.last(patience))
    }

    /// When to give it up, whatever is heard.
    pub fn last(&self, patience: &Patience) -> Instant {
        self.told + patience.stopping
    }

    pub fn fault(&self) -> Fault {
        Fault::NotStopping(self.told.elapsed())
    }
}

impl Default for Patience {
    fn default() -> Self {
        // Generous: a TCG guest on a loaded host may be slow, a dead one is noticed by its process.
        Patience {
            stall: Duration::from_secs(120),
            drain: Duration::from_secs(60),
            // Somebody waits and has lost interest in the call, if not in the machine.
            cancel: Duration::from_secs(2),
            stopping: Duration::from_secs(12),
            sync: Duration::from_secs(600),
        }
    }
}
