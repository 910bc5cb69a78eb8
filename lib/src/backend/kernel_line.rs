//! The kernel's command line.
//!
//! In: an appliance, a plan and what is known of the host. Out: words, the same for every backend that
//! boots a kernel. Measured in boot-lab §2 and §3.

use super::accel::Accel;
use super::host::Host;
use crate::appliance::{Appliance, Origin};
use crate::machine::Plan;
use bstr::BString;

/// Everything that decides the line.
pub struct KernelLine<'a> {
    pub appliance: &'a Appliance,
    pub plan: &'a Plan,
    pub host: &'a Host,
    pub accel: Accel,
    /// For a machine that is saved: what one launch wants said differently must wait for the hello.
    pub common: bool,
}

impl KernelLine<'_> {
    /// The line.
    pub fn words(&self) -> BString {
        let mut words: Vec<String> =
            ["panic=1", "console=ttyS0", "8250.nr_uarts=1", "edd=off", "usbcore.nousb"].map(String::from).to_vec();
        let mut add = |list: &[&str]| words.extend(list.iter().map(|w| (*w).to_owned()));
        if !self.plan.verbose || self.common {
            add(&["quiet"]);
        }
        let selinux: &[&str] = if self.plan.selinux { &["selinux=1", "enforcing=0"] } else { &["selinux=0"] };
        add(selinux);
        add(&["cryptomgr.notests", "audit=0", "apparmor=0", "ima=off", "mitigations=off", "nokaslr"]);
        add(&["page_alloc.shuffle=0", "init_on_alloc=0", "kfence.sample_interval=0", "rcupdate.rcu_expedited=1"]);
        add(&["random.trust_cpu=on", "cgroup_disable=memory"]);
        if self.accel == Accel::Tcg {
            // Without a frequency microvm has nothing to calibrate against and sometimes hangs.
            add(&["no_timer_check", "tsc=reliable", &format!("tsc_early_khz={}", self.host.tsc_khz)]);
        }
        match (&self.appliance.root_uuid, self.appliance.origin) {
            (Some(uuid), _) => add(&[&format!("root=UUID={uuid}")]),
            (None, _) => add(&["root=/dev/vda"]),
        }
        if let Some(kind) = &self.appliance.root_type {
            add(&[&format!("rootfstype={kind}")]);
        }
        match self.appliance.origin {
            Origin::Own => {
                let modules = if self.plan.selinux { "lsm=lockdown,selinux" } else { "lsm=lockdown" };
                add(&["guestfs_rs=1", "rodata=off", modules]);
                // Nobody reads either here. The first is counted whenever a process sleeps or wakes, with every call
                // therefore; the second gets files for every disk.
                add(&["psi=0", "debugfs=off"]);
            }
            Origin::OwnFixed => add(&["guestfs_rs=1"]),
            // Its init waits for udev; its default timeouts are too short for TCG.
            Origin::Foreign => add(&["udevtimeout=6000", "udev.event-timeout=6000", &format!("TERM={}", terminal())]),
        }
        if self.plan.verbose && !self.common {
            add(&["guestfs_verbose=1"]);
        }
        if self.common {
            add(&["guestfs_save=1"]);
        }
        if self.plan.network {
            add(&["guestfs_network=1"]);
        }
        let mut line = words.join(" ").into_bytes();
        if let Some(more) = &self.plan.append {
            line.push(b' ');
            line.extend_from_slice(more);
        }
        line.into()
    }
}

/// The terminal's type if it is a plain word, for programs run on the appliance's console.
fn terminal() -> String {
    std::env::var("TERM")
        .ok()
        .filter(|t| {
            !t.is_empty() && t.len() < 32 && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"-+._".contains(&b))
        })
        .unwrap_or_else(|| "linux".to_owned())
}
