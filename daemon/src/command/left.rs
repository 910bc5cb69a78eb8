//! Processes that programs of the guest left behind: services, jobs in the background.
//!
//! In: `/proc`. Out: who still has a file system mounted. Such a process has mounts of its own, so that the
//! daemon can unmount a file system which goes on being written to.

use bstr::{BStr, BString, ByteSlice};
use rustix::process::{kill_process, Pid, Signal};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long killed processes may take to end: one may be waiting for a disk.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whether there can be any: looking costs a system call or two for each process.
static EXPECTED: AtomicBool = AtomicBool::new(false);

/// A program of the guest is about to be started.
pub fn expect() {
    EXPECTED.store(true, Ordering::Relaxed);
}

/// Processes with mounts of their own: number and directory in `/proc`.
fn all() -> Vec<(Pid, PathBuf)> {
    if !EXPECTED.load(Ordering::Relaxed) {
        return Vec::new();
    }
    let ours = std::fs::read_link("/proc/self/ns/mnt").ok();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbered = processes.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw)?;
        Some((pid, entry.path()))
    });
    // One that has ended and waits to be reaped has none.
    let foreign = |path: &Path| std::fs::read_link(path.join("ns/mnt")).is_ok_and(|theirs| Some(theirs) != ours);
    numbered.filter(|(_, path)| foreign(path)).collect()
}

/// A process that has the file system of this device number (`MAJOR:MINOR`) mounted: its number and name.
pub fn user_of(number: &BStr) -> Option<(i32, BString)> {
    let has = |path: &Path| std::fs::read(path.join("mountinfo")).is_ok_and(|text| crate::mount::has(&text, number));
    let (pid, path) = all().into_iter().find(|(_, path)| has(path))?;
    let name = std::fs::read(path.join("comm")).unwrap_or_default();
    Some((pid.as_raw_nonzero().get(), name.trim_end().into()))
}

/// Kill them all and wait until they are gone.
pub fn end() {
    let until = Instant::now() + PATIENCE;
    loop {
        let left = all();
        if left.is_empty() || Instant::now() > until {
            return;
        }
        for (pid, _) in left {
            let _ = kill_process(pid, Signal::KILL);
        }
        crate::run::reap_orphans();
        std::thread::sleep(Duration::from_millis(5));
    }
}
