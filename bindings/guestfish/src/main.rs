//! guestfish: the guest filesystem shell.
//!
//! In: the command line, and commands from it, a script, standard input or a terminal. Out: results on
//! standard output, errors on standard error, status 0 when all went well and 1 otherwise; a script that Ctrl-C
//! ended dies of SIGINT.
//!
//! `options` reads the command line, `start` does what it asks for, `exec` runs commands: API calls through
//! the generated table, the shell's own through `builtins`.

// Allowed in `startup` alone.
#![deny(unsafe_code)]

mod ahead;
mod ask;
mod builtins;
mod catalogue;
mod command;
mod complete;
mod config;
mod current;
mod editor;
mod error;
mod exec;
mod home;
mod host;
mod input;
mod inspect;
mod interrupt;
mod keys;
mod list;
mod number;
mod options;
mod parse;
mod prepared;
mod print;
mod progress;
mod prompt;
mod remote;
mod session;
mod signature;
mod start;
mod startup;
mod streams;
mod unlock;
mod uri;
mod usage;
mod wildcard;
mod words;

#[rustfmt::skip]
#[path = "../generated/mod.rs"]
mod generated;

use crate::error::{Error, Result};
use crate::input::{Input, Script};
use crate::inspect::Guest;
use crate::interrupt::{Interrupt, Role};
use crate::options::{Control, Info, Options};
use crate::print::Output;
use crate::progress::Progress;
use crate::remote::listener;
use crate::remote::target::Remote;
use crate::session::Session;
use bstr::BString;
use std::fs::File;
use std::io::IsTerminal;
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            e.print(None);
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    startup::stdout()?;
    let mut options = options::parse(std::env::args_os().skip(1))?;
    start::take_disks(&mut options);
    if let Some(info) = &options.info {
        let mut out = Output::default();
        let shown = show(&mut out, info);
        return out.flush().and(shown);
    }
    remote::check(&options)?;
    if options.control == Some(Control::Listen) {
        return listen(&options);
    }
    let source = source(&options)?;
    let interactive = options.words.is_empty() && source.is_none();
    let session = session(&options, if interactive { Role::Prompt } else { Role::Script })?;
    let interrupt = session.interrupt.clone();
    let result = commands(session, options, source, interactive).map_err(|e| {
        e.print(None);
        Error::printed()
    });
    // Now that all is closed: whoever runs a list of commands with us among them shall end, too.
    interrupt.end();
    result
}

/// Run everything, and close.
fn commands(
    mut session: Session,
    mut options: Options,
    source: Option<Box<dyn Input>>,
    interactive: bool,
) -> Result<()> {
    if interactive {
        // Now, so that what is typed while the disks are opened has its place when a key is asked for.
        let completion = complete::Completion::new(session.current.clone(), !options.no_dest_paths);
        let editor = editor::Editor::new(completion, session.interrupt.clone())?;
        session.ask.inputs.push(Box::new(editor));
    }
    let guest = match &options.control {
        Some(Control::Remote(pid)) => {
            session.remote = Some(Remote::new(pid.as_ref())?);
            None
        }
        _ => start(&mut session, &options, interactive)?,
    };
    let words = std::mem::take(&mut options.words);
    if !words.is_empty() {
        session.run_command_line(&words)?;
    } else if let Some(source) = source {
        session.stdin_is_script = options.file.as_ref().is_none_or(|f| f.as_os_str() == "-");
        session.ask.inputs.push(source);
        session.run_input()?;
    } else {
        dialogue(&mut session, guest.as_ref())?;
    }
    // Errors that only show when everything is written out would be lost in a silent close.
    session.handle().shutdown()?;
    Ok(())
}

/// A session with the choices of the command line.
fn session(options: &Options, role: Role) -> Result<Session> {
    let interrupt = Interrupt::listen(role)?;
    let bars = role != Role::Listener && std::io::stderr().is_terminal();
    let mut session = Session::new(interrupt, Progress::new(options.progress_bars.unwrap_or(bars)))?;
    // Where Ctrl-C can be typed it cancels a call, so it must not reach the appliance.
    let typed = role != Role::Script || std::io::stdin().is_terminal() || std::io::stderr().is_terminal();
    session.handle().set_pgroup(typed)?;
    session.pipe_error = options.pipe_error;
    session.ask.echo_keys = options.echo_keys;
    session.ask.keys_from_stdin = options.keys_from_stdin;
    Ok(session)
}

/// Drives, launch, mounts.
fn start(session: &mut Session, options: &Options, interactive: bool) -> Result<Option<Guest>> {
    let readonly = options.readonly.map_or_else(config::read_only, Ok)?;
    let handle = session.handle();
    let guest = start::prepare(&handle, options, readonly, &mut session.ask)?;
    session.check_interrupt(interactive)?;
    Ok(guest)
}

/// A listener in the background.
fn listen(options: &Options) -> Result<()> {
    if !listener::is_child() {
        return listener::background();
    }
    // Ctrl-C only ends a command, as at a prompt.
    let mut session = session(options, Role::Listener)?;
    start(&mut session, options, false)?;
    listener::serve(&mut session, options.csh)
}

/// Where commands come from when they are not on the command line; `None` for a terminal.
fn source(options: &Options) -> Result<Option<Box<dyn Input>>> {
    match &options.file {
        Some(path) if path.as_os_str() == "-" => Ok(Some(Box::new(input::stdin()))),
        Some(path) => {
            let name = BString::from(path.clone().into_os_string().into_vec());
            let file = File::open(path).map_err(|e| Error::io(&name, &e))?;
            Ok(Some(Box::new(Script::new(file, name))))
        }
        None if std::io::stdin().is_terminal() => Ok(None),
        None => Ok(Some(Box::new(input::stdin()))),
    }
}

/// Somebody at a terminal.
fn dialogue(session: &mut Session, guest: Option<&Guest>) -> Result<()> {
    prompt::emit("GUESTFISH_INIT", &mut session.out)?;
    prompt::welcome();
    if let Some(guest) = guest {
        guest.show(&mut session.out)?;
    }
    let result = session.run_input();
    session.ask.inputs.clear();
    prompt::emit("GUESTFISH_RESTORE", &mut session.out)?;
    result
}

/// Options that only ask for information.
fn show(out: &mut Output, info: &Info) -> Result<()> {
    match info {
        Info::Help => out.bytes(usage::TEXT.as_bytes()),
        Info::Commands(None) => builtins::help_list(out),
        Info::Commands(Some(name)) => builtins::help_command(out, name),
        Info::Version => {
            let v = guestfs::Handle::new()?.version()?;
            out.line(format!("guestfish {}.{}.{}{}", v.major, v.minor, v.release, v.extra))
        }
        Info::PreparedHelp => out.bytes(prepared::help().as_bytes()),
        Info::LongOptions | Info::ShortOptions => out.bytes(options::names(info).as_bytes()),
    }
}
