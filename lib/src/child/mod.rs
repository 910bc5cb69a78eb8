//! The one way to start a program: children that cannot outlive us or leak anything into or out of us.
//!
//! In: a program with its arguments, and what it is meant to have. Out: a [`Child`] that is told apart by
//! a pidfd (a number that is reused cannot be killed by mistake), is reaped when dropped, and unless it
//! shall survive gets SIGKILL from the kernel when this process ends; or the [`Output`] of a tool.
//!
//! A child has descriptors 0 to 2 and those given to it, and a few variables of the program's environment
//! ([`environment`]). It leaves no core, which would hold a guest's memory and keys. How this program
//! treats SIGCHLD does not matter to it, nor to those that wait for it here.

mod between;
mod confine;
pub(crate) mod environment;
mod filter;
mod landlock;
mod opens;
mod output;
mod privileges;
mod raw;
mod start;

pub(crate) use confine::Confinement;
pub(crate) use opens::Opens;
pub(crate) use output::{output, Output, Wanted};
pub(crate) use start::block_signals;

use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::process::{Signal, WaitId, WaitIdOptions};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Number of the first of [`Spec::fds`] in the child.
pub(crate) const FIRST_FD: RawFd = 3;

/// One of the standard streams of a child.
#[derive(Debug)]
pub(crate) enum Stream {
    /// `/dev/null`.
    Null,
    /// The program's own.
    Inherit,
    /// This one.
    Fd(OwnedFd),
}

/// Bounds of a tool that reads what may be hostile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Seconds of processor time.
    pub cpu: u64,
    /// Bytes of address space.
    pub memory: u64,
}

/// What a child may do.
#[derive(Debug)]
pub(crate) enum Rights {
    /// What this program may.
    All,
    /// It gets no privilege by what it runs, and keeps none of root's but to open files of others and to use
    /// ports that servers trust.
    Few,
    /// Next to nothing.
    Confined(Confinement),
}

/// What to start.
#[derive(Debug)]
pub(crate) struct Spec {
    /// A path, or a name to be looked for on PATH.
    pub program: PathBuf,
    pub args: Vec<OsString>,
    /// Further variables of the program's environment that it gets, see [`environment`].
    pub inherits: Vec<OsString>,
    /// Variables that are set for it.
    pub variables: Vec<(&'static str, OsString)>,
    /// Its current directory; `None`: the program's.
    pub dir: Option<PathBuf>,
    pub stdin: Stream,
    pub stdout: Stream,
    pub stderr: Stream,
    /// Further descriptors: the child finds the first as number [`FIRST_FD`], and so on.
    pub fds: Vec<OwnedFd>,
    /// A process group of its own: ^C on the terminal does not reach it.
    pub own_group: bool,
    /// The kernel does not kill it when this process ends.
    pub survivor: bool,
    /// It may leave a core, as large as the program's own could be.
    pub core: bool,
    pub limits: Option<Limits>,
    pub rights: Rights,
    /// All depends on how it ends, and it is soon: a program's handler of SIGCHLD must not be first to learn it.
    pub watched: bool,
}

impl Spec {
    /// `program` without arguments; `inherits` is one of the lists of [`environment`].
    pub fn new(program: impl Into<PathBuf>, inherits: &[&str]) -> Spec {
        Spec {
            program: program.into(),
            args: Vec::new(),
            inherits: inherits.iter().map(OsString::from).collect(),
            variables: Vec::new(),
            dir: None,
            stdin: Stream::Null,
            stdout: Stream::Null,
            stderr: Stream::Null,
            fds: Vec::new(),
            own_group: false,
            survivor: false,
            core: false,
            limits: None,
            rights: Rights::All,
            watched: false,
        }
    }

