//! The guest's files below a directory of the host: `mount_local`, `mount_local_run`, `umount_local`.
//!
//! In: a launched handle and a directory. Out: requests of the host's kernel (FUSE), turned into calls of
//! the handle one at a time; the handle's lock is free between two of them. The kernel's protocol is
//! spoken here (`wire`), without a library: the loop must borrow the handle, be woken up when the handle
//! is closed, and know what a round trip to the appliance costs.
//!
//! `mount` attaches, `serve` is the loop, `export` and its siblings answer, `nodes` knows names, `cache`
//! remembers.

mod cache;
mod dirs;
mod export;
mod files;
mod mount;
mod nodes;
mod options;
mod serve;
mod wire;
mod xattrs;

use crate::error::{Error, Result};
use crate::handle::Handle;
use bstr::BStr;
use guestfs_protocol::opts::{MountLocalOpts, UmountLocalOpts};
use options::Settings;
use parking_lot::{Condvar, Mutex};
use rustix::event::EventfdFlags;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::ThreadId;
use std::time::{Duration, Instant};

/// Pauses between attempts to unmount what is busy.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(200), Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];
/// How long the loop may take to notice the end: one request.
const END_MAX: Duration = Duration::from_secs(30);

/// What a handle has mounted.
#[derive(Default)]
struct Mounted(Mutex<Option<Arc<Session>>>);

/// One mount, from `mount_local` until nobody serves it any more.
struct Session {
    mountpoint: PathBuf,
    settings: Settings,
    fuse: OwnedFd,
    /// Unmounted by us; after a lazy unmount the kernel may still ask, and something else be mounted there.
    detached: AtomicBool,
    /// Becomes readable when the loop shall end.
    stop: OwnedFd,
    /// The thread that serves.
    runner: Mutex<Option<ThreadId>>,
    ended: Condvar,
}

impl Session {
    /// Nothing is mounted any more, by us or by somebody else.
    fn is_detached(&self) -> bool {
        self.detached.load(Ordering::Acquire) || mount::is_gone(&self.fuse)
    }

    fn unmount(&self, g: &Handle, lazily: bool) -> Result<()> {
        mount::unmount(g, &self.mountpoint, lazily)?;
        self.detached.store(true, Ordering::Release);
        Ok(())
    }

    fn stop(&self) {
        // Full is as good as written.
        let _ = rustix::io::write(&self.stop, &1u64.to_ne_bytes());
    }

    /// Wait until nobody serves.
    fn wait_for_end(&self) {
        let deadline = Instant::now().checked_add(END_MAX);
        let mut runner = self.runner.lock();
        while runner.is_some() && *runner != Some(std::thread::current().id()) {
            match deadline {
                Some(deadline) if !self.ended.wait_until(&mut runner, deadline).timed_out() => {}
                _ => return,
            }
        }
    }
}

impl Mounted {
    fn session(&self) -> Option<Arc<Session>> {
        self.0.lock().clone()
    }

    /// Forget the session, if it is still this one.
    fn forget(&self, session: &Arc<Session>) {
        let mut slot = self.0.lock();
        if slot.as_ref().is_some_and(|s| Arc::ptr_eq(s, session)) {
            *slot = None;
        }
    }
}

pub(crate) fn mount_local(g: &Handle, localmountpoint: &BStr, opts: &MountLocalOpts) -> Result<()> {
    if let Some(session) = g.kept::<Mounted>().session() {
        if !session.is_detached() || session.runner.lock().is_some() {
            return Err(Error::usage("filesystem is already mounted in this handle")
                .with_help(format!("it is mounted on {}; call umount_local first", session.mountpoint.display())));
        }
        // Somebody else unmounted it before it was ever served.
        g.kept::<Mounted>().forget(&session);
    }
    let settings = Settings::new(opts)?;
    let mountpoint = mount::directory(localmountpoint)?;
    let stop = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
        .map_err(|e| Error::io("eventfd", e.into()))?;
    let fuse = mount::mount(g, &mountpoint, &settings)?;
    *g.kept::<Mounted>().0.lock() = Some(Arc::new(Session {
        mountpoint,
        settings,
        fuse,
        detached: AtomicBool::new(false),
        stop,
        runner: Mutex::default(),
        ended: Condvar::default(),
    }));
    Ok(())
}

