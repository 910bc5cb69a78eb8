//! What is left to a confined child, seen from both sides; as root and as a user who is nobody.

use super::{environment, landlock, Child, Confinement, ExitInfo, Rights, Spec, Stream};
use std::ffi::CString;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A shell in its confinement, to which lines are said.
struct Shell {
    child: Child,
    line: BufReader<UnixStream>,
}

impl Shell {
    fn new(network: bool, instead: Vec<(CString, File)>) -> Shell {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let again = || Stream::Fd(theirs.try_clone().unwrap().into());
        let confinement = Confinement {
            network,
            readable: ["/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache"].map(PathBuf::from).into(),
            writable: vec!["/dev/null".into()],
            instead: instead.into_iter().map(|(name, file)| (name, file.into())).collect(),
        };
        let spec = Spec::new("/bin/sh", environment::PLAIN);
        let (stdin, stdout, stderr) = (again(), again(), again());
        let rights = Rights::Confined(confinement);
        Shell {
            child: Child::spawn(Spec { stdin, stdout, stderr, rights, ..spec }).unwrap(),
            line: BufReader::new(ours),
        }
    }

    /// What a command prints in its first line, and whether it succeeds.
    fn says(&mut self, command: &str) -> (String, bool) {
        let line = format!("if out=$( ({command}) 2>&1 ); then echo \"y$out\"; else echo \"n$out\"; fi | head -n 1\n");
        self.line.get_mut().write_all(line.as_bytes()).unwrap();
        let mut answer = String::new();
        self.line.read_line(&mut answer).unwrap();
        let (ok, text) = answer.trim_end().split_at_checked(1).unwrap_or_else(|| panic!("{command}: no answer"));
        (text.to_owned(), ok == "y")
    }

    fn may(&mut self, command: &str) -> String {
        let (said, ok) = self.says(command);
        assert!(ok, "{command}: {said}");
        said
    }

    fn may_not(&mut self, command: &str) {
        let (said, ok) = self.says(command);
        assert!(!ok, "{command}: {said}");
    }

    /// Make calls in Python and compare what each comes to, an error's name or `done`. `$$` is the child's number.
    fn python(&mut self, calls: &[(&str, &str)]) {
        let list: String = calls.iter().map(|(call, _)| format!("lambda: {call}, ")).collect();
        let (said, _) = self.says(&format!("/usr/bin/python3 -c \"{PYTHON}\nprint(*map(result, [{list}]))\""));
        let said: Vec<&str> = said.split(' ').collect();
        let want: Vec<&str> = calls.iter().map(|(_, want)| *want).collect();
        assert_eq!(said, want, "{calls:?}");
    }

    fn status(&self, name: &str) -> String {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.pid())).unwrap();
        text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':')).unwrap().trim().to_owned()
    }

    /// It lives in another one than this process.
    fn apart(&self, namespace: &str) -> bool {
        let of = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/{namespace}")).unwrap();
        of(&self.child.pid().to_string()) != of("self")
    }

    fn end(mut self) {
        self.line.get_mut().write_all(b"exit 7\n").unwrap();
        assert_eq!(self.child.wait(Instant::now() + Duration::from_secs(10)), Some(ExitInfo::Code(7)));
    }
}

/// `raw` is syscall(2), `name` a pointer to a text that begins so many bytes before the end of a page.
const PYTHON: &str = "
import ctypes, errno, fcntl, mmap, os, resource, socket
libc = ctypes.CDLL(None, use_errno=True)
keep = []
def raw(*words):
  if libc.syscall(*words) < 0: raise OSError(ctypes.get_errno(), 'error')
def name(text, before):
  keep.append(mmap.mmap(-1, 2 * mmap.PAGESIZE))
  at = mmap.PAGESIZE - before
  keep[-1][at:at + len(text)] = text
  return ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(keep[-1])) + at)
def result(call):
  try: call()
  except OSError as e: return errno.errorcode[e.errno]
  return 'done'";

/// A file that everybody may read and write, as far as modes go.
fn open_to_all(dir: &Path) -> PathBuf {
    let path = dir.join("file");
    std::fs::write(&path, "content\n").unwrap();
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o777)).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    path
}

/// What this kernel, or the container this runs in, does not allow.
fn missing() -> Option<&'static str> {
    let rules = landlock::Allowed { readable: &[], writable: &[], network: false };
    if landlock::ruleset(&rules).is_none() {
        return Some("no landlock");
    }
    let free = std::process::Command::new("unshare").args(["-r", "-n", "true"]).output();
    (!free.is_ok_and(|out| out.status.success())).then_some("no user namespaces")
}

