//! Between fork(2) and execve(2).
//!
//! In: what to start. Out: a child that runs, or the error of what kept it from running. Everything that
//! allocates is done before the fork; behind it there are only system calls, since another thread may
//! have held any lock.
//!
//! A program that ignores SIGCHLD gets no exit status: its children disappear as they end (wait(2)). There
//! a copy of this process, which does not ignore it, is put between: it waits and tells how the child
//! ended. So it is with tools where a program handles SIGCHLD, since most handlers wait for any child.

#![allow(unsafe_code)]

use super::between::{introduced, wait_for};
use super::raw::{close_from, errno, say};
use super::{confine, environment, privileges, Child, Limits, Opens, Rights, Spec, Stream, FIRST_FD};
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::io::{retry_on_intr, Errno};
use rustix::process::{Pid, PidfdFlags, Signal};
use std::ffi::{CString, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::sync::Mutex;

/// A program that can be run does so within milliseconds.
const BEGIN_LIMIT: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };

type Job = Box<dyn FnOnce() + Send>;

/// Run `job` on a thread that lives as long as the process. The kernel's parent-death signal comes when
/// the *thread* that forked ends (prctl(2)), and a caller's thread may end long before its handle.
pub(super) fn on_spawner<T: Send + 'static>(job: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    static SPAWNER: Mutex<Option<(u32, mpsc::Sender<Job>)>> = Mutex::new(None);
    let (reply, answer) = mpsc::channel();
    let job: Job = Box::new(move || drop(reply.send(job())));
    let me = std::process::id();
    let mut slot = SPAWNER.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    // After a fork of the program the thread exists in the parent only.
    if !matches!(&*slot, Some((pid, _)) if *pid == me) {
        let (sender, jobs) = mpsc::channel::<Job>();
        let serve = move || {
            block_signals();
            jobs.iter().for_each(|job| job());
        };
        std::thread::Builder::new().name("guestfs-spawn".into()).spawn(serve)?;
        *slot = Some((me, sender));
    }
    let sent = slot.as_ref().is_some_and(|(_, sender)| sender.send(job).is_ok());
    drop(slot);
    if !sent {
        return Err(io::Error::other("the thread that starts processes is gone"));
    }
    answer.recv().map_err(|_| io::Error::other("the thread that starts processes failed"))?
}

/// The program's handlers run on the program's threads, and never in a child that is not yet another
/// program.
pub(crate) fn block_signals() {
    // SAFETY: both functions only write the set, which is a plain value of this frame.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, std::ptr::null_mut());
    }
}

/// Whether the kernel forgets how this program's children end, or else a handler of the program's learns of it.
fn forgets_children(or_handles: bool) -> bool {
    // SAFETY: a null pointer asks only; the action is a plain value that the call fills.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGCHLD, std::ptr::null(), &mut action) == 0
            && (action.sa_sigaction == libc::SIG_IGN
                || action.sa_flags & libc::SA_NOCLDWAIT != 0
                || or_handles && action.sa_sigaction != libc::SIG_DFL)
    }
}

/// All that the child needs, ready to be used without a lock.
struct Ready {
    path: CString,
    args: Strings,
    variables: Strings,
    dir: Option<CString>,
    /// Descriptors and the numbers they get; the former are above all of the latter.
    moves: Vec<(RawFd, RawFd)>,
    /// From this number on nothing is meant for the child.
    first_free: RawFd,
    own_group: bool,
    survivor: bool,
    core: bool,
    limits: Option<Limits>,
    rights: Given,
    parent: libc::pid_t,
    /// Where an error goes; closed by a successful execve.
    failure: RawFd,
    /// Where the process between tells of the child.
    report: Option<RawFd>,
}

/// What is left to it of this program's rights.
enum Given {
    All,
    Few,
    Confined(confine::Ready),
}

/// Strings and the array of pointers to them that execve takes.
struct Strings {
    _owned: Vec<CString>,
    pointers: Vec<*const libc::c_char>,
}

impl Strings {
    fn new(list: impl IntoIterator<Item = OsString>) -> io::Result<Strings> {
        let owned = list.into_iter().map(|s| c_string(s.as_bytes())).collect::<io::Result<Vec<CString>>>()?;
        let pointers = owned.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect();
        Ok(Strings { _owned: owned, pointers })
    }
}

