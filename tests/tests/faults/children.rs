//! What the programs that the library starts have of this one, and what they may do.

use super::help::{Scene, MIB};
use guestfs::Handle;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::Command;

/// As a program has it that does not know of close-on-exec.
#[allow(unsafe_code)]
fn careless(file: &impl AsRawFd) {
    // SAFETY: sets a flag of a descriptor that is open.
    assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFD, 0) }, 0);
}

/// What the descriptors of a process lead to: the last part of a path, numbers left out.
fn open_files(pid: i32) -> BTreeSet<String> {
    let fds = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let names = fds.filter_map(|fd| Some(std::fs::read_link(fd.path()).ok()?.to_string_lossy().into_owned()));
    names
        .map(|name| match name.as_str() {
            n if n.contains("(deleted)") => "(a file without a name)".to_owned(),
            n if n.starts_with('/') => n.rsplit('/').next().unwrap().to_owned(),
            n if n.starts_with("anon_inode:") => n.to_owned(),
            n => n.split(':').next().unwrap().to_owned(),
        })
        .collect()
}

/// The value of a line of `/proc/PID/status`.
fn status(pid: i32, name: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let value = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
    value.unwrap_or_else(|| panic!("{name} in {text}")).trim().to_owned()
}

fn words(pid: i32, file: &str) -> Vec<String> {
    let bytes = std::fs::read(format!("/proc/{pid}/{file}")).unwrap();
    let words = bytes.split(|b| *b == 0).filter(|w| !w.is_empty());
    words.map(|w| String::from_utf8_lossy(w).into_owned()).collect()
}

#[test]
fn a_machine_has_what_is_meant_for_it() {
    let scene = Scene::new("a machine has what is meant for it");
    let (mut reader, writer) = rustix::pipe::pipe().map(|(r, w)| (File::from(r), File::from(w))).unwrap();
    let file = File::open("/etc/passwd").unwrap();
    let dir = File::open("/usr").unwrap();
    careless(&writer);
    careless(&file);
    careless(&dir);
    let g = scene.handle();
    g.set_backend_settings(&["force_tcg"]).unwrap();
    g.add_drive(scene.sparse("disk.img", MIB as u64), guestfs::opts::AddDriveOpts::new().format("raw").readonly(true))
        .unwrap();
    g.launch().unwrap();
    let pid = g.get_pid().unwrap();

    let mut open = open_files(pid);
    open.retain(|name| !name.starts_with("anon_inode:"));
    let meant = ["(a file without a name)", "disk.img", "initrd", "kernel", "ram", "root", "socket"];
    assert_eq!(open.into_iter().collect::<Vec<_>>(), meant);
    // Not even the saved memory, though qemu opens its name for writing.
    assert_eq!(writable(pid), BTreeSet::from(["(a file without a name)".to_owned()]));
    // The reader sees the end while the machine runs.
    drop(writer);
    assert_eq!(reader.read(&mut [0]).unwrap(), 0);

    let known = |name: &str| {
        ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "USER", "LOGNAME", "LC_ALL", "SSH_AUTH_SOCK"].contains(&name)
            || ["QEMU_", "LIBGUESTFS_", "CEPH_", "LIBISCSI_", "SSL_CERT_", "CURL_CA_"]
                .iter()
                .any(|p| name.starts_with(p))
            || name.to_ascii_lowercase().ends_with("_proxy")
    };
    let variables = words(pid, "environ");
    assert!(variables.contains(&"LC_ALL=C".to_owned()), "{variables:?}");
    // Cargo sets it for every test.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let unknown: Vec<_> = variables.iter().filter(|v| !known(v.split('=').next().unwrap())).collect();
    assert!(unknown.is_empty(), "{unknown:?}");

    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let core: Vec<&str> = limits.lines().find(|l| l.starts_with("Max core")).unwrap().split_whitespace().collect();
    assert_eq!(core, ["Max", "core", "file", "size", "0", "0", "bytes"]);

    confined(pid, false);

    let args = words(pid, "cmdline");
    let after = |option: &str| args.windows(2).filter(|w| w[0] == option).map(|w| w[1].clone()).collect::<Vec<_>>();
    assert_eq!(
        after("-device"),
        [
            "virtio-serial-device",
            "virtserialport,chardev=ch0,name=org.libguestfs.channel.0",
            "virtio-scsi-device,id=scsi",
            "virtio-blk-device,drive=root"
        ]
    );
    assert_eq!(after("-sandbox"), ["on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"]);
    assert!(after("-machine").concat().contains("dump-guest-core=off"), "{args:?}");
    for option in ["-nodefaults", "-no-user-config"] {
        assert!(args.iter().any(|a| a == option), "{option}");
    }
    for option in ["-netdev", "-nic", "-net", "-usb", "-vga"] {
        assert!(!args.iter().any(|a| a == option), "{option}");
    }
    drop((reader, file, dir));
    scene.end(g);
}

