//! Running lines and commands.
//!
//! In: lines of the innermost input, or the words of a command. Out: their effects; an error ends a script
//! with its file and line, and is only printed at a prompt. Pipes and commands of the host are here too.

use crate::builtins;
use crate::catalogue::{find, Found};
use crate::command::Context;
use crate::error::{Error, Result};
use crate::host::{outcome, shell, wait};
use crate::input::Script;
use crate::parse::{self, Action, Word};
use crate::session::Session;
use crate::words::Words;
use crate::{home, prompt};
use bstr::{BStr, BString, ByteSlice, ByteVec};
use std::os::fd::OwnedFd;
use std::process::Stdio;

/// Lists in lists: `<!` within the output of `<!`, `glob` and `time` before each other.
const MAX_DEPTH: usize = 64;

impl Session {
    /// Run every line of the innermost input.
    pub fn run_input(&mut self) -> Result<()> {
        while !self.quit {
            let line = self.ask.line(false)?;
            let Some(input) = self.ask.inputs.last() else { break };
            let (place, interactive) = (input.place(), input.interactive());
            // Ctrl-C between two commands: the next one must not begin.
            self.check_interrupt(interactive)?;
            let Some(text) = line else { break };
            if interactive {
                prompt::emit("GUESTFISH_OUTPUT", &mut self.out)?;
            }
            let line = parse::line(&text);
            self.may_fail = line.ignore_errors || interactive;
            let result = line.action.and_then(|action| self.run_action(action, place.as_ref()));
            if let Err(e) = result {
                e.print(place.as_ref().map(|p| p.as_bstr()));
                if !line.ignore_errors && !interactive {
                    return Err(Error::printed());
                }
            }
            self.check_interrupt(interactive)?;
        }
        Ok(())
    }

    /// A script ends after Ctrl-C even when the command itself did not mind.
    pub(crate) fn check_interrupt(&self, interactive: bool) -> Result<()> {
        if self.interrupt.seen() && !interactive {
            Error::new("interrupted").print(None);
            return Err(Error::printed());
        }
        Ok(())
    }

    fn run_action(&mut self, action: Action, place: Option<&BString>) -> Result<()> {
        match action {
            Action::Nothing => Ok(()),
            Action::Local(command) => outcome(&command, shell(&command).stdin(self.host_stdin()).status()),
            Action::Inline(command) => self.run_inline(&command, place),
            Action::Command { name, words, pipe: None } => self.run_top(&name, &expand(words)),
            Action::Command { name, words, pipe: Some(pipe) } => self.run_piped(&name, &expand(words), &pipe),
        }
    }