fn nothing_but_what_was_given() {
    if let Some(why) = missing() {
        println!("\nnot run: confinement of children: {why}");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = open_to_all(dir.path());
    let name = path.to_str().unwrap();
    let socket = dir.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o777)).unwrap();
    let instead = vec![(CString::new("/to/be/mapped").unwrap(), File::open(&path).unwrap())];
    let mut shell = Shell::new(false, instead);

    assert_eq!(shell.may("echo hello"), "hello");
    shell.may("ls /usr/bin >/dev/null");
    for command in [
        format!("cat {name}"),
        format!("echo x > {name}"),
        format!("echo x >> {name}"),
        format!("rm {name}"),
        format!("mv {name} {name}.2"),
        format!("chmod 600 {name}"),
        format!("mkdir {}/new", dir.path().display()),
        "ls /".into(),
        "cat /etc/passwd".into(),
        "cat /proc/1/cmdline".into(),
        format!("kill -0 {}", std::process::id()),
        // Nor its own: it is the filter that refuses, whatever this kernel's landlock does.
        "kill -0 $$".into(),
        "unshare -r true".into(),
        "mount -t tmpfs none /tmp".into(),
    ] {
        // The program itself must be one that is there.
        shell.may(&format!("command -v {}", command.split(' ').next().unwrap()));
        shell.may_not(&command);
    }
    shell.python(&refused(name).iter().map(|(call, want)| (call.as_str(), *want)).collect::<Vec<_>>());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "content\n");
    for address in [format!("AF_UNIX, '{}'", socket.display()), "AF_INET, ('127.0.0.1', 9)".into()] {
        let (family, address) = address.split_once(", ").unwrap();
        let script = format!("import socket as s; s.socket(s.{family}).connect({address})");
        let (said, ok) = shell.says(&format!("/usr/bin/python3 -c \"{script}\" 2>&1 | tail -n 1 | grep -v Permission"));
        assert!(!ok, "{said}");
    }
    // Open for reading only, though it asks for more.
    assert_eq!(shell.may("cat 0<>/to/be/mapped"), "content");
    shell.may_not("echo x 1<>/to/be/mapped");
    // Wherever the name lies, and only that name.
    let open =
        |text: &str, before: usize| format!("raw({}, -100, name(b'{text}', {before}), os.O_RDWR)", libc::SYS_openat);
    let (known, cut, longer) =
        (open("/to/be/mapped", 64), open("/to/be/mapped", 5), open("/to/be/mapped.not", "/to/be/mapped".len()));
    shell.python(&[(&known, "done"), (&cut, "done"), (&longer, "ENOENT")]);
    shell.may("echo x > /dev/null");
    // A copy of this program, as fork(2) makes it, has everything open for as long as it lives.
    let copy = Copy::new();
    let begun = Instant::now();
    shell.child.started();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    drop(copy);
    shell.may_not("echo x > /dev/null");

    let (own, root) = (shell.status("Uid"), rustix::process::geteuid().is_root());
    let numbers: Vec<u32> = own.split_whitespace().map(|n| n.parse().unwrap()).collect();
    assert!(numbers.iter().all(|n| *n == numbers[0] && *n != 0), "{own}");
    let expected = if root { numbers[0] >= 0x7000_0000 || numbers[0] == 65534 } else { true };
    assert!(expected, "{own}");
    if root {
        assert_eq!(shell.status("Gid"), own);
        assert_eq!(shell.status("Groups"), "");
    }
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(u64::from_str_radix(&shell.status(set), 16).unwrap(), 0, "{set}");
    }
    assert_eq!((shell.status("NoNewPrivs"), shell.status("Seccomp")), ("1".into(), "2".into()));
    for namespace in ["net", "mnt", "ipc"] {
        assert!(shell.apart(namespace), "{namespace}");
    }
    assert_eq!(shell.apart("user"), !root);
    shell.end();
}

