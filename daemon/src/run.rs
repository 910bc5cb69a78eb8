//! Running tools: argv only, no shell, a fixed environment, bounded output, one kind of error.
//!
//! In: a program name and its arguments. Out: what it printed, or an [`Error`] with its stderr.
//! Tools read hostile disks, so their output is as hostile as any other: never more of it is kept
//! than the caller allows.

mod apart;
mod collect;
mod end;
pub mod find;
#[cfg(test)]
mod tests;

pub use apart::apart;
pub use find::{find_tool, PATH};

use crate::channel::Channel;
use crate::ctx::{Ctx, Role};
use crate::error::{Context, Errno, Error, Result};
use bstr::{BStr, BString, ByteSlice};
use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Output kept when the caller sets no limit of its own, in bytes: what fits a reply.
pub const OUTPUT_LIMIT: usize = guestfs_protocol::xdr::MESSAGE_MAX;

/// What a tool printed.
#[derive(Debug, Clone, Default)]
pub struct Output {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// Exit status; tools that died of a signal are an error already.
    pub status: i32,
}

/// A tool about to be run.
#[derive(Debug)]
pub struct Tool {
    name: BString,
    command: Command,
    stdin: Vec<u8>,
    stdin_file: Option<Stdio>,
    limit: usize,
    time: Option<Duration>,
    pulse: bool,
    in_guest: bool,
}

impl Tool {
    /// `name` is looked up in [`PATH`]; an absolute path is taken as it is.
    pub fn new(name: &str) -> Tool {
        let mut command = Command::new(find_tool(name).unwrap_or_else(|| name.into()));
        // Tools begin their messages with the name they were called by: the short one is for people.
        command.arg0(name).env_clear().envs(environment()).current_dir("/");
        Tool {
            name: name.into(),
            command,
            stdin: Vec::new(),
            stdin_file: None,
            limit: OUTPUT_LIMIT,
            time: None,
            pulse: false,
            in_guest: false,
        }
    }

    /// A program of the guest, which the caller makes run in there (the command gets a step between
    /// fork and exec). It is looked up in the guest's own directories.
    pub(crate) fn in_guest(program: &[u8]) -> Tool {
        use std::os::unix::ffi::OsStrExt;
        let mut command = Command::new(OsStr::from_bytes(program));
        command.env_clear().envs([("PATH", PATH), ("LC_ALL", "C"), ("HOME", "/root"), ("TERM", "dumb")]);
        let name = program.into();
        Tool {
            name,
            command,
            stdin: Vec::new(),
            stdin_file: None,
            limit: OUTPUT_LIMIT,
            time: None,
            pulse: false,
            in_guest: true,
        }
    }

