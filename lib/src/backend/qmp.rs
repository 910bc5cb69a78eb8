//! A small client of the QEMU Machine Protocol.
//!
//! In: a connected stream socket to a monitor. Out: results of commands, several under way at once
//! when wanted. Lines are bounded, every wait has a deadline. Events are not needed and dropped.

use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use serde_json::{json, Value};
use std::io::{self, IoSlice, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// A longer answer is not one of those asked for here (a list of 255 disks' nodes takes 1 MiB).
const LINE_MAX: usize = 16 << 20;
/// Commands under way at once: few enough that their answers fit into the socket's buffer while the
/// monitor waits for us.
const WINDOW: usize = 32;
/// How often a wait looks whether it was cancelled.
const TICK: Duration = Duration::from_millis(100);

/// Why a command failed.
#[derive(Debug)]
pub enum QmpError {
    /// The hypervisor refused it, in its words.
    Refused(String),
    /// The monitor is gone: the hypervisor ended.
    Closed,
    /// No answer in time.
    Timeout,
    /// The caller's `go_on` said no.
    Cancelled,
    /// Not QMP.
    Garbage(String),
    Io(io::Error),
}

impl std::fmt::Display for QmpError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            QmpError::Refused(why) => f.write_str(why),
            QmpError::Closed => f.write_str("the hypervisor closed its monitor"),
            QmpError::Timeout => f.write_str("no answer from the hypervisor's monitor"),
            QmpError::Cancelled => f.write_str("cancelled"),
            QmpError::Garbage(what) => write!(f, "the hypervisor's monitor sent {what}"),
            QmpError::Io(e) => write!(f, "the hypervisor's monitor: {e}"),
        }
    }
}

/// One command.
#[derive(Debug)]
pub struct Command {
    name: &'static str,
    arguments: Value,
    fd: Option<OwnedFd>,
}

impl Command {
    pub fn new(name: &'static str, arguments: Value) -> Command {
        Command { name, arguments, fd: None }
    }

    /// Send a descriptor along.
    pub fn with_fd(mut self, fd: OwnedFd) -> Command {
        self.fd = Some(fd);
        self
    }
}

/// A connection to a monitor.
#[derive(Debug)]
pub struct Qmp {
    stream: UnixStream,
    /// Received, not yet a whole line.
    input: Vec<u8>,
    next_id: u64,
}

impl Qmp {
    /// Wait for the greeting and finish the negotiation. Returns qemu's version as (major, minor).
    /// `go_on` is asked now and then.
    pub fn connect(
        stream: UnixStream,
        deadline: Instant,
        go_on: &dyn Fn() -> bool,
    ) -> Result<(Qmp, (u64, u64)), QmpError> {
        stream.set_nonblocking(true).map_err(QmpError::Io)?;
        let mut qmp = Qmp { stream, input: Vec::new(), next_id: 0 };
        let greeting = qmp.line(deadline, go_on)?;
        let version = greeting.pointer("/QMP/version/qemu").ok_or_else(|| QmpError::Garbage("no greeting".into()))?;
        let number = |key: &str| version.get(key).and_then(Value::as_u64).unwrap_or(0);
        let version = (number("major"), number("minor"));
        qmp.execute(Command::new("qmp_capabilities", json!({})), deadline, go_on)?;
        Ok((qmp, version))
    }

