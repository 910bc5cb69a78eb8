//! Progress bars on standard error.
//!
//! In: PROGRESS events of the library. Out: from the third second of a command on, a bar that says how far
//! it is and how long it will take. The spinner turns once for each message of the daemon, so it shows that
//! something happens even when the bar stands still.

use guestfs::{Event, EventClass, Handle};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A command that takes less than this shows no bar.
const PATIENCE: Duration = Duration::from_secs(2);

/// Columns of a terminal that does not say.
const DEFAULT_WIDTH: usize = 80;

/// The bar of the running command.
#[derive(Debug)]
pub struct Progress {
    enabled: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    started: Instant,
    spins: usize,
    drawn: bool,
}

impl Progress {
    /// A bar, or one that never shows.
    pub fn new(enabled: bool) -> Arc<Self> {
        Arc::new(Progress { enabled, state: Mutex::new(State { started: Instant::now(), spins: 0, drawn: false }) })
    }

    /// Listen to a handle.
    pub fn attach(self: &Arc<Self>, handle: &Handle) {
        if self.enabled {
            let bar = Arc::clone(self);
            handle.add_event_callback(EventClass::Progress.bit(), move |_, event| bar.event(event));
        }
    }

    /// A command begins.
    pub fn begin(&self) {
        self.with(|s| (s.started, s.spins) = (Instant::now(), 0));
    }

    /// The command is over: remove the bar.
    pub fn end(&self) {
        self.with(|s| {
            if std::mem::take(&mut s.drawn) {
                write(&format!("\r{}\r", " ".repeat(width() - 1)));
            }
        });
    }

    fn event(&self, event: &Event<'_>) {
        if let [_, _, position, total] = *event.array {
            self.with(|s| {
                s.spins += 1;
                let elapsed = s.started.elapsed();
                if elapsed >= PATIENCE {
                    s.drawn = true;
                    write(&format!("\r{}", bar(position, total, elapsed, s.spins, width())));
                }
            });
        }
    }

    fn with(&self, f: impl FnOnce(&mut State)) {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn width() -> usize {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stderr());
    size.map(|s| usize::from(s.ws_col)).ok().filter(|w| *w >= 30).unwrap_or(DEFAULT_WIDTH)
}

fn write(text: &str) {
    let mut stderr = std::io::stderr();
    // A bar that cannot be drawn is not worth failing a command for.
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// One line without its newline, one column short of `width` so that no terminal wraps it.
fn bar(position: u64, total: u64, elapsed: Duration, spins: usize, width: usize) -> String {
    let spinner = ['|', '/', '-', '\\'].get(spins % 4).copied().unwrap_or('|');
    let columns = width.saturating_sub(1 + "/ 100% [] 00:00".len()).max(10);
    // The daemon says 0 of 1 again and again while it cannot know how far it is.
    if position == 0 && total <= 1 {
        return format!("{spinner}  --% [{}] --:--", pulse(spins, columns));
    }
    let share = (position as f64 / total.max(1) as f64).clamp(0.0, 1.0);
    let full = (share * columns as f64) as usize;
    let bar = format!("{}{}", "#".repeat(full), "-".repeat(columns - full));
    let left = match share {
        s if s > 0.0 => {
            Duration::try_from_secs_f64(elapsed.as_secs_f64() * (1.0 - s) / s).map_or_else(|_| unknown(), clock)
        }
        _ => unknown(),
    };
    format!("{spinner} {:3}% [{bar}] {left}", (share * 100.0) as u32)
}

/// A block that wanders to and fro.
fn pulse(spins: usize, columns: usize) -> String {
    let last = columns - 3;
    let at = match spins % (2 * last).max(1) {
        step if step <= last => step,
        step => 2 * last - step,
    };
    format!("{}###{}", "-".repeat(at), "-".repeat(last - at))
}

fn clock(left: Duration) -> String {
    let seconds = left.as_secs();
    match seconds {
        0..=5999 => format!("{:02}:{:02}", seconds / 60, seconds % 60),
        _ => unknown(),
    }
}

fn unknown() -> String {
    "--:--".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars() {
        let ten = Duration::from_secs(10);
        assert_eq!(bar(1, 4, ten, 1, 40), "/  25% [######------------------] 00:30");
        assert_eq!(bar(4, 4, ten, 2, 40), "- 100% [########################] 00:00");
        assert_eq!(bar(0, 10, ten, 4, 40), "|   0% [------------------------] --:--");
        assert_eq!(bar(9, 4, ten, 2, 40), bar(4, 4, ten, 2, 40));
        assert_eq!(bar(u64::MAX, 0, ten, 2, 40), bar(4, 4, ten, 2, 40));
        assert_eq!(bar(1, u64::MAX, ten, 4, 40), bar(0, 10, ten, 4, 40));
        for spins in 0..200 {
            let line = bar(0, 1, ten, spins, 40);
            assert_eq!(line.len(), 39, "{line}");
            assert_eq!(line.matches("###").count(), 1, "{line}");
        }
    }
}
