//! Backend `direct`: a qemu of our own.
//!
//! In: a plan. Out: a running machine with channel, console and monitor; or why there is none, in terms
//! of what the user can do about it. Ordinarily it is a copy of one that was booted and saved by an
//! earlier launch; the first launch boots one, saves it and begins again. It starts stopped; drives are
//! attached through the monitor; then it is let go: the same path whatever the machine came from.

mod attach;
mod confined;
mod find;
mod machine;
mod running;
mod snapshot;

use super::accel::{Accel, Choice};
use super::host::Host;
use super::qmp::{Qmp, QmpError};
use super::saved::Store;
use super::{faults, layers, overlay};
use crate::appliance::manifest::Checking;
use crate::appliance::{self, Appliance, Origin};
use crate::child::{environment, Child, Spec, Stream};
use crate::error::LaunchFailure;
use crate::machine::{Backend, LaunchError, Plan, Reporter, Running};
pub(super) use find::hypervisor;
use machine::{Board, Machine, Memory};
use running::Qemu;
use snapshot::{Making, Way};
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// qemu answers on its monitor within milliseconds; a loaded host may need a while to load it.
const MONITOR_LIMIT: Duration = Duration::from_secs(60);

/// Setting: more variables for the hypervisor, by name.
const ENVIRONMENT: &str = "environment";

/// The backend, and what its earlier attempts in this launch have taught.
#[derive(Debug, Default)]
pub struct Direct {
    choice: Choice,
    /// A machine was to be saved in this launch: whatever came of it, it is not tried twice.
    saving: bool,
    /// The saved machine that this launch uses, by its key.
    restored: Option<String>,
    /// A confined qemu cannot be handed saved memory when it opens its name: another filter listens already, or the
    /// kernel is older.
    copies: bool,
    /// This qemu does not start when it is confined.
    free: bool,
    cache: Option<PathBuf>,
}

impl Backend for Direct {
    fn launch(&mut self, plan: &Plan, reporter: &dyn Reporter) -> Result<Box<dyn Running>, LaunchError> {
        let hv = hypervisor(plan.hv.as_deref())?;
        reporter.progress(1);
        let (mut appliance, checking) = appliance::find_last(plan, reporter)?;
        reporter.progress(3);
        self.cache = appliance::cache::Cache::open(&plan.cachedir).ok().map(|c| c.path().to_owned());
        let saving = self.saving;
        let mut started = self.start(&hv, &appliance, plan, reporter);
        // That was found out while qemu was loaded, in which nothing has run yet.
        if checking.and_then(Checking::end).is_some() {
            drop(started);
            self.saving = saving;
            appliance = appliance::find(plan, reporter)?;
            started = self.start(&hv, &appliance, plan, reporter);
        }
        let mut qemu = started?;
        qemu.drives = plan.drives.iter().cloned().collect();
        qemu.verbose = plan.verbose;
        qemu.hello_optional = appliance.origin == Origin::Foreign;
        qemu.chose_kvm = self.choice.kvm();
        qemu.mute = plan.direct;
        // With a debugger attached, it says when to go on.
        match qemu.begin(plan.setting_bool("gdb"), reporter) {
            Ok(()) => {
                qemu.scratch = appliance.scratch;
                Ok(Box::new(qemu))
            }
            Err(e) => Err(qemu.blame(e)),
        }
    }

    fn retry_after(&mut self, failure: &LaunchFailure, reporter: &dyn Reporter) -> bool {
        let dead = failure.is_death();
        if let Some(key) = self.restored.take() {
            if dead || *failure == LaunchFailure::VersionSkew {
                // Booted this time; the next launch saves a new one.
                self.saving = true;
                reporter.library("the saved machine did not come up: it is given up, and a machine booted instead");
                if let Some(dir) = &self.cache {
                    Store::new(dir).refuse(&key, "a restored machine did not answer");
                }
                return true;
            }
        }
        let again = self.choice.give_up(failure, self.cache.as_deref(), reporter);
        if again {
            self.saving = false;
        }
        again
    }
}

