//! Ctrl-C: cancel the running call instead of dying in the middle of it.
//!
//! In: SIGINT, on a thread of its own. Out: `user_cancel` on the handle of the moment, and [`Interrupt::seen`]
//! for scripts, which close orderly after the cancelled command and then die of the signal, so that a shell
//! that runs them ends its own script. At a prompt the shell goes on; a script that only waits for input, or is
//! still busy at a second SIGINT, dies at once. The terminal is left as it was found, also when
//! SIGTERM or SIGHUP ends the shell. At a prompt SIGQUIT is as SIGINT.

use crate::error::{Error, Result};
use rustix::termios::{tcgetattr, tcsetattr, OptionalActions, Termios};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Who is interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Somebody at a terminal.
    Prompt,
    /// Commands that were written before.
    Script,
    /// `--listen`: has its own ways to end once it serves.
    Listener,
}

/// What ends the running call.
type Cancel = Box<dyn Fn() + Send>;

/// Shared by the shell and the signal thread.
#[derive(Default)]
pub struct Interrupt {
    interactive: bool,
    cancel: Mutex<Option<Cancel>>,
    /// It has come. Set by the handler itself: a command of the host that dies of the same Ctrl-C may be gone
    /// before the thread has run.
    seen: Arc<AtomicBool>,
    /// The thread knows of one.
    answered: AtomicBool,
    waiting: AtomicBool,
    /// Somebody else does what SIGTERM and SIGHUP ask for.
    orderly: AtomicBool,
    /// A terminal whose settings are changed, what they were, and what it has to be told besides.
    terminal: Mutex<Option<(OwnedFd, Termios, &'static str)>>,
}

impl Interrupt {
    /// Start listening. Only a script dies of SIGINT.
    pub fn listen(role: Role) -> Result<Arc<Self>> {
        let shared = Arc::new(Interrupt { interactive: role != Role::Script, ..Interrupt::default() });
        let others: &[i32] = match role {
            Role::Prompt => &[SIGTERM, SIGHUP, SIGQUIT],
            Role::Script | Role::Listener => &[SIGTERM, SIGHUP],
        };
        let ignored = ignored();
        // What nohup and the like have switched off stays off.
        let stays = |s: &i32| ignored >> (s - 1) & 1 != 0;
        let others: Vec<i32> = others.iter().copied().filter(|s| !stays(s)).collect();
        // At a prompt it is a key of the shell's.
        let interrupt = (role != Role::Script || !stays(&SIGINT)).then_some(SIGINT);
        let failed = |e: std::io::Error| Error::io("signal handler", &e);
        for signal in others.iter().filter(|s| **s == SIGQUIT).chain(&interrupt) {
            signal_hook::flag::register(*signal, Arc::clone(&shared.seen)).map_err(failed)?;
        }
        let mut signals = Signals::new(others.iter().chain(&interrupt)).map_err(failed)?;
        let theirs = Arc::clone(&shared);
        std::thread::spawn(move || {
            signals.forever().for_each(|signal| match signal {
                SIGTERM | SIGHUP if theirs.orderly.load(Ordering::SeqCst) => {}
                SIGTERM | SIGHUP => theirs.die(signal),
                _ => theirs.came(),
            });
        });
        Ok(shared)
    }

    /// SIGINT, or what stands for it, has come.
    fn came(&self) {
        let again = self.answered.swap(true, Ordering::SeqCst);
        if !self.interactive && (again || self.waiting.load(Ordering::SeqCst)) {
            self.die(SIGINT);
        }
        if let Some(cancel) = &*lock(&self.cancel) {
            cancel();
        }
    }

    /// A script that SIGINT has ended dies of it; others go on.
    pub fn end(&self) {
        if !self.interactive && self.seen() {
            self.die(SIGINT);
        }
    }

    /// From now on SIGTERM and SIGHUP are seen to by others.
    pub fn end_orderly(&self) {
        self.orderly.store(true, Ordering::SeqCst);
    }

    /// What the signal does to a process that does not care.
    fn die(&self, signal: i32) {
        if let Some((terminal, before, farewell)) = lock(&self.terminal).take() {
            // Nothing to be done when the terminal is gone.
            let _ = rustix::io::write(&terminal, farewell.as_bytes());
            let _ = tcsetattr(terminal, OptionalActions::Now, &before);
        }
        // Cannot fail for signals that end a process, and there is nothing better to do if it did.
        let _ = signal_hook::low_level::emulate_default_handler(signal);
    }

    /// Read something that somebody may never type: in a script nothing runs that SIGINT could cancel.
    pub fn wait_for<T>(&self, read: impl FnOnce() -> T) -> T {
        self.waiting.store(true, Ordering::SeqCst);
        // It may have come a moment before that was known.
        self.end();
        let done = read();
        self.waiting.store(false, Ordering::SeqCst);
        done
    }

    /// Do something that changes the settings of a terminal for a while. `farewell` ends what settings do not.
    pub fn guard<T>(&self, terminal: impl AsFd, farewell: &'static str, change: impl FnOnce() -> T) -> T {
        let before = terminal.as_fd().try_clone_to_owned().ok().zip(tcgetattr(&terminal).ok());
        *lock(&self.terminal) = before.map(|(terminal, before)| (terminal, before, farewell));
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
        self.answered.store(false, Ordering::SeqCst);
    }
}

/// The signals that whoever started the shell wants ignored, the lowest bit being signal 1.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|l| l.strip_prefix("SigIgn:"));
    mask.and_then(|m| u64::from_str_radix(m.trim(), 16).ok()).unwrap_or(0)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