    /// Add an argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Tool {
        self.command.arg(arg);
        self
    }

    /// Add an argument given as bytes (names from the client).
    pub fn arg_bytes(mut self, arg: impl AsRef<[u8]>) -> Tool {
        use std::os::unix::ffi::OsStrExt;
        self.command.arg(OsStr::from_bytes(arg.as_ref()));
        self
    }

    /// Add several arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Tool {
        self.command.args(args);
        self
    }

    /// Set an environment variable on top of the fixed ones.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Tool {
        self.command.env(name, value);
        self
    }

    /// Run in this directory instead of `/`.
    pub fn dir(mut self, dir: impl AsRef<Path>) -> Tool {
        self.command.current_dir(dir);
        self
    }

    /// Feed this to its stdin, which is `/dev/null` otherwise.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Tool {
        self.stdin = bytes.into();
        self
    }

    /// Give it this open file as its stdin.
    pub fn stdin_from(mut self, file: impl Into<Stdio>) -> Tool {
        self.stdin_file = Some(file.into());
        self
    }

    /// Allow this much stdout, in bytes. More is an error.
    pub fn limit(mut self, bytes: usize) -> Tool {
        self.limit = bytes;
        self
    }

    /// Allow this much time. Most tools have none of their own: how long they need is the disk's affair,
    /// and the library can cancel.
    pub fn time_limit(mut self, time: Duration) -> Tool {
        self.time = Some(time);
        self
    }

    /// Show the library that it still runs (a moving progress bar).
    pub fn pulse(mut self) -> Tool {
        self.pulse = true;
        self
    }

    /// The command itself, for what has no method here (chroot, descriptors).
    pub fn command_mut(&mut self) -> &mut Command {
        &mut self.command
    }

    /// Let it write below `dir`, where it starts, and nowhere else; `dir` must stay open until it runs. In tests, whose
    /// guest is a directory and which may lack the privileges for it, it only starts there.
    pub fn confine(&mut self, ctx: &Ctx, dir: &OwnedFd) -> Result<()> {
        match ctx.role() {
            Role::Directory => {
                self.command.current_dir(crate::path::by_fd(dir));
                Ok(())
            }
            Role::Appliance | Role::Live => crate::sys::confine::confine(&mut self.command, dir),
        }
    }

    /// Run it to its end. Any exit status but 0 is an error with its stderr, or, since some tools complain there
    /// (tune2fs), the end of its stdout.
    pub fn run(self, ctx: &Ctx) -> Result<Output> {
        const END: usize = 1024;
        let name = self.name.clone();
        let output = self.run_status(ctx)?;
        let end = output.stdout.get(output.stdout.len().saturating_sub(END)..).unwrap_or_default();
        let said = if output.stderr.trim().is_empty() { end } else { &output.stderr };
        check(name.as_bstr(), output.status, said)?;
        Ok(output)
    }

    /// Run it to its end; the exit status is the caller's to judge ([`Output::status`]).
    pub fn run_status(mut self, ctx: &Ctx) -> Result<Output> {
        let stdin = match self.stdin_file.take() {
            Some(file) => file,
            None if self.stdin.is_empty() => Stdio::null(),
            None => Stdio::piped(),
        };
        let input = std::mem::take(&mut self.stdin);
        self.command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        ctx.channel().wanted()?;
        let mut child = self.spawn(ctx)?;
        let wait = collect::Wait {
            limit: self.limit,
            pulse: self.pulse,
            until: self.time.and_then(|time| Instant::now().checked_add(time)),
        };
        let collected = collect::both(&mut child, input, &wait, ctx);
        if collected.is_err() {
            // Whatever went wrong, nothing of it may go on running on the disk.
            end::stop(child, ctx.channel());
            return collected.map(|_| Output::default()).with_context(|| self.name.clone());
        }
        let (stdout, stderr) = collected?;
        let status = match end::wait(&mut child, wait.until, ctx.channel()) {
            Ok(status) => status,
            Err(e) => {
                end::stop(child, ctx.channel());
                return Err(e).with_context(|| self.name.clone());
            }
        };
        if ctx.verbose() && !stderr.is_empty() {
            eprintln!("guestfsd: {}: {}", self.name, stderr.trim().as_bstr());
        }
        let status = exit_code(self.name.as_bstr(), status, &stderr)?;
        Ok(Output { stdout, stderr, status })
    }

    /// Start it with its stdin and/or stdout as pipes that the caller serves; stderr is collected
    /// meanwhile. End with [`Running::finish`].
    pub fn spawn_piped(mut self, ctx: &Ctx, stdin: bool, stdout: bool) -> Result<Running> {
        let pipe = |wanted| if wanted { Stdio::piped() } else { Stdio::null() };
        let input = self.stdin_file.take().unwrap_or_else(|| pipe(stdin));
        self.command.stdin(input).stdout(pipe(stdout)).stderr(Stdio::piped());
        ctx.channel().wanted()?;
        let mut child = self.spawn(ctx)?;
        let errors = child.stderr.take().map(OwnedFd::from).zip(end::exit_fd(&child).ok());
        // A pipe holds 64 KiB: someone must empty stderr while the caller is busy with the data.
        let errors = std::thread::spawn(move || errors.map(|(e, exit)| collect::errors(e, &exit)).unwrap_or_default());
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let channel = Rc::clone(ctx.channel());
        Ok(Running { stdin, stdout, name: self.name.clone(), child: Some(child), errors: Some(errors), channel })
    }

    fn spawn(&mut self, ctx: &Ctx) -> Result<Child> {
        if ctx.role() == Role::Appliance && !self.in_guest {
            self.command.env("LVM_SYSTEM_DIR", crate::disks::lvm_config::DIR);
        }
        if ctx.verbose() {
            eprintln!("guestfsd: running {:?}", self.command);
        }
        // A group of its own, so that what it starts can be ended with it.
        self.command.process_group(0);
        self.command.spawn().map_err(|e| match Errno::from_io_error(&e) {
            Some(Errno::NOENT) if !self.in_guest && !Path::new(self.command.get_program()).is_file() => {
                Error::not_supported(format!("{}: this appliance does not have the program", self.name))
            }
            _ => Error::from(e).context(&self.name),
        })
    }
}

