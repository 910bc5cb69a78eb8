//! Processes that programs of the guest left behind: services, jobs in the background.
//!
//! In: `/proc`. Out: who still has a file system mounted. Such a process has mounts of its own, so that the
//! daemon can unmount a file system which goes on being written to. The kernel's own threads, some of which
//! have mounts of their own too (kdevtmpfs), are not meant: nothing ends them.

use bstr::{BStr, BString, ByteSlice};
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::fd::OwnedFd;
use rustix::process::{pidfd_open, pidfd_send_signal, Pid, PidfdFlags, Signal};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long killed processes may take to end: one may be waiting for a disk.
const PATIENCE: Duration = Duration::from_secs(20);

/// Processes waited for at once: each takes a descriptor.
const AT_ONCE: usize = 128;

/// `PF_KTHREAD` of include/linux/sched.h, in the flags that `/proc/PID/stat` shows.
const KERNEL_THREAD: u64 = 0x0020_0000;

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
    numbered.filter(|(_, path)| has_own_mounts(path, ours.as_deref())).collect()
}

/// Whether a process, given by its directory in `/proc`, is no kernel thread and has other mounts than
/// `ours`. One that has ended and waits to be reaped has none.
fn has_own_mounts(path: &Path, ours: Option<&Path>) -> bool {
    let foreign = std::fs::read_link(path.join("ns/mnt")).is_ok_and(|theirs| Some(theirs.as_path()) != ours);
    foreign && !std::fs::read(path.join("stat")).is_ok_and(|stat| is_kernel_thread(&stat))
}

/// proc_pid_stat(5): the flags are the seventh field behind the name, which may hold anything.
fn is_kernel_thread(stat: &[u8]) -> bool {
    let flags = stat.rsplit_once_str(")").and_then(|(_, fields)| fields.fields().nth(6)?.to_str().ok()?.parse().ok());
    flags.is_some_and(|flags: u64| flags & KERNEL_THREAD != 0)
}

/// A process that has the file system of this device number (`MAJOR:MINOR`) mounted: its number and name.
pub fn user_of(number: &BStr) -> Option<(i32, BString)> {
    let has =
        |path: &Path| std::fs::read(path.join("mountinfo")).is_ok_and(|text| crate::mountinfo::has(&text, number));
    let (pid, path) = all().into_iter().find(|(_, path)| has(path))?;
    let name = std::fs::read(path.join("comm")).unwrap_or_default();
    Some((pid.as_raw_nonzero().get(), name.trim_end().into()))
}

/// Kill them all and wait until they are gone.
pub fn end() {
    let until = Instant::now() + PATIENCE;
    // Again for those that were started meanwhile.
    while Instant::now() < until {
        let mut killed = Vec::new();
        for (pid, _) in all() {
            // One that has ended meanwhile needs nothing.
            let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
            let _ = pidfd_send_signal(&process, Signal::KILL);
            if killed.len() < AT_ONCE {
                killed.push(process);
            }
        }
        if killed.is_empty() {
            break;
        }
        killed.iter().for_each(|process| ended(process, until));
    }
    crate::run::reap_orphans();
}

/// Wait until a process has ended.
fn ended(process: &OwnedFd, until: Instant) {
    let left = until.saturating_duration_since(Instant::now());
    let Ok(left) = Timespec::try_from(left) else { return };
    let _ = rustix::io::retry_on_intr(|| poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&left)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_threads() {
        for (stat, kernel) in [
            // kdevtmpfs, and a shell, of Linux 6.1.
            (&b"24 (kdevtmpfs) S 2 0 0 0 -1 2130240 0 0 0 0 0 0 0 0 20 0 1 0 7 0 0"[..], true),
            (b"815 (sh) S 1 815 815 0 -1 4194304 95 0 0 0 0 0 0 0 20 0 1 0 9 0 0", false),
            (b"816 (a) S 2 0 0 0 -1 2130240 x) S 1 815 815 0 -1 4194304 95", false),
            (b"817 (sh) S 1", false),
            (b"", false),
        ] {
            assert_eq!(is_kernel_thread(stat), kernel, "{}", stat.as_bstr());
        }
        let own = std::fs::read("/proc/self/stat").unwrap();
        assert!(!is_kernel_thread(&own));
    }
}
