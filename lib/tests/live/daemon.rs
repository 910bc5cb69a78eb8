//! Our daemon as an ordinary process on a socket.
//!
//! In: nothing. Out: a running `guestfsd` with an empty directory as its root file system; it ends
//! with the value.

use guestfs::{CreateFlags, Handle};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

pub struct Daemon {
    dir: tempfile::TempDir,
    child: Arc<Mutex<Child>>,
}

/// Build it, once per test run, from this very tree.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
        let out = Command::new(cargo)
            .args([
                "build",
                "--quiet",
                "--package",
                "guestfsd",
                "--message-format",
                "json",
                "--manifest-path",
                manifest,
            ])
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo runs");
        assert!(out.status.success(), "guestfsd does not build");
        let found = String::from_utf8_lossy(&out.stdout).lines().find_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            let path = message.get("executable")?.as_str()?;
            path.ends_with("/guestfsd").then(|| PathBuf::from(path))
        });
        found.expect("cargo names the program")
    })
}

impl Daemon {
    pub fn start() -> Daemon {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("root")).unwrap();
        let socket = dir.path().join("socket");
        let child = Command::new(program())
            .arg("--channel")
            .arg(format!("unix:{}", socket.display()))
            .arg("--sysroot")
            .arg(dir.path().join("root"))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        // Bound is not yet listening: /proc says what the socket is.
        while !listens(&socket) {
            assert!(Instant::now() < until, "the daemon made no socket");
            std::thread::sleep(Duration::from_millis(10));
        }
        Daemon { dir, child: Arc::new(Mutex::new(child)) }
    }

    /// The directory it serves.
    pub fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    pub fn backend(&self) -> String {
        format!("unix:{}", self.dir.path().join("socket").display())
    }

    /// A handle that uses it.
    pub fn connect(&self) -> Handle {
        let g = Handle::create(CreateFlags { no_environment: true, ..CreateFlags::default() }).unwrap();
        g.set_backend(self.backend()).unwrap();
        g.launch().unwrap();
        g
    }

    /// Kill it in a while; when that was.
    pub fn kill_after(&self, delay: Duration) -> std::thread::JoinHandle<Instant> {
        let child = Arc::clone(&self.child);
        std::thread::spawn(move || {
            std::thread::sleep(delay);
            child.lock().unwrap().kill().unwrap();
            Instant::now()
        })
    }
}

/// True when somebody listens there; connecting to find out would use up the daemon's one guest.
fn listens(socket: &Path) -> bool {
    let sockets = std::fs::read_to_string("/proc/net/unix").unwrap();
    let path = socket.to_str().unwrap();
    // Columns: number, references, protocol, flags (10000: accepts connections), …, path.
    sockets.lines().any(|l| l.ends_with(path) && l.split_whitespace().nth(3) == Some("00010000"))
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap();
        let _ = child.kill();
        let _ = child.wait();
    }
}
