//! What the fault tests share: a scene that is inspected at its end, and things to break.

use guestfs::Handle;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

pub const MIB: i64 = 1 << 20;

/// What the issue grants between a fault and its error.
pub const DEADLINE: Duration = Duration::from_secs(2);

/// Time that a test may hold against the library: without that in which the machine had more to do than
/// processors. A fifth of the time on the clock counts in any case, so that nothing hangs unseen.
pub struct Watch {
    begun: Instant,
    contended: Duration,
}

impl Watch {
    pub fn start() -> Watch {
        Watch { begun: Instant::now(), contended: contended() }
    }

    pub fn elapsed(&self) -> Duration {
        self.share(self.begun.elapsed())
    }

    /// Of `took`, which lies between the start and now.
    pub fn share(&self, took: Duration) -> Duration {
        took.saturating_sub(contended().saturating_sub(self.contended)).max(took / 5)
    }
}

/// How long some process of this machine has waited for a processor since boot; nothing where the kernel
/// does not count it. Kernel documentation, accounting/psi.
fn contended() -> Duration {
    let text = std::fs::read_to_string("/proc/pressure/cpu").unwrap_or_default();
    let total = text.lines().find(|l| l.starts_with("some")).and_then(|l| l.rsplit("total=").next());
    Duration::from_micros(total.and_then(|t| t.parse().ok()).unwrap_or(0))
}

/// A test's surroundings: alone, with directories of its own, and inspected when it ends.
pub struct Scene {
    name: String,
    /// Of the handle's temporary files: empty at the end.
    pub tmp: tempfile::TempDir,
    /// For the test's own files.
    pub data: tempfile::TempDir,
    descriptors: usize,
    threads: usize,
    started: Instant,
    _alone: MutexGuard<'static, ()>,
}