impl Direct {
    /// Start qemu with this appliance, in the first way in which it does start.
    fn start(
        &mut self,
        hv: &Path,
        appliance: &Appliance,
        plan: &Plan,
        reporter: &dyn Reporter,
    ) -> Result<Qemu, LaunchError> {
        let host = Host::get(self.cache.as_deref());
        let accel = self.choice.make(plan, &host, reporter)?;
        let board = match (plan.setting("board"), appliance.origin, accel) {
            (Some(b"microvm"), _, _) => Board::Microvm,
            // KVM: not measured, and with a board like everybody's there are fewer surprises.
            (Some(b"q35"), _, _) | (_, Origin::Foreign, _) | (_, _, Accel::Kvm) => Board::Q35,
            // Who adds devices expects a PCI bus.
            _ if !plan.hv_params.is_empty() => Board::Q35,
            _ => Board::Microvm,
        };
        let mut machine = Machine {
            appliance,
            plan,
            host: &host,
            accel,
            board,
            sandbox: true,
            memory: Memory::Anonymous,
            confined: false,
        };
        let mut freed = None;
        let qemu = loop {
            match self.start_as(hv, &mut machine, reporter) {
                Ok(qemu) => break qemu,
                // A qemu built without seccomp or without this board says so at once.
                Err(e) if machine.yields_to(&e, reporter) => {}
                Err(e)
                    if machine.confined
                        && machine.memory == Memory::Private
                        && !self.copies
                        && e.failure == LaunchFailure::Exited =>
                {
                    reporter.library(&format!(
                        "qemu does not start with memory that it may only read, and gets a copy: {}",
                        e.message
                    ));
                    self.copies = true;
                }
                // It needs more than others: libraries in odd places, a container that forbids much.
                Err(e)
                    if machine.confined && matches!(e.failure, LaunchFailure::Exited | LaunchFailure::NoHypervisor) =>
                {
                    reporter.library(&format!(
                        "qemu does not start confined, and is started with more rights: {}",
                        e.message
                    ));
                    self.free = true;
                    freed = Some(e.message);
                }
                Err(e) => return Err(e),
            }
        };
        // Not before it is clear that it does start so.
        if let Some(why) = freed {
            reporter.warning(&format!("qemu does not start confined: it runs with more rights than it needs: {why}"));
        }
        Ok(qemu)
    }

    /// Start qemu, one way or the other.
    fn start_as(&mut self, hv: &Path, machine: &mut Machine<'_>, reporter: &dyn Reporter) -> Result<Qemu, LaunchError> {
        let way = self.way(hv, machine, reporter);
        machine.memory = match way {
            Way::Cold(_) => Memory::Anonymous,
            Way::Save(_) => Memory::Shared,
            Way::Restore(_) => Memory::Private,
        };
        // Of a machine that is made to be saved the drives are not used: the next one will tell of them.
        let quiet = Quiet(reporter);
        let saving = matches!(way, Way::Save(_));
        let told: &dyn Reporter = if saving { &quiet } else { reporter };
        let drives = layers::open_all(machine.plan.drives.iter().enumerate(), &machine.plan.tmpdir, told)?;
        let why_not = match self.free {
            true => Some("it did not start confined".to_owned()),
            false => confined::why_not(hv, machine, &drives),
        };
        machine.confined = why_not.is_none();
        reporter.library(&match why_not {
            None => "qemu is confined: it can open nothing but its own files".to_owned(),
            Some(why) => format!("qemu is not confined: {why}"),
        });
        let mut qemu = start(hv, machine, way, self.copies, reporter)?;
        qemu.confined = machine.confined;
        qemu.opened = (!saving).then_some(drives);
        Ok(qemu)
    }

