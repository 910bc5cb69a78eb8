//! The library against our own daemon on a socket, no machine in between: calls, transfers, trees,
//! cancelling, and the death of the daemon in the middle of things.

#[path = "live/daemon.rs"]
mod daemon;

use daemon::Daemon;
use guestfs::protocol::opts;
use guestfs::{BString, ErrorKind, EventClass, Handle, State};
use std::io::Write;
use std::os::unix::fs::{symlink, MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

fn pattern(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i.wrapping_mul(2_654_435_761) >> 7) as u8).collect()
}

#[test]
fn calls_of_every_kind() {
    let d = Daemon::start();
    let g = d.connect();
    assert_eq!(g.state(), State::Ready);
    assert_eq!(g.get_pid().unwrap_err().errno(), libc::ENOTSUP);
    g.ping_daemon().unwrap();
    g.mkdir("/dir").unwrap();
    let e = g.mkdir("/dir").unwrap_err();
    assert_eq!((e.errno(), e.message().to_string().as_str()), (libc::EEXIST, "mkdir: /dir: File exists"));
    assert!(g.is_dir("/dir", Default::default()).unwrap());
    assert!(!g.is_file("/nope", Default::default()).unwrap());
    g.write("/dir/small", b"one\r\ntwo\nthree").unwrap();
    g.write_append("/dir/small", b"\n").unwrap();
    assert_eq!(g.cat("/dir/small").unwrap(), "one\r\ntwo\nthree\n");
    assert_eq!(g.read_lines("/dir/small").unwrap(), ["one", "two", "three"]);
    assert_eq!(g.cat("/dir/nope").unwrap_err().errno(), libc::ENOENT);
    g.write("/dir/nul", b"text\0hidden").unwrap();
    assert_eq!(g.cat("/dir/nul").unwrap(), "text");
    assert_eq!(g.read_file("/dir/nul").unwrap(), b"text\0hidden");
    let s = g.stat("/dir/small").unwrap();
    let ns = g.statns("/dir/small").unwrap();
    assert_eq!((s.size, s.ino, s.mtime), (15, ns.st_ino, ns.st_mtime_sec));
    assert_eq!(std::fs::metadata(d.root().join("dir/small")).unwrap().ino() as i64, s.ino);
    g.ln_s("small", "/dir/link").unwrap();
    assert_eq!(g.lstat("/dir/link").unwrap().mode & 0o170000, 0o120000);
    assert_eq!(g.ls("/dir").unwrap(), ["link", "nul", "small"]);
    assert_eq!(g.find("/").unwrap(), ["dir", "dir/link", "dir/nul", "dir/small"]);
    let mut entries: Vec<_> = g.readdir("/dir").unwrap().into_iter().map(|e| (e.name, e.ftyp.0)).collect();
    entries.sort();
    let expected = [(".", b'd'), ("..", b'd'), ("link", b'l'), ("nul", b'r'), ("small", b'r')];
    assert_eq!(entries, expected.map(|(n, t)| (BString::from(n), t)));
    assert!(g.feature_available(&["nonsense"]).unwrap_err().message().to_string().contains("unknown group"));
}

#[test]
fn large_contents() {
    let d = Daemon::start();
    let g = d.connect();
    let big = pattern(9 << 20);
    g.write("/big", &big).unwrap();
    g.write_append("/big", &big).unwrap();
    assert_eq!(g.filesize("/big").unwrap(), 18 << 20);
    assert!(g.read_file("/big").unwrap() == [big.clone(), big.clone()].concat());
    let e = g.pread("/big", 8 << 20, 0).unwrap_err();
    assert!(!e.message().is_empty());
    g.ping_daemon().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, &big).unwrap();
    g.upload(bytes(&file), "/up").unwrap();
    let back = dir.path().join("back");
    g.download("/up", bytes(&back)).unwrap();
    assert!(std::fs::read(&back).unwrap() == big);
    g.download("/up", "/dev/null").unwrap();
    assert_eq!(g.download("/up", "/dev/full").unwrap_err().errno(), libc::ENOSPC);
    g.ping_daemon().unwrap();
    // Many names: more than one message could hold.
    g.mkdir("/many").unwrap();
    for i in 0..20_000 {
        std::fs::write(d.root().join("many").join(format!("{i:0>240}")), b"").unwrap();
    }
    assert_eq!(g.ls("/many").unwrap().len(), 20_000);
    assert_eq!(g.readdir("/many").unwrap().len(), 20_002);
    assert_eq!(g.find("/many").unwrap().len(), 20_000);
}

