//! A worker as a process: started, watched, ended.
//!
//! In: a library's name. Out: a process and the socket to it; how it is; how it ended.

use super::end::Why;
use crate::channel::Channel;
use crate::ctx::Role;
use crate::error::{Context, Errno, Error, Result};
use crate::run::find_tool;
use crate::sys::{reap, Ended};
use bstr::ByteSlice;
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::net::{socketpair, AddressFamily, SocketFlags, SocketType};
use rustix::process::{pidfd_open, pidfd_send_signal, Pid, PidfdFlags, Signal};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The program, from `daemon/worker`.
const PROGRAM: &str = "guestfs-worker";

/// Most memory of one worker, in bytes; a machine with less than twice this gives half of what it has.
const MEMORY: u64 = 512 << 20;

/// What is killed ends at once, unless it waits for a disk.
const KILLED: Duration = Duration::from_secs(3);

/// How often the library hears that something is still being stopped.
const TELL: Timespec = Timespec { tv_sec: 0, tv_nsec: 300_000_000 };

/// A worker's process. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Process {
    /// To be read and written without waiting.
    pub socket: OwnedFd,
    /// Becomes readable when it ends; its number may be another's by then.
    exit: OwnedFd,
    pid: Pid,
    limit: u64,
    ended: bool,
}

/// What a process has used.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Used {
    pub processor: Duration,
    /// Bytes of its own, not of files.
    pub memory: u64,
}

impl Process {
    pub fn start(library: &str, role: Role) -> Result<Process> {
        let Some(program) = program() else {
            return Err(Error::not_supported(format!("this appliance does not have the program {PROGRAM}")));
        };
        let (socket, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        rustix::io::ioctl_fionbio(&socket, true)?;
        let limit = MEMORY.min(machine_memory() / 2);
        let mut command = Command::new(program);
        command.arg0(PROGRAM).arg(library).arg(limit.to_string());
        if role == Role::Appliance {
            command.arg("appliance");
        }
        // What a library prints goes where our own messages go.
        command.env_clear().env("LC_ALL", "C").current_dir("/").stdin(theirs).stdout(Stdio::null());
        let child = command.process_group(0).spawn().context(PROGRAM)?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)?;
        Ok(Process { socket, exit: pidfd_open(pid, PidfdFlags::empty())?, pid, limit, ended: false })
    }

    /// Most memory that it may have, in bytes.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// What it has used until now; nothing when it has ended.
    pub fn used(&self) -> Used {
        let read =
            |name: &str| std::fs::read(format!("/proc/{}/{name}", self.pid.as_raw_nonzero())).unwrap_or_default();
        Used { processor: processor_time(&read("stat")), memory: own_memory(&read("status")) }
    }

    /// Kill it, if it still runs, and say how it ended.
    pub fn end(&mut self, channel: &Channel) -> Why {
        // One that closed its socket is about to end by itself, and how is what the user wants to know.
        if !self.has_ended(Duration::from_millis(500), None) {
            let _ = pidfd_send_signal(&self.exit, Signal::KILL);
            self.has_ended(KILLED, Some(channel));
        }
        self.reap()
    }

    /// Kill it.
    pub fn kill(&mut self, channel: &Channel) {
        let _ = pidfd_send_signal(&self.exit, Signal::KILL);
        self.has_ended(KILLED, Some(channel));
        self.reap();
    }

    fn has_ended(&self, time: Duration, channel: Option<&Channel>) -> bool {
        let until = Instant::now() + time;
        while Instant::now() < until {
            let mut fds = [PollFd::from_borrowed_fd(self.exit.as_fd(), PollFlags::IN)];
            if poll(&mut fds, Some(&TELL)).is_ok_and(|ready| ready > 0) {
                return true;
            }
            // A channel that is lost says so at its next use.
            let _ = channel.map(Channel::still_stopping);
        }
        false
    }

    /// Between two calls the daemon reaps all that ended; then nobody knows how it was.
    fn reap(&mut self) -> Why {
        self.ended = true;
        match reap(&self.exit) {
            Ok(Ended { signal: Some(signal), peak, .. }) if peak > self.limit / 4 * 3 => {
                Why::Full(signal, peak, self.limit)
            }
            Ok(Ended { signal: Some(signal), .. }) => Why::Signal(signal),
            Ok(Ended { status, .. }) => Why::Exit(status),
            Err(_) => Why::Unseen,
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.ended {
            let _ = pidfd_send_signal(&self.exit, Signal::KILL);
            self.has_ended(KILLED, None);
            self.reap();
        }
    }
}

/// In an appliance it is a tool as the others; else it may lie beside the daemon.
fn program() -> Option<PathBuf> {
    find_tool(PROGRAM).or_else(|| {
        let beside = std::env::current_exe().ok()?.with_file_name(PROGRAM);
        beside.is_file().then_some(beside)
    })
}

/// The memory of this machine, in bytes.
fn machine_memory() -> u64 {
    let info = rustix::system::sysinfo();
    info.totalram.saturating_mul(u64::from(info.mem_unit))
}

/// proc_pid_stat(5): user and system time are the twelfth and thirteenth field behind the name, which may hold
/// anything, in hundredths of a second.
fn processor_time(stat: &[u8]) -> Duration {
    let fields = stat.rsplit_once_str(")").map(|(_, fields)| fields.fields().skip(11).take(2));
    let ticks = fields.into_iter().flatten().filter_map(|field| field.to_str().ok()?.parse::<u64>().ok());
    Duration::from_millis(ticks.fold(0u64, u64::saturating_add).saturating_mul(10))
}

/// proc_pid_status(5): `RssAnon: N kB`.
fn own_memory(status: &[u8]) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(b"RssAnon:"));
    let number = line.and_then(|line| line.fields().next()?.to_str().ok()?.parse::<u64>().ok());
    number.unwrap_or_default().saturating_mul(1024)
}

/// The number of the mount that an open file is on.
pub(super) fn mount_of(file: &impl AsFd) -> Result<u64> {
    let path = format!("/proc/self/fdinfo/{}", file.as_fd().as_raw_fd());
    let text = std::fs::read(&path).context(&path)?;
    let line = text.lines().find_map(|line| line.strip_prefix(b"mnt_id:"));
    line.and_then(|line| line.trim().to_str().ok()?.parse().ok()).ok_or_else(|| Error::from(Errno::IO).context(&path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_of_a_process() {
        let stat = b"815 (a) b) S 1 815 815 0 -1 4194304 95 0 0 0 150 25 0 0 20 0 1 0 9 0 0";
        assert_eq!(processor_time(stat), Duration::from_millis(1750));
        assert_eq!(processor_time(b""), Duration::ZERO);
        assert_eq!(own_memory(b"Name:\tx\nVmRSS:\t   9 kB\nRssAnon:\t    1234 kB\nRssFile:\t 1 kB\n"), 1234 << 10);
        assert_eq!(own_memory(b""), 0);
        let here = std::fs::File::open("/proc/self/stat").unwrap();
        let there = std::fs::File::open("/").unwrap();
        assert_ne!(mount_of(&here).unwrap(), mount_of(&there).unwrap());
    }
}
