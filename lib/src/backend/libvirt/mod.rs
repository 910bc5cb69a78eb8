//! Backend `libvirt[:URI]`: a machine that libvirt starts.
//!
//! In: a plan and where libvirt is. Out: a running machine with channel and console. The domain is transient
//! and bound to our connection: it cannot outlive us. It is always booted, never restored from a saved one, and
//! libvirt confines its hypervisor as this host's administrator has set it up (sVirt).

mod disk;
mod domain;
mod running;
mod xml;

use super::accel::Choice;
use super::host::Host;
use super::{faults, overlay, Backend, LaunchError, Plan, Reporter, Running};
use crate::appliance::{self, cache::Cache, Origin};
use crate::drives::{Drive, Source};
use crate::error::{Error, LaunchFailure};
use crate::libvirt::Connection;
use bstr::{BStr, BString, ByteSlice};
use domain::Definition;
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use running::{Machine, Started};
use std::collections::BTreeMap;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// The hypervisor connects while it starts, and has done so when libvirt says that it runs.
const CONNECT_LIMIT: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };

/// The backend, and what its earlier attempts in this launch have taught.
#[derive(Debug)]
pub struct Libvirt {
    /// `None`: libvirt's own default.
    uri: Option<BString>,
    choice: Choice,
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
        Libvirt { uri, choice: Choice::default(), cache: None }
    }
}

impl Backend for Libvirt {
    fn launch(&mut self, plan: &Plan, reporter: &dyn Reporter) -> Result<Box<dyn Running>, LaunchError> {
        refuse(plan)?;
        let uri = self.uri.as_ref().map(|u| u.as_bstr());
        let connection = Connection::open(uri, false, None).map_err(|e| no_connection(&e))?;
        connection.quiet();
        reporter.progress(1);
        let appliance = appliance::find(plan, reporter)?;
        reporter.progress(3);
        self.cache = Cache::open(&plan.cachedir).ok().map(|c| c.path().to_owned());
        let host = Host::get(self.cache.as_deref());
        let accel = self.choice.make(plan, &host, reporter)?;
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
            host: &host,
            accel,
            root_overlay: overlay.as_deref(),
            disks: &disks,
            channel: &channel.path,
            console: &console.path,
            // In a session all belongs to one user.
            as_root: rustix::process::geteuid().is_root() && uri.is_none_or(|u| !u.ends_with(b"/session")),
        };
        let xml = definition.xml()?;
        reporter.library(&format!("libvirt: {xml}"));
        let list: Vec<(usize, &Drive)> = plan.drives.iter().enumerate().collect();
        let domain = connection.create(&xml, !plan.survivor).map_err(|e| blame(&e, &list))?;
        reporter.library(&format!("libvirt: domain {name} was started"));
        let domain = Started::new(domain);
        let (channel, console) = (channel.accept()?, console.accept()?);
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
        self.choice.give_up(failure, self.cache.as_deref(), reporter)
    }
}

/// What needs a qemu of our own.
fn refuse(plan: &Plan) -> Result<(), LaunchError> {
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

/// libvirt's words as they are, with what there is to be done.
fn no_connection(e: &Error) -> LaunchError {
    let mut error = LaunchError::new(LaunchFailure::Backend, format!("launch: {}", e.message())).errno(e.errno());
    let usual = "install and start libvirt with its qemu driver (Debian: apt-get install libvirt-daemon-system), \
                 or set LIBGUESTFS_BACKEND to direct";
    error.help = Some(e.help().map_or_else(|| usual.to_owned(), |h| h.to_string()));
    error
}

/// libvirt's words about a domain or a disk: told in terms of the drive, if it is one that qemu names.
fn blame(e: &Error, drives: &[(usize, &Drive)]) -> LaunchError {
    // qemu's own lines are in it.
    let lines: Vec<String> = e.message().lines().map(|line| line.to_str_lossy().into_owned()).collect();
    let message = lines.join("; ");
    let names = |drive: &Drive| match &drive.source {
        Source::File(path) => message.as_bytes().contains_str(path.as_os_str().as_encoded_bytes()),
        _ => false,
    };
    // qemu has seen libvirt's names only, which tell one drive from the root, but not from another drive.
    let only = || drives.first().filter(|_| drives.len() == 1 && message.contains("-blockdev"));
    let named = drives.iter().find(|(_, drive)| names(drive)).or_else(only).map(|(_, drive)| drive);
    match named {
        Some(drive) => {
            let error = faults::refused(drive, &message, 0);
            match error.failure {
                // libvirt cannot be told to do without the lock.
                LaunchFailure::ImageLocked { .. } if drive.readonly => {
                    error.help("with LIBGUESTFS_BACKEND=direct an image can be read while a virtual machine uses it")
                }
                _ => error,
            }
        }
        None => LaunchError::new(LaunchFailure::Host, format!("launch: {message}"))
            .errno(e.errno())
            .help("libvirt's own log may say more (for a session: ~/.cache/libvirt/qemu/log); LIBGUESTFS_BACKEND=direct does without it"),
    }
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

    fn accept(self) -> Result<UnixStream, LaunchError> {
        let failed = |e: std::io::Error| host("a socket", &e);
        let mut fds = [PollFd::new(&self.listener, PollFlags::IN)];
        if poll(&mut fds, Some(&CONNECT_LIMIT)).map_err(|e| failed(e.into()))? == 0 {
            return Err(LaunchError::new(LaunchFailure::Exited, "launch: the hypervisor did not connect to our sockets"));
        }
        let (stream, _) = self.listener.accept().map_err(failed)?;
        stream.set_nonblocking(true).map_err(failed)?;
        Ok(stream)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // It goes with its directory, at the latest.
        let _ = std::fs::remove_file(&self.path);
    }
}
