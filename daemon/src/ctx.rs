//! What a call can reach: the guest's root, the drives, the channel, the daemon's mode.
//!
//! In: how the daemon was started. Out: `&mut Ctx` for every handler.

use crate::channel::{cancel, Channel};
use crate::disks::Disks;
use crate::error::{Context, Error, Result};
use crate::groups::Groups;
use crate::progress::Pulse;
use bstr::{BStr, BString};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use std::any::Any;
use std::os::unix::ffi::OsStrExt;
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
    /// Few enough to be looked through: after every call somebody does.
    slots: Vec<Box<dyn Any>>,
    when_ready: Option<fn() -> Result<()>>,
    verbose: bool,
    awaiting_hello: bool,
    leaving: bool,
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
            groups: Groups::default(),
            slots: Vec::new(),
            when_ready: None,
            verbose: false,
            awaiting_hello: false,
            leaving: false,
        })
    }

    /// Print every call on stderr (the console of an appliance).
    pub fn set_verbose(&mut self, verbose: bool) {
        self.verbose = verbose;
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
        below(&self.sysroot, path)
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

    // ── what this appliance can do ──────────────────────────────────────────────

    /// Option groups and whether their tools are here.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    // ── what others keep from call to call ──────────────────────────────────────

    /// Keep this in place of what was kept of its type, which belongs to the module that has the type.
    pub(crate) fn keep<T: Any>(&mut self, state: T) {
        match self.slots.iter_mut().find_map(|slot| slot.downcast_mut()) {
            Some(kept) => *kept = state,
            None => self.slots.push(Box::new(state)),
        }
    }

    /// What was kept last of this type.
    pub(crate) fn kept<T: Any>(&self) -> Option<&T> {
        self.slots.iter().find_map(|slot| slot.downcast_ref())
    }

    /// What is kept of this type, to be changed; its default when there was nothing yet.
    pub(crate) fn kept_mut<T: Any + Default>(&mut self) -> Option<&mut T> {
        if self.kept::<T>().is_none() {
            self.keep(T::default());
        }
        self.slots.iter_mut().find_map(|slot| slot.downcast_mut())
    }

    // ── the running call ────────────────────────────────────────────────────────

    /// Report how far the call is, in units of its own choice. Rate-limited: call it often. Fails when the
    /// library does not want the call any more; a lost channel shows up when the reply is sent.
    pub fn progress(&self, position: u64, total: u64) -> Result<()> {
        let _ = self.channel.progress(position, total);
        cancel::point()
    }

    /// Report that a call of unknown length is still running, or has ended. As [`progress`](Self::progress).
    pub fn pulse(&self, pulse: Pulse) -> Result<()> {
        let (position, total) = pulse.position();
        self.progress(position, total)
    }

    // ── the life of the daemon ──────────────────────────────────────────────────

    /// Refuse everything until the library has said hello: a restored machine has a stale clock and
    /// the same random numbers as its sisters (snapshot-lab).
    pub fn await_hello(&mut self) {
        self.awaiting_hello = true;
    }

    /// What to do as soon as the disks are known.
    pub(crate) fn when_ready(&mut self, act: fn() -> Result<()>) {
        self.when_ready = Some(act);
    }

    /// The disks are known. Only the first time counts.
    pub(crate) fn ready(&mut self) -> Result<()> {
        self.when_ready.take().map_or(Ok(()), |act| act())
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
}

fn open_root(sysroot: &Path) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(sysroot, flags, Mode::empty()).with_context(|| sysroot.display().to_string())
}

/// The guest path of a path below `sysroot`.
fn below(sysroot: &Path, path: &Path) -> Option<BString> {
    let rest = path.as_os_str().as_bytes().strip_prefix(sysroot.as_os_str().as_bytes())?;
    match rest.first() {
        None => Some(BString::from("/")),
        Some(b'/') => Some(BString::from(rest)),
        // Only when the sysroot is `/` itself.
        Some(_) if sysroot == Path::new("/") => Some(BString::from(path.as_os_str().as_bytes())),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below() {
        let check = |root: &str, p: &str, want: Option<&str>| {
            assert_eq!(below(Path::new(root), Path::new(p)), want.map(BString::from), "{root} {p}");
        };
        check("/sysroot", "/sysroot", Some("/"));
        check("/sysroot", "/sysroot/a", Some("/a"));
        check("/sysroot", "/sysroots/a", None);
        check("/sysroot", "/etc", None);
        check("/", "/etc", Some("/etc"));
        check("/", "/", Some("/"));
    }
}