    /// Where this machine is to come from.
    fn way(&mut self, hv: &Path, machine: &Machine<'_>, reporter: &dyn Reporter) -> Way {
        self.restored = None;
        let key = match (machine.key(hv), &self.cache) {
            (Ok(key), Some(_)) => key,
            (Err(why), _) => return Way::Cold(why),
            (_, None) => return Way::Cold("there is no cache".into()),
        };
        let store = Store::new(self.cache.as_deref().unwrap_or(Path::new("")));
        let mut find = || match store.get(&key) {
            Ok(Some(saved)) => {
                self.restored = Some(key.clone());
                Some(Way::Restore(saved))
            }
            Ok(None) => None,
            Err(why) => {
                reporter.library(&format!("the saved machine cannot be used, a new one is made: {why}"));
                store.remove(&key);
                None
            }
        };
        if let Some(way) = find() {
            return way;
        }
        if self.saving {
            return Way::Cold("saving one did not work".into());
        }
        if let Some(why) = store.refused(&key) {
            return Way::Cold(why);
        }
        let until = Store::lock_deadline();
        let lock = loop {
            match store.lock() {
                Ok(Some(lock)) => break lock,
                Ok(None) if Instant::now() < until && !reporter.cancelled() => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Ok(None) => return Way::Cold("another process takes long to save one".into()),
                Err(why) => return Way::Cold(why),
            }
        };
        // Whoever had the lock has made it, as a rule.
        if let Some(way) = find() {
            return way;
        }
        self.saving = true;
        let size = u64::from(machine.plan.memsize) << 20;
        match super::saved::memory(size) {
            Ok(ram) => {
                let appliance = machine.appliance.kernel.parent().unwrap_or(Path::new("/")).to_owned();
                Way::Save(Making { store, key, ram, appliance, _lock: lock })
            }
            Err(e) => Way::Cold(crate::error::io_text(&e)),
        }
    }
}

/// Does not tell of drives.
struct Quiet<'a>(&'a dyn Reporter);

impl Reporter for Quiet<'_> {
    fn appliance(&self, bytes: &[u8]) {
        self.0.appliance(bytes);
    }
    fn library(&self, _message: &str) {}
    fn warning(&self, message: &str) {
        self.0.warning(message);
    }
    fn progress(&self, twelfths: u64) {
        self.0.progress(twelfths);
    }
    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}

