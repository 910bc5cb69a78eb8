//! `event`, `delete-event`, `list-events`: scripts of the host that run when something happens.

use super::Call;
use crate::error::{Error, Result};
use crate::generated::builtins as about;
use crate::session::{EventHandler, Session};
use bstr::{BString, ByteSlice, ByteVec};
use guestfs::{Event, EventClass, EVENT_ALL};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};

pub(super) fn register(session: &mut Session, call: &Call<'_>) -> Result<()> {
    let [name, set, script] = call.words else { return Err(call.usage(&about::EVENT)) };
    let mask = parse_set(set)?;
    let theirs = script.clone();
    let id = session.handle().add_event_callback(mask, move |_, event| run(&theirs, event));
    session.events.push(EventHandler { name: name.clone(), id, mask, script: script.clone() });
    Ok(())
}

pub(super) fn delete(session: &mut Session, call: &Call<'_>) -> Result<()> {
    let [name] = call.words else { return Err(call.usage(&about::DELETE_EVENT)) };
    let handle = session.handle();
    let before = session.events.len();
    session.events.retain(|e| {
        let keep = e.name != *name;
        if !keep {
            handle.delete_event_callback(e.id);
        }
        keep
    });
    if session.events.len() == before {
        return Err(Error::new(format!("delete-event: {name}: no such event handler")));
    }
    Ok(())
}

pub(super) fn list(session: &mut Session, call: &Call<'_>) -> Result<()> {
    if !call.words.is_empty() {
        return Err(call.usage(&about::LIST_EVENTS));
    }
    let mut events: Vec<&EventHandler> = session.events.iter().collect();
    events.sort_by_key(|e| (&e.name, e.id));
    for e in events {
        let mut line = b"\"".to_vec();
        line.extend_from_slice(&e.name);
        line.push_str(format!("\" ({}): ", e.id.0));
        line.push_str(if e.mask == EVENT_ALL { "*".to_owned() } else { guestfs::event_to_string(e.mask) });
        line.push_str(": ");
        line.extend_from_slice(&e.script);
        session.out.line(line)?;
    }
    Ok(())
}

/// What scripts call events besides their names.
const OTHER_NAMES: [(&[u8], EventClass); 1] = [(b"launch", EventClass::LaunchDone)];

/// `close,trace` or `*`. Empty parts are skipped, so an empty set is a handler that never runs.
fn parse_set(set: &BString) -> Result<u64> {
    if set == "*" {
        return Ok(EVENT_ALL);
    }
    let mut mask = 0;
    for name in set.split_str(",").filter(|n| !n.is_empty()) {
        let other = OTHER_NAMES.into_iter().find(|(other, _)| *other == name).map(|(_, class)| class);
        let class = EventClass::ALL.into_iter().find(|c| c.name().as_bytes() == name).or(other).ok_or_else(|| {
            let names: Vec<&str> = EventClass::ALL.iter().map(|c| c.name()).collect();
            Error::new(format!("event: unknown event name: {}", name.as_bstr()))
                .note(format!("help: events are {}, or * for all", names.join(", ")))
        })?;
        mask |= class.bit();
    }
    Ok(mask)
}

/// Run a script for one event. It has no input: the input is the shell's script.
fn run(script: &BString, event: &Event<'_>) {
    let shell = std::env::var_os("SHELL").filter(|s| !s.is_empty()).unwrap_or_else(|| "/bin/sh".into());
    let mut command = Command::new(&shell);
    command.arg("-c").arg(OsStr::from_bytes(script)).arg("guestfish").env("EVENT", event.class.name());
    if !event.data.is_empty() {
        // An argument cannot hold a NUL; console output may.
        let data: Vec<u8> = event.data.iter().copied().filter(|b| *b != 0).collect();
        command.arg(OsStr::from_bytes(&data));
    }
    command.args(event.array.iter().map(u64::to_string));
    if let Err(e) = command.stdin(Stdio::null()).status() {
        Error::io(format!("event script: {}", shell.to_string_lossy()), &e).print(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets() {
        assert_eq!(parse_set(&"*".into()).unwrap(), EVENT_ALL);
        assert_eq!(parse_set(&"close,,trace".into()).unwrap(), EventClass::Close.bit() | EventClass::Trace.bit());
        assert_eq!(parse_set(&"launch".into()).unwrap(), EventClass::LaunchDone.bit());
        assert_eq!(parse_set(&"".into()).unwrap(), 0);
        assert_eq!(parse_set(&"close, trace".into()).unwrap_err().message(), "event: unknown event name:  trace");
    }
}
