//! From configured to ready and back: `launch`, `shutdown`, `user_cancel`.
//!
//! In: the handle's properties and drives. Out: a connection in its slot, or a typed failure with the
//! console's last lines. Waiting has a deadline that moves with every sign of life.

mod hello;
pub(crate) mod hotplug;
mod wait;

use crate::backend;
use crate::channel::console::Tail;
use crate::channel::{Connection, Limit};
use crate::client::info;
use crate::drive::Drive;
use crate::error::{Error, ErrorKind, LaunchFailure, Result};
use crate::event::EventClass;
use crate::handle::{Handle, Slot, State};
use crate::machine::{Backend, LaunchError, Next, Plan, Reporter};
use bstr::{BString, ByteSlice};
use std::cell::RefCell;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Progress of a launch is told only after this long: most are over by then, and upstream does so.
const PROGRESS_AFTER: Duration = Duration::from_secs(5);
/// Steps of a launch's progress.
const TWELFTHS: u64 = 12;
/// Descriptors that a launch has open at one time, and some to spare.
const DESCRIPTORS: usize = 32;
/// How long the machine may take to end by itself at shutdown.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(30);

/// Carries what the backend tells to the handle's events, and keeps the console's tail.
struct LaunchReporter<'h> {
    g: &'h Handle,
    started: Instant,
    tail: RefCell<Tail>,
}

impl Reporter for LaunchReporter<'_> {
    fn appliance(&self, bytes: &[u8]) {
        self.tail.borrow_mut().push(bytes);
        self.g.message(EventClass::Appliance, bytes);
    }

    fn library(&self, message: &str) {
        self.g.note(message.as_bytes());
    }

    fn notice(&self, message: &str) {
        self.g.notice(message.as_bytes());
    }

    fn warning(&self, message: &str) {
        self.g.warn(message.as_bytes());
    }

    fn progress(&self, twelfths: u64) {
        if self.started.elapsed() >= PROGRESS_AFTER {
            self.g.fire(EventClass::Progress, &[], &[0, 0, twelfths.min(TWELFTHS), TWELFTHS]);
        }
    }

    fn cancelled(&self) -> bool {
        self.g.is_cancelled()
    }
}

/// Sets the state back when a launch fails or panics.
struct Launching<'h>(&'h Handle);

impl Drop for Launching<'_> {
    fn drop(&mut self) {
        if self.0.state() == State::Launching {
            self.0.set_state(State::Config);
        }
    }
}

pub(crate) fn launch(g: &Handle) -> Result<()> {
    let name = crate::handle::get_backend(g)?;
    let mut backend =
        backend::create(name.as_bstr()).ok_or_else(|| Error::usage(format!("invalid backend: {name}")))?;
    launch_on(g, backend.as_mut())
}

/// Without room for them this is said at once, and by its name: else the first thing that cannot be opened
/// would seem to be missing.
fn room_for_descriptors() -> std::result::Result<(), LaunchError> {
    let spare = || {
        let null = std::fs::File::open("/dev/null")?;
        (0..DESCRIPTORS).map(|_| null.try_clone()).collect::<std::io::Result<Vec<_>>>()
    };
    spare().map(drop).map_err(|e| {
        LaunchError::io("launch: descriptors for the virtual machine", &e)
            .help("close files and handles that are no longer needed, or raise the limit (ulimit -n)")
    })
}

/// Launch with this backend.
pub(crate) fn launch_on(g: &Handle, backend: &mut dyn Backend) -> Result<()> {
    room_for_descriptors()?;
    let plan = plan(g, backend)?;
    g.set_state(State::Launching);
    let launching = Launching(g);
    let started = Instant::now();
    let connection = loop {
        let reporter = LaunchReporter { g, started, tail: RefCell::default() };
        reporter.progress(0);
        match attempt(g, backend, &plan, &reporter) {
            Ok(Some(connection)) => break connection,
            Ok(None) => {}
            Err(e) => {
                if !g.is_cancelled() && backend.retry_after(&e.failure, &reporter) {
                    continue;
                }
                return Err(failed(e, &mut reporter.tail.borrow_mut()));
            }
        }
    };
    g.set_pid(connection.running.pid());
    *g.slot().lock() = Slot::Idle(Box::new(connection));
    g.set_state(State::Ready);
    drop(launching);
    g.note(format!("launched in {:.2} s", started.elapsed().as_secs_f64()).as_bytes());
    g.fire(EventClass::LaunchDone, &[], &[]);
    if started.elapsed() >= PROGRESS_AFTER {
        g.fire(EventClass::Progress, &[], &[0, 0, TWELFTHS, TWELFTHS]);
    }
    Ok(())
}

/// Copy what the backend needs, so that it never sees the handle.
fn plan(g: &Handle, backend: &dyn Backend) -> Result<Plan> {
    let trust = g.props.lock().trust();
    let drives: Vec<_> = g.drives().iter().map(|(_, drive)| Drive { trust: trust.clone(), ..drive.clone() }).collect();
    if drives.is_empty() && backend.needs_drives() {
        return Err(Error::usage("you must call guestfs_add_drive before guestfs_launch")
            .with_help("add a disk image, or a scratch disk"));
    }
    if drives.len() > backend.max_disks() {
        return Err(Error::usage(format!(
            "too many drives have been added, the backend supports at most {}",
            backend.max_disks()
        )));
    }
    let os_path = |b: &BString| PathBuf::from(OsStr::from_bytes(b));
    let cachedir = os_path(&crate::handle::get_cachedir(g)?);
    let (tmpdir, sockdir) = (g.private_tmpdir()?, g.private_sockdir()?);
    let verbose = crate::handle::get_verbose(g)?;
    let p = g.props.lock();
    Ok(Plan {
        drives,
        hv: p.hv.as_ref().map(os_path),
        memsize: p.memsize.unsigned_abs(),
        smp: p.smp.unsigned_abs(),
        network: p.network,
        selinux: p.selinux,
        direct: p.direct,
        pgroup: p.pgroup,
        survivor: !p.recovery_proc,
        hv_params: p.hv_params.clone(),
        append: p.append.clone(),
        settings: p.backend_settings.clone(),
        identifier: p.identifier.clone(),
        program: p.program.clone(),
        path: p.path.clone().unwrap_or_default(),
        cachedir,
        tmpdir,
        sockdir,
        verbose,
    })
}

