use super::*;
use std::io::Read;
use std::os::unix::net::UnixStream;

fn spec(script: &str, fds: Vec<OwnedFd>) -> (Spec, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let again = || Stream::Fd(theirs.try_clone().unwrap().into());
    let (stdin, stdout, stderr) = (again(), again(), again());
    let spec = Spec::new("/bin/sh", environment::PLAIN).args(["-c", script]);
    (Spec { stdin, stdout, stderr, own_group: true, fds, ..spec }, ours)
}

fn sh(script: &str, fds: Vec<OwnedFd>) -> (Child, UnixStream) {
    let (spec, ours) = spec(script, fds);
    (Child::spawn(spec).unwrap(), ours)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

/// A descriptor that every program inherits, as one that does not know of close-on-exec has it.
fn careless(fd: &OwnedFd) -> RawFd {
    rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::empty()).unwrap();
    std::os::fd::AsRawFd::as_raw_fd(fd)
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
    let (mut spec, mut out) = spec("echo lost; echo kept >&2; readlink /proc/$$/fd/0 >&2", vec![]);
    (spec.stdin, spec.stdout) = (Stream::Inherit, Stream::Inherit);
    let mut child = Child::spawn(spec).unwrap();
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

#[test]
fn what_the_program_has_open_stays_with_it() {
    let (read, write) = rustix::pipe::pipe().unwrap();
    let file: OwnedFd = std::fs::File::open("/etc/passwd").unwrap().into();
    let dir: OwnedFd = std::fs::File::open("/").unwrap().into();
    let high = rustix::io::fcntl_dupfd_cloexec(&dir, 700).unwrap();
    let ours = [&read, &write, &file, &dir, &high].map(careless);
    let (meant, _keep) = UnixStream::pair().unwrap();
    let (spec, mut out) = spec("echo /proc/$$/fd/*; read _", vec![meant.into()]);
    let child = Child::spawn(spec).unwrap();
    let mut line = [0; 100];
    let n = out.read(&mut line).unwrap();
    let listed = std::str::from_utf8(&line[..n]).unwrap();
    let mut open: Vec<RawFd> =
        listed.split_whitespace().map(|w| w.rsplit('/').next().unwrap().parse().unwrap()).collect();
    open.sort();
    // The shell opens a directory to list it, and keeps nothing.
    open.retain(|fd| std::fs::read_link(format!("/proc/{}/fd/{fd}", child.pid())).is_ok());
    assert_eq!(open, [0, 1, 2, 3], "{ours:?}");
    // The reader sees the end while the child lives.
    drop(write);
    let mut rest = Vec::new();
    std::fs::File::from(read).read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
}

#[test]
fn older_kernels_close_one_by_one() {
    // In a child: what is marked here is everybody's.
    let inner = "STARTED_ALONE_FOR_CLOSING";
    if std::env::var_os(inner).is_none() {
        return alone("older_kernels_close_one_by_one", inner);
    }
    let dir: OwnedFd = std::fs::File::open("/").unwrap().into();
    let high = rustix::io::fcntl_dupfd_cloexec(&dir, 700).unwrap();
    let fds = [careless(&dir), careless(&high)];
    raw::one_by_one(fds[1], true).unwrap();
    let flags = |fd: &OwnedFd| rustix::io::fcntl_getfd(fd).unwrap();
    assert_eq!(flags(&dir), rustix::io::FdFlags::empty());
    assert_eq!(flags(&high), rustix::io::FdFlags::CLOEXEC);
}

/// Run this one test in a process of its own, told so by a variable.
fn alone(test: &str, variable: &str) {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("child::tests::{test}"), "--nocapture"]).env(variable, "1");
    let out = command.output().unwrap();
    assert!(out.status.success(), "{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
}

#[test]
fn a_short_environment_and_no_core() {
    let (spec, mut out) = spec("ulimit -c; ulimit -Hc; env", vec![]);
    let mut child = Child::spawn(spec.variable("GIVEN", "to it")).unwrap();
    assert_eq!(child.wait(soon()), Some(ExitInfo::Code(0)));
    let mut text = String::new();
    out.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("0\n0\n"), "{text}");
    assert!(text.contains("GIVEN=to it\n") && text.contains("LC_ALL=C\n") && text.contains("PATH="), "{text}");
    // Cargo sets it for every test.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some() && !text.contains("CARGO_MANIFEST_DIR"), "{text}");
}

#[test]
fn few_privileges_of_root_and_none_to_be_had() {
    let (mut spec, mut out) = spec("cat /proc/self/status", vec![]);
    spec.rights = Rights::Few;
    let mut child = Child::spawn(spec).unwrap();
    assert_eq!(child.wait(soon()), Some(ExitInfo::Code(0)));
    let mut text = String::new();
    out.read_to_string(&mut text).unwrap();
    let value = |name: &str| text.lines().find_map(|l| l.strip_prefix(name)).unwrap().trim().to_owned();
    assert_eq!(value("NoNewPrivs:"), "1");
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(u64::from_str_radix(&value(set), 16).unwrap() & !0x402, 0, "{set} {text}");
    }
}

