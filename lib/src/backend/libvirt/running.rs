//! An appliance that libvirt runs.
//!
//! In: its domain, and the sockets that its hypervisor has connected to. Out: what the library needs of a
//! machine. Dropping it stops the domain.

use super::{disk, faults};
use crate::appliance::cache::Scratch;
use crate::backend::{accel, hello};
use crate::drive::{Drive, Drives};
use crate::error::{Error, ErrorKind, LaunchFailure};
use crate::libvirt_ffi::{Connection, Domain};
use crate::machine::{LaunchError, Reporter, Running};
use bstr::{BString, ByteSlice};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// libvirt is asked this often whether something is gone.
const PAUSE: Duration = Duration::from_millis(20);
const DETACH_LIMIT: Duration = Duration::from_secs(60);

/// A domain that ends with this.
pub struct Started {
    domain: Domain,
    stopped: bool,
}

impl Started {
    pub fn new(domain: Domain) -> Started {
        Started { domain, stopped: false }
    }

    fn is_gone(&self) -> bool {
        match self.domain.is_active() {
            Ok(active) => !active,
            Err(e) => e.errno() == libc::ENOENT,
        }
    }

    /// The hypervisor ends in order, which closes the images; its status is libvirt's secret. libvirt itself
    /// waits for a while.
    fn stop(&mut self, deadline: Instant) -> Result<(), Error> {
        while !self.stopped {
            match self.domain.destroy(true) {
                Ok(()) => self.stopped = true,
                Err(_) if self.is_gone() => self.stopped = true,
                Err(e) if Instant::now() >= deadline => {
                    let why = format!("shutdown: what was written last may be lost: {}", e.message());
                    return Err(Error::new(ErrorKind::ApplianceDied, why));
                }
                Err(_) => std::thread::sleep(PAUSE),
            }
        }
        Ok(())
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if !self.stopped {
            // It may be gone already.
            let _ = self.domain.destroy(false);
        }
    }
}

/// See the module.
pub struct Machine {
    // Dropped first: it uses all the rest.
    pub domain: Started,
    /// Open for as long as the domain, which is bound to it.
    pub _connection: Connection,
    pub channel: UnixStream,
    pub console: UnixStream,
    pub drives: Drives,
    /// The same as libvirt knows them.
    pub elements: BTreeMap<usize, String>,
    pub tmpdir: PathBuf,
    pub verbose: bool,
    pub hello_optional: bool,
    /// KVM, and not because the user insists: there is something else to try.
    pub chose_kvm: bool,
    pub _scratch: Option<Scratch>,
}

impl Running for Machine {
    fn channel(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }

    fn console(&self) -> Option<BorrowedFd<'_>> {
        Some(self.console.as_fd())
    }

    fn hello(&self) -> Option<Vec<BString>> {
        Some(hello::words(&self.drives, self.verbose))
    }

    fn hello_optional(&self) -> bool {
        self.hello_optional
    }

    fn silence_limit(&self) -> Duration {
        accel::silence(self.chose_kvm)
    }

    fn first_sign_limit(&self) -> Duration {
        accel::first_sign(self.chose_kvm)
    }

    fn attach(&mut self, index: usize, drive: &Drive, reporter: &dyn Reporter) -> Result<(), LaunchError> {
        // What an earlier attempt could not take back would be in the way.
        self.detach(index, reporter)?;
        let attached = disk::element(index, drive, &self.tmpdir, reporter).and_then(|element| {
            let attached = self.domain.domain.attach(&element).map_err(|e| faults::of_drive(&e, drive, reporter));
            self.elements.insert(index, element);
            attached
        });
        disk::forget(index, &self.tmpdir);
        if attached.is_ok() {
            self.drives.insert(index, drive.clone());
        } else if let Err(e) = self.detach(index, reporter) {
            reporter.library(&format!("drive {index} could not be taken back: {}", e.message));
        }
        attached
    }

    fn detach(&mut self, index: usize, _reporter: &dyn Reporter) -> Result<(), LaunchError> {
        self.drives.remove(index);
        let Some(element) = self.elements.get(&index) else { return Ok(()) };
        let domain = &self.domain.domain;
        let until = Instant::now() + DETACH_LIMIT;
        let mut refused = None;
        let target = disk::target(index);
        while domain.xml().map_err(|e| faults::other(&e))?.contains_str(&target) {
            if Instant::now() > until {
                let why = refused.map_or(String::new(), |e: Error| format!(": {}", e.message()));
                let message = format!("launch: libvirt does not let go of drive {index}{why}");
                return Err(LaunchError::new(LaunchFailure::Host, message).errno(libc::EBUSY));
            }
            // It asks the guest, waits for a while, and refuses while it has not heard from an earlier time.
            refused = domain.detach(element).err();
            std::thread::sleep(PAUSE);
        }
        self.elements.remove(&index);
        Ok(())
    }

    fn shutdown(&mut self, deadline: Instant) -> Result<(), Error> {
        self.domain.stop(deadline)
    }
}
