//! The handle: one user of one appliance.
//!
//! In: calls from any thread. Out: their results, through [`Handle::wrapped`], which every generated
//! method uses: lock, state check, ENTER and TRACE events, last error.
//!
//! Locks, outer to inner: `outer` (re-entrant, held for a whole call, not by non-blocking calls; a mounted
//! file system gives it up between requests), then one of the short inner mutexes, which are never held
//! while user code runs and never nested. The connection is taken out of its slot while a call uses it.

mod callbacks;
mod cancel;
mod console;
mod environment;
mod kept;
mod lease;
mod lock;
mod owner;
pub mod private;
mod props;
mod report;
mod request;
mod tempdir;

pub use cancel::Canceller;
pub(crate) use console::{c_pointer, internal_get_console_socket};
pub(crate) use environment::{parse_environment, parse_environment_list};
pub(crate) use lease::Slot;
pub(crate) use props::*;
pub use report::{printable, ErrorHook};

use crate::call::CallInfo;
use crate::drive::Drives;
use crate::error::{Error, ErrorKind, Result};
use crate::event::EventClass;
use crate::trace::{Trace, TraceRet};
use callbacks::Callbacks;
use kept::Kept;
use lock::{CallGuard, CallLock};
use owner::Owner;
use parking_lot::{Mutex, MutexGuard};
use private::PrivateArea;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::Arc;

/// Where a handle is in its life; the numbers are those of `get_state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum State {
    /// Not launched, or shut down, or the appliance died.
    Config = 0,
    /// `launch` is running.
    Launching = 1,
    /// Calls can be made.
    Ready = 2,
}

/// Flags of [`Handle::create`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CreateFlags {
    /// Do not read `LIBGUESTFS_*` and `TMPDIR`.
    pub no_environment: bool,
    /// Do not close the handle when the process ends normally (C API only).
    pub no_close_on_exit: bool,
}

/// A handle. All methods take `&self`; share it between threads with `Arc` or scoped threads.
/// Dropping it closes it.
pub struct Handle {
    owner: Owner,
    outer: CallLock,
    state: AtomicI32,
    pub(crate) verbose: AtomicBool,
    pub(crate) trace: AtomicBool,
    /// Notices go to stderr.
    notices: AtomicBool,
    pub(crate) props: Mutex<props::Properties>,
    slot: Mutex<Slot>,
    /// Process id of the machine, 0 for none; readable during a call.
    pid: AtomicI32,
    drives: Mutex<Drives>,
    pub(crate) callbacks: Callbacks,
    pub(crate) private: PrivateArea,
    cancel: Canceller,
    /// What the last errors, which are kept by threads, hang on.
    alive: Arc<()>,
    error_hook: Mutex<Option<Arc<ErrorHook>>>,
    kept: Kept,
    kept_of_machine: Kept,
    directories: tempdir::Directories,
    /// Closing has begun.
    pub(crate) closed: AtomicBool,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").field("state", &self.state()).finish_non_exhaustive()
    }
}

impl Handle {
    /// A new handle with properties from the environment.
    pub fn new() -> Result<Handle> {
        Handle::create(CreateFlags::default())
    }

    /// A new handle. A variable that cannot be used is told on stderr, and those behind it are not read:
    /// a bad environment is no reason to have no handle. ([`Handle::load_environment`] returns the error.)
    pub fn create(flags: CreateFlags) -> Result<Handle> {
        let handle = Handle {
            owner: Owner::this_process(),
            outer: CallLock::default(),
            state: AtomicI32::new(State::Config as i32),
            verbose: AtomicBool::new(false),
            trace: AtomicBool::new(false),
            notices: AtomicBool::new(false),
            props: Mutex::new(props::Properties::default()),
            slot: Mutex::default(),
            pid: AtomicI32::new(0),
            drives: Mutex::default(),
            callbacks: Callbacks::default(),
            private: PrivateArea::default(),
            cancel: Canceller::new()?,
            alive: Arc::default(),
            error_hook: Mutex::new(None),
            kept: Kept::default(),
            kept_of_machine: Kept::default(),
            directories: tempdir::Directories::default(),
            closed: AtomicBool::new(false),
        };
        if !flags.no_environment {
            if let Err(e) = handle.load_environment() {
                report::print(b"libguestfs: error: ", e.message());
            }
        }
        Ok(handle)
    }