fn a_tree(at: &Path) {
    std::fs::create_dir_all(at.join("a/b")).unwrap();
    std::fs::write(at.join("a/data"), pattern(3_000_001)).unwrap();
    std::fs::write(at.join("a/b/empty"), b"").unwrap();
    std::fs::hard_link(at.join("a/data"), at.join("a/b/hard")).unwrap();
    symlink("../data", at.join("a/b/soft")).unwrap();
    std::fs::set_permissions(at.join("a/data"), PermissionsExt::from_mode(0o640)).unwrap();
    let then = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    std::fs::File::open(at.join("a/data")).unwrap().set_modified(then).unwrap();
    for i in 0..500 {
        std::fs::write(at.join(format!("a/f{i}")), format!("{i}")).unwrap();
    }
}

fn same_tree(one: &Path, two: &Path) {
    let out = std::process::Command::new("diff").arg("-r").arg("--no-dereference").args([one, two]).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
    let m = std::fs::metadata(two.join("a/data")).unwrap();
    assert_eq!((m.mode() & 0o7777, m.mtime(), m.nlink()), (0o640, 1_000_000_000, 2));
}

#[test]
fn trees_in_and_out() {
    let d = Daemon::start();
    let g = d.connect();
    let dir = tempfile::tempdir().unwrap();
    let from = dir.path().join("from");
    a_tree(&from);
    g.mkdir("/target").unwrap();
    g.copy_in(bytes(&from), "/target").unwrap();
    same_tree(&from, &d.root().join("target/from"));
    g.copy_in(bytes(&from.join("a/data")), "/").unwrap();
    assert!(std::fs::read(d.root().join("data")).unwrap() == pattern(3_000_001));
    let to = dir.path().join("to");
    std::fs::create_dir(&to).unwrap();
    g.copy_out("/target/from", bytes(&to)).unwrap();
    same_tree(&from, &to.join("from"));
    g.copy_out("/target/from/a/data", bytes(&to)).unwrap();
    assert!(std::fs::read(to.join("data")).unwrap() == pattern(3_000_001));
    let all = dir.path().join("all");
    std::fs::create_dir(&all).unwrap();
    g.copy_out("/", bytes(&all)).unwrap();
    same_tree(&from, &all.join("target/from"));
    // What cannot be done, and that all goes on afterwards.
    assert_eq!(g.copy_in("/nonexistent", "/target").unwrap_err().errno(), libc::ENOENT);
    assert_eq!(g.copy_in(bytes(&from), "/data").unwrap_err().message(), "target '/data' is not a directory");
    assert_eq!(g.copy_out("/target", bytes(&to.join("data"))).unwrap_err().errno(), libc::ENOTDIR);
    assert_eq!(g.copy_out("/nope", bytes(&to)).unwrap_err().message(), "'/nope' is not a file or directory");
    let beside = dir.path().join("beside");
    std::fs::create_dir(&beside).unwrap();
    symlink(&beside, to.join("trap")).unwrap();
    g.mkdir("/trap").unwrap();
    g.write("/trap/x", b"").unwrap();
    g.copy_out("/trap", bytes(&to)).unwrap_err();
    assert_eq!(std::fs::read_dir(&beside).unwrap().count(), 0);
    g.ping_daemon().unwrap();
}

#[test]
fn transfers_are_cancelled() {
    let d = Daemon::start();
    let g = d.connect();
    for round in 0..3 {
        let canceller = g.canceller();
        let later = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(150));
            canceller.cancel();
        });
        // /dev/zero never ends: without a cancel neither would this. A tmpfs quota of the test is the disk.
        let e = g.upload("/dev/zero", "/zero").unwrap_err();
        later.join().unwrap();
        assert_eq!((e.kind(), e.errno()), (&ErrorKind::Cancelled, libc::EINTR), "round {round}");
        g.ping_daemon().unwrap();
        g.rm_f("/zero").unwrap();
    }
    // Sparse, so it costs nothing, and long enough to be interrupted.
    g.write("/large", b"").unwrap();
    std::fs::File::options().write(true).open(d.root().join("large")).unwrap().set_len(1 << 40).unwrap();
    let canceller = g.canceller();
    let later = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(150));
        canceller.cancel();
    });
    let e = g.download("/large", "/dev/null").unwrap_err();
    later.join().unwrap();
    assert_eq!(e.errno(), libc::EINTR);
    g.ping_daemon().unwrap();
}

