//! How a machine's instructions are executed.
//!
//! In: the user's settings, what is known of the host, what has failed in this launch. Out: KVM or TCG, said
//! once with the reason; how long a machine under each may be silent.

use super::host::Host;
use crate::error::LaunchFailure;
use crate::machine::{LaunchError, Plan, Reporter};
use std::path::Path;
use std::time::Duration;

/// How instructions are executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accel {
    Kvm,
    Tcg,
}

/// Features that a processor under TCG does without. Five-level page tables only cost; with the others the
/// guest's kernel would copy by byte-wise string instructions, which TCG runs 2 to 7 times slower.
pub const TCG_WITHOUT: [&str; 3] = ["la57", "erms", "fsrm"];

/// The choice of a backend, and what its earlier attempts in this launch have taught.
#[derive(Debug, Default)]
pub struct Choice {
    /// KVM was tried and brought no daemon to life.
    kvm_failed: bool,
    /// This launch runs, or ran, under KVM without being told to.
    chose_kvm: bool,
}

impl Choice {
    /// Choose, and say what is taken and why.
    pub fn make(&mut self, plan: &Plan, host: &Host, reporter: &dyn Reporter) -> Result<Accel, LaunchError> {
        let (force_kvm, force_tcg) = (plan.setting_bool("force_kvm"), plan.setting_bool("force_tcg"));
        let (accel, why) = match (force_kvm, force_tcg, &host.kvm_refused) {
            (true, true, _) => {
                return Err(LaunchError::new(
                    LaunchFailure::Backend,
                    "launch: force_kvm and force_tcg contradict each other",
                )
                .errno(libc::EINVAL))
            }
            (true, false, Some(why)) if why.ends_with("No such file or directory") => {
                return Err(LaunchError::new(
                    LaunchFailure::Backend,
                    format!("launch: force_kvm was set, but there is no KVM here: {why}"),
                )
                .errno(libc::ENODEV)
                .help("take force_kvm out of LIBGUESTFS_BACKEND_SETTINGS"))
            }
            (true, false, _) => (Accel::Kvm, "force_kvm was set".to_owned()),
            (false, true, _) => (Accel::Tcg, "force_tcg was set".to_owned()),
            (false, false, _) if self.kvm_failed => (Accel::Tcg, "KVM failed in this launch".to_owned()),
            (false, false, Some(why)) => (Accel::Tcg, why.clone()),
            (false, false, None) => (Accel::Kvm, "a probe guest ran at full speed".to_owned()),
        };
        let name = if accel == Accel::Kvm { "KVM" } else { "TCG" };
        reporter.library(&format!("accelerator: {name}: {why}"));
        self.chose_kvm = accel == Accel::Kvm && !force_kvm;
        Ok(accel)
    }

    /// KVM was chosen, and not because the user insists: there is something else to try.
    pub fn kvm(&self) -> bool {
        self.chose_kvm
    }

    /// True when KVM was chosen and is to blame for `failure`: it is not chosen again in this boot of the host.
    pub fn give_up(&mut self, failure: &LaunchFailure, cache: Option<&Path>, reporter: &dyn Reporter) -> bool {
        if !self.chose_kvm || self.kvm_failed || !failure.is_death() {
            return false;
        }
        self.kvm_failed = true;
        Host::get(cache).refuse_kvm("a machine under KVM did not come up", cache);
        reporter.library("KVM: the machine did not come up; trying again with TCG");
        true
    }
}

/// How long until the first sign of life.
pub fn first_sign(kvm: bool) -> Duration {
    // Nothing at all within this time under KVM: it does not work (boot-lab §3). The kernel prints its
    // first line, and the daemon its stages, within a second or two. The other is for an overloaded host.
    Duration::from_secs(if kvm { 15 } else { 120 })
}

/// How long between two signs of life.
pub fn silence(kvm: bool) -> Duration {
    // At hardware's speed; udev in upstream's appliance may take its time. A guest that is interpreted
    // (boot-lab §3) prints a line now and then.
    Duration::from_secs(if kvm { 25 } else { 120 })
}