impl Scene {
    pub fn new(name: &str) -> Scene {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        static WARM: Once = Once::new();
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        // What the process keeps for ever exists before anything is counted.
        WARM.call_once(|| {
            let g = Handle::new().unwrap();
            g.add_drive_scratch(MIB, Default::default()).unwrap();
            g.launch().unwrap();
            g.shutdown().unwrap();
        });
        Scene {
            name: name.to_owned(),
            tmp: tempfile::tempdir().unwrap(),
            data: tempfile::tempdir().unwrap(),
            descriptors: entries("/proc/self/fd"),
            threads: entries("/proc/self/task"),
            started: Instant::now(),
            _alone: alone,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// A handle with a scratch disk, not launched.
    pub fn handle(&self) -> Handle {
        let g = Handle::new().unwrap();
        g.set_tmpdir(Some(self.tmp.path().to_str().unwrap().into())).unwrap();
        g.add_drive_scratch(512 * MIB, Default::default()).unwrap();
        g
    }

    /// A launched handle with an empty file system at /.
    pub fn mounted(&self) -> Handle {
        let g = self.handle();
        g.launch().unwrap_or_else(|e| panic!("{}: {e}", self.name));
        g.mkfs("ext4", "/dev/sda", Default::default()).unwrap();
        g.mount("/dev/sda", "/").unwrap();
        g
    }

    /// A file of this many bytes that takes no space.
    pub fn sparse(&self, name: &str, size: u64) -> String {
        let path = self.data.path().join(name);
        std::fs::File::create(&path).unwrap().set_len(size).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The handle is as good as new.
    pub fn relaunch(&self, g: &Handle) {
        g.add_drive_scratch(512 * MIB, Default::default()).unwrap();
        g.launch().unwrap_or_else(|e| panic!("{}: relaunch: {e}", self.name));
        g.ping_daemon().unwrap();
        g.shutdown().unwrap();
    }

    /// Nothing is left, once the handle is closed.
    pub fn end(self, g: impl Into<Option<Handle>>) {
        let begun = Watch::start();
        drop(g.into());
        assert!(begun.elapsed() < DEADLINE, "{}: close took {:?}", self.name, begun.elapsed());
        assert_eq!(children(), Vec::<i32>::new(), "{}: children are left", self.name);
        assert_eq!(names(self.tmp.path()), Vec::<PathBuf>::new(), "{}: temporary files are left", self.name);
        assert_eq!(entries("/proc/self/fd"), self.descriptors, "{}: descriptors are left", self.name);
        // A thread that was joined may be listed for a moment more.
        let soon = Instant::now() + DEADLINE;
        while entries("/proc/self/task") > self.threads && Instant::now() < soon {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(entries("/proc/self/task") <= self.threads, "{}: threads are left", self.name);
        println!("{}: {:.1} s in all", self.name, self.started.elapsed().as_secs_f64());
    }
}

pub fn entries(dir: impl AsRef<Path>) -> usize {
    std::fs::read_dir(dir).map(Iterator::count).unwrap_or(0)
}

pub fn names(dir: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(dir).unwrap().flatten().map(|e| e.path()).collect()
}

/// This process's children, zombies too.
pub fn children() -> Vec<i32> {
    let me = std::process::id().to_string();
    let stats = std::fs::read_dir("/proc").unwrap().flatten();
    stats
        .filter_map(|e| std::fs::read_to_string(e.path().join("stat")).ok())
        .filter(|stat| stat.rsplit_once(')').and_then(|(_, rest)| rest.split_ascii_whitespace().nth(1)) == Some(&me))
        .filter_map(|stat| stat.split(' ').next()?.parse().ok())
        .collect()
}

/// Send a signal to a process of ours; one that has ended already does not matter.
#[allow(unsafe_code)]
pub fn signal(pid: i32, signal: i32) {
    assert!(pid > 1);
    // SAFETY: no preconditions.
    unsafe { libc::kill(pid, signal) };
}

/// Kills one process, and knows when.
#[derive(Clone)]
pub struct Killer {
    pub pid: i32,
    at: Arc<Mutex<Option<Instant>>>,
}

impl Killer {
    pub fn new(pid: i32) -> Killer {
        Killer { pid, at: Arc::default() }
    }

    /// Now. The first time counts.
    pub fn kill(&self) {
        self.died();
        signal(self.pid, libc::SIGKILL);
    }

    /// It dies now by itself.
    pub fn died(&self) {
        self.at.lock().unwrap().get_or_insert_with(Instant::now);
    }

    pub fn killed_at(&self) -> Option<Instant> {
        *self.at.lock().unwrap()
    }
}

/// Run `call`, at the end of which this process would wait for ever if it hung: then `pid` is killed.
pub fn within<T>(limit: Duration, what: &str, pid: i32, call: impl FnOnce() -> T) -> T {
    let (done, watch) = std::sync::mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        let hangs = watch.recv_timeout(limit) == Err(std::sync::mpsc::RecvTimeoutError::Timeout);
        if hangs {
            signal(pid, libc::SIGKILL);
        }
        hangs
    });
    let result = call();
    drop(done);
    assert!(!watchdog.join().unwrap(), "{what}: hung for {limit:?}");
    result
}

/// A small file system of the host in memory.
pub struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    /// `None`, and a line that says so, when this user may not mount.
    pub fn new(what: &str, options: &str) -> Option<Tmpfs> {
        let dir = tempfile::tempdir().unwrap();
        let out = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(dir.path()).output().unwrap();
        if !out.status.success() {
            println!("not run: {what}: mounting a tmpfs: {}", String::from_utf8_lossy(&out.stderr).trim());
            return None;
        }
        Some(Tmpfs(dir))
    }

    pub fn path(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    pub fn dir(&self) -> &Path {
        self.0.path()
    }

    pub fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        assert!(Command::new("mount").args(["-o", &options]).arg(self.0.path()).status().unwrap().success());
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazily: a failed test may still have files open there.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}