    /// Read `LIBGUESTFS_*` and `TMPDIR` (guestfs(3), "ENVIRONMENT VARIABLES").
    pub fn load_environment(&self) -> Result<()> {
        environment::parse(self, &mut |name| std::env::var_os(name).map(std::os::unix::ffi::OsStringExt::into_vec))
    }

    /// As [`Handle::load_environment`] from a list of `NAME=VALUE`.
    pub fn load_environment_list(&self, list: &[impl AsRef<[u8]>]) -> Result<()> {
        environment::parse(self, &mut |name| {
            list.iter().find_map(|e| Some(e.as_ref().strip_prefix(name.as_bytes())?.strip_prefix(b"=")?.to_vec()))
        })
    }

    /// The state; does not wait for other threads.
    pub fn state(&self) -> State {
        match self.state.load(Ordering::Acquire) {
            1 => State::Launching,
            2 => State::Ready,
            _ => State::Config,
        }
    }

    /// Run one API call. `trace` is called only when the call is traced.
    pub(crate) fn wrapped<T: TraceRet>(
        &self,
        info: &'static CallInfo,
        trace: impl FnOnce(&mut Trace),
        body: impl FnOnce(&Handle) -> Result<T>,
    ) -> Result<T> {
        self.admit(info.name).map_err(|e| self.report(e))?;
        if !info.wrapper {
            return body(self);
        }
        let _lock = (!info.nonblocking).then(|| self.enter_call());
        self.check_state(info).map_err(|e| self.report(e))?;
        self.fire(EventClass::Enter, info.name.as_bytes(), &[]);
        let traced = self.trace.load(Ordering::Relaxed);
        if traced {
            let mut t = Trace::new(info.name);
            trace(&mut t);
            self.trace_line(&t.into_line());
        }
        let result = body(self).map_err(|e| self.report(e));
        if traced {
            let mut line = format!("{} = ", info.name).into_bytes();
            match &result {
                Ok(v) => v.trace_ret(&mut line),
                Err(_) => line.extend_from_slice(format!("{} (error)", T::FAILED).as_bytes()),
            }
            self.trace_line(&line);
        }
        result
    }

    /// Lock for a whole call. A cancellation from before the outermost call is forgotten.
    pub(crate) fn enter_call(&self) -> CallGuard<'_> {
        let (guard, depth) = self.outer.enter();
        if depth == 0 {
            self.reset_cancel();
        }
        guard
    }

    /// Inside a call: let other threads make calls while `body` runs.
    pub(crate) fn unlocked<T>(&self, body: impl FnOnce() -> T) -> T {
        self.outer.released(body)
    }

    fn check_state(&self, info: &'static CallInfo) -> Result<()> {
        if info.config_only && self.state() != State::Config {
            return Err(Error::usage(format!("{}: this function can only be called in the config state", info.name)));
        }
        Ok(())
    }

    pub(crate) fn need_ready(&self, info: &'static CallInfo) -> Result<()> {
        match self.state() {
            State::Ready => Ok(()),
            // Programs look for this text.
            _ => Err(Error::new(
                ErrorKind::NotLaunched,
                format!(
                    "{}: call launch before using this function\n(in guestfish, don't forget to use the 'run' command)",
                    info.name
                ),
            )
            .with_errno(libc::EINVAL)),
        }
    }

    /// The drives, locked: keep it short, make no calls meanwhile.
    pub(crate) fn drives(&self) -> MutexGuard<'_, Drives> {
        self.drives.lock()
    }

    pub(crate) fn slot(&self) -> &Mutex<Slot> {
        &self.slot
    }

    pub(crate) fn set_state(&self, state: State) {
        self.state.store(state as i32, Ordering::Release);
    }

    pub(crate) fn pid(&self) -> Option<i32> {
        Some(self.pid.load(Ordering::Acquire)).filter(|p| *p > 0)
    }

    pub(crate) fn set_pid(&self, pid: Option<i32>) {
        self.pid.store(pid.unwrap_or(0), Ordering::Release);
    }

    /// The machine is gone: no process, and as upstream no drives.
    pub(crate) fn forget_machine(&self) {
        self.set_pid(None);
        self.kept_of_machine.clear();
        let drives = std::mem::take(&mut *self.drives.lock());
        drop(drives);
    }
}

#[cfg(test)]
mod tests;
