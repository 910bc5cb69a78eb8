//! Ctrl-C: cancel the running call instead of dying in the middle of it.
//!
//! In: SIGINT, on a thread of its own. Out: `user_cancel` on the handle of the moment, and [`Interrupt::seen`]
//! for scripts, which end after the cancelled command. At a prompt the shell goes on; a script that only
//! waits for input, or is still busy at a second SIGINT, dies. The terminal is left as it was found.

use crate::error::{Error, Result};
use rustix::termios::{tcgetattr, tcsetattr, OptionalActions, Termios};
use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What ends the running call.
type Cancel = Box<dyn Fn() + Send>;

/// Shared by the shell and the signal thread.
#[derive(Default)]
pub struct Interrupt {
    interactive: bool,
    cancel: Mutex<Option<Cancel>>,
    seen: AtomicBool,
    waiting: AtomicBool,
    /// A terminal whose settings are changed, and what they were.
    terminal: Mutex<Option<(OwnedFd, Termios)>>,
}

impl Interrupt {
    /// Start listening. `interactive`: never die.
    pub fn listen(interactive: bool) -> Result<Arc<Self>> {
        let shared = Arc::new(Interrupt { interactive, ..Interrupt::default() });
        let mut signals = Signals::new([SIGINT]).map_err(|e| Error::io("signal handler", &e))?;
        let theirs = Arc::clone(&shared);
        std::thread::spawn(move || signals.forever().for_each(|_| theirs.came()));
        Ok(shared)
    }

    /// SIGINT has come.
    fn came(&self) {
        let again = self.seen.swap(true, Ordering::SeqCst);
        if !self.interactive && (again || self.waiting.load(Ordering::SeqCst)) {
            self.die(SIGINT);
        }
        if let Some(cancel) = &*lock(&self.cancel) {
            cancel();
        }
    }

    /// What the signal does to a process that does not care.
    fn die(&self, signal: i32) {
        if let Some((terminal, before)) = lock(&self.terminal).take() {
            // Nothing to be done when the terminal is gone.
            let _ = tcsetattr(terminal, OptionalActions::Now, &before);
        }
        // Cannot fail for signals that end a process, and there is nothing better to do if it did.
        let _ = signal_hook::low_level::emulate_default_handler(signal);
    }

    /// Read something that somebody may never type: in a script nothing runs that SIGINT could cancel.
    pub fn wait_for<T>(&self, read: impl FnOnce() -> T) -> T {
        self.waiting.store(true, Ordering::SeqCst);
        // It may have come a moment before that was known.
        if !self.interactive && self.seen() {
            self.die(SIGINT);
        }
        let done = read();
        self.waiting.store(false, Ordering::SeqCst);
        done
    }

    /// Do something that changes the settings of a terminal for a while.
    pub fn guard<T>(&self, terminal: impl AsFd, change: impl FnOnce() -> T) -> T {
        let before = terminal.as_fd().try_clone_to_owned().ok().zip(tcgetattr(&terminal).ok());
        *lock(&self.terminal) = before;
        let done = change();
        *lock(&self.terminal) = None;
        done
    }

    /// How to cancel from now on.
    pub fn watch(&self, cancel: impl Fn() + Send + 'static) {
        *lock(&self.cancel) = Some(Box::new(cancel));
    }

    /// True when SIGINT came since the last [`Interrupt::forget`].
    pub fn seen(&self) -> bool {
        self.seen.load(Ordering::SeqCst)
    }

    /// Begin anew, before the next prompt.
    pub fn forget(&self) {
        self.seen.store(false, Ordering::SeqCst);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
