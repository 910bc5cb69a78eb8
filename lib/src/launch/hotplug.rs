//! Drives that come and go while the machine runs.
//!
//! In: a handle that is ready, a drive and its number. Out: a disk that the daemon knows by its name,
//! or one that it has forgotten and whose image is closed. After an error the handle is as ready as it
//! was before and nothing is left of a drive that could not be added.

use super::hello::SUBCOMMAND;
use crate::channel::{Connection, Fault, Limit};
use crate::client::info;
use crate::drive::Drive;
use crate::error::{Error, ErrorKind, LaunchFailure, Result};
use crate::event::EventClass;
use crate::handle::Handle;
use crate::machine::{LaunchError, Reporter, MAX_DISKS};
use crate::rpc::Failure;
use bstr::{BString, ByteSlice};
use guestfs_protocol::args::DebugArgs;
use guestfs_protocol::rets::DebugRet;
use std::time::Duration;

/// The kernel finds a disk within milliseconds, and volumes on it may be started; the daemon itself
/// waits for half a minute.
const ADD_LIMIT: Duration = Duration::from_secs(180);
/// What was written to the disk is written out first: at most a fifth of the machine's memory.
const REMOVE_LIMIT: Duration = Duration::from_secs(600);

/// Tells events, and never gives up half-way.
struct Told<'h>(&'h Handle);

impl Reporter for Told<'_> {
    fn appliance(&self, bytes: &[u8]) {
        self.0.message(EventClass::Appliance, bytes);
    }

    fn library(&self, message: &str) {
        self.0.note(message.as_bytes());
    }

    fn notice(&self, message: &str) {
        self.0.notice(message.as_bytes());
    }

    fn warning(&self, message: &str) {
        self.0.warn(message.as_bytes());
    }

    fn progress(&self, _: u64) {}

    fn cancelled(&self) -> bool {
        false
    }
}

/// Attach `drive` as number `index` and wait until its device is there.
pub(crate) fn add(g: &Handle, index: usize, drive: &Drive) -> Result<()> {
    if index >= MAX_DISKS {
        let text = format!("too many drives have been added, the backend supports at most {MAX_DISKS}");
        return Err(Error::usage(text).with_help("remove a drive that is no longer needed"));
    }
    let drive = Drive { trust: g.props.lock().trust(), ..drive.clone() };
    let mut lease = g.lease(&info::ADD_DRIVE)?;
    let result = plug(g, lease.connection()?, index, &drive);
    lease.finish(&info::ADD_DRIVE, result)
}

fn plug(g: &Handle, connection: &mut Connection, index: usize, drive: &Drive) -> Result<(), Failure> {
    knows_drives(connection)?;
    let reporter = Told(g);
    connection.running.attach(index, drive, &reporter).map_err(|e| failure("add_drive", e))?;
    let mut words = connection.running.hello().unwrap_or_default();
    // It has the time and its random numbers.
    words.retain(|w| w.starts_with(b"v=") || w.starts_with(b"disk="));
    match tell(g, connection, words, ADD_LIMIT) {
        Ok(_) => Ok(()),
        Err(Failure::Clean(e)) => {
            connection.running.detach(index, &reporter).map_err(|e| failure("add_drive", e))?;
            Err(Failure::Clean(renamed(e, "add_drive")))
        }
        Err(fault) => Err(fault),
    }
}

/// Have the daemon let go of drive `index`, and take it away.
pub(crate) fn remove(g: &Handle, index: usize) -> Result<()> {
    let mut lease = g.lease(&info::REMOVE_DRIVE)?;
    let result = unplug(g, lease.connection()?, index);
    lease.finish(&info::REMOVE_DRIVE, result)
}

fn unplug(g: &Handle, connection: &mut Connection, index: usize) -> Result<(), Failure> {
    knows_drives(connection)?;
    let words = vec!["v=1".into(), format!("remove={index}").into()];
    let answer = match tell(g, connection, words, REMOVE_LIMIT) {
        Err(Failure::Clean(e)) => return Err(Failure::Clean(renamed(e, "remove_drive"))),
        answer => answer?,
    };
    // An older daemon does not know the word and skips it.
    if !answer.fields().any(|w| w == format!("removed={index}").as_bytes()) {
        return Err(Failure::Clean(not_here("remove_drive")));
    }
    connection.running.detach(index, &Told(g)).map_err(|e| failure("remove_drive", e))
}

fn knows_drives(connection: &Connection) -> Result<(), Failure> {
    match connection.greeted {
        true => Ok(()),
        false => Err(Failure::Clean(not_here("launch"))),
    }
}

fn not_here(call: &str) -> Error {
    Error::usage(format!(
        "{call}: with this appliance drives can only be added before launch, and not be removed after it"
    ))
    .with_errno(libc::ENOTSUP)
    .with_help("add every drive first, or shut the handle down and start over")
}

fn tell(g: &Handle, connection: &mut Connection, words: Vec<BString>, limit: Duration) -> Result<BString, Failure> {
    let args = DebugArgs { subcmd: SUBCOMMAND.into(), extraargs: words };
    connection.limit = Some(Limit { what: "the daemon's answer", quiet: limit, total: limit, cancellable: true });
    let answer = connection.call::<DebugArgs, DebugRet>(g, &info::DEBUG, 0, &args, None, None);
    connection.limit = None;
    answer.map(|a| a.result)
}

/// What the backend says, in terms of the call.
fn failure(call: &str, mut e: LaunchError) -> Failure {
    if e.failure == LaunchFailure::Exited {
        return Failure::Fault(Fault::Died);
    }
    if let Some(rest) = e.message.strip_prefix(b"launch: ") {
        e.message = [call.as_bytes(), b": ", rest].concat().into();
    }
    Failure::Clean(e.into())
}

/// What the daemon says: it was asked through `debug`.
fn renamed(e: Error, call: &str) -> Error {
    let text = e.message();
    let text = text.strip_prefix(b"debug: ").unwrap_or(text);
    let renamed = Error::new(e.kind().clone(), [call.as_bytes(), b": ", text].concat()).with_errno(e.errno());
    if *e.kind() == ErrorKind::Daemon && e.errno() == libc::EBUSY {
        return renamed.with_help("unmount what is mounted from it, and deactivate what lies on it");
    }
    renamed
}

#[cfg(test)]
#[path = "hotplug_tests.rs"]
mod tests;