/// A tool that runs while the caller moves its data. Dropping it kills it.
#[derive(Debug)]
pub struct Running {
    /// Close it (take and drop) to let the tool see the end of its input.
    pub stdin: Option<ChildStdin>,
    pub stdout: Option<ChildStdout>,
    name: BString,
    /// Taken when it was waited for.
    child: Option<Child>,
    /// Collects stderr.
    errors: Option<std::thread::JoinHandle<Vec<u8>>>,
    channel: Rc<Channel>,
}

impl Running {
    /// Close the pipes and wait. Any exit status but 0 is an error with its stderr.
    pub fn finish(self) -> Result<()> {
        let name = self.name.clone();
        let output = self.finish_status()?;
        check(name.as_bstr(), output.status, &output.stderr)
    }

    /// Close the pipes and wait; the exit status is the caller's to judge.
    pub fn finish_status(mut self) -> Result<Output> {
        self.stdin = None;
        self.stdout = None;
        let Some(child) = &mut self.child else { return Err(Errno::CHILD.into()) };
        let status = end::wait(child, None, &self.channel).with_context(|| self.name.clone())?;
        self.child = None;
        let stderr = self.errors.take().and_then(|e| e.join().ok()).unwrap_or_default();
        let status = exit_code(self.name.as_bstr(), status, &stderr)?;
        Ok(Output { stdout: Vec::new(), stderr, status })
    }
}

impl Running {
    /// The caller failed: kill it and forget it.
    pub fn abort(self) {
        drop(self);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            end::stop(child, &self.channel);
        }
    }
}

/// What every tool sees: no locale, no terminal, nothing inherited.
fn environment() -> [(&'static str, OsString); 5] {
    [
        ("PATH", PATH.into()),
        ("LC_ALL", "C".into()),
        ("HOME", "/root".into()),
        ("TERM", "dumb".into()),
        // LVM must not wait for a udev daemon that is not there; see disks::lvm_config for the file.
        ("DM_DISABLE_UDEV", "1".into()),
    ]
}

fn exit_code(name: &BStr, status: ExitStatus, stderr: &[u8]) -> Result<i32> {
    if let Some(code) = status.code() {
        return Ok(code);
    }
    let signal = status.signal().unwrap_or_default();
    let mut text = format!("{name} was killed by signal {signal}").into_bytes();
    append(&mut text, stderr);
    Err(Error::new(Errno::IO, text))
}

fn check(name: &BStr, status: i32, said: &[u8]) -> Result<()> {
    if status == 0 {
        return Ok(());
    }
    let said = said.trim();
    if said.is_empty() {
        return Err(Error::msg(format!("{name} failed with exit status {status} and said nothing")));
    }
    // Most tools begin their messages with their own name.
    let named = said.starts_with(name);
    let error = Error::msg(said);
    Err(if named { error } else { error.context(name) })
}

fn append(text: &mut Vec<u8>, stderr: &[u8]) {
    let said = stderr.trim();
    if !said.is_empty() {
        text.extend_from_slice(b": ");
        text.extend_from_slice(said);
    }
}

/// Reap processes whose parents are gone. Only between calls: no tool of ours runs then.
pub(crate) fn reap_orphans() {
    while let Ok(Some(_)) = rustix::process::wait(rustix::process::WaitOptions::NOHANG) {}
}
