//! The backend `libvirt`: appliances that a libvirt of this host starts in an ordinary user's session.
//!
//! Needs libvirtd with its qemu driver, and what `launch.rs` needs. Root has no session: the tests of root
//! run themselves again as the user nobody, with an appliance that this user can read.

#[path = "launch/help.rs"]
#[allow(dead_code)]
mod help;

use bstr::ByteSlice;
use guestfs::protocol::opts::{AddDriveOpts, AddDriveScratchOpts};
use guestfs::{Error, ErrorKind, Handle, LaunchFailure};
use help::MIB;
use std::io::Write as _;
use std::os::unix::fs::{chown, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const LIBVIRTD: &str = "/usr/sbin/libvirtd";
/// The user and group nobody of every Debian.
const NOBODY: u32 = 65534;
/// Set for the test that runs as the user: its directory.
const AGAIN: &str = "GUESTFS_RS_TEST_SESSION";

/// The file that says that it ran.
const DONE: &str = "done";

/// A program that listens on a socket, ended with this.
struct Server(Child);

impl Server {
    fn start(command: &mut Command, socket: &Path) -> Server {
        let server = Server(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let patience = Instant::now() + Duration::from_secs(60);
        while !socket.exists() {
            assert!(Instant::now() < patience, "{command:?} does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.0), rustix::process::Signal::TERM)
            .unwrap();
        self.0.wait().unwrap();
    }
}

/// Run `test`, which is called `name`, in the directory of a user with a session.
fn in_a_session(name: &str, test: fn(&Path)) {
    if let Some(dir) = std::env::var_os(AGAIN).map(PathBuf::from) {
        let mut libvirtd = Command::new(LIBVIRTD);
        // Without this it starts another server, which stays behind.
        std::fs::create_dir_all(dir.join(".config/libvirt")).unwrap();
        std::fs::write(dir.join(".config/libvirt/qemu.conf"), "stdio_handler = \"file\"\n").unwrap();
        let _libvirtd = Server::start(&mut libvirtd, &dir.join("libvirt/libvirt-sock"));
        test(&dir);
        return std::fs::write(dir.join(DONE), "").unwrap();
    }
    let drivers = ["/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib"]
        .map(|d| format!("{d}/libvirt/connection-driver/libvirt_driver_qemu.so"));
    if !Path::new(LIBVIRTD).exists() || !drivers.iter().any(|d| Path::new(d).exists()) {
        // Not `println!`, which the test harness keeps to itself.
        #[expect(clippy::explicit_write)]
        writeln!(std::io::stdout(), "\nnot run: {name}, libvirtd with its qemu driver is not installed").unwrap();
        return;
    }
    // Short: a socket's name has a hundred bytes.
    let dir = tempfile::Builder::new().prefix("lv").tempdir_in("/tmp").unwrap();
    let appliance = dir.path().join("appliance");
    let made = Command::new(env!("CARGO_BIN_EXE_guestfs-appliance")).arg("fixed").arg(&appliance).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let program = dir.path().join("test");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut again = Command::new(&program);
    again.args(["--exact", name, "--nocapture", "--test-threads", "1"]).current_dir(&dir);
    again.env(AGAIN, dir.path()).env("HOME", dir.path()).env("XDG_RUNTIME_DIR", dir.path());
    for name in
        ["XDG_CONFIG_HOME", "XDG_CACHE_HOME", "LIBVIRT_DEFAULT_URI", "LIBGUESTFS_HV", "LIBGUESTFS_BACKEND_SETTINGS"]
    {
        again.env_remove(name);
    }
    again.env("LIBGUESTFS_PATH", "appliance").env("LIBGUESTFS_BACKEND", "libvirt");
    again.env("LIBGUESTFS_CACHEDIR", dir.path()).env("LIBGUESTFS_TMPDIR", dir.path());
    if rustix::process::geteuid().is_root() {
        for file in std::fs::read_dir(&appliance).unwrap() {
            std::fs::set_permissions(file.unwrap().path(), PermissionsExt::from_mode(0o644)).unwrap();
        }
        for path in [&appliance, &program] {
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
        }
        chown(dir.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        again.uid(NOBODY).gid(NOBODY);
    }
    assert!(again.status().unwrap().success() && dir.path().join(DONE).exists(), "{name} failed as an ordinary user");
}

fn image(path: &Path, format: &str) -> String {
    let path = path.to_str().unwrap().to_owned();
    let made = Command::new("qemu-img").args(["create", "-q", "-f", format, &path, "40M"]).status().unwrap();
    assert!(made.success());
    path
}

fn failure(e: &Error) -> &LaunchFailure {
    match e.kind() {
        ErrorKind::Launch(failure) => failure,
        other => panic!("{other:?}: {e}"),
    }
}

/// Names of libvirt's domains.
fn domains(dir: &Path) -> Vec<String> {
    let run = std::fs::read_dir(dir.join("libvirt/qemu/run")).unwrap();
    let names =
        run.filter_map(|f| f.unwrap().file_name().into_string().unwrap().strip_suffix(".xml").map(str::to_owned));
    names.collect()
}

fn launched() -> Handle {
    let g = Handle::new().unwrap();
    assert_eq!(g.get_backend().unwrap(), "libvirt");
    g
}

#[test]
fn work_is_done_and_nothing_left() {
    in_a_session("work_is_done_and_nothing_left", |dir| {
        // What XML would read otherwise.
        let odd = image(&dir.join("we'ird <n>& \"ü\".img"), "raw");
        let qcow2 = image(&dir.join("b.qcow2"), "qcow2");
        let g = launched();
        g.add_drive(&odd, AddDriveOpts::new().format("raw").label("odd")).unwrap();
        g.add_drive(&qcow2, AddDriveOpts::new().discard("besteffort").cachemode("unsafe")).unwrap();
        g.add_drive_scratch(20 * MIB, AddDriveScratchOpts::new().blocksize(4096)).unwrap();
        g.add_drive("/dev/null", AddDriveOpts::new().readonly(true)).unwrap();
        let shared = dir.join("shared");
        std::fs::create_dir(&shared).unwrap();
        std::fs::write(shared.join("there"), "from the host").unwrap();
        // A device that libvirt does not know of needs an address that it gives to no other.
        let share = format!("local,id=shared,security_model=none,path={}", shared.display());
        for (option, value) in
            [("-fsdev", &share[..]), ("-device", "virtio-9p-pci,fsdev=shared,mount_tag=host,addr=0x10")]
        {
            g.config(option, Some(value.into())).unwrap();
        }
        let start = Instant::now();
        g.launch().unwrap();
        println!("launched by libvirt: {:.1} s", start.elapsed().as_secs_f64());
        assert_eq!(domains(dir).len(), 1);
        assert_eq!(g.list_devices().unwrap(), ["/dev/sda", "/dev/sdb", "/dev/sdc", "/dev/sdd"]);
        assert_eq!(g.blockdev_getss("/dev/sdc").unwrap(), 4096);
        assert_eq!(g.list_disk_labels().unwrap(), [("odd".into(), "/dev/sda".into())]);
        for (device, content) in [("/dev/disk/guestfs/odd", "one"), ("/dev/sdb", "two")] {
            g.mkfs("ext4", device, Default::default()).unwrap();
            g.mount(device, "/").unwrap();
            g.write("/f", content.as_bytes()).unwrap();
            g.umount_all().unwrap();
        }
        assert_eq!(g.list_9p().unwrap(), ["host"]);
        g.mount_9p("host", "/", Default::default()).unwrap();
        assert_eq!(g.read_file("/there").unwrap(), b"from the host");
        g.write("/back", b"from the guest").unwrap();
        g.umount_all().unwrap();
        assert_eq!(std::fs::read(shared.join("back")).unwrap(), b"from the guest");
        g.shutdown().unwrap();
        assert_eq!(domains(dir), Vec::<String>::new());
        drop(g);
        // Read-only, with the formats guessed; what is written goes nowhere.
        for round in 0..2 {
            let g = launched();
            g.add_drive_ro(&odd).unwrap();
            g.add_drive(&qcow2, AddDriveOpts::new().readonly(true).copyonread(true)).unwrap();
            g.launch().unwrap();
            for (device, content) in [("/dev/sda", "one"), ("/dev/sdb", "two")] {
                g.mount(device, "/").unwrap();
                assert_eq!(g.read_file("/f").unwrap(), content.as_bytes(), "{round}");
                g.write("/f", b"changed").unwrap();
                g.umount_all().unwrap();
            }
            // Closed without a shutdown: it ends all the same.
            drop(g);
            assert_eq!(domains(dir), Vec::<String>::new());
        }
        let left: Vec<_> = std::fs::read_dir(dir).unwrap().map(|f| f.unwrap().file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("libguestfs")), "{left:?}");
    });
}

#[test]
fn drives_come_and_go() {
    in_a_session("drives_come_and_go", |dir| {
        let path = image(&dir.join("a.img"), "raw");
        let (served, socket) = (image(&dir.join("served.img"), "raw"), dir.join("nbd"));
        let mut nbd = Command::new("qemu-nbd");
        let _nbd = Server::start(nbd.args(["-t", "-f", "raw", "-x", "e&x", "-k"]).arg(&socket).arg(&served), &socket);
        let g = launched();
        let nbd = AddDriveOpts::new().protocol("nbd").server([format!("unix:{}", socket.display())]).format("raw");
        g.add_drive("e&x", nbd).unwrap();
        g.config("-smbios", Some("type=11,value=<&>".into())).unwrap();
        g.launch().unwrap();
        g.pwrite_device("/dev/sda", b"over there", 0).unwrap();
        g.sync().unwrap();
        assert!(std::fs::read(&served).unwrap().starts_with(b"over there"));
        for round in 0..3 {
            g.add_drive(&path, AddDriveOpts::new().label("hot").format("raw").readonly(round == 1)).unwrap();
            assert_eq!(g.list_devices().unwrap(), ["/dev/sda", "/dev/sdb"]);
            g.pwrite_device("/dev/disk/guestfs/hot", format!("round{round}").as_bytes(), 0).unwrap();
            g.remove_drive("hot").unwrap();
            assert_eq!(g.list_devices().unwrap(), ["/dev/sda"]);
            // It is closed: nobody has its lock.
            let free = Command::new("qemu-img").args(["info", &path]).stdout(Stdio::null()).status().unwrap();
            assert!(free.success());
            let start = std::fs::read(&path).unwrap();
            assert!(start.starts_with(if round == 2 { b"round2" } else { b"round0" }));
        }
    });
}

#[test]
fn failures_say_what_to_do() {
    in_a_session("failures_say_what_to_do", |dir| {
        let path = image(&dir.join("a.img"), "raw");
        let first = launched();
        first.add_drive(&path, AddDriveOpts::new().format("raw")).unwrap();
        first.launch().unwrap();
        for (readonly, help) in [(false, "stop the virtual machine"), (true, "direct")] {
            let g = launched();
            g.add_drive(&path, AddDriveOpts::new().format("raw").readonly(readonly)).unwrap();
            let e = g.launch().unwrap_err();
            assert!(matches!(failure(&e), LaunchFailure::ImageLocked { by: Some(_) }), "{e}");
            assert!(e.help().unwrap().contains(help), "{e}");
            assert!(!e.message().contains(&b'\n'), "{e}");
        }
        // The appliance's end is noticed.
        let e = first.debug("sh", &["kill -9 1; echo o > /proc/sysrq-trigger; sleep 30"]).unwrap_err();
        assert_eq!(e.kind(), &ErrorKind::ApplianceDied, "{e}");
        drop(first);
        assert_eq!(domains(dir), Vec::<String>::new());
        let g = launched();
        g.add_drive(&path, AddDriveOpts::new().format("qcow2")).unwrap();
        let e = g.launch().unwrap_err();
        assert_eq!((failure(&e), e.errno()), (&LaunchFailure::ImageUnusable, libc::EINVAL), "{e}");
        for backend in ["libvirt:qemu:///nonsense", "libvirt:test:///default", "libvirt:nonsense:///"] {
            g.set_backend(backend).unwrap();
            let e = g.launch().unwrap_err();
            assert!(e.message().contains_str("libvirt") && e.help().is_some(), "{backend}: {e:?}");
        }
        g.set_backend("libvirt").unwrap();
        g.set_direct(true).unwrap();
        assert_eq!(g.launch().unwrap_err().errno(), libc::ENOTSUP);
    });
}