#[test]
fn death_in_the_middle() {
    for what in ["call", "upload", "download", "idle"] {
        let d = Daemon::start();
        let g = d.connect();
        g.write("/large", b"").unwrap();
        std::fs::File::options().write(true).open(d.root().join("large")).unwrap().set_len(1 << 40).unwrap();
        let quits = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&quits);
        g.add_event_callback(EventClass::SubprocessQuit.bit(), move |_, _| {
            counter.fetch_add(1, Ordering::SeqCst);
        });
        let killer = d.kill_after(Duration::from_millis(if what == "idle" { 0 } else { 200 }));
        let result = match what {
            "call" => g.checksum("crc", "/large").map(drop),
            "upload" => g.upload("/dev/zero", "/zero"),
            "download" => g.download("/large", "/dev/null"),
            _ => {
                std::thread::sleep(Duration::from_millis(300));
                g.ping_daemon()
            }
        };
        let killed: Instant = killer.join().unwrap();
        let e = result.unwrap_err();
        assert!(killed.elapsed() < Duration::from_secs(2), "{what}: {:?}", killed.elapsed());
        assert_eq!(*e.kind(), ErrorKind::ApplianceDied, "{what}: {e}");
        assert_eq!(g.state(), State::Config, "{what}");
        assert_eq!(quits.load(Ordering::SeqCst), 1, "{what}");
        assert_eq!(*g.ping_daemon().unwrap_err().kind(), ErrorKind::NotLaunched);
        // The same handle, another daemon.
        let again = Daemon::start();
        g.set_backend(again.backend()).unwrap();
        g.launch().unwrap();
        g.ping_daemon().unwrap();
        g.close();
    }
}

/// Handles are shared between threads.
#[test]
fn handles_are_send_and_sync() {
    fn check<T: Send + Sync>() {}
    check::<Handle>();
    check::<guestfs::Error>();
    check::<guestfs::Canceller>();
}

#[test]
fn a_pipe_as_source_and_target() {
    let d = Daemon::start();
    let g = d.connect();
    let (reader, mut writer) =
        rustix::pipe::pipe().map(|(r, w)| (std::fs::File::from(r), std::fs::File::from(w))).unwrap();
    let path = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
    let feeder = std::thread::spawn(move || {
        for i in 0..1000 {
            writeln!(writer, "line {i}").unwrap();
        }
    });
    g.upload(path.as_bytes(), "/lines").unwrap();
    feeder.join().unwrap();
    assert_eq!(g.wc_l("/lines").unwrap(), 1000);
    let tar = d.root().join("out.tar");
    g.mkdir("/t").unwrap();
    g.tar_out("/t", bytes(&tar), opts::TarOutOpts::new()).unwrap();
    assert!(std::fs::metadata(tar).unwrap().len() >= 1024);
}

/// What the trace of a library call looks like: as upstream's, nested.
#[test]
fn traces() {
    let d = Daemon::start();
    let g: Handle = d.connect();
    let log = Arc::new(std::sync::Mutex::new(Vec::new()));
    let lines = Arc::clone(&log);
    g.add_event_callback(EventClass::Trace.bit(), move |_, e| {
        lines.lock().unwrap().push(String::from_utf8_lossy(e.data).into_owned());
    });
    g.write("/f", b"a\nb\n").unwrap();
    g.set_trace(true).unwrap();
    g.read_lines("/f").unwrap();
    g.is_file("/f", opts::IsFileOpts::new().followsymlinks(true)).unwrap();
    g.set_trace(false).unwrap();
    assert_eq!(
        *log.lock().unwrap(),
        [
            r#"read_lines "/f""#,
            r#"read_file "/f""#,
            r#"download "/f" "<memory>""#,
            "download = 0",
            r#"read_file = "a\x0ab\x0a""#,
            r#"read_lines = ["a", "b"]"#,
            r#"is_file "/f" "followsymlinks:true""#,
            "is_file = 1",
            "set_trace false",
            "set_trace = 0",
        ]
    );
}