    /// `<!`: the output of a command of the host is an input.
    fn run_inline(&mut self, command: &BString, place: Option<&BString>) -> Result<()> {
        if self.ask.inputs.len() >= MAX_DEPTH {
            return Err(Error::new("<! is nested too deeply"));
        }
        let mut child = shell(command)
            .stdin(self.host_stdin())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| Error::io("/bin/sh", &e))?;
        let Some(output) = child.stdout.take() else { return Err(Error::new("/bin/sh: no output to read")) };
        let mut name = place.cloned().unwrap_or_default();
        if !name.is_empty() {
            name.push_str(": ");
        }
        name.push_str("output of <!");
        self.ask.inputs.push(Box::new(Script::new(output, name)));
        let result = self.run_input();
        // Closes the pipe, so that a command that has more to say ends.
        self.ask.inputs.pop();
        let status = child.wait();
        result?;
        if self.quit {
            return Ok(());
        }
        outcome(command, status)
    }

    /// A command of the shell whose output a command of the host reads.
    fn run_piped(&mut self, name: &BString, words: &[BString], pipe: &BString) -> Result<()> {
        self.out.flush()?;
        let failed = |e: rustix::io::Errno| Error::io("pipe", &e.into());
        let saved = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3).map_err(failed)?;
        let mut child = shell(pipe).stdin(Stdio::piped()).spawn().map_err(|e| Error::io("/bin/sh", &e))?;
        let Some(stdin) = child.stdin.take() else { return Err(Error::new("/bin/sh: no input to write to")) };
        let redirected = Redirect::new(OwnedFd::from(stdin), saved)?;
        self.out.begin_pipe(!self.pipe_error);
        let result = self.run_top(name, words);
        let flushed = self.out.flush();
        self.out.end_pipe();
        drop(redirected);
        wait(child)?;
        result.and(flushed)
    }

    /// A command with its progress bar, or one for a listener.
    pub fn run_top(&mut self, name: &BString, words: &[BString]) -> Result<()> {
        if let Some(remote) = self.remote {
            return self.run_remote(remote, name.as_bstr(), words);
        }
        self.progress.begin();
        let result = self.run_words(name, words, 0);
        self.progress.end();
        result
    }

    /// A command given by its name and arguments. `depth` counts `glob`, `time` and `not` around it.
    pub fn run_words(&mut self, name: &BString, words: &[BString], depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(Error::new(format!("{name}: nested too deeply")));
        }
        let experienced = std::mem::replace(&mut self.experienced, true);
        let result = match find(name) {
            Some(Found::Own(own)) => {
                let call = builtins::Call { name: name.as_bstr(), words, depth, runner: Session::run_words };
                builtins::run(own, self, &call)
            }
            Some(Found::Api(command)) => {
                let handle = self.handle();
                Words::new(command.signature(), words, &mut self.ask).and_then(|mut words| {
                    let mut context = Context { handle: &handle, out: &mut self.out };
                    (command.run)(&mut context, &mut words)
                })
            }
            None => Err(unknown(name.as_bstr(), experienced)),
        };
        // Results come before what the next command or a command of the host prints.
        let flushed = self.out.flush();
        result.and(flushed)
    }

    /// Commands given on the command line, separated by lone colons.
    pub fn run_command_line(&mut self, words: &[BString]) -> Result<()> {
        let mut rest = words;
        // A colon at the end separates nothing.
        while let [_, ..] = rest {
            // `quit` there ends only its own command, as it always did.
            self.quit = false;
            let end = rest.iter().position(|w| w == ":").unwrap_or(rest.len());
            let (command, tail) = rest.split_at(end);
            rest = tail.get(1..).unwrap_or_default();
            let Some((name, words)) = command.split_first() else {
                return Err(Error::new("empty command on command line").note("help: separate commands with one ':'"));
            };
            let bare = name.strip_prefix(b"-");
            self.may_fail = bare.is_some();
            let result = self.run_top(&bare.map_or_else(|| name.clone(), BString::from), words);
            if let Err(e) = result {
                e.print(None);
                if bare.is_none() {
                    return Err(Error::printed());
                }
            }
            self.check_interrupt(false)?;
        }
        Ok(())
    }
}

fn unknown(name: &BStr, experienced: bool) -> Error {
    let mut message = name.to_vec();
    message.push_str(": unknown command");
    let error = Error::new(message);
    if experienced {
        return error;
    }
    error
        .note("help: to open a disk image:  guestfish -a disk.img")
        .note("      to list the commands:  guestfish -h")
        .note("      to read the manual:    man guestfish")
}

/// Replace `~` at the beginning of unquoted words.
fn expand(words: Vec<Word>) -> Vec<BString> {
    words.into_iter().map(|w| if w.quoted { w.text } else { home::expand(w.text) }).collect()
}

/// File descriptor 1 is something else for as long as this lives.
struct Redirect {
    saved: OwnedFd,
}

impl Redirect {
    fn new(to: OwnedFd, saved: OwnedFd) -> Result<Self> {
        rustix::stdio::dup2_stdout(&to).map_err(|e| Error::io("pipe", &e.into()))?;
        Ok(Redirect { saved })
    }
}

impl Drop for Redirect {
    fn drop(&mut self) {
        // The descriptor was duplicated from 1 a moment ago: this can only fail when the process is in a
        // state where nothing can be printed any more anyway.
        let _ = rustix::stdio::dup2_stdout(&self.saved);
    }
}