/// Files and devices of a process that are open for writing, as `open_files` names them.
fn writable(pid: i32) -> BTreeSet<String> {
    let mut open = BTreeSet::new();
    for fd in std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten() {
        let number = fd.file_name().into_string().unwrap();
        let Ok(info) = std::fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}")) else { continue };
        let flags = info.lines().find_map(|l| l.strip_prefix("flags:")).unwrap().trim();
        let name = std::fs::read_link(fd.path()).unwrap().to_string_lossy().into_owned();
        if name.starts_with('/') && i32::from_str_radix(flags, 8).unwrap() & libc::O_ACCMODE != libc::O_RDONLY {
            let name = if name.contains("(deleted)") { "(a file without a name)" } else { &name };
            open.insert(name.to_owned());
        }
    }
    open
}

/// What `/proc` says of a qemu that is confined.
fn confined(pid: i32, network: bool) {
    let root = rustix::process::geteuid().is_root();
    for ids in ["Uid", "Gid"] {
        let numbers: BTreeSet<u32> = status(pid, ids).split_whitespace().map(|n| n.parse().unwrap()).collect();
        let own = if ids == "Uid" { rustix::process::geteuid().as_raw() } else { rustix::process::getegid().as_raw() };
        assert_eq!(numbers.len(), 1, "{ids}: {numbers:?}");
        // Nobody's, or whoever this is.
        let number = *numbers.first().unwrap();
        assert!(if root { number >= 0x7000_0000 || number == 65534 } else { number == own }, "{ids}: {number}");
    }
    if root {
        assert_eq!(status(pid, "Groups"), "");
        assert_eq!(u64::from_str_radix(&status(pid, "CapBnd"), 16).unwrap(), 0);
    }
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(u64::from_str_radix(&status(pid, set), 16).unwrap(), 0, "{set}");
    }
    assert_eq!(status(pid, "NoNewPrivs"), "1");
    assert_eq!(status(pid, "Seccomp"), "2");
    // Besides what this program has: ours, and qemu's own.
    let filters = |pid| status(pid, "Seccomp_filters").parse::<u32>().unwrap();
    assert_eq!(filters(pid), filters(std::process::id() as i32) + 2);
    let apart = |space: &str| {
        let of = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/{space}")).unwrap();
        of(&pid.to_string()) != of("self")
    };
    let free = Command::new("unshare").args(["-r", "-n", "true"]).status().is_ok_and(|status| status.success());
    if free {
        assert!(apart("mnt") && apart("ipc") && apart("net") != network);
    } else {
        println!("\nnot run: namespaces of qemu: this host does not allow them");
    }
}

