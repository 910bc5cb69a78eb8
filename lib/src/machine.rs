//! The contract between the library and a backend.
//!
//! In: a [`Plan`] (drives and settings, no handle). Out: a [`Running`] machine with a connected,
//! non-blocking channel — or a [`LaunchError`] that says which of the known failures it was. Appliance,
//! channel and backends all know this; none of them needs to know the others for it.

use crate::drive::Drive;
use crate::error::{Error, ErrorKind, LaunchFailure};
use bstr::BString;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use crate::child::ExitInfo;

/// Targets of the virtio-scsi host, one for each drive.
pub(crate) const MAX_DISKS: usize = 255;

/// Everything a backend may need, copied from the handle when `launch` is called.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// In the order of their names: sda, sdb, ….
    pub drives: Vec<Drive>,
    /// Hypervisor chosen by the user (`set_hv`, `LIBGUESTFS_HV`); `None`: the backend looks for one.
    pub hv: Option<PathBuf>,
    /// MiB.
    pub memsize: u32,
    /// Virtual processors.
    pub smp: u32,
    /// Give the appliance a user-mode network.
    pub network: bool,
    /// SELinux in the appliance, which then only warns.
    pub selinux: bool,
    /// The console is the program's own standard input and output.
    pub direct: bool,
    /// The machine gets a process group of its own.
    pub pgroup: bool,
    /// The machine outlives the program if that ends without shutting it down.
    pub survivor: bool,
    /// More parameters for the hypervisor, each perhaps with a value.
    pub hv_params: Vec<(BString, Option<BString>)>,
    /// More words for the kernel command line.
    pub append: Option<BString>,
    /// Backend settings, `name` or `name=value`.
    pub settings: Vec<BString>,
    /// `set_identifier`, for messages.
    pub identifier: BString,
    /// argv[0] of the program, for messages.
    pub program: BString,
    /// Colon-separated appliance search path; empty when none was set.
    pub path: BString,
    /// Where the appliance cache goes.
    pub cachedir: PathBuf,
    /// Private 0700 directory of this handle; removed by the handle.
    pub tmpdir: PathBuf,
    /// Private 0700 directory for sockets (short path); removed by the handle.
    pub sockdir: PathBuf,
    /// `set_verbose`: a talkative appliance.
    pub verbose: bool,
}

impl Plan {
    /// Value of a backend setting: `Some("")` for a bare `name`, `None` when absent.
    pub fn setting(&self, name: &str) -> Option<&[u8]> {
        crate::settings::lookup(&self.settings, name.as_bytes())
    }

    /// Boolean backend setting as upstream reads them: `name`, `name=1`, `name=true`, … . A value
    /// that is no boolean counts as unset.
    pub fn setting_bool(&self, name: &str) -> bool {
        self.setting(name).is_some_and(|v| v.is_empty() || crate::settings::parse_bool(v) == Some(true))
    }
}

/// What a backend tells while it works.
pub trait Reporter {
    /// Bytes from the appliance's console (or the hypervisor's stderr): kept for error messages and
    /// delivered as APPLIANCE events.
    fn appliance(&self, bytes: &[u8]);
    /// A debug message, one line: LIBRARY event, or stderr when verbose.
    fn library(&self, message: &str);
    /// What a program may want to know, one line: a LIBRARY event even when not verbose.
    fn notice(&self, message: &str) {
        self.library(message);
    }
    /// A warning for the user, shown even when not verbose.
    fn warning(&self, message: &str);
    /// How far the launch is, in twelfths.
    fn progress(&self, twelfths: u64);
    /// `user_cancel` was called: stop and return [`LaunchFailure::Cancelled`].
    fn cancelled(&self) -> bool;
}

/// A way to start or find an appliance.
pub trait Backend: Send {
    /// Start the machine. It is killed when `reporter.cancelled()` and when the result is dropped.
    fn launch(&mut self, plan: &Plan, reporter: &dyn Reporter) -> Result<Box<dyn Running>, LaunchError>;

    /// The machine came up but `failure` happened before the daemon was ready. True: call `launch`
    /// again, something else will be tried (KVM → TCG, snapshot → cold boot).
    fn retry_after(&mut self, failure: &LaunchFailure, reporter: &dyn Reporter) -> bool {
        let _ = (failure, reporter);
        false
    }

    /// Whether launching without any drive is an error.
    fn needs_drives(&self) -> bool {
        true
    }

    /// Largest number of drives, when there is a limit.
    fn max_disks(&self) -> usize {
        MAX_DISKS
    }
}

/// A running machine. Dropping it kills and reaps what was started and removes what was made.
pub trait Running: Send {
    /// The byte stream to the daemon: connected and non-blocking.
    fn channel(&self) -> BorrowedFd<'_>;

