//! Whose handle it is.
//!
//! In: a call, in whatever process. Out: leave to make it. A forked child has a copy of its parent's handle, but
//! one machine cannot serve two, and its files are its maker's to remove: in the child every call fails, and
//! closing frees memory and nothing else. Two exceptions. A handle without a machine or files holds nothing but
//! settings, and the copy is as good as the first: Debian's guestfish goes into the background before it launches.
//! And a program that has said that the machine is to survive it (`set_recovery_proc` false) hands the handle on to
//! the child that goes on with it, as guestmount does when it goes into the background.

use super::{Handle, Slot};
use crate::error::{Error, ErrorKind, Result};
use crate::process;
use parking_lot::Mutex;
use std::any::Any;
use std::sync::atomic::{AtomicU32, Ordering};

/// The process that a handle belongs to.
pub(super) struct Owner(AtomicU32);

impl Owner {
    pub fn this_process() -> Self {
        Owner(AtomicU32::new(process::number()))
    }
}

impl Handle {
    /// The handle was made by a process that this one is a fork of.
    pub fn is_foreign(&self) -> bool {
        self.owner.0.load(Ordering::Acquire) != process::number()
    }

    /// Fail in a process that it does not belong to. Takes no lock: a thread that is not here may hold it.
    pub(super) fn admit(&self, call: &str) -> Result<()> {
        if !self.is_foreign() {
            return Ok(());
        }
        if self.holds_nothing() || self.props.try_lock().is_some_and(|p| !p.recovery_proc) {
            self.owner.0.store(process::number(), Ordering::Release);
            return Ok(());
        }
        let text = format!("{call}: the handle belongs to the process that made it, and this one was forked from it");
        Err(Error::new(ErrorKind::Usage, text)
            .with_errno(libc::EPERM)
            .with_help("make a handle of its own in this process, after the fork"))
    }

    /// There is nothing that two processes could quarrel about.
    fn holds_nothing(&self) -> bool {
        let unlaunched = self.slot.try_lock().is_some_and(|slot| matches!(*slot, Slot::Empty));
        unlaunched && self.directories.are_unmade() && self.outer.is_mine_or_free()
    }

    /// Leave alone what goes with it: the machine, its connection, files. What would end them when it is freed is
    /// kept to the end of this process; all other memory can be freed.
    pub(crate) fn abandon(&mut self) {
        static LEFT: Mutex<Vec<Box<dyn Any + Send>>> = Mutex::new(Vec::new());
        let drives = std::mem::take(self.drives.get_mut());
        let slot = std::mem::take(self.slot.get_mut());
        let kept = (std::mem::take(&mut self.kept), std::mem::take(&mut self.kept_of_machine));
        LEFT.lock().push(Box::new((slot, drives, kept, std::mem::take(&mut self.directories))));
    }
}
