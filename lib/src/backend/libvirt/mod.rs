//! Backend `libvirt[:URI]`: a machine that libvirt starts.
//!
//! In: a plan and where libvirt is. Out: a running machine with channel and console. The domain is transient
//! and bound to our connection, with which it ends unless it is to survive. It is always booted, never restored
//! from a saved one, and libvirt confines its hypervisor as this host's administrator has set it up (sVirt).

mod disk;
mod domain;
mod faults;
mod running;
mod xml;

use super::accel::Choice;
use super::direct::hypervisor;
use super::host::Host;
use super::{faults as shared_faults, overlay};
use crate::appliance::{self, cache::Cache, Appliance, Origin};
use crate::error::LaunchFailure;
use crate::libvirt_ffi::{Asker, Connection, Question};
use crate::machine::{Backend, LaunchError, Plan, Reporter, Running};
use bstr::{BStr, BString, ByteSlice};
use domain::Definition;
use running::{Machine, Started};
use std::collections::BTreeMap;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The hypervisor connects while it starts, and has done so when libvirt says that it runs.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// The backend, and what its earlier attempts in this launch have taught.
#[derive(Debug)]
pub struct Libvirt {
    /// `None`: libvirt's own default.
    uri: Option<BString>,
    choice: Choice,
    /// The last attempt came as far as a machine.
    started: bool,
    cache: Option<PathBuf>,
}

impl Libvirt {
    /// `argument`: what follows `libvirt:`, if anything does.
    pub fn new(argument: Option<&BStr>) -> Libvirt {
        let uri = match argument {
            // As guestfs(3), "BACKEND", has it.
            Some(uri) if uri == "null" => None,
            Some(uri) => Some(uri.to_owned()),
            // Root has no session of its own.
            None if rustix::process::geteuid().is_root() => Some("qemu:///system".into()),
            None => Some("qemu:///session".into()),
        };
        Libvirt { uri, choice: Choice::default(), started: false, cache: None }
    }
}

impl Backend for Libvirt {
    fn launch(&mut self, plan: &Plan, reporter: &dyn Reporter) -> Result<Box<dyn Running>, LaunchError> {
        let uri = self.uri.as_ref().map(|u| u.as_bstr());
        refuse(plan, uri)?;
        self.started = false;
        // Nobody is asked on a terminal that may be a script's.
        let mut nobody = |questions: Vec<Question>| vec![None; questions.len()];
        let asker = Asker { kinds: Vec::new(), ask: &mut nobody };
        let connection = Connection::open(uri, false, Some(asker)).map_err(|e| faults::no_connection(&e))?;
        connection.quiet();
        reporter.progress(1);
        let appliance = absolute(appliance::find(plan, reporter)?)?;
        reporter.progress(3);
        self.cache = Cache::open(&plan.cachedir).ok().map(|c| c.path().to_owned());
        let host = Host::get(self.cache.as_deref());
        let accel = self.choice.make(plan, &host, reporter)?;
        let chosen = plan.hv.as_deref().map(|hv| hypervisor(Some(hv)).and_then(|hv| absolute_path(&hv))).transpose()?;
        let mut elements = BTreeMap::new();
        for (index, drive) in plan.drives.iter().enumerate() {
            elements.insert(index, disk::element(index, drive, &plan.tmpdir, reporter)?);
        }
        let (channel, console) = (Socket::new(&plan.sockdir, "channel")?, Socket::new(&plan.sockdir, "console")?);
        let overlay = match appliance.origin {
            Origin::Foreign => Some(root_overlay(&appliance.root, &plan.tmpdir)?),
            Origin::Own | Origin::OwnFixed => None,
        };
        let name = name()?;
        let disks: Vec<String> = elements.values().cloned().collect();
        let definition = Definition {
            name: &name,
            appliance: &appliance,
            plan,
            emulator: chosen.as_deref(),
            host: &host,
            accel,
            root_overlay: overlay.as_deref(),
            disks: &disks,
            channel: &channel.path,
            console: &console.path,
            // In a session all belongs to one user.
            as_root: rustix::process::geteuid().is_root() && !uri.is_some_and(is_session),
        };
        let xml = definition.xml()?;
        reporter.library(&format!("libvirt: {xml}"));
        if reporter.cancelled() {
            return Err(shared_faults::cancelled());
        }
        let created = connection.create(&xml, !plan.survivor);
        // Whoever needs them has them open: nothing is left, however this program ends.
        (0..plan.drives.len()).for_each(|index| disk::forget(index, &plan.tmpdir));
        overlay.iter().for_each(|path| drop(std::fs::remove_file(path)));
        // From here on dropping it stops the domain.
        let domain = match created {
            Ok(domain) => Started::new(domain),
            Err(e) => return Err(faults::of_domain(&e, &plan.drives, &appliance, self.choice.kvm(), reporter)),
        };
        self.started = true;
        reporter.library(&format!("libvirt: domain {name} was started"));
        let (channel, console) = (channel.accept(reporter)?, console.accept(reporter)?);
        Ok(Box::new(Machine {
            domain,
            _connection: connection,
            channel,
            console,
            drives: plan.drives.iter().cloned().collect(),
            elements,
            tmpdir: plan.tmpdir.clone(),
            verbose: plan.verbose,
            hello_optional: appliance.origin == Origin::Foreign,
            chose_kvm: self.choice.kvm(),
            _scratch: appliance.scratch,
        }))
    }

