//! `--remote`: commands that another guestfish runs.
//!
//! In: the words of a command. Out: its outcome; what it prints comes by itself, because the listener writes
//! to the streams of this process. Local commands, pipes and `-<<END` uploads are still done here.

use super::target::Remote;
use super::{place, wire};
use crate::catalogue::{find, Found};
use crate::error::{Error, Result};
use crate::session::Session;
use crate::words;
use bstr::{BStr, BString};
use rustix::stdio::{stderr, stdin, stdout};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;

/// Commands that run the one after them.
const PREFIXES: [&[u8]; 3] = [b"glob", b"not", b"time"];

fn connect(remote: Remote) -> Result<UnixStream> {
    let path = place::socket(remote.pid)?;
    UnixStream::connect(&path).map_err(|e| {
        Error::io(path.as_os_str().as_bytes(), &e).note(format!("help: no guestfish listens as process {}", remote.pid))
    })
}

impl Session {
    /// Have the listener run a command.
    pub(crate) fn run_remote(&mut self, remote: Remote, name: &BStr, words: &[BString]) -> Result<()> {
        let mut sent = vec![name.to_owned()];
        sent.extend_from_slice(words);
        // Lines of a `-<<END` upload are here: they go by way of a file, kept until the command is done.
        let mut kept = Vec::new();
        let at = sent.iter().position(|w| !PREFIXES.iter().any(|p| w.eq_ignore_ascii_case(p))).unwrap_or(0);
        if let [name, words @ ..] = sent.get_mut(at..).unwrap_or_default() {
            if let Some(Found::Api(command)) = find(name) {
                words::inline_files(command.signature(), words, &mut self.ask, &mut kept)?;
            }
        }
        let (may_fail, stdin_is_script) = (self.may_fail, self.stdin_is_script);
        self.out.flush()?;
        let connection = connect(remote)?;
        let theirs = connection.try_clone().map_err(|e| Error::io("remote", &e))?;
        // A listener whose client is gone cancels the call.
        self.interrupt.watch(move || drop(theirs.shutdown(std::net::Shutdown::Both)));
        wire::send_streams(&connection, &[stdin(), stdout(), stderr()])?;
        wire::send_request(&connection, &wire::Request { may_fail, stdin_is_script, words: sent })?;
        let outcome = wire::receive_reply(&connection).unwrap_or_else(Err);
        // Whoever ends the listener has nobody left to send commands to.
        let ended = matches!(find(name), Some(Found::Own(own)) if own.name == "quit");
        self.quit = self.quit || (ended && outcome.is_ok());
        outcome
    }
}