#[test]
fn a_core_when_asked_for() {
    let (ours, mut theirs) = (rustix::process::getrlimit(rustix::process::Resource::Core), spec("ulimit -Hc", vec![]));
    theirs.0.core = true;
    let mut child = Child::spawn(theirs.0).unwrap();
    child.wait(soon()).unwrap();
    let mut text = String::new();
    theirs.1.read_to_string(&mut text).unwrap();
    // In units of 512 or 1024 bytes.
    let unlimited = ours.maximum.is_none();
    assert_eq!(text.trim() == "unlimited", unlimited, "{text} {ours:?}");
}

#[test]
fn the_program_may_ignore_its_children() {
    const INNER: &str = "STARTED_ALONE_TO_IGNORE_SIGCHLD";
    if std::env::var_os(INNER).is_none() {
        return alone("the_program_may_ignore_its_children", INNER);
    }
    // SAFETY: no handler is involved, and nothing else runs in this process.
    #[allow(unsafe_code)]
    unsafe {
        libc::signal(libc::SIGCHLD, libc::SIG_IGN);
    }
    output_status_and_descriptors();
    killed_and_reaped_when_dropped();
    a_signal_is_told();
    a_process_group_of_its_own_or_ours();
    it_may_survive_its_parents_thread();
    what_the_program_has_open_stays_with_it();
    a_missing_program_is_an_error();
    a_directory_that_is_not_there_is_an_error();
    a_tool_is_listened_to();
    // A tool that waits for children of its own can.
    let (mut child, _out) =
        sh("python3 -c 'import subprocess; subprocess.run([\"false\"]).returncode == 1 or 1/0'", vec![]);
    assert_eq!(child.wait(soon()), Some(ExitInfo::Code(0)));
    // Nothing is left, those between neither.
    let until = soon();
    let tasks = || std::fs::read_dir("/proc/self/task").unwrap().flatten().map(|task| task.path().join("children"));
    let children = || tasks().filter_map(|c| std::fs::read_to_string(c).ok()).collect::<String>();
    while !children().is_empty() {
        assert!(Instant::now() < until, "{}", children());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Most handlers of SIGCHLD wait for whatever child there is.
#[test]
fn the_program_may_reap_any_child() {
    const INNER: &str = "STARTED_ALONE_TO_REAP_ALL";
    if std::env::var_os(INNER).is_none() {
        return alone("the_program_may_reap_any_child", INNER);
    }
    extern "C" fn reap(_: libc::c_int) {
        // SAFETY: a system call that handlers may make; nothing is written.
        #[allow(unsafe_code)]
        while unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) } > 0 {}
    }
    // SAFETY: the handler makes system calls only, and nothing else runs in this process.
    #[allow(unsafe_code)]
    unsafe {
        libc::signal(libc::SIGCHLD, reap as *const () as libc::sighandler_t);
    }
    for _ in 0..20 {
        let wanted = Wanted { most: 100, limit: None, go_on: &|| true };
        let output = output(Spec::new("sh", environment::PLAIN).args(["-c", "exit 3"]), &wanted).unwrap();
        assert_eq!(output.exit, ExitInfo::Code(3));
    }
    a_tool_is_listened_to();
}

#[test]
fn a_directory_that_is_not_there_is_an_error() {
    let (spec, _) = spec("", vec![]);
    let e = Child::spawn(Spec { dir: Some("/no/such".into()), ..spec }).unwrap_err();
    assert_eq!(e.raw_os_error(), Some(libc::ENOENT));
}

#[test]
fn a_script_needs_no_first_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("script");
    std::fs::write(&path, "exit 7\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut child = Child::spawn(Spec::new(&path, environment::PLAIN)).unwrap();
    assert_eq!(child.wait(soon()), Some(ExitInfo::Code(7)));
}

#[test]
fn a_tool_is_listened_to() {
    let tool = |script: &str| Spec::new("sh", environment::PLAIN).args(["-c", script]);
    let wanted = |most, limit, go_on| Wanted { most, limit, go_on };
    let out = output(tool("yes | head -c 300000; echo why >&2; exit 2"), &wanted(1000, None, &|| true)).unwrap();
    assert_eq!((out.exit, out.stdout.len(), out.stderr.as_slice()), (ExitInfo::Code(2), 1000, &b"why\n"[..]));
    assert!(!out.ok() && out.complaint() == b"why");
    // Its own children may go on.
    let out = output(tool("sleep 1000 & echo $!"), &wanted(1000, None, &|| true)).unwrap();
    assert!(out.ok());
    let pid = std::str::from_utf8(&out.stdout).unwrap().trim().parse().ok().and_then(rustix::process::Pid::from_raw);
    rustix::process::kill_process(pid.unwrap(), Signal::KILL).unwrap();
    let late = output(tool("exec sleep 1000"), &wanted(1000, Some(Duration::from_millis(10)), &|| true)).unwrap_err();
    assert_eq!(late.raw_os_error(), Some(libc::ETIMEDOUT));
    let cancelled = output(tool("exec yes"), &wanted(1000, None, &|| false)).unwrap_err();
    assert_eq!(cancelled.raw_os_error(), Some(libc::ECANCELED));
}

#[test]
fn a_command_line_is_shown_as_one_would_type_it() {
    let spec = Spec::new("a", environment::PLAIN).args(["b-c=d", "", "e f", "g'h"]);
    assert_eq!(spec.shown(), "a b-c=d '' 'e f' 'g'\\''h'");
}
