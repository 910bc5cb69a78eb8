//! `--listen`: a guestfish in the background that runs the commands of others.
//!
//! In: `--listen` with drives and mounts. Out: on standard output the variable that tells clients where it is,
//! printed when everything is ready, then the outcome of each command. The listener ends with `exit`, with a
//! command that fails and is not marked with `-`, and with SIGTERM or SIGHUP; SIGINT cancels the command.
//!
//! Going to the background means starting this program again: the parent passes on what the child prints up
//! to the end of the line, and ends. A fork would need `unsafe`, and not copy the threads.

use super::{place, wire};
use crate::error::{Error, Result};
use crate::session::Session;
use crate::streams::{self, Borrowed, Streams};
use guestfs::Canceller;
use rustix::event::{poll, PollFd, PollFlags};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Tells the child that it is one: the process id of its parent.
const PARENT: &str = "GUESTFISH_RS_LISTEN_PARENT";

/// Longest wait for a client that has connected to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);

/// True in the process that [`background`] started.
pub fn is_child() -> bool {
    let parent = std::env::var(PARENT).ok();
    std::env::remove_var(PARENT);
    parent.is_some() && parent == rustix::process::getppid().map(|p| p.as_raw_nonzero().to_string())
}

/// Start this program again with the same arguments, and end when it listens or has failed.
pub fn background() -> Result<()> {
    let failed = |e: &std::io::Error| Error::io("--listen", e);
    let program = std::env::current_exe().map_err(|e| failed(&e))?;
    let mut command = Command::new(program);
    command.args(std::env::args_os().skip(1)).env(PARENT, std::process::id().to_string()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|e| failed(&e))?;
    let mut line = Vec::new();
    if let Some(output) = child.stdout.take() {
        BufReader::new(output).read_until(b'\n', &mut line).map_err(|e| failed(&e))?;
    }
    if line.last() != Some(&b'\n') {
        // It has said why on standard error.
        child.wait().map_err(|e| failed(&e))?;
        return Err(Error::printed());
    }
    let mut stdout = std::io::stdout();
    stdout.write_all(&line).and_then(|()| stdout.flush()).map_err(|e| Error::io("writing to standard output", &e))
}

/// Listen and serve until the end.
pub fn serve(session: &mut Session, csh: bool) -> Result<()> {
    let pid = std::process::id();
    let (stop, stopped) = UnixStream::pair().map_err(|e| Error::io("socket", &e))?;
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        let end = stop.try_clone().and_then(|s| signal_hook::low_level::pipe::register(signal, s));
        end.map_err(|e| Error::io("signal handler", &e))?;
    }
    session.interrupt.end_orderly();
    let socket = Socket::bind(pid)?;
    let line =
        if csh { format!("setenv GUESTFISH_PID {pid}") } else { format!("GUESTFISH_PID={pid}; export GUESTFISH_PID") };
    session.out.line(line)?;
    session.out.flush()?;
    streams::detach()?;
    while wait(&socket.listener, &stopped)? {
        match socket.listener.accept() {
            Ok((client, _)) => {
                if let Some(end) = answer(session, &client, &socket) {
                    return end;
                }
            }
            Err(e) if e.kind() == ErrorKind::ConnectionAborted => {}
            Err(e) => return Err(Error::io("remote", &e)),
        }
    }
    Ok(session.handle().shutdown()?)
}

/// The socket, there for as long as this lives.
struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    fn bind(pid: u32) -> Result<Self> {
        let path = place::socket(pid)?;
        // Left behind by an earlier process of the same number; usually there is none.
        let _ = std::fs::remove_file(&path);
        let failed = |e: std::io::Error| Error::io(path.as_os_str().as_bytes(), &e);
        let listener = UnixListener::bind(&path).map_err(failed)?;
        Ok(Socket { listener, path })
    }

    fn remove(&self) {
        // Nobody is left to be told, and without a listener it does no harm.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Wait for a client; false when a signal asks for the end.
fn wait(listener: &UnixListener, stopped: &UnixStream) -> Result<bool> {
    loop {
        let mut what = [PollFd::new(stopped, PollFlags::IN), PollFd::new(listener, PollFlags::IN)];
        match poll(&mut what, None) {
            Err(rustix::io::Errno::INTR) => continue,
            Err(e) => return Err(Error::io("remote", &e.into())),
            Ok(_) => {}
        }
        let [stopped, client] = what.map(|w| !w.revents().is_empty());
        if stopped || client {
            return Ok(!stopped);
        }
    }
}

/// Run the command of one client. Something when it was the last: how the listener ends.
fn answer(session: &mut Session, client: &UnixStream, socket: &Socket) -> Option<Result<()>> {
    let (theirs, request) = match receive(client) {
        Ok(received) => received,
        Err(e) => {
            // A client that makes no sense is no reason to end.
            e.print(None);
            return None;
        }
    };
    let (outcome, last) = match Borrowed::new(&theirs) {
        Ok(_borrowed) => {
            let mut outcome = execute(session, client, &request);
            let last = session.quit || (outcome.is_err() && !request.may_fail);
            if last {
                // Before the answer, so that the client finds everything written out; and while its streams
                // are here, for scripts that wait for the end.
                outcome = outcome.and(session.handle().shutdown().map_err(Error::from));
                session.handle().close_in_place();
            }
            (outcome, last)
        }
        Err(e) => (Err(e), false),
    };
    if last {
        // Before the answer as well.
        socket.remove();
    }
    // The client has gone: its business.
    let _ = wire::send_reply(client, &outcome);
    last.then(|| outcome.map_err(|_| Error::printed()))
}

fn receive(client: &UnixStream) -> Result<(Streams, wire::Request)> {
    // Its directory keeps everybody else out; this is the second lock.
    let peer = rustix::net::sockopt::socket_peercred(client).map_err(|e| Error::io("remote", &e.into()))?;
    if peer.uid != rustix::process::geteuid() && !peer.uid.is_root() {
        return Err(Error::new(format!("remote: refused user {}", peer.uid.as_raw())));
    }
    client.set_read_timeout(Some(PATIENCE)).map_err(|e| Error::io("remote", &e))?;
    Ok((wire::receive_streams(client)?, wire::receive_request(client)?))
}

fn execute(session: &mut Session, client: &UnixStream, request: &wire::Request) -> Result<()> {
    let (name, words) = request.words.split_first().ok_or_else(|| Error::new("remote: a command without a name"))?;
    session.interrupt.forget();
    session.stdin_is_script = request.stdin_is_script;
    session.out.begin_pipe(!session.pipe_error);
    let canceller = session.handle().canceller();
    let (awake, over) = UnixStream::pair().map_err(|e| Error::io("socket", &e))?;
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| cancel_without(client, &over, &canceller));
        let outcome = session.run_top(name, words);
        // Ends the thread.
        drop(awake);
        outcome
    });
    session.out.end_pipe();
    outcome
}

/// Cancel the command when its client goes before it is over.
fn cancel_without(client: &UnixStream, over: &UnixStream, canceller: &Canceller) {
    loop {
        let mut what = [PollFd::new(client, PollFlags::RDHUP), PollFd::new(over, PollFlags::RDHUP)];
        let [gone, over] = match poll(&mut what, None) {
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return,
            Ok(_) => what.map(|w| !w.revents().is_empty()),
        };
        if gone && !over {
            canceller.cancel();
        }
        return;
    }
}
