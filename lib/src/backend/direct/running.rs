//! A running qemu.
//!
//! In: its process, monitor, channel and console. Out: what the library needs of a machine. Dropping
//! it kills and reaps the process; its temporary files have no names.

use super::super::layers::{self, Opened};
use super::super::qmp::{Command, Qmp, QmpError};
use super::super::{accel, hello};
use super::attach::Attach;
use super::snapshot::{self, Way};
use super::{drain, faults, MONITOR_LIMIT};
use crate::appliance::cache::Scratch;
use crate::child::Child;
use crate::drive::{Drive, Drives};
use crate::error::{Error, ErrorKind};
use crate::machine::{ExitInfo, LaunchError, Next, Reporter, Running};
use bstr::BString;
use rustix::process::Signal;
use serde_json::json;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A restored machine answers within 0.1 s, and within a few where many start at once. The hello waits
/// for the disks, of which the kernel finds a hundred a second.
const RESTORED_SILENCE: Duration = Duration::from_secs(15);
const RESTORED_PER_DISK: Duration = Duration::from_millis(200);
/// qemu attaches a drive in milliseconds, and waits for the servers of some.
const HOTPLUG_LIMIT: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct Qemu {
    // Dropped first: the process must be gone before what it uses.
    pub child: Child,
    pub qmp: Qmp,
    channel: UnixStream,
    console: UnixStream,
    version: (u64, u64),
    way: Way,
    tmpdir: PathBuf,
    pub drives: Drives,
    /// The same, opened before the process was started.
    pub opened: Option<Vec<Opened>>,
    /// It can open nothing by name.
    pub confined: bool,
    /// The daemon is to say more.
    pub verbose: bool,
    pub hello_optional: bool,
    /// KVM, and not because the user insists: there is something else to try.
    pub chose_kvm: bool,
    /// What the machine prints goes elsewhere: silence is no sign of death.
    pub mute: bool,
    pub scratch: Option<Scratch>,
}

impl Qemu {
    pub fn new(
        child: Child,
        qmp: Qmp,
        version: (u64, u64),
        way: Way,
        tmpdir: PathBuf,
        channel: UnixStream,
        console: UnixStream,
    ) -> Qemu {
        Qemu {
            child,
            qmp,
            channel,
            console,
            version,
            way,
            tmpdir,
            drives: Drives::default(),
            opened: None,
            confined: false,
            verbose: false,
            hello_optional: false,
            chose_kvm: false,
            mute: false,
            scratch: None,
        }
    }

    /// From a started process to a machine that runs, with its drives unless it is to be saved first;
    /// `paused`: somebody else lets it go.
    pub fn begin(&mut self, paused: bool, reporter: &dyn Reporter) -> Result<(), LaunchError> {
        let deadline = Instant::now() + MONITOR_LIMIT;
        if let Way::Restore(saved) = &self.way {
            snapshot::load(&mut self.qmp, self.version, saved, deadline, reporter)?;
        }
        if !matches!(self.way, Way::Save(_)) {
            self.attach_all(deadline, reporter)?;
        }
        if paused {
            return Ok(());
        }
        self.go(deadline, reporter)
    }

    fn attach_all(&mut self, deadline: Instant, reporter: &dyn Reporter) -> Result<(), LaunchError> {
        let (pid, version) = (self.child.pid(), self.version);
        let list: Vec<_> = self.drives.iter().collect();
        let opened = match self.opened.take() {
            Some(opened) => opened,
            None => layers::open_all(list.iter().copied(), &self.tmpdir, reporter)?,
        };
        let opened = self.possible(opened)?;
        Attach { qmp: &mut self.qmp, deadline, reporter, tmpdir: &self.tmpdir, version, pid }.all(&list, opened)
    }

    /// The drives, if this machine can have them.
    fn possible(&self, opened: Vec<Opened>) -> Result<Vec<Opened>, LaunchError> {
        let possible = |opened| match opened {
            Opened::ByName(error) if self.confined => Err(error),
            opened => Ok(opened),
        };
        opened.into_iter().map(possible).collect()
    }

    fn attachment<'a>(&'a mut self, reporter: &'a dyn Reporter) -> Attach<'a> {
        let (pid, version) = (self.child.pid(), self.version);
        let deadline = Instant::now() + HOTPLUG_LIMIT;
        Attach { qmp: &mut self.qmp, deadline, reporter, tmpdir: &self.tmpdir, version, pid }
    }