/// Once more as a user who is nobody, with an appliance of its own.
#[test]
fn ordinary_users_have_it_so_too() {
    if !rustix::process::geteuid().is_root() {
        println!("\nnot run: confinement of root's machines: run the tests as root");
        return;
    }
    let scene = Scene::new("ordinary users");
    let cache = scene.data.path().join("cache");
    let mine = std::path::PathBuf::from(scene.handle().get_cachedir().unwrap().to_string()).join(".guestfs-0/rs");
    let theirs = cache.join(".guestfs-65534/rs");
    std::fs::create_dir_all(&theirs).unwrap();
    let done = |command: &mut Command| {
        let out = command.output().unwrap();
        assert!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr));
    };
    for entry in std::fs::read_dir(&mine).unwrap().flatten() {
        if !entry.file_name().to_string_lossy().starts_with("snap-") {
            done(Command::new("cp").arg("-a").arg(entry.path()).arg(&theirs));
        }
    }
    // A kernel that was fetched lies in root's home.
    let share = scene.data.path().join("share");
    std::fs::create_dir(&share).unwrap();
    let fetched =
        std::path::PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".local/share/guestfs-rs");
    if fetched.is_dir() {
        done(Command::new("cp").arg("-a").arg(fetched).arg(&share));
    }
    done(Command::new("chown").args(["-R", "65534:65534"]).arg(scene.data.path()));
    done(Command::new("chmod").args(["-R", "go-rwx"]).arg(cache.join(".guestfs-65534")));
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", "children::a_machine_has_what_is_meant_for_it", "--nocapture"]);
    command
        .env("XDG_DATA_HOME", &share)
        .env("LIBGUESTFS_CACHEDIR", &cache)
        .env("TMPDIR", scene.data.path())
        .env("HOME", scene.data.path());
    let out = command.current_dir("/").output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success() && said.contains("1 passed"), "{said}");
    scene.end(None);
}

/// Once more where another program watches over this one with a filter that asks: of such there can be one only, so
/// that the library cannot hand anything to qemu that it opens by its name.
#[test]
#[allow(unsafe_code)]
fn a_watched_program_has_confined_machines_too() {
    use std::os::unix::process::CommandExt;
    const WATCHED: &str = "GUESTFS_TEST_WATCHED";
    let scene = Scene::new("a watched program");
    if std::env::var_os(WATCHED).is_some() {
        let g = scene.handle();
        g.set_backend_settings(&["force_tcg"]).unwrap();
        g.launch().unwrap();
        let pid = g.get_pid().unwrap();
        confined(pid, false);
        // Its memory is a copy, and nothing of the cache.
        assert_eq!(writable(pid), BTreeSet::from(["(a file without a name)".to_owned()]));
        g.ping_daemon().unwrap();
        g.shutdown().unwrap();
        return scene.end(g);
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "children::a_watched_program_has_confined_machines_too", "--nocapture"]).env(WATCHED, "1");
    // SAFETY: system calls only.
    unsafe { command.pre_exec(watch) };
    match command.output() {
        Ok(out) => {
            let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
            assert!(out.status.success() && said.contains("1 passed"), "{said}");
        }
        // This program is watched itself.
        Err(e) => println!("\nnot run: machines of a watched program: {e}"),
    }
    scene.end(None);
}

/// Put a filter on this process that asks, though it allows everything. It counts for as long as its listener is open.
#[allow(unsafe_code)]
fn watch() -> std::io::Result<()> {
    const SET_MODE_FILTER: libc::c_long = 1;
    const NEW_LISTENER: libc::c_long = 1 << 3;
    let allow = libc::sock_filter { code: 0x06, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW };
    let program = libc::sock_fprog { len: 1, filter: (&raw const allow).cast_mut() };
    // SAFETY: the program is valid for its length and only read; else numbers.
    unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        match libc::syscall(libc::SYS_seccomp, SET_MODE_FILTER, NEW_LISTENER, &program) {
            -1 => Err(std::io::Error::last_os_error()),
            listener => match libc::fcntl(listener as i32, libc::F_SETFD, 0) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            },
        }
    }
}

/// A machine with a network of its own keeps the host's, and nothing else.
#[test]
fn a_network_is_all_that_one_with_a_network_keeps() {
    let scene = Scene::new("a network");
    let g = scene.handle();
    g.set_backend_settings(&["force_tcg"]).unwrap();
    g.set_network(true).unwrap();
    g.launch().unwrap();
    confined(g.get_pid().unwrap(), true);
    g.shutdown().unwrap();
    scene.end(g);
}