fn c_string(bytes: &[u8]) -> io::Result<CString> {
    CString::new(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a NUL byte in a name or argument"))
}

/// Start it: on the thread that stays.
pub(super) fn start(spec: Spec) -> io::Result<Child> {
    let last = FIRST_FD + RawFd::try_from(spec.fds.len()).map_err(io::Error::other)?;
    // Copies above the target numbers, so that no dup2 below overwrites one that is still to be moved.
    let above = |fd: &dyn AsFd| Ok::<_, io::Error>(rustix::io::fcntl_dupfd_cloexec(fd.as_fd(), last)?);
    let mut sources: Vec<(OwnedFd, RawFd)> = Vec::new();
    for (stream, number) in [&spec.stdin, &spec.stdout, &spec.stderr].into_iter().zip(0..) {
        match stream {
            Stream::Inherit => {}
            Stream::Null => sources.push((above(&File::options().read(true).write(true).open("/dev/null")?)?, number)),
            Stream::Fd(fd) => sources.push((above(fd)?, number)),
        }
    }
    for (fd, number) in spec.fds.iter().zip(FIRST_FD..) {
        sources.push((above(fd)?, number));
    }
    let (failure, its_end) =
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC | rustix::pipe::PipeFlags::NONBLOCK)?;
    let its_failure = above(&its_end)?;
    // Its end is seen only when nobody here has it open.
    drop(its_end);
    let report = match forgets_children(spec.watched) {
        true => Some(UnixStream::pair()?),
        false => None,
    };
    let its_report = report.as_ref().map(|(_, theirs)| above(theirs)).transpose()?;
    let (rights, listener) = match &spec.rights {
        Rights::All => (Given::All, None),
        Rights::Few => (Given::Few, None),
        Rights::Confined(confinement) => {
            let (ready, listener) = confine::Ready::new(confinement, &|fd| above(&fd))?;
            (Given::Confined(ready), Some(listener))
        }
    };
    let path = super::find(&spec.program)?;
    let mut ready = Ready {
        path: c_string(path.as_os_str().as_bytes())?,
        args: Strings::new(std::iter::once(spec.program.into_os_string()).chain(spec.args))?,
        variables: Strings::new(environment::of(&spec.inherits, &spec.variables).into_iter().map(|(name, value)| {
            let mut text = name;
            text.push("=");
            text.push(value);
            text
        }))?,
        dir: spec.dir.map(|dir| c_string(dir.as_os_str().as_bytes())).transpose()?,
        moves: sources.iter().map(|(fd, number)| (fd.as_raw_fd(), *number)).collect(),
        first_free: last,
        own_group: spec.own_group,
        survivor: spec.survivor,
        core: spec.core,
        limits: spec.limits,
        rights,
        parent: rustix::process::getpid().as_raw_nonzero().get(),
        failure: its_failure.as_raw_fd(),
        report: its_report.as_ref().map(AsRawFd::as_raw_fd),
    };
    // SAFETY: the child, which has this thread only, goes straight to `in_child` and never comes back.
    let pid = match unsafe { libc::fork() } {
        -1 => return Err(io::Error::last_os_error()),
        0 => in_child(&mut ready),
        pid => pid,
    };
    drop((its_failure, its_report));
    let (pid, report) = match report {
        None => (pid, None),
        Some((ours, theirs)) => {
            drop(theirs);
            (introduced(&ours)?, Some(ours))
        }
    };
    let number = Pid::from_raw(pid).ok_or_else(|| io::Error::other("no process id"))?;
    let pidfd = rustix::process::pidfd_open(number, PidfdFlags::empty());
    // From now on its number may be used again.
    let acknowledged = report.as_ref().map_or(Ok(()), |mut ours| ours.write_all(&[0]));
    let pidfd = match pidfd {
        Ok(pidfd) => pidfd,
        Err(e) => {
            let _ = rustix::process::kill_process(number, Signal::KILL);
            let _ = rustix::process::waitpid(Some(number), rustix::process::WaitOptions::empty());
            return Err(e.into());
        }
    };
    let report = report.map(OwnedFd::from);
    let mut child = Child { pid, pidfd, report, exit: None, stolen: false, opens: None };
    acknowledged?;
    match failed(&failure, &child)? {
        Some(errno) => {
            child.kill();
            Err(io::Error::from_raw_os_error(errno))
        }
        None => {
            if let (Rights::Confined(confinement), Some(socket)) = (spec.rights, listener) {
                let listener = confine::received(&socket);
                child.opens = listener.map(|listener| Opens::serve(listener, confinement.instead)).transpose()?;
            }
            Ok(child)
        }
    }
}