    /// Run one command.
    pub fn execute(
        &mut self,
        command: Command,
        deadline: Instant,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Value, QmpError> {
        let mut results = self.pipeline(vec![command], deadline, go_on)?;
        results.pop().unwrap_or(Err(QmpError::Closed))
    }

    /// Run commands in order without waiting for each: one result for each, or an error when the
    /// connection is of no more use.
    pub fn pipeline(
        &mut self,
        commands: Vec<Command>,
        deadline: Instant,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Vec<Result<Value, QmpError>>, QmpError> {
        let first = self.next_id;
        let count = commands.len();
        let mut waiting = commands.into_iter();
        let mut sent = 0;
        let mut results = Vec::with_capacity(count);
        while results.len() < count {
            while sent < count && sent - results.len() < WINDOW {
                let Some(command) = waiting.next() else { break };
                self.send(command, deadline, go_on)?;
                sent += 1;
            }
            let answer = self.line(deadline, go_on)?;
            if answer.get("event").is_some() {
                continue;
            }
            // The monitor answers in order (QMP specification, without out-of-band execution).
            let expected = first + results.len() as u64;
            if answer.get("id").and_then(Value::as_u64).is_some_and(|id| id < first) {
                // To a command that was given up.
                continue;
            }
            if answer.get("id").and_then(Value::as_u64) != Some(expected) {
                return Err(QmpError::Garbage(format!("an answer to another command: {}", short(&answer))));
            }
            results.push(match (answer.get("return"), answer.pointer("/error/desc").and_then(Value::as_str)) {
                (Some(value), _) => Ok(value.clone()),
                (None, Some(why)) => Err(QmpError::Refused(why.to_owned())),
                (None, None) => return Err(QmpError::Garbage(short(&answer))),
            });
        }
        Ok(results)
    }

    fn send(&mut self, command: Command, deadline: Instant, go_on: &dyn Fn() -> bool) -> Result<(), QmpError> {
        let id = self.next_id;
        self.next_id += 1;
        let mut text = json!({ "execute": command.name, "arguments": command.arguments, "id": id }).to_string();
        text.push('\n');
        let mut rest = text.as_bytes();
        let fds = command.fd.as_ref().map(|fd| [fd.as_fd()]);
        let mut unsent = fds.as_ref();
        while !rest.is_empty() {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut ancillary = SendAncillaryBuffer::new(&mut space);
            if let Some(fds) = unsent {
                ancillary.push(SendAncillaryMessage::ScmRights(fds));
            }
            match rustix::net::sendmsg(&self.stream, &[IoSlice::new(rest)], &mut ancillary, SendFlags::NOSIGNAL) {
                Ok(n) => {
                    unsent = None;
                    rest = rest.get(n..).unwrap_or_default();
                }
                Err(rustix::io::Errno::AGAIN) => self.ready(PollFlags::OUT, deadline, go_on)?,
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::PIPE | rustix::io::Errno::CONNRESET) => return Err(QmpError::Closed),
                Err(e) => return Err(QmpError::Io(e.into())),
            }
        }
        Ok(())
    }

    /// The next whole line, as JSON.
    fn line(&mut self, deadline: Instant, go_on: &dyn Fn() -> bool) -> Result<Value, QmpError> {
        let mut scanned = 0;
        loop {
            if let Some(at) = self.input.iter().skip(scanned).position(|b| *b == b'\n') {
                let line: Vec<u8> = self.input.drain(..=scanned + at).collect();
                return serde_json::from_slice(&line).map_err(|_| {
                    QmpError::Garbage(format!("{:?}", String::from_utf8_lossy(line.get(..80).unwrap_or(&line))))
                });
            }
            scanned = self.input.len();
            if scanned > LINE_MAX {
                return Err(QmpError::Garbage("an endless line".into()));
            }
            let mut buf = [0; 16 << 10];
            match self.stream.read(&mut buf) {
                Ok(0) => return Err(QmpError::Closed),
                Ok(n) => self.input.extend_from_slice(buf.get(..n).unwrap_or_default()),
                Err(e) => match e.kind() {
                    io::ErrorKind::WouldBlock => self.ready(PollFlags::IN, deadline, go_on)?,
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::ConnectionReset => return Err(QmpError::Closed),
                    _ => return Err(QmpError::Io(e)),
                },
            }
        }
    }

    /// Wait until the stream can be read or written.
    fn ready(&self, what: PollFlags, deadline: Instant, go_on: &dyn Fn() -> bool) -> Result<(), QmpError> {
        loop {
            if !go_on() {
                return Err(QmpError::Cancelled);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(QmpError::Timeout);
            }
            let timeout = Timespec::try_from(left.min(TICK)).ok();
            match poll(&mut [PollFd::new(&self.stream, what)], timeout.as_ref()) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(e) => return Err(QmpError::Io(e.into())),
            }
        }
    }
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(200).collect()
}

#[cfg(test)]
#[path = "qmp_tests.rs"]
mod tests;
