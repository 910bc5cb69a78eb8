//! What a call can reach: the guest's root, the drives, the channel, the daemon's mode.
//!
//! In: how the daemon was started. Out: `&mut Ctx` for every handler.

use crate::channel::Channel;
use crate::device::Disks;
use crate::error::{Context, Errno, Error, Result};
use crate::groups::Groups;
use crate::inspect::Inspection;
use crate::progress::Pulse;
use crate::rpc::Call;
use bstr::{BStr, BString};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// How the daemon runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// PID 1 of an appliance: the whole machine is ours.
    Appliance,
    /// A service on somebody's machine: its file system is the guest.
    Live,
    /// Tests and tools: a plain directory is the guest, and counts as mounted.
    Directory,
}

/// See the module's description.
#[derive(Debug)]
pub struct Ctx {
    channel: Rc<Channel>,
    role: Role,
    sysroot: PathBuf,
    root: OwnedFd,
    /// The sysroot before anything was mounted on it.
    bare: OwnedFd,
    root_mounted: bool,
    disks: Disks,
    groups: Groups,
    inspection: Inspection,
    verbose: bool,
    rescue: bool,
    awaiting_hello: bool,
    leaving: bool,
    calls: u64,
}

impl Ctx {
    /// A context around an open channel. `sysroot` must exist.
    pub fn new(channel: Rc<Channel>, role: Role, sysroot: &Path, disks: Disks) -> Result<Ctx> {
        Ok(Ctx {
            channel,
            role,
            sysroot: sysroot.canonicalize().with_context(|| sysroot.display().to_string())?,
            root: open_root(sysroot)?,
            bare: open_root(sysroot)?,
            root_mounted: role != Role::Appliance,
            disks,
            groups: Groups::new(),
            inspection: Inspection::default(),
            verbose: false,
            rescue: false,
            awaiting_hello: false,
            leaving: false,
            calls: 0,
        })
    }

    /// Print every call on stderr (the console of an appliance).
    pub fn set_verbose(&mut self, verbose: bool) {
        self.verbose = verbose;
    }

    /// Start a rescue shell as soon as the disks are known.
    pub fn set_rescue(&mut self, rescue: bool) {
        self.rescue = rescue;
    }

    /// The disks are known, for the first time.
    pub(crate) fn ready(&mut self) -> Result<()> {
        if std::mem::take(&mut self.rescue) { crate::init::rescue::start() } else { Ok(()) }
    }

    /// Whether calls and commands are printed.
    pub fn verbose(&self) -> bool {
        self.verbose
    }

    /// How the daemon runs.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The channel to the library.
    pub fn channel(&self) -> &Rc<Channel> {
        &self.channel
    }

    // ── the guest's files ───────────────────────────────────────────────────────

    /// The directory that is `/` of the guest, for `openat2` and relatives.
    pub fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// Where the guest's `/` lies in the daemon's own tree, for tools.
    pub fn sysroot(&self) -> &Path {
        &self.sysroot
    }

    /// The guest path of a path of ours; `None` when it lies outside.
    pub fn guest_path(&self, path: &Path) -> Option<BString> {
        crate::path::below(&self.sysroot, path)
    }

    /// Whether a file system is mounted on the guest's `/` or on a mountpoint made below it.
    pub fn is_root_mounted(&self) -> bool {
        self.root_mounted
    }

    /// Fail unless there is a file system of the guest's to look at: mounted on its `/`, or on a
    /// mountpoint made below it.
    pub fn require_root(&self) -> Result<()> {
        if self.root_mounted {
            return Ok(());
        }
        Err(Error::invalid("nothing is mounted on / of the guest yet: mount its root file system first"))
    }

    /// Let go of the mounted root, which could not be unmounted otherwise. Call
    /// [`root_changed`](Self::root_changed) whatever comes of it.
    pub(crate) fn release_root(&mut self) -> Result<()> {
        self.root = self.bare.try_clone()?;
        Ok(())
    }

