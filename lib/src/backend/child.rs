//! Child processes that cannot outlive us or leak anything into or out of us.
//!
//! In: a program with arguments and the descriptors it shall have. Out: a [`Child`] that is told apart
//! by a pidfd (a number that is reused cannot be killed by mistake), is reaped when dropped, and unless it
//! shall survive gets SIGKILL from the kernel when this process ends.

#![allow(unsafe_code)]

use super::ExitInfo;
use rustix::event::{poll, PollFd, PollFlags};
use rustix::process::{Pid, PidfdFlags, Signal};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// What to start.
#[derive(Debug)]
pub struct Spec {
    pub program: PathBuf,
    pub args: Vec<OsString>,
    /// Standard input, output and error of the child.
    pub stdio: OwnedFd,
    /// Only standard error is `stdio`; the others are the caller's.
    pub inherit: bool,
    /// A process group of its own: ^C on the terminal does not reach it.
    pub own_group: bool,
    /// The kernel does not kill it when this process ends.
    pub survivor: bool,
    /// Further descriptors: the child finds the first as number [`FIRST_FD`], and so on.
    pub fds: Vec<OwnedFd>,
}

/// Number of the first of [`Spec::fds`] in the child.
pub const FIRST_FD: RawFd = 3;

/// A running or finished child.
#[derive(Debug)]
pub struct Child {
    child: std::process::Child,
    pidfd: OwnedFd,
    exit: Option<ExitInfo>,
}

type Job = Box<dyn FnOnce() + Send>;

/// Run `job` on a thread that lives as long as the process. The kernel's parent-death signal comes when
/// the *thread* that forked ends (prctl(2)), and a caller's thread may end long before its handle.
fn on_spawner<T: Send + 'static>(job: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    static SPAWNER: Mutex<Option<(u32, mpsc::Sender<Job>)>> = Mutex::new(None);
    let (reply, answer) = mpsc::channel();
    let job: Job = Box::new(move || drop(reply.send(job())));
    let me = std::process::id();
    let mut slot = SPAWNER.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    // After a fork of the program the thread exists in the parent only.
    if !matches!(&*slot, Some((pid, _)) if *pid == me) {
        let (sender, jobs) = mpsc::channel::<Job>();
        std::thread::Builder::new().name("guestfs-spawn".into()).spawn(move || jobs.iter().for_each(|job| job()))?;
        *slot = Some((me, sender));
    }
    let sent = slot.as_ref().is_some_and(|(_, sender)| sender.send(job).is_ok());
    drop(slot);
    if !sent {
        return Err(io::Error::other("the thread that starts processes is gone"));
    }
    answer.recv().map_err(|_| io::Error::other("the thread that starts processes failed"))?
}

impl Child {
    /// Start it.
    pub fn spawn(spec: Spec) -> io::Result<Child> {
        on_spawner(move || spawn_here(spec))
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap_or(0)
    }

    /// Stopped by a signal, and not by a debugger (proc(5), the state in `/proc/PID/stat`).
    pub fn is_stopped(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
    }

    /// Becomes readable when the child ends.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Send a signal; a child that has ended already does not matter.
    pub fn signal(&self, signal: Signal) {
        if self.exit.is_none() {
            let _ = rustix::process::pidfd_send_signal(&self.pidfd, signal);
        }
    }

    /// Reap it if it has ended.
    pub fn exited(&mut self) -> Option<ExitInfo> {
        if self.exit.is_none() {
            self.exit = match self.child.try_wait() {
                Ok(None) => None,
                Ok(Some(status)) => Some(match (status.code(), status.signal()) {
                    (Some(code), _) => ExitInfo::Code(code),
                    (None, signal) => ExitInfo::Signal(signal.unwrap_or(0)),
                }),
                // Somebody else in this program waits for any child and took it; or this process was
                // forked from the parent, who alone may wait. It has ended if its pidfd says so.
                Err(_) => self.has_ended().then_some(ExitInfo::Code(0)),
            };
        }
        self.exit
    }

    fn has_ended(&self) -> bool {
        let mut fds = [PollFd::new(&self.pidfd, PollFlags::IN)];
        let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        matches!(poll(&mut fds, Some(&now)), Ok(1..))
    }

