//! What has to be known of the host's processor.
//!
//! In: the processor, `/dev/kvm`. Out: [`Host`], found out once per boot of the host and kept in the
//! cache directory; without a usable one it is found out again, in about 20 ms.

#![allow(unsafe_code)]

use super::kvm;
use bstr::ByteSlice;
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

/// Facts about this boot of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    boot: String,
    /// Frequency of the time stamp counter in kHz, which a guest under TCG reads unchanged. Whole MHz:
    /// what is measured again must come out the same, or no machine saved with it could be used.
    pub tsc_khz: u64,
    /// Digest of what `/proc/cpuinfo` says of the first processor, its current speed left out.
    pub cpu: String,
    /// KVM could be opened, and was tried.
    probed: bool,
    /// Why KVM is not to be used; `None`: it works.
    pub kvm_refused: Option<String>,
}

impl Host {
    /// From the cache, else found out. The cached verdict on KVM holds only while the device's
    /// permissions do: joining the group kvm must have an effect.
    pub fn get(cache: Option<&Path>) -> Host {
        let boot = crate::appliance::digest::boot_id();
        let file = cache.map(|dir| dir.join("host.json"));
        let access = kvm_access();
        let known =
            file.as_ref().and_then(|f| serde_json::from_slice::<Host>(&crate::appliance::entry::read(f).ok()?).ok());
        let known = known.filter(|host| host.boot == boot && !boot.is_empty());
        match (known, access) {
            (Some(host), Ok(())) if host.probed => host,
            // That says nothing about KVM itself.
            (Some(host), Err(why)) => Host { kvm_refused: Some(why), ..host },
            (known, access) => {
                let known = known.unwrap_or_else(|| Host {
                    boot,
                    tsc_khz: tsc_khz(),
                    cpu: cpu(),
                    probed: false,
                    kvm_refused: None,
                });
                let probed = access.is_ok();
                let kvm_refused = access.map_or_else(Some, |()| verdict(kvm::probe()));
                let host = Host { probed, kvm_refused, ..known };
                host.save(file.as_deref());
                host
            }
        }
    }

    /// KVM failed in earnest: do not try it again in this boot.
    pub fn refuse_kvm(&mut self, why: &str, cache: Option<&Path>) {
        self.kvm_refused = Some(why.to_owned());
        self.save(cache.map(|dir| dir.join("host.json")).as_deref());
    }

    fn save(&self, file: Option<&Path>) {
        let Some(file) = file else { return };
        // Whatever goes wrong: the next launch finds out again.
        let fresh = file.with_extension(format!("{}", std::process::id()));
        if let Ok(data) = serde_json::to_vec(self) {
            if std::fs::write(&fresh, data).and_then(|()| std::fs::rename(&fresh, file)).is_err() {
                let _ = std::fs::remove_file(&fresh);
            }
        }
    }
}

fn kvm_access() -> Result<(), String> {
    let open = std::fs::File::options().read(true).write(true).open("/dev/kvm");
    open.map(drop).map_err(|e| format!("/dev/kvm: {}", crate::error::io_text(&e)))
}

fn verdict(probe: Result<Duration, String>) -> Option<String> {
    match probe {
        Ok(took) if took <= kvm::LIMIT => None,
        Ok(took) => Some(format!(
            "/dev/kvm interprets its guests: a loop that hardware ends in 0.1 ms took {:.1} ms",
            took.as_secs_f64() * 1e3
        )),
        Err(why) => Some(why),
    }
}

#[cfg(target_arch = "x86_64")]
fn ticks() -> u64 {
    // SAFETY: rdtsc reads a counter and is available on every x86-64 processor in user mode.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Measured against the monotonic clock: 10 ms give 10 ppm, better than a kernel's own calibration.
fn tsc_khz() -> u64 {
    let (t0, c0) = (Instant::now(), ticks());
    std::thread::sleep(Duration::from_millis(10));
    let (t1, c1) = (Instant::now(), ticks());
    let nanos = u64::try_from((t1 - t0).as_nanos()).unwrap_or(1).max(1);
    let khz = c1.saturating_sub(c0).saturating_mul(1_000_000) / nanos;
    (khz + 500) / 1000 * 1000
}

/// The lines on the first processor that tell one host from another.
fn cpu() -> String {
    let mut start = Vec::new();
    // Thousands of processors may follow.
    let read = std::fs::File::open("/proc/cpuinfo").and_then(|f| f.take(64 << 10).read_to_end(&mut start));
    let first = read.ok().and_then(|_| start.split_str("\n\n").next()).unwrap_or_default();
    let lines: Vec<&[u8]> =
        first.lines().filter(|l| !l.starts_with(b"cpu MHz") && !l.starts_with(b"bogomips")).collect();
    crate::appliance::digest::of_parts(&lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_is_steady() {
        let (a, b) = (tsc_khz(), tsc_khz());
        assert!(a > 100_000, "{a}");
        let off = a.abs_diff(b) as f64 / a as f64;
        assert!(off < 0.01, "{a} {b}");
        assert_eq!(cpu(), cpu());
        assert_ne!(cpu(), crate::appliance::digest::of_parts(&[]));
    }

    #[test]
    fn verdicts() {
        assert_eq!(verdict(Ok(Duration::from_micros(50))), None);
        assert!(verdict(Ok(Duration::from_millis(2))).unwrap().contains("2.0 ms"));
        assert_eq!(verdict(Err("x".into())).unwrap(), "x");
    }

    #[test]
    fn remembered_for_this_boot_only() {
        let dir = tempfile::tempdir().unwrap();
        let mut host = Host::get(Some(dir.path()));
        host.tsc_khz = 123;
        host.save(Some(&dir.path().join("host.json")));
        assert_eq!(Host::get(Some(dir.path())).tsc_khz, 123);
        host.boot = "another".into();
        host.save(Some(&dir.path().join("host.json")));
        assert_ne!(Host::get(Some(dir.path())).tsc_khz, 123);
    }
}