    /// Everything the machine prints (serial console, hypervisor's stderr): non-blocking, or `None`.
    /// The library drains it whenever it waits and keeps the tail for error messages.
    fn console(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// A descriptor that becomes readable when the machine's process ends (a pidfd), or `None`.
    fn exit_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// The machine's process was stopped by a signal: nothing will come of it until it goes on.
    fn is_stopped(&self) -> bool {
        false
    }

    /// Process id for `get_pid`; `None` when there is no process of ours.
    fn pid(&self) -> Option<i32> {
        None
    }

    /// Reap without waiting: how the process ended, `None` while it runs (or when there is none).
    fn exited(&mut self) -> Option<ExitInfo> {
        None
    }

    /// The daemon is ready. What comes next?
    fn ready(&mut self, reporter: &dyn Reporter) -> Result<Next, LaunchError> {
        let _ = reporter;
        Ok(Next::Greet)
    }

    /// The daemon has answered the hello.
    fn greeted(&mut self) {}

    /// Arguments of the hello (`debug guestfs-rs …`) for a daemon that knows it; `None`: speak the
    /// plain protocol at once.
    fn hello(&self) -> Option<Vec<BString>> {
        None
    }

    /// The hello may be refused by an appliance we did not build: then go on with the plain protocol.
    fn hello_optional(&self) -> bool {
        false
    }

    /// The daemon was ready before we came and will not send the launch flag (a live daemon that
    /// already serves).
    fn already_up(&self) -> bool {
        false
    }

    /// How long the machine may stay quite silent (console and channel) before the launch counts as
    /// failed.
    fn silence_limit(&self) -> Duration {
        Duration::from_secs(60)
    }

    /// How long until the first byte of any kind. Shorter than `silence_limit` where a hang is known.
    fn first_sign_limit(&self) -> Duration {
        self.silence_limit()
    }

    /// Attach `drive` as number `index` to the machine while it runs: its kernel will find it, and the
    /// next `hello` tells of it. After an error nothing of it is left.
    fn attach(&mut self, index: usize, drive: &Drive, reporter: &dyn Reporter) -> Result<(), LaunchError> {
        let _ = (index, drive, reporter);
        Err(LaunchError::new(
            LaunchFailure::Backend,
            "launch: drives can only be added before launch with this backend",
        )
        .errno(libc::ENOTSUP)
        .help("add every drive first, or shut the handle down and start over"))
    }

    /// Take drive `index` away, which the guest has let go of: its image is closed when this returns.
    /// May be called again after an error.
    fn detach(&mut self, index: usize, reporter: &dyn Reporter) -> Result<(), LaunchError> {
        let _ = (index, reporter);
        Err(LaunchError::new(LaunchFailure::Backend, "launch: drives cannot be removed after launch with this backend")
            .errno(libc::ENOTSUP))
    }

    /// End the machine in order by `deadline`, then by force; the daemon has synced already. The
    /// result says whether qemu ended well (its exit status can carry a write error).
    fn shutdown(&mut self, deadline: Instant) -> Result<(), Error>;
}

/// What follows when a machine's daemon is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It is to be used.
    Greet,
    /// It was only started to be saved: let go of it and call [`Backend::launch`] again.
    LaunchAgain,
}

/// Why a launch failed, before it becomes an [`Error`].
#[derive(Debug, Clone)]
pub struct LaunchError {
    /// Which of the known failures.
    pub failure: LaunchFailure,
    /// What failed, on what, why: one line.
    pub message: BString,
    /// What to do next.
    pub help: Option<String>,
    /// errno of the host, 0 for none.
    pub errno: i32,
    /// Console output that was not given to the reporter.
    pub console: BString,
}

impl LaunchError {
    /// A failure with its line.
    pub fn new(failure: LaunchFailure, message: impl Into<Vec<u8>>) -> Self {
        LaunchError {
            failure,
            message: BString::from(message.into()),
            help: None,
            errno: 0,
            console: BString::default(),
        }
    }

    /// Say what to do next.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Set the errno.
    pub fn errno(mut self, errno: i32) -> Self {
        self.errno = errno;
        self
    }

    /// A failed operation of the host.
    pub fn io(what: impl Into<Vec<u8>>, cause: &std::io::Error) -> Self {
        let mut message = what.into();
        message.extend_from_slice(b": ");
        message.extend_from_slice(crate::error::io_text(cause).as_bytes());
        LaunchError::new(LaunchFailure::Host, message).errno(cause.raw_os_error().unwrap_or(0))
    }
}

impl From<LaunchError> for Error {
    fn from(e: LaunchError) -> Self {
        let mut error = Error::new(ErrorKind::Launch(e.failure), e.message).with_errno(e.errno).with_console(e.console);
        if let Some(help) = e.help {
            error = error.with_help(help);
        }
        error
    }
}