/// One machine: started, waited for, greeted. `None`: it was only made to be saved.
fn attempt(
    g: &Handle,
    backend: &mut dyn Backend,
    plan: &Plan,
    reporter: &LaunchReporter<'_>,
) -> Result<Option<Connection>, LaunchError> {
    let started = Instant::now();
    let running = backend.launch(plan, reporter)?;
    g.note(format!("machine started after {:.2} s", started.elapsed().as_secs_f64()).as_bytes());
    let mut connection = Connection::new(running, reporter.tail.take());
    let up = wait::for_daemon(g, &mut connection, reporter).and_then(|()| {
        reporter.progress(10);
        let next = connection.running.ready(reporter)?;
        if next == Next::Greet {
            hello::greet(g, &mut connection)?;
            connection.running.greeted();
        }
        Ok(next)
    });
    match up {
        Ok(Next::Greet) => Ok(Some(connection)),
        Ok(Next::LaunchAgain) => Ok(None),
        Err(e) => {
            // Its console belongs to the error.
            reporter.tail.replace(std::mem::take(&mut connection.tail));
            Err(e)
        }
    }
}

fn failed(e: LaunchError, tail: &mut Tail) -> Error {
    tail.push(&e.console.clone());
    Error::from(e).with_console(tail.last_lines())
}

/// The old name.
pub(crate) fn kill_subprocess(g: &Handle) -> Result<()> {
    shutdown(g)
}

/// `launch` has waited.
pub(crate) fn wait_ready(g: &Handle) -> Result<()> {
    g.need_ready(&info::WAIT_READY)
}

/// Sync, end the appliance, forget the drives.
pub(crate) fn shutdown(g: &Handle) -> Result<()> {
    match g.state() {
        State::Config => return Ok(()),
        State::Launching => return Err(Error::usage("shutdown: cannot be called while launch is running")),
        State::Ready => {}
    }
    // Taken once beforehand: from a callback of a running call this fails and nothing is lost.
    limit_sync(g)?;
    let synced = if crate::handle::get_autosync(g)? { g.internal_autosync() } else { Ok(()) };
    if g.state() == State::Ready && synced.as_ref().is_err_and(|e| *e.kind() == ErrorKind::Cancelled) {
        // What is not written yet would be lost with the machine: it stays, to be shut down another time.
        let mut lease = g.lease(&info::SHUTDOWN)?;
        lease.connection()?.limit = None;
        lease.release();
        return synced;
    }
    let ended = match g.state() {
        // The appliance died during the sync.
        State::Config => Ok(()),
        _ => end(g),
    };
    synced.and(ended)
}

/// The last call: a sync of much goes on for long, but it does go on, and not for ever.
fn limit_sync(g: &Handle) -> Result<()> {
    let mut lease = g.lease(&info::SHUTDOWN)?;
    let connection = lease.connection()?;
    let (quiet, total) = (connection.patience.stall, connection.patience.sync);
    // Nobody can come back to a handle that is being closed.
    let cancellable = !g.closed.load(Ordering::Acquire);
    connection.limit = Some(Limit { what: "the disks to be written", quiet, total, cancellable });
    lease.release();
    Ok(())
}

fn end(g: &Handle) -> Result<()> {
    let connection = g.lease(&info::SHUTDOWN)?.take();
    let result = match connection {
        Some(mut connection) => {
            let result = connection.running.shutdown(Instant::now() + SHUTDOWN_LIMIT);
            connection.last_words(g);
            result
        }
        None => Ok(()),
    };
    g.set_state(State::Config);
    g.forget_machine();
    result
}

pub(crate) fn user_cancel(g: &Handle) -> Result<()> {
    g.cancel_now();
    Ok(())
}

/// A launch failure for a connection that ended while it was being brought up.
fn lost(what: &str, connection: &mut Connection, g: &Handle) -> LaunchError {
    let exit = connection.last_words(g);
    if let Some(line) = connection.tail.panic_line() {
        let message = [b"the appliance's kernel panicked: ", line.as_slice()].concat();
        return LaunchError::new(LaunchFailure::Panic { line }, message)
            .help("the console lines say how far it came; remove LIBGUESTFS_APPEND, or try another kernel");
    }
    if let Some(why) = connection.tail.fatal_line() {
        let message = [b"the appliance gave up while ", what.as_bytes(), b": ", why.as_slice()].concat();
        return LaunchError::new(LaunchFailure::Exited, message)
            .help("the console lines say how far it came; guestfs-appliance clean has the appliance built anew");
    }
    let how = exit.map_or(String::new(), |e| format!(": its process {e}"));
    LaunchError::new(LaunchFailure::Exited, format!("the appliance ended while {what}{how}"))
        .help("set LIBGUESTFS_DEBUG=1 to see how it was started")
}

/// A machine whose launch was cancelled.
fn cancelled() -> LaunchError {
    LaunchError::new(LaunchFailure::Cancelled, "launch: operation cancelled by user").errno(libc::EINTR)
}

#[cfg(test)]
pub(crate) mod tests;