pub(crate) fn mount_local_run(g: &Handle) -> Result<()> {
    let Some(session) = g.kept::<Mounted>().session() else {
        return Err(Error::usage("you must call guestfs_mount_local first"));
    };
    let running = Running::new(g, session)?;
    // The failures of single requests are the answers of somebody else's system calls.
    g.quietly(|g| serve::serve(g, &running.session))
}

/// While this lives, the calling thread serves. Nothing stays mounted afterwards, whatever the reason.
struct Running<'g> {
    g: &'g Handle,
    session: Arc<Session>,
}

impl<'g> Running<'g> {
    fn new(g: &'g Handle, session: Arc<Session>) -> Result<Self> {
        let mut runner = session.runner.lock();
        if runner.is_some() {
            return Err(Error::usage("mount_local_run is running already").with_errno(libc::EBUSY));
        }
        *runner = Some(std::thread::current().id());
        drop(runner);
        Ok(Running { g, session })
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        detach(self.g, &self.session);
        self.g.kept::<Mounted>().forget(&self.session);
        *self.session.runner.lock() = None;
        self.session.ended.notify_all();
    }
}

pub(crate) fn umount_local(g: &Handle, opts: &UmountLocalOpts) -> Result<()> {
    let Some(session) = g.kept::<Mounted>().session() else {
        return Err(Error::usage("no filesystem is mounted"));
    };
    let pauses: &[Duration] = if opts.retry.unwrap_or(false) { &PAUSES } else { &[] };
    // Who keeps it busy may need answers to finish.
    g.unlocked(|| {
        let mut pauses = pauses.iter();
        while !session.is_detached() {
            match (session.unmount(g, false), pauses.next()) {
                (Ok(()), _) => break,
                (Err(e), None) => return Err(e),
                (Err(_), Some(pause)) => std::thread::sleep(*pause),
            }
        }
        session.stop();
        session.wait_for_end();
        Ok(())
    })?;
    g.kept::<Mounted>().forget(&session);
    Ok(())
}

/// The handle is being closed: nothing stays mounted and nobody waits for answers any more.
pub(crate) fn close(g: &Handle) {
    let Some(session) = g.kept::<Mounted>().session() else { return };
    detach(g, &session);
    session.stop();
    g.unlocked(|| session.wait_for_end());
    g.kept::<Mounted>().forget(&session);
}

/// Unmount; lazily if somebody is still there, who gets errors from then on.
fn detach(g: &Handle, session: &Session) {
    if session.is_detached() || session.unmount(g, false).is_ok() {
        return;
    }
    if let Err(e) = session.unmount(g, true) {
        if !session.is_detached() {
            g.warn(&[b"close: ", e.message() as &[u8]].concat());
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{opts::MountLocalOpts, opts::UmountLocalOpts, Handle};

    #[test]
    fn order_of_calls() {
        let g = Handle::new().unwrap();
        let e = g.mount_local_run().unwrap_err();
        assert_eq!(
            (e.errno(), e.message().to_string()),
            (libc::EINVAL, "you must call guestfs_mount_local first".into())
        );
        let e = g.umount_local(UmountLocalOpts::new()).unwrap_err();
        assert_eq!((e.errno(), e.message().to_string()), (libc::EINVAL, "no filesystem is mounted".into()));
        let e = g.mount_local("/no/such/directory", MountLocalOpts::new()).unwrap_err();
        assert_eq!(e.errno(), libc::ENOENT);
        assert!(g.last_error().is_some());
    }
}