/// Calls that only the filter refuses, whatever namespaces and landlock do, and those of the same kind that it must
/// not refuse.
fn refused(file: &str) -> Vec<(String, &'static str)> {
    let raw = |call: libc::c_long, words: &str| format!("raw({call}, {words})");
    let mut calls = vec![
        (format!("os.truncate('{file}', 0)"), "ENOSYS"),
        (format!("os.open('{file}', os.O_RDONLY | os.O_TRUNC)"), "EACCES"),
        // Here landlock has no objection.
        ("os.open('/dev/null', os.O_RDONLY | os.O_TRUNC)".into(), "EACCES"),
        ("os.open('/dev/null', os.O_RDONLY | os.O_CREAT)".into(), "EACCES"),
        ("os.open('/dev/null', os.O_RDONLY)".into(), "done"),
        ("os.open('/dev/null', os.O_RDWR)".into(), "done"),
        // The filter belongs to the process of the shell, and this one only inherits it.
        (raw(libc::SYS_tgkill, "$$, $$, 0"), "done"),
        (raw(libc::SYS_tgkill, "os.getpid(), os.getpid(), 0"), "EPERM"),
        ("os.kill(os.getpid(), 0)".into(), "ENOSYS"),
        ("fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())".into(), "EPERM"),
        ("fcntl.fcntl(0, fcntl.F_GETOWN)".into(), "done"),
        ("fcntl.ioctl(0, 0x8901, bytes(4))".into(), "EPERM"),
        ("resource.prlimit(0, resource.RLIMIT_CORE)".into(), "done"),
        ("resource.prlimit($$, resource.RLIMIT_CORE)".into(), "EPERM"),
        ("socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)".into(), "ENOSYS"),
        ("os.fchmod(0, 0o600)".into(), "ENOSYS"),
        ("os.fchown(0, -1, -1)".into(), "ENOSYS"),
        ("os.setxattr(0, 'user.a', b'')".into(), "ENOSYS"),
        ("os.removexattr(0, 'user.a')".into(), "ENOSYS"),
        ("os.removexattr('/usr', 'user.a')".into(), "ENOSYS"),
        ("os.removexattr('/usr', 'user.a', follow_symlinks=False)".into(), "ENOSYS"),
    ];
    let others = [libc::SYS_tkill, libc::SYS_rt_sigqueueinfo, libc::SYS_rt_tgsigqueueinfo, libc::SYS_pidfd_send_signal];
    calls.extend(others.map(|call| (raw(call, "os.getpid(), 0, 0, 0"), "ENOSYS")));
    // fchmodat2, setxattrat, removexattrat.
    calls.extend([452, 463, 466].map(|call| (raw(call, "-100, b'/usr', 0, 0, 0, 0"), "ENOSYS")));
    calls
}

/// A process that does nothing but to exist.
struct Copy(libc::pid_t);

#[allow(unsafe_code)]
impl Copy {
    fn new() -> Copy {
        // SAFETY: the copy makes system calls only.
        let pid = unsafe {
            let pid = libc::fork();
            if pid == 0 {
                libc::alarm(60);
                libc::pause();
                libc::_exit(0);
            }
            pid
        };
        assert!(pid > 0);
        Copy(pid)
    }
}

#[allow(unsafe_code)]
impl Drop for Copy {
    fn drop(&mut self) {
        // SAFETY: ends the child that this made, and asks for no status.
        unsafe {
            libc::kill(self.0, libc::SIGKILL);
            libc::waitpid(self.0, std::ptr::null_mut(), 0);
        }
    }
}

fn a_network_when_it_needs_one() {
    if let Some(why) = missing() {
        println!("\nnot run: confinement of children: {why}");
        return;
    }
    let mut shell = Shell::new(true, Vec::new());
    assert!(!shell.apart("net") && shell.apart("mnt"));
    let socket = |kind: &str| format!("/usr/bin/python3 -c \"import socket as s; s.socket(s.{kind})\"");
    shell.may(&socket("AF_INET"));
    shell.may_not(&socket("AF_UNIX"));
    shell.python(&[("socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)", "ENOSYS")]);
    shell.end();
}

#[test]
fn confined_children_have_nothing_but_what_they_were_given() {
    nothing_but_what_was_given();
    as_nobody("confined_children_have_nothing_but_what_they_were_given");
}

#[test]
fn confined_children_have_a_network_when_they_need_one() {
    a_network_when_it_needs_one();
    as_nobody("confined_children_have_a_network_when_they_need_one");
}

/// The same test once more, as a user without any rights.
fn as_nobody(test: &str) {
    if !rustix::process::geteuid().is_root() {
        println!("\nnot run: confinement of root's children: run the tests as root");
        return;
    }
    let program = std::env::current_exe().unwrap();
    let mut command = std::process::Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]);
    if !command.arg("true").output().is_ok_and(|out| out.status.success()) {
        println!("\nnot run: confinement of children of ordinary users: no setpriv");
        return;
    }
    let mut command = std::process::Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(&program);
    command.args(["--exact", "--nocapture", &format!("child::confine_tests::{test}")]);
    let out = command.env_remove("TMPDIR").current_dir("/").output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    if out.status.code() == Some(127) || out.status.code() == Some(126) {
        println!("\nnot run: confinement of children of ordinary users: {}: {said}", program.display());
        return;
    }
    assert!(out.status.success() && said.contains("1 passed"), "{said}");
    for line in said.lines().filter(|line| line.starts_with("not run: confinement of children: ")) {
        println!("\n{line}, as an ordinary user");
    }
}