    fn retry_after(&mut self, failure: &LaunchFailure, reporter: &dyn Reporter) -> bool {
        // That libvirt's qemu may not use KVM says nothing about ours.
        let cache = self.cache.as_deref().filter(|_| self.started);
        self.choice.give_up(failure, cache, reporter)
    }
}

fn is_session(uri: &BStr) -> bool {
    uri.ends_with(b"/session")
}

fn absolute_path(path: &Path) -> Result<PathBuf, LaunchError> {
    std::path::absolute(path).map_err(|e| host(&path.display().to_string(), &e))
}

/// Names that are good wherever libvirt works.
fn absolute(appliance: Appliance) -> Result<Appliance, LaunchError> {
    let (kernel, initrd) = (absolute_path(&appliance.kernel)?, absolute_path(&appliance.initrd)?);
    Ok(Appliance { kernel, initrd, root: absolute_path(&appliance.root)?, ..appliance })
}

/// What needs a qemu of our own, or another libvirt.
fn refuse(plan: &Plan, uri: Option<&BStr>) -> Result<(), LaunchError> {
    // Its machines belong to another user, whom our private directories keep out, and who would be given the
    // user's images before that showed.
    if uri.is_some_and(|u| u.ends_with(b"/system")) && !rustix::process::geteuid().is_root() {
        return Err(LaunchError::new(
            LaunchFailure::Backend,
            "launch: only root can use the system's libvirt for appliances",
        )
        .errno(libc::EPERM)
        .help("set LIBGUESTFS_BACKEND to libvirt, for your own session"));
    }
    let what = if plan.direct {
        "the console cannot be the program's own (set_direct)"
    } else if plan.setting_bool("gdb") {
        "the kernel cannot be debugged (gdb)"
    } else {
        return Ok(());
    };
    Err(LaunchError::new(LaunchFailure::Backend, format!("launch: under libvirt {what}"))
        .errno(libc::ENOTSUP)
        .help("set LIBGUESTFS_BACKEND to direct"))
}

fn host(what: &str, e: &std::io::Error) -> LaunchError {
    LaunchError::io(format!("launch: {what}"), e)
}

/// A name that no other domain has.
fn name() -> Result<String, LaunchError> {
    let random = appliance::random_bytes::<8>().map_err(|e| host("random bytes", &e))?;
    let hex: String = random.iter().map(|b| format!("{b:02x}")).collect();
    Ok(format!("guestfs-{hex}"))
}

/// An overlay for the root of those who may write to theirs.
fn root_overlay(root: &Path, tmpdir: &Path) -> Result<PathBuf, LaunchError> {
    let path = tmpdir.join("root");
    let made = root.metadata().and_then(|m| overlay::qcow2_at(&path, m.len()));
    made.map_err(|e| host("the appliance's overlay", &e))?;
    Ok(path)
}

/// A socket that the hypervisor connects to.
struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    fn new(dir: &Path, name: &str) -> Result<Socket, LaunchError> {
        let path = dir.join(name);
        // Of an attempt before this one.
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).map_err(|e| host("a socket", &e))?;
        Ok(Socket { listener, path })
    }

    fn accept(self, reporter: &dyn Reporter) -> Result<UnixStream, LaunchError> {
        let failed = |e: std::io::Error| host("a socket", &e);
        self.listener.set_nonblocking(true).map_err(failed)?;
        let until = Instant::now() + CONNECT_LIMIT;
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(true).map_err(failed)?;
                    return Ok(stream);
                }
                Err(e) if !matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::Interrupted) => {
                    return Err(failed(e))
                }
                Err(_) if reporter.cancelled() => return Err(shared_faults::cancelled()),
                Err(_) if Instant::now() > until => {
                    let message = "launch: the hypervisor did not connect to our sockets";
                    return Err(LaunchError::new(LaunchFailure::Exited, message));
                }
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // It goes with its directory, at the latest.
        let _ = std::fs::remove_file(&self.path);
    }
}