/// Start qemu and greet its monitor. The error carries what it printed.
fn start(
    hv: &Path,
    machine: &Machine<'_>,
    way: Way,
    copies: bool,
    reporter: &dyn Reporter,
) -> Result<Qemu, LaunchError> {
    reporter.library(&match &way {
        Way::Cold(why) => format!("machine: booted for this launch alone: {why}"),
        Way::Save(_) => "machine: booted, to be saved for this and later launches".to_owned(),
        Way::Restore(_) => "machine: restored".to_owned(),
    });
    let host = |what: &str, e: std::io::Error| LaunchError::io(format!("launch: {what}"), &e);
    let pair = |what: &str| UnixStream::pair().map_err(|e| host(what, e));
    let (monitor, its_monitor) = pair("a socket for qemu's monitor")?;
    let (channel, its_channel) = pair("a socket for the daemon")?;
    let (console, its_console) = pair("a socket for the console")?;
    for stream in [&channel, &console] {
        stream.set_nonblocking(true).map_err(|e| host("a socket", e))?;
    }
    let root_path = &machine.appliance.root;
    let root = File::open(root_path).map_err(|e| host(&root_path.display().to_string(), e))?;
    let mut fds: Vec<OwnedFd> = vec![its_monitor.into(), its_channel.into()];
    for path in [&machine.appliance.kernel, &machine.appliance.initrd] {
        fds.push(confined::for_anybody(path).map_err(|e| host(&path.display().to_string(), e))?);
    }
    if machine.root_is_writable() {
        let size = root.metadata().map_err(|e| host(&root_path.display().to_string(), e))?.len();
        let over = overlay::qcow2(&machine.plan.tmpdir, size).map_err(|e| host("the appliance's overlay", e))?;
        fds.extend([root.into(), over]);
    } else {
        fds.push(root.into());
    }
    let ram = match &way {
        Way::Cold(_) => None,
        Way::Save(making) => Some(making.ram.try_clone()),
        Way::Restore(saved) if machine.confined && copies => Some(saved.copied_ram()),
        Way::Restore(saved) if machine.confined => Some(saved.ram.try_clone()),
        Way::Restore(saved) => Some(saved.writable_ram()),
    };
    let ram = ram.transpose().map_err(|e| host("the machine's memory", e))?;
    let rights = confined::rights(hv, machine, ram.as_ref()).map_err(|e| host("the rights of qemu", e))?;
    fds.extend(ram.map(OwnedFd::from));
    let plan = machine.plan;
    let mut spec = Spec {
        fds,
        // In another group it could not read from the terminal: the first try would stop it.
        own_group: plan.pgroup && !plan.direct,
        survivor: plan.survivor,
        core: plan.setting_bool(machine::CORE),
        rights,
        ..Spec::new(hv, environment::QEMU).args(machine.arguments())
    };
    let more = plan.setting(ENVIRONMENT).unwrap_or_default().split(|b| *b == b',');
    spec.inherits.extend(more.map(|name| OsStr::from_bytes(name).to_owned()));
    let its_console = OwnedFd::from(its_console);
    let again = || its_console.try_clone().map(Stream::Fd).map_err(|e| host("a socket for the console", e));
    (spec.stdin, spec.stdout) = if plan.direct { (Stream::Inherit, Stream::Inherit) } else { (again()?, again()?) };
    spec.stderr = Stream::Fd(its_console);
    reporter.library(&spec.shown());
    let mut child = Child::spawn(spec).map_err(|e| {
        let error = LaunchError::io(format!("launch: cannot run {}", hv.display()), &e);
        match error.errno {
            // The program itself.
            libc::ENOENT | libc::EACCES | libc::ENOEXEC | libc::ELIBBAD => {
                LaunchError { failure: LaunchFailure::NoHypervisor, ..error.help(find::HELP) }
            }
            _ => error,
        }
    })?;
    let deadline = Instant::now() + MONITOR_LIMIT;
    match Qmp::connect(monitor, deadline, &|| !reporter.cancelled()) {
        Ok((qmp, version)) => {
            child.started();
            reporter.library(&format!("qemu {}.{} started, process {}", version.0, version.1, child.pid()));
            Ok(Qemu::new(child, qmp, version, way, machine.plan.tmpdir.clone(), channel, console))
        }
        Err(e) => Err(did_not_start(e, child, console, hv)),
    }
}

fn did_not_start(e: QmpError, mut child: Child, mut console: UnixStream, hv: &Path) -> LaunchError {
    let closed = matches!(e, QmpError::Closed);
    // Its last words come before its end.
    let ended = if closed { child.wait(Instant::now() + Duration::from_millis(1500)) } else { None };
    let said = drain(&mut console);
    let mut error = faults::monitor(e);
    if let Some(exit) = ended {
        let line = said.split(|b| *b == b'\n').rfind(|l| !l.trim_ascii().is_empty()).unwrap_or_default();
        let mut message = format!("launch: {} {exit}", hv.display()).into_bytes();
        if !line.is_empty() {
            message.extend_from_slice(b": ");
            message.extend_from_slice(line.trim_ascii());
        }
        error = LaunchError::new(LaunchFailure::Exited, message)
            .help("if LIBGUESTFS_HV names a wrapper script, does it run qemu with exec and pass all arguments on?");
    }
    error.console = said.into();
    error
}

/// What can be read at once, at most 64 KiB.
fn drain(console: &mut UnixStream) -> Vec<u8> {
    let mut out = Vec::new();
    let mut buf = [0; 4096];
    while let Ok(n @ 1..) = console.read(&mut buf) {
        out.extend_from_slice(buf.get(..n).unwrap_or_default());
        if out.len() > 64 << 10 {
            break;
        }
    }
    out
}
