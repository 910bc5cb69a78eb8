//! An appliance that libvirt runs.
//!
//! In: its domain, and the sockets that its hypervisor has connected to. Out: what the library needs of a
//! machine. Dropping it stops the domain.

use super::{blame, disk};
use crate::appliance::cache::Scratch;
use crate::backend::{accel, hello, LaunchError, Reporter, Running};
use crate::drives::{Drive, Drives};
use crate::error::{Error, ErrorKind, LaunchFailure};
use crate::libvirt::{Connection, Domain};
use bstr::{BString, ByteSlice};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// libvirt is asked this often whether a disk is gone.
const DETACH_PAUSE: Duration = Duration::from_millis(20);
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

    /// The hypervisor ends in order, which closes the images; its status is libvirt's secret.
    fn stop(&mut self) -> Result<(), Error> {
        if std::mem::replace(&mut self.stopped, true) {
            return Ok(());
        }
        self.domain.destroy(true).or_else(|e| {
            // Gone already is as good; anything else gets the harder way, and is told.
            if e.errno() == libc::ENOENT {
                return Ok(());
            }
            self.stopped = false;
            Err(Error::new(ErrorKind::ApplianceDied, format!("shutdown: {}", e.message())))
        })
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
        let element = disk::element(index, drive, &self.tmpdir, reporter)?;
        self.domain.domain.attach(&element).map_err(|e| blame(&e, &[(index, drive)]))?;
        self.elements.insert(index, element);
        self.drives.insert(index, drive.clone());
        Ok(())
    }

    fn detach(&mut self, index: usize, reporter: &dyn Reporter) -> Result<(), LaunchError> {
        self.drives.remove(index);
        let Some(element) = self.elements.get(&index) else { return Ok(()) };
        let failed = |e: Error| blame(&e, &[]);
        let domain = &self.domain.domain;
        domain.detach(element).map_err(failed)?;
        // That the guest has been asked is all that this means.
        let until = Instant::now() + DETACH_LIMIT;
        while domain.xml().map_err(failed)?.contains_str(disk::target(index)) {
            if reporter.cancelled() || Instant::now() > until {
                let message = format!("launch: libvirt does not let go of drive {index}");
                return Err(LaunchError::new(LaunchFailure::Host, message).errno(libc::EBUSY));
            }
            std::thread::sleep(DETACH_PAUSE);
        }
        self.elements.remove(&index);
        disk::forget(index, &self.tmpdir);
        Ok(())
    }

    fn shutdown(&mut self, _deadline: Instant) -> Result<(), Error> {
        self.domain.stop()
    }
}