/// What only qemu can open it opens itself, as before.
#[test]
fn privileged_machines_and_those_with_files_of_their_own() {
    let scene = Scene::new("privileges");
    let (dir, own) = (scene.data.path(), status(std::process::id() as i32, "Uid"));
    std::fs::write(dir.join("base.img"), vec![b'x'; MIB as usize]).unwrap();
    let vmdk = dir.join("flat.vmdk");
    let made = Command::new("qemu-img")
        .args(["convert", "-O", "vmdk", "-o", "subformat=monolithicFlat"])
        .args([&dir.join("base.img"), &vmdk])
        .status();
    assert!(made.unwrap().success());
    for (settings, image) in [(vec!["force_tcg"], Some(&vmdk)), (vec!["force_tcg", "privileged"], None)] {
        let g = scene.handle();
        g.set_backend_settings(&settings).unwrap();
        if let Some(image) = image {
            g.add_drive(image.to_str().unwrap(), guestfs::opts::AddDriveOpts::new().format("vmdk")).unwrap();
        }
        g.launch().unwrap();
        let pid = g.get_pid().unwrap();
        assert_eq!(status(pid, "Uid"), own);
        let kept = u64::from_str_radix(&status(pid, "CapEff"), 16).unwrap();
        match image {
            // Those to open the files of others, and ports below 1024.
            Some(_) => assert_eq!(kept & !0x402, 0, "{kept:x}"),
            None => assert_eq!(status(pid, "CapEff"), status(std::process::id() as i32, "CapEff")),
        }
        if image.is_some() {
            assert_eq!(g.pread_device("/dev/sdb", 4, 0).unwrap(), b"xxxx");
        }
        g.shutdown().unwrap();
    }
    scene.end(None);
}

#[test]
fn without_descriptors_a_launch_says_so() {
    let scene = Scene::new("no descriptors");
    let g = scene.handle();
    let limit = Limit::now();
    for spare in [2, 6, 12, 20, 28] {
        limit.set(up_to(spare));
        let result = g.launch();
        limit.set(limit.0.rlim_cur);
        let e = result.expect_err("launched without descriptors");
        assert_eq!(e.errno(), libc::EMFILE, "{spare}: {e:?}");
        let text = format!("{e} {}", e.help().unwrap_or_default());
        assert!(text.contains("Too many open files") && !text.contains("install"), "{spare}: {text}");
    }
    g.launch().unwrap();
    g.ping_daemon().unwrap();
    g.shutdown().unwrap();
    scene.end(g);
}

/// Below this number so many are free.
fn up_to(spare: usize) -> u64 {
    let numbers = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let open: BTreeSet<u64> = numbers.filter_map(|e| e.file_name().to_str()?.parse().ok()).collect();
    (0..).filter(|fd| !open.contains(fd)).nth(spare).unwrap()
}

/// How many descriptors this process may have.
struct Limit(libc::rlimit);

#[allow(unsafe_code)]
impl Limit {
    fn now() -> Limit {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: fills a plain value.
        assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) }, 0);
        Limit(limit)
    }

    fn set(&self, most: u64) {
        let limit = libc::rlimit { rlim_cur: most, ..self.0 };
        // SAFETY: reads a plain value.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
    }
}

/// A script as hypervisor goes on as before, with the variables that it was promised.
#[test]
fn a_script_may_do_what_it_likes() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::new("a script as hypervisor");
    let script = scene.data.path().join("qemu");
    let qemu = Handle::new().unwrap().get_hv().unwrap();
    let seen = scene.data.path().join("seen");
    let text = format!("env > '{}'\nexec {qemu} \"$@\"\n", seen.display());
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let g = scene.handle();
    g.set_hv(script.to_str().unwrap()).unwrap();
    g.set_backend_settings(&["force_tcg", "environment=CARGO_PKG_*,NO_SUCH"]).unwrap();
    g.launch().unwrap();
    let pid = g.get_pid().unwrap();
    // Whatever this user has.
    assert_eq!(status(pid, "CapEff"), status(std::process::id() as i32, "CapEff"));
    let seen = std::fs::read_to_string(&seen).unwrap();
    let has = |name: &str| seen.lines().any(|l| l.split('=').next() == Some(name));
    assert!(has("CARGO_PKG_NAME") && has("PATH") && !has("CARGO_MANIFEST_DIR"), "{seen}");
    assert!(Path::new(&script).exists());
    g.shutdown().unwrap();
    scene.end(g);
}
