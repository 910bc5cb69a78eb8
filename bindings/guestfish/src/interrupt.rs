//! Ctrl-C: cancel the running call instead of dying in the middle of it.
//!
//! In: SIGINT, on a thread of its own. Out: `user_cancel` on the handle of the moment, and [`Interrupt::seen`]
//! for scripts, which end after the cancelled command. At a prompt the shell goes on; a second SIGINT to a
//! script that is still busy kills it.

use crate::error::{Error, Result};
use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What ends the running call.
type Cancel = Box<dyn Fn() + Send>;

/// Shared by the shell and the signal thread.
#[derive(Default)]
pub struct Interrupt {
    cancel: Mutex<Option<Cancel>>,
    seen: AtomicBool,
}

impl Interrupt {
    /// Start listening. `interactive`: never die.
    pub fn listen(interactive: bool) -> Result<Arc<Self>> {
        let shared = Arc::new(Interrupt::default());
        let mut signals = Signals::new([SIGINT]).map_err(|e| Error::io("signal handler", &e))?;
        let theirs = Arc::clone(&shared);
        std::thread::spawn(move || {
            for _ in signals.forever() {
                if theirs.seen.swap(true, Ordering::SeqCst) && !interactive {
                    // Cannot fail for SIGINT, and there is nothing better to do if it did.
                    let _ = signal_hook::low_level::emulate_default_handler(SIGINT);
                }
                if let Some(cancel) = &*theirs.cancel.lock().unwrap_or_else(PoisonError::into_inner) {
                    cancel();
                }
            }
        });
        Ok(shared)
    }

    /// How to cancel from now on.
    pub fn watch(&self, cancel: impl Fn() + Send + 'static) {
        *self.cancel.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(cancel));
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