    /// Wait until it ends or `deadline` comes.
    pub fn wait(&mut self, deadline: Instant) -> Option<ExitInfo> {
        loop {
            if let Some(exit) = self.exited() {
                return Some(exit);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let timeout = rustix::event::Timespec::try_from(left).ok();
            let mut fds = [PollFd::new(&self.pidfd, PollFlags::IN)];
            // EINTR or not: look again.
            let _ = poll(&mut fds, timeout.as_ref());
        }
    }

    /// End it by force and reap it.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        // SIGKILL cannot be refused, but a process stuck in the kernel (a dead NFS server) takes its
        // time; better a zombie than a program that hangs with it.
        let _ = self.wait(Instant::now() + Duration::from_secs(10));
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.exited().is_none() {
            self.kill();
        }
    }
}

fn spawn_here(spec: Spec) -> io::Result<Child> {
    let last = FIRST_FD + RawFd::try_from(spec.fds.len()).map_err(io::Error::other)?;
    // Copies above the target numbers, so that no dup2 below overwrites one that is still to be moved.
    let sources = spec
        .fds
        .iter()
        .map(|fd| Ok(rustix::io::fcntl_dupfd_cloexec(fd, last)?))
        .collect::<io::Result<Vec<OwnedFd>>>()?;
    let moves: Vec<(RawFd, RawFd)> = sources.iter().map(AsRawFd::as_raw_fd).zip(FIRST_FD..).collect();
    let parent = rustix::process::getpid();
    let survivor = spec.survivor;
    let mut command = Command::new(&spec.program);
    // Messages are read and matched.
    command.args(&spec.args).env("LC_ALL", "C");
    if spec.inherit {
        command.stdin(Stdio::inherit()).stdout(Stdio::inherit());
    } else {
        command.stdin(Stdio::from(spec.stdio.try_clone()?)).stdout(Stdio::from(spec.stdio.try_clone()?));
    }
    command.stderr(Stdio::from(spec.stdio));
    if spec.own_group {
        command.process_group(0);
    }
    // SAFETY: between fork and exec the closure makes only async-signal-safe system calls (dup2, prctl,
    // getppid) and allocates nothing; `moves` was built before the fork.
    unsafe {
        command.pre_exec(move || {
            for (from, to) in &moves {
                if libc::dup2(*from, *to) < 0 {
                    return Err(io::Error::last_os_error());
                }
            }
            if survivor {
                return Ok(());
            }
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
            // The parent may have died before the signal was asked for.
            if rustix::process::getppid() != Some(parent) {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
            Ok(())
        });
    }
    let mut child = command.spawn()?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pidfd = pid
        .ok_or_else(|| io::Error::other("no process id"))
        .and_then(|pid| Ok(rustix::process::pidfd_open(pid, PidfdFlags::empty())?));
    match pidfd {
        Ok(pidfd) => Ok(Child { child, pidfd, exit: None }),
        Err(e) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(e)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    fn spec(script: &str, fds: Vec<OwnedFd>) -> (Spec, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let args = vec!["-c".into(), script.into()];
        let stdio = theirs.into();
        let spec =
            Spec { program: "/bin/sh".into(), args, stdio, inherit: false, own_group: true, survivor: false, fds };
        (spec, ours)
    }

    fn sh(script: &str, fds: Vec<OwnedFd>) -> (Child, UnixStream) {
        let (spec, ours) = spec(script, fds);
        (Child::spawn(spec).unwrap(), ours)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[test]
    fn output_status_and_descriptors() {
        let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        let (spare, _keep) = UnixStream::pair().unwrap();
        let ours = tempfile::NamedTempFile::new().unwrap();
        let (mut child, mut out) = sh("echo seen >&4; ls -l /proc/$$/fd; exit 3", vec![spare.into(), write]);
        assert_eq!(child.wait(soon()), Some(ExitInfo::Code(3)));
        let mut text = String::new();
        out.read_to_string(&mut text).unwrap();
        assert!(text.contains("3 -> socket:") && text.contains("4 -> pipe:"), "{text}");
        assert!(!text.contains(ours.path().to_str().unwrap()), "leaked: {text}");
        let mut text = String::new();
        std::fs::File::from(read).read_to_string(&mut text).unwrap();
        assert_eq!(text, "seen\n");
    }

    #[test]
    fn killed_and_reaped_when_dropped() {
        let (child, _out) = sh("sleep 1000", vec![]);
        let pid = child.pid();
        assert!(std::path::Path::new(&format!("/proc/{pid}")).exists());
        drop(child);
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    fn a_stop_is_seen() {
        let (child, _out) = sh("sleep 1000", vec![]);
        assert!(!child.is_stopped());
        child.signal(Signal::STOP);
        let until = soon();
        while !child.is_stopped() {
            assert!(Instant::now() < until);
            std::thread::sleep(Duration::from_millis(5));
        }
        child.signal(Signal::CONT);
        while child.is_stopped() {
            assert!(Instant::now() < until);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_signal_is_told() {
        let (mut child, _out) = sh("kill -9 $$", vec![]);
        assert_eq!(child.wait(soon()), Some(ExitInfo::Signal(9)));
        assert_eq!(child.exited(), Some(ExitInfo::Signal(9)));
    }

    #[test]
    fn survives_the_thread_that_started_it() {
        let (mut child, _out) = std::thread::spawn(|| sh("sleep 1000", vec![])).join().unwrap();
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(child.exited(), None);
    }

    /// Field `n` of proc(5)'s stat, counted from the state after the name.
    fn stat(pid: u32, n: usize) -> i32 {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(") ").unwrap().1.split(' ').nth(n).unwrap().parse().unwrap()
    }

    #[test]
    fn a_process_group_of_its_own_or_ours() {
        const GROUP: usize = 2;
        let ours = stat(std::process::id(), GROUP);
        for own in [true, false] {
            let (spec, _out) = spec("sleep 1000", vec![]);
            let child = Child::spawn(Spec { own_group: own, ..spec }).unwrap();
            let pid = child.pid();
            assert_eq!(stat(pid.unsigned_abs(), GROUP), if own { pid } else { ours });
        }
    }

    #[test]
    fn it_may_survive_its_parents_thread() {
        // What PDEATHSIG is shows nowhere in /proc: the child says it itself.
        let ask = "import ctypes; n = ctypes.c_int(); ctypes.CDLL(None).prctl(2, ctypes.byref(n)); print(n.value)";
        for (survivor, signal) in [(true, "0\n"), (false, "9\n")] {
            let (spec, mut out) = spec(&format!("exec python3 -c '{ask}'"), vec![]);
            let mut child = Child::spawn(Spec { survivor, ..spec }).unwrap();
            assert_eq!(child.wait(soon()), Some(ExitInfo::Code(0)));
            let mut text = String::new();
            out.read_to_string(&mut text).unwrap();
            assert_eq!(text, signal);
        }
    }

    #[test]
    fn standard_error_stays_apart_when_the_rest_is_inherited() {
        let (spec, mut out) = spec("echo lost; echo kept >&2; readlink /proc/$$/fd/0 >&2", vec![]);
        let mut child = Child::spawn(Spec { inherit: true, ..spec }).unwrap();
        assert_eq!(child.wait(soon()), Some(ExitInfo::Code(0)));
        let mut text = String::new();
        out.read_to_string(&mut text).unwrap();
        let stdin = std::fs::read_link("/proc/self/fd/0").unwrap();
        assert_eq!(text, format!("kept\n{}\n", stdin.display()));
    }

    #[test]
    fn one_that_another_has_reaped_has_ended() {
        let (mut child, _out) = sh("exit 3", vec![]);
        let pid = rustix::process::Pid::from_raw(child.pid()).unwrap();
        rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty()).unwrap();
        assert_eq!(child.exited(), Some(ExitInfo::Code(0)));
    }

    #[test]
    fn a_missing_program_is_an_error() {
        let (spec, _) = spec("", vec![]);
        let spec = Spec { program: "/no/such".into(), ..spec };
        assert_eq!(Child::spawn(spec).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