    fn go(&mut self, deadline: Instant, reporter: &dyn Reporter) -> Result<(), LaunchError> {
        let go = Command::new("cont", json!({}));
        self.qmp.execute(go, deadline, &|| !reporter.cancelled()).map(drop).map_err(faults::monitor)
    }

    /// An error met before the machine was let go, with what qemu has printed.
    pub fn blame(mut self, mut error: LaunchError) -> LaunchError {
        error.console = drain(&mut self.console).into();
        error
    }
}

impl Running for Qemu {
    fn channel(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }

    fn console(&self) -> Option<BorrowedFd<'_>> {
        Some(self.console.as_fd())
    }

    fn exit_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.child.ended())
    }

    fn pid(&self) -> Option<i32> {
        Some(self.child.pid())
    }

    fn is_stopped(&self) -> bool {
        self.child.is_stopped()
    }

    fn exited(&mut self) -> Option<ExitInfo> {
        self.child.exited()
    }

    fn already_up(&self) -> bool {
        matches!(self.way, Way::Restore(_))
    }

    fn ready(&mut self, reporter: &dyn Reporter) -> Result<Next, LaunchError> {
        let Way::Save(making) = &self.way else { return Ok(Next::Greet) };
        let started = Instant::now();
        match making.save(&mut self.qmp, self.version, reporter) {
            Ok(()) => {
                reporter.library(&format!("machine saved in {:.2} s", started.elapsed().as_secs_f64()));
                Ok(Next::LaunchAgain)
            }
            Err(_) if reporter.cancelled() => Err(faults::cancelled()),
            // It is as good as any other that was booted.
            Err(why) => {
                reporter.library(&format!("the machine could not be saved, later launches boot again: {why}"));
                self.way = Way::Cold(why);
                let deadline = Instant::now() + MONITOR_LIMIT;
                self.attach_all(deadline, reporter)?;
                self.go(deadline, reporter)?;
                Ok(Next::Greet)
            }
        }
    }

    fn greeted(&mut self) {
        if let Way::Restore(saved) = &self.way {
            saved.worked();
        }
    }

    fn hello(&self) -> Option<Vec<BString>> {
        Some(hello::words(&self.drives, self.verbose))
    }

    fn attach(&mut self, index: usize, drive: &Drive, reporter: &dyn Reporter) -> Result<(), LaunchError> {
        let opened = self.possible(layers::open_all([(index, drive)], &self.tmpdir, reporter)?)?;
        let mut attachment = self.attachment(reporter);
        // What an earlier attempt could not take back would be in the way.
        attachment.undo(index)?;
        if let Err(e) = attachment.all(&[(index, drive)], opened) {
            if let Err(e) = attachment.undo(index) {
                reporter.library(&format!("drive {index} could not be taken back: {}", e.message));
            }
            return Err(e);
        }
        self.drives.insert(index, drive.clone());
        Ok(())
    }

    fn detach(&mut self, index: usize, reporter: &dyn Reporter) -> Result<(), LaunchError> {
        self.drives.remove(index);
        self.attachment(reporter).undo(index)
    }

    fn hello_optional(&self) -> bool {
        self.hello_optional
    }

    fn silence_limit(&self) -> Duration {
        if let Way::Restore(_) = self.way {
            let disks = u32::try_from(self.drives.len()).unwrap_or(u32::MAX);
            return RESTORED_SILENCE + RESTORED_PER_DISK.saturating_mul(disks);
        }
        accel::silence(self.chose_kvm && !self.mute)
    }

    fn first_sign_limit(&self) -> Duration {
        accel::first_sign(self.chose_kvm && !self.mute)
    }

    /// `quit` makes qemu flush and close the images. Its status is the proof: an image that could not
    /// be closed in order shows there.
    fn shutdown(&mut self, deadline: Instant) -> Result<(), Error> {
        let quit = Command::new("quit", json!({}));
        match self.qmp.execute(quit, deadline, &|| true) {
            // It may be gone before its answer is.
            Ok(_) | Err(QmpError::Closed) => {}
            Err(_) => self.child.signal(Signal::TERM),
        }
        let exit = self.child.wait(deadline);
        let failed = |why: String| Err(Error::new(ErrorKind::ApplianceDied, format!("shutdown: qemu {why}")));
        match exit {
            Some(ExitInfo::Code(0)) => Ok(()),
            Some(exit) => failed(exit.to_string()),
            None => {
                self.child.kill();
                failed("did not end in time and was killed: what was written last may be lost".into())
            }
        }
    }
}