    /// Something was mounted on or unmounted from the sysroot or below it, and now there is anything
    /// `mounted` or not: the descriptor of the root may still mean what was there before, so it is
    /// opened anew.
    pub fn root_changed(&mut self, mounted: bool) -> Result<()> {
        self.root = open_root(&self.sysroot)?;
        self.root_mounted = mounted || self.role != Role::Appliance;
        Ok(())
    }

    // ── devices ─────────────────────────────────────────────────────────────────

    /// The drives of the handle.
    pub fn disks(&self) -> &Disks {
        &self.disks
    }

    /// The drives, for the hello.
    pub fn disks_mut(&mut self) -> &mut Disks {
        &mut self.disks
    }

    /// The API name of a real device node, such as a tool printed it.
    pub fn api_device_name(&self, real: &BStr) -> BString {
        self.disks.api_name(real)
    }

    /// What inspection last found.
    pub fn inspection(&self) -> &Inspection {
        &self.inspection
    }

    /// Replace what inspection found.
    pub(crate) fn set_inspection(&mut self, inspection: Inspection) {
        self.inspection = inspection;
    }

    // ── what this appliance can do ──────────────────────────────────────────────

    /// Option groups and whether their tools are here.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// Fail with ENOTSUP when the group of the call cannot work in this appliance.
    pub fn require_group(&self, group: &str, call: &Call) -> Result<()> {
        self.groups.require(group).map_err(|e| e.context(call.name()))
    }

    // ── the running call ────────────────────────────────────────────────────────

    /// Report how far the call is, in units of its own choice. Rate-limited: call it often. A lost
    /// channel shows up when the reply is sent.
    pub fn progress(&self, position: u64, total: u64) {
        let _ = self.channel.progress(position, total);
    }

    /// Report that a call of unknown length is still running, or has ended. Rate-limited.
    pub fn pulse(&self, pulse: Pulse) {
        let (position, total) = pulse.position();
        self.progress(position, total);
    }

    // ── the life of the daemon ──────────────────────────────────────────────────

    /// Refuse everything until the library has said hello: a restored machine has a stale clock and
    /// the same random numbers as its sisters (snapshot-lab).
    pub fn await_hello(&mut self) {
        self.awaiting_hello = true;
    }

    /// End the daemon when the running call has been answered.
    pub fn leave(&mut self) {
        self.leaving = true;
    }

    /// Whether the daemon is to end.
    pub(crate) fn leaving(&self) -> bool {
        self.leaving
    }

    /// The hello came and was good.
    pub(crate) fn hello_done(&mut self) {
        self.awaiting_hello = false;
    }

    /// Whether the hello is still missing.
    pub(crate) fn awaiting_hello(&self) -> bool {
        self.awaiting_hello
    }

    /// Whether a procedure may be called now.
    pub(crate) fn may_call(&self, proc: i32) -> Result<()> {
        if self.awaiting_hello && proc != guestfs_protocol::procs::DEBUG {
            return Err(Error::new(
                Errno::PROTO,
                "daemon waits for the hello of the library (debug guestfs-rs) before any other call",
            ));
        }
        Ok(())
    }

    /// Reset what a call may have changed for the next one, and reap what the appliance's processes
    /// left behind.
    pub(crate) fn between_calls(&mut self) {
        self.calls = self.calls.wrapping_add(1);
        if self.role == Role::Appliance {
            crate::run::reap_orphans();
        }
    }

    /// How many calls were served.
    pub(crate) fn calls(&self) -> u64 {
        self.calls
    }

    /// Say on the console what is called.
    pub(crate) fn trace_call(&self, call: &Call) {
        if self.verbose {
            eprintln!("guestfsd: {} (proc {})", call.name(), call.proc());
        }
    }

    /// Say on the console what failed.
    pub(crate) fn trace_error(&self, call: &Call, error: &Error) {
        if self.verbose {
            eprintln!("guestfsd: {}: error: {error}", call.name());
        }
    }
}

fn open_root(sysroot: &Path) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(sysroot, flags, Mode::empty()).with_context(|| sysroot.display().to_string())
}