    /// One more argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Spec {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// More arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Spec {
        self.args.extend(args.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Set a variable.
    pub fn variable(mut self, name: &'static str, value: impl AsRef<OsStr>) -> Spec {
        self.variables.push((name, value.as_ref().to_owned()));
        self
    }

    /// As a person would type it, for debug messages.
    pub fn shown(&self) -> String {
        let mut text = String::new();
        for word in std::iter::once(self.program.as_os_str()).chain(self.args.iter().map(OsString::as_os_str)) {
            let word = word.to_string_lossy();
            if !text.is_empty() {
                text.push(' ');
            }
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_=+,./:%@".contains(&b);
            if !word.is_empty() && word.bytes().all(plain) {
                text.push_str(&word);
            } else {
                text.push_str(&format!("'{}'", word.replace('\'', "'\\''")));
            }
        }
        text
    }
}

/// Where the program of this name is: a path as it is, a name on PATH. The error is execvp(3)'s.
pub(crate) fn find(name: &Path) -> io::Result<PathBuf> {
    let runnable = |path: &Path| match path.metadata() {
        Ok(m) if m.is_file() && m.permissions().mode() & 0o111 != 0 => Ok(()),
        Ok(_) => Err(io::Error::from_raw_os_error(libc::EACCES)),
        Err(e) => Err(e),
    };
    if name.is_absolute() || name.components().count() > 1 {
        return runnable(name).map(|()| name.to_owned());
    }
    let mut refused = io::Error::from_raw_os_error(libc::ENOENT);
    for dir in std::env::split_paths(&std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into())) {
        let path = dir.join(name);
        match runnable(&path) {
            Ok(()) => return Ok(path),
            Err(e) if e.raw_os_error() == Some(libc::EACCES) => refused = e,
            Err(_) => {}
        }
    }
    Err(refused)
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitInfo {
    /// Exit status.
    Code(i32),
    /// Killed by a signal.
    Signal(i32),
}

impl std::fmt::Display for ExitInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ExitInfo::Code(code) => write!(f, "exited with status {code}"),
            ExitInfo::Signal(signal) => write!(f, "was killed by signal {signal}"),
        }
    }
}

/// A running or finished child.
#[derive(Debug)]
pub(crate) struct Child {
    pid: i32,
    pidfd: OwnedFd,
    /// Where another process, which waits for it in our place, tells how it ended.
    report: Option<OwnedFd>,
    exit: Option<ExitInfo>,
    /// Somebody else in this program waits for any child, and was first.
    stolen: bool,
    /// Of a confined child, while it starts.
    opens: Option<Opens>,
}

impl Child {
    /// Start it.
    pub fn spawn(spec: Spec) -> io::Result<Child> {
        start::on_spawner(move || start::start(spec))
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// It has started: from now on it opens nothing for writing.
    pub fn started(&mut self) {
        self.opens = None;
    }

    /// Stopped by a signal, and not by a debugger (proc(5), the state in `/proc/PID/stat`).
    pub fn is_stopped(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
    }

    /// Becomes readable when the child ends.
    pub fn ended(&self) -> BorrowedFd<'_> {
        self.report.as_ref().unwrap_or(&self.pidfd).as_fd()
    }

    /// Send a signal; a child that has ended already does not matter.
    pub fn signal(&self, signal: Signal) {
        if self.exit.is_none() {
            let _ = rustix::process::pidfd_send_signal(&self.pidfd, signal);
        }
    }

    /// Reap it if it has ended.
    pub fn exited(&mut self) -> Option<ExitInfo> {
        if self.exit.is_none() && is_readable(self.ended()) {
            // An unknown end (`None` inside) is one that somebody else in this program has waited for, who
            // waits for any child; or this process was forked from the one that may wait.
            let end = match &self.report {
                Some(report) => between::told(report),
                None => self.reaped(),
            };
            self.stolen = end.is_none();
            self.exit = Some(end.unwrap_or(ExitInfo::Code(0)));
        }
        self.exit
    }

    fn reaped(&self) -> Option<ExitInfo> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        let status = rustix::process::waitid(WaitId::PidFd(self.pidfd.as_fd()), options).ok()??;
        Some(match status.exit_status() {
            Some(code) => ExitInfo::Code(code),
            None => ExitInfo::Signal(status.terminating_signal().unwrap_or(0)),
        })
    }

    /// Wait until it ends or `deadline` comes.
    pub fn wait(&mut self, deadline: Instant) -> Option<ExitInfo> {
        loop {
            if let Some(exit) = self.exited() {
                return Some(exit);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let timeout = Timespec::try_from(left).ok();
            let ended = self.ended();
            let mut fds = [PollFd::new(&ended, PollFlags::IN)];
            // EINTR or not: look again.
            let _ = poll(&mut fds, timeout.as_ref());
        }
    }

    /// End it by force and reap it.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        // SIGKILL cannot be refused, but a process stuck in the kernel (a dead NFS server) takes its
        // time; better a zombie than a program that hangs with it.
        let _ = self.wait(Instant::now() + Duration::from_secs(10));
    }
}

fn is_readable(fd: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::new(&fd, PollFlags::IN)];
    matches!(poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(1..))
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.exited().is_none() {
            self.kill();
        }
    }
}

#[cfg(test)]
mod confine_tests;
#[cfg(test)]
mod tests;
