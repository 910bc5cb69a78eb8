//! Who has the connection.
//!
//! In: a call that needs it. Out: a [`Lease`]; the slot is marked meanwhile, so that a call made from
//! a callback of the running one gets a clear error. A lease that is not finished (a callback
//! panicked) takes the connection down with it, since nobody knows what is on the wire.

use super::{Handle, State};
use crate::call::CallInfo;
use crate::channel::{Connection, Fault};
use crate::error::{Error, ErrorKind, Result};
use crate::event::EventClass;
use crate::rpc::{fault_error, Failure};

/// The place where the connection rests between calls.
#[derive(Default)]
pub(crate) enum Slot {
    #[default]
    Empty,
    Idle(Box<Connection>),
    InUse(&'static str),
}

pub(crate) struct Lease<'h> {
    g: &'h Handle,
    connection: Option<Box<Connection>>,
}

impl Handle {
    /// Take the connection for `info`.
    pub(crate) fn lease(&self, info: &'static CallInfo) -> Result<Lease<'_>> {
        let mut slot = self.slot().lock();
        match std::mem::take(&mut *slot) {
            Slot::Idle(connection) => {
                *slot = Slot::InUse(info.name);
                Ok(Lease { g: self, connection: Some(connection) })
            }
            Slot::InUse(running) => {
                *slot = Slot::InUse(running);
                Err(Error::new(
                    ErrorKind::Usage,
                    format!(
                        "{}: cannot be called from a callback while {running} is running on this handle",
                        info.name
                    ),
                )
                .with_errno(libc::EDEADLK)
                .with_help("note in the callback what is to be done, and do it after the running call has returned"))
            }
            Slot::Empty => {
                Err(Error::new(ErrorKind::NotLaunched, format!("{}: the appliance is not running", info.name))
                    .with_errno(libc::EINVAL))
            }
        }
    }
}

impl Lease<'_> {
    pub fn connection(&mut self) -> Result<&mut Connection> {
        self.connection.as_deref_mut().ok_or_else(|| Error::new(ErrorKind::NotLaunched, "the connection is gone"))
    }

    /// Put the connection back, or take it down if the call ruined it.
    pub fn finish<T>(mut self, info: &'static CallInfo, result: Result<T, Failure>) -> Result<T> {
        match result {
            Ok(value) => {
                self.give_back();
                Ok(value)
            }
            Err(Failure::Clean(e)) => {
                self.give_back();
                Err(e)
            }
            Err(Failure::Fault(fault)) => {
                let Some(mut connection) = self.connection.take() else {
                    return Err(Error::new(ErrorKind::NotLaunched, "the connection is gone"));
                };
                let exit = match fault {
                    // It runs and will go on, so there is nothing to wait for.
                    Fault::Stalled(..) | Fault::NotStopping(_) | Fault::Memory(_) => connection.running.exited(),
                    Fault::Died | Fault::Protocol(_) | Fault::Io(..) => connection.last_words(self.g),
                };
                let error = fault_error(info, &fault, exit, &mut connection);
                // Kills and reaps, before anybody is told.
                drop(connection);
                self.g.appliance_gone();
                Err(error)
            }
        }
    }

    /// Put the connection back unused.
    pub fn release(mut self) {
        self.give_back();
    }

    /// Take the connection out for good.
    pub fn take(mut self) -> Option<Box<Connection>> {
        let connection = self.connection.take();
        *self.g.slot().lock() = Slot::Empty;
        connection
    }

    fn give_back(&mut self) {
        if let Some(connection) = self.connection.take() {
            *self.g.slot().lock() = Slot::Idle(connection);
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(connection);
            self.g.appliance_gone();
        }
    }
}

impl Handle {
    /// The connection is closed and its process reaped: back to CONFIG, as upstream without drives.
    pub(crate) fn appliance_gone(&self) {
        *self.slot().lock() = Slot::Empty;
        self.set_state(State::Config);
        self.forget_machine();
        self.fire(EventClass::SubprocessQuit, &[], &[]);
    }
}