/// What kept it from running, as errno. Its end of the pipe closes with execve, but a process that another thread of
/// this program forked meanwhile may have it open too, for as long as it likes: then the child's own end tells that
/// there is nothing, or that nothing came in time.
fn failed(failure: &OwnedFd, child: &Child) -> io::Result<Option<i32>> {
    let ended = child.ended();
    let mut fds = [PollFd::new(failure, PollFlags::IN), PollFd::new(&ended, PollFlags::IN)];
    retry_on_intr(|| poll(&mut fds, Some(&BEGIN_LIMIT)))?;
    let mut errno = [0; 4];
    match retry_on_intr(|| rustix::io::read(failure, &mut errno)) {
        Ok(4) => Ok(Some(i32::from_ne_bytes(errno))),
        Ok(_) | Err(Errno::AGAIN) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// In the forked process. Only system calls from here on.
fn in_child(ready: &mut Ready) -> ! {
    let mut parent = ready.parent;
    if let Some(report) = ready.report {
        // SAFETY: as above; the numbers are open descriptors of this process.
        unsafe {
            libc::signal(libc::SIGCHLD, libc::SIG_DFL);
            let between = libc::getpid();
            match libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) {
                0 => parent = between,
                -1 => say(report, &(-errno()).to_ne_bytes()),
                pid => wait_for(ready.survivor, ready.parent, libc::pid_t::try_from(pid).unwrap_or(0), report),
            }
            if parent != between {
                libc::_exit(0);
            }
        }
    }
    let errno = match become_program(ready, parent) {
        Ok(never) => match never {},
        Err(errno) => errno,
    };
    say(ready.failure, &errno.to_ne_bytes());
    // SAFETY: ends this process, without the program's exit handlers.
    unsafe { libc::_exit(127) }
}

/// The last steps, of the child itself; the error is an errno.
fn become_program(ready: &mut Ready, parent: libc::pid_t) -> Result<std::convert::Infallible, i32> {
    let check = |result: libc::c_int| if result < 0 { Err(errno()) } else { Ok(()) };
    // SAFETY: system calls on values that were made before the fork and live until execve; the arrays end
    // with a null pointer.
    unsafe {
        if ready.own_group {
            check(libc::setpgid(0, 0))?;
        }
        for (from, to) in &ready.moves {
            check(libc::dup2(*from, *to))?;
        }
        if let Some(dir) = &ready.dir {
            check(libc::chdir(dir.as_ptr()))?;
        }
        let limit = |resource, most: u64| {
            let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
            check(libc::setrlimit(resource, &limit))
        };
        if !ready.core {
            limit(libc::RLIMIT_CORE, 0)?;
        }
        if let Some(limits) = ready.limits {
            // EPERM: the program's own are lower.
            let _ = limit(libc::RLIMIT_CPU, limits.cpu);
            let _ = limit(libc::RLIMIT_AS, limits.memory);
        }
        match &ready.rights {
            Given::All => {}
            Given::Few => privileges::keep(privileges::FEW),
            Given::Confined(confined) => confined.enter(),
        }
        if !ready.survivor {
            check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL))?;
            // The parent may have died before the signal was asked for.
            if libc::getppid() != parent {
                return Err(libc::ESRCH);
            }
        }
        close_from(ready.first_free, true)?;
        // What is ignored stays so in the new program: this would make it lose its own children and outlive
        // its reader.
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
        if let Given::Confined(confined) = &mut ready.rights {
            confined.filter();
        }
        // With a path it searches nothing, but runs a script without a first line that names its interpreter.
        libc::execvpe(ready.path.as_ptr(), ready.args.pointers.as_ptr(), ready.variables.pointers.as_ptr());
    }
    Err(errno())
}
