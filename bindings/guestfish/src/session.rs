//! The state of one run of the shell.
//!
//! In: the choices made on the command line. Out: [`Session`], with which every command works: the handle,
//! the output, the inputs, the event handlers.

use crate::ask::Asker;
use crate::current::Current;
use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::print::Output;
use crate::progress::Progress;
use crate::remote::target::Remote;
use guestfs::{EventId, Handle};
use std::cell::RefCell;
use std::process::Stdio;
use std::rc::Rc;
use std::sync::Arc;

/// A handler registered with `event`.
#[derive(Debug, Clone)]
pub struct EventHandler {
    pub name: bstr::BString,
    pub id: EventId,
    pub mask: u64,
    pub script: bstr::BString,
}

/// See the module.
pub struct Session {
    /// Shared with completion.
    pub current: Current,
    pub out: Output,
    pub ask: Asker,
    pub events: Vec<EventHandler>,
    pub interrupt: Arc<Interrupt>,
    pub progress: Arc<Progress>,
    /// The script comes from standard input: commands of the host must not read it.
    pub stdin_is_script: bool,
    /// Failing writes to a pipe are errors.
    pub pipe_error: bool,
    /// Commands are run by this listener.
    pub remote: Option<Remote>,
    /// The failure of the running command is no reason to stop.
    pub may_fail: bool,
    /// `quit` was typed.
    pub quit: bool,
    /// A command was run: whoever mistypes now knows how to use the shell.
    pub experienced: bool,
}

impl Session {
    /// A session with a new handle.
    pub fn new(interrupt: Arc<Interrupt>, progress: Arc<Progress>) -> Result<Self> {
        let handle = Arc::new(Handle::new()?);
        adopt(&handle, &interrupt, &progress);
        let current = Rc::new(RefCell::new(handle));
        Ok(Session {
            ask: Asker::new(Rc::clone(&current), Arc::clone(&interrupt)),
            current,
            out: Output::default(),
            events: Vec::new(),
            interrupt,
            progress,
            stdin_is_script: false,
            pipe_error: false,
            remote: None,
            may_fail: false,
            quit: false,
            experienced: false,
        })
    }

    /// Standard input of commands of the host.
    pub fn host_stdin(&self) -> Stdio {
        if self.stdin_is_script {
            Stdio::null()
        } else {
            Stdio::inherit()
        }
    }

    /// The handle of the moment.
    pub fn handle(&self) -> Arc<Handle> {
        Arc::clone(&self.current.borrow())
    }

    /// Put a new handle in the place of the old one, which is closed with its events and drives.
    pub fn replace_handle(&mut self, handle: Handle) {
        let handle = Arc::new(handle);
        adopt(&handle, &self.interrupt, &self.progress);
        self.events.clear();
        drop(self.current.replace(handle));
    }
}

/// What every handle of the shell gets.
fn adopt(handle: &Arc<Handle>, interrupt: &Interrupt, progress: &Arc<Progress>) {
    handle.show_notices(true);
    let canceller = handle.canceller();
    interrupt.watch(move || canceller.cancel());
    progress.attach(handle);
}
