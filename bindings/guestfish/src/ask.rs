//! What commands need from the user while they run: lines of the input and keys.
//!
//! In: the stack of inputs, the terminal. Out: the lines of a `-<<END` upload; keys, read from the terminal
//! without echo, or one a line from standard input with `--keys-from-stdin`.

use crate::current::Current;
use crate::error::{Error, Result};
use crate::input::{self, Input};
use crate::interrupt::Interrupt;
use crate::words::Ask;
use bstr::{BStr, BString, ByteSlice};
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::termios::{tcgetattr, tcsetattr, LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::sync::Arc;

/// Most that is kept of what was typed before a key was asked for, in bytes.
const MOST_TYPED: usize = 16 * 1024 * 1024;

/// Inputs, the innermost last, and how keys are read.
pub struct Asker {
    pub inputs: Vec<Box<dyn Input>>,
    /// Show keys as they are typed.
    pub echo_keys: bool,
    /// Read keys from standard input.
    pub keys_from_stdin: bool,
    handle: Current,
    interrupt: Arc<Interrupt>,
}

impl Ask for Asker {
    fn heredoc(&mut self, marker: &BStr) -> Result<BString> {
        let missing = |what: &str| {
            let mut message = format!("{what} without finding '").into_bytes();
            message.extend_from_slice(marker);
            message.push(b'\'');
            Error::new(message)
        };
        if self.inputs.is_empty() {
            return Err(missing("a command on the command line has no further lines: it ended"));
        }
        let mut text = BString::default();
        while let Some(line) = self.line(true)? {
            if line == marker {
                return Ok(text);
            }
            text.extend_from_slice(&line);
            text.push(b'\n');
        }
        Err(missing("end of input reached"))
    }

    fn key(&mut self, name: &str) -> Result<BString> {
        if self.keys_from_stdin {
            // Somebody's lines come by way of the line editor, which may have read further.
            let line = match self.inputs.first_mut().filter(|i| i.interactive()) {
                Some(input) => self.interrupt.wait_for(|| input.line(true))?,
                None => self.interrupt.wait_for(|| input::stdin().line(true))?,
            };
            return line.ok_or_else(|| Error::new(format!("standard input ended before a line for key \"{name}\"")));
        }
        self.key_from_terminal(name)
    }

    fn temporary(&mut self) -> Result<tempfile::NamedTempFile> {
        let handle = Arc::clone(&self.handle.borrow());
        let directory = handle.get_tmpdir()?;
        let file = tempfile::Builder::new().prefix("guestfish").tempfile_in(directory.to_os_str_lossy());
        file.map_err(|e| Error::io(format!("temporary file in {directory}"), &e))
    }
}

impl Asker {
    /// No inputs yet; `handle` knows where temporary files go.
    pub fn new(handle: Current, interrupt: Arc<Interrupt>) -> Self {
        Asker { inputs: Vec::new(), echo_keys: false, keys_from_stdin: false, handle, interrupt }
    }

    /// The next line of the innermost input; `more` as in [`Input::line`].
    pub fn line(&mut self, more: bool) -> Result<Option<BString>> {
        let Some(input) = self.inputs.last_mut() else { return Ok(None) };
        self.interrupt.wait_for(|| input.line(more))
    }

    /// One line, unless Ctrl-C comes first. The system's read goes on after a signal, so it is not begun before
    /// there is something.
    fn read_line(&self, terminal: &File, line: &mut Vec<u8>) -> std::io::Result<()> {
        let slice = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
        let mut part = [0; 4096];
        while !line.ends_with(b"\n") {
            let mut fds = [PollFd::new(terminal, PollFlags::IN)];
            match poll(&mut fds, Some(&slice)) {
                _ if self.interrupt.seen() => return Err(ErrorKind::Interrupted.into()),
                Ok(0) | Err(Errno::INTR) => continue,
                ready => ready?,
            };
            match rustix::io::read(terminal, &mut part)? {
                0 if line.is_empty() => return Err(ErrorKind::UnexpectedEof.into()),
                0 => break,
                n => line.extend_from_slice(part.get(..n).unwrap_or_default()),
            }
        }
        Ok(())
    }

    fn key_from_terminal(&mut self, name: &str) -> Result<BString> {
        let failed = |e: std::io::Error| {
            Error::io("/dev/tty", &e).note("help: with --keys-from-stdin keys are read from standard input")
        };
        let mut terminal = File::options().read(true).write(true).open("/dev/tty").map_err(failed)?;
        let interrupt = Arc::clone(&self.interrupt);
        let (mut line, mut typed) = (Vec::new(), Vec::new());
        let ended = interrupt.guard(&terminal, "", || {
            interrupt.wait_for(|| {
                // Before the question: who is asked may answer at once.
                let echo_keys = self.echo_keys;
                let silent = |t: &mut Termios| t.local_modes.set(LocalModes::ECHO, echo_keys);
                let _quiet = Settings::change(&terminal, silent)?;
                read_typed(&terminal, &mut typed)?;
                (&terminal).write_all(format!("Enter key or passphrase (\"{name}\"): ").as_bytes())?;
                self.read_line(&terminal, &mut line)
            })
        });
        // What no input wants was typed at a command that is given no lines.
        for input in &mut self.inputs {
            if input.keep(&typed)? {
                break;
            }
        }
        if !self.echo_keys || ended.is_err() {
            terminal.write_all(b"\n").map_err(failed)?;
        }
        // Giving up must not be taken for an empty key.
        match ended {
            Err(e) if e.kind() == ErrorKind::Interrupted => return Err(Error::new("interrupted: no key was given")),
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => {
                return Err(Error::new(format!("no key \"{name}\" was given")))
            }
            ended => ended.map_err(failed)?,
        }
        Ok(line.strip_suffix(b"\n").unwrap_or(&line).as_bstr().to_owned())
    }
}

/// All that was typed up to now. A paste comes in pieces: it is over when a tenth of a second brings nothing.
fn read_typed(terminal: &File, typed: &mut Vec<u8>) -> std::io::Result<()> {
    let _settings = Settings::change(terminal, |t| {
        t.local_modes.remove(LocalModes::ICANON);
        t.special_codes[SpecialCodeIndex::VMIN] = 0;
        t.special_codes[SpecialCodeIndex::VTIME] = 1;
    })?;
    let mut part = [0; 4096];
    while typed.len() < MOST_TYPED {
        match rustix::io::read(terminal, &mut part) {
            Ok(0) => return Ok(()),
            Ok(n) => typed.extend_from_slice(part.get(..n).unwrap_or_default()),
            Err(Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Err(std::io::Error::other(format!("more than {} MiB were typed before a key was asked for", MOST_TYPED >> 20)))
}

/// The settings of a terminal are others for as long as this lives. Nothing typed is thrown away by it.
struct Settings<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Settings<'a> {
    fn change(terminal: &'a File, change: impl FnOnce(&mut Termios)) -> std::io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut settings = before.clone();
        change(&mut settings);
        tcsetattr(terminal, OptionalActions::Now, &settings)?;
        Ok(Settings { terminal, before })
    }
}

impl Drop for Settings<'_> {
    fn drop(&mut self) {
        // Nothing to be done when the terminal is gone.
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}
