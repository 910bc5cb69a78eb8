//! Machines restored from a saved one: that it is the ordinary case, that they share nothing that
//! matters, and that no state of the cache makes a launch fail.

use super::help::{children, handle, launch, scratch, serial};
use super::library_lines;
use guestfs::backend::saved::{memory, Store};
use guestfs::{EventClass, Handle};
use std::collections::HashSet;
use std::fs::{self, File};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

/// A cache directory of its own, with a saved machine.
struct Cache(tempfile::TempDir);

impl Cache {
    fn new() -> Cache {
        let cache = Cache(tempfile::tempdir().unwrap());
        // The appliance is there already; building one for each test would only take time.
        drop(launch("the first", |g| scratch(g, 10)));
        let from = PathBuf::from(handle().get_cachedir().unwrap().to_string()).join(user()).join("rs");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(cache.dir()).unwrap();
        let copy = "cp -a --reflink=auto \"$1\"/app-* \"$1\"/index-* \"$2\"";
        let status = Command::new("sh").args(["-c", copy, "sh"]).arg(from).arg(cache.dir()).status();
        assert!(status.unwrap().success());
        drop(cache.launch());
        cache
    }

    fn handle(&self) -> Handle {
        let g = handle();
        g.set_cachedir(Some(self.0.path().to_str().unwrap().into())).unwrap();
        g
    }

    fn launch(&self) -> Handle {
        let g = self.handle();
        scratch(&g, 10);
        g.launch().unwrap();
        g
    }

    /// Launch, and what the library said on the way.
    fn launch_said(&self) -> (Handle, Vec<String>) {
        let g = self.handle();
        let lines = library_lines(&g);
        g.add_event_callback(EventClass::Appliance.bit(), |_, _| {});
        scratch(&g, 10);
        g.launch().unwrap();
        let lines = lines.lock().unwrap().clone();
        (g, lines)
    }

    fn dir(&self) -> PathBuf {
        self.0.path().join(user()).join("rs")
    }

    fn saved(&self) -> Vec<PathBuf> {
        Store::new(&self.dir()).list()
    }
}

fn user() -> String {
    format!(".guestfs-{}", tempfile::tempdir().unwrap().path().metadata().unwrap().uid())
}

fn has(lines: &[String], text: &str) -> bool {
    lines.iter().any(|l| l.contains(text))
}

fn sh(g: &Handle, line: &str) -> String {
    g.debug("sh", &[line]).unwrap().to_string().trim().to_owned()
}

#[test]
fn restored_is_the_ordinary_case() {
    let _serial = serial();
    let cache = Cache::new();
    assert_eq!(cache.saved().len(), 1);
    let (g, lines) = cache.launch_said();
    assert!(has(&lines, "machine: restored"), "{lines:?}");
    g.shutdown().unwrap();
    // What shapes the machine gets a machine of its own, and that one is saved too.
    for round in ["saved", "restored"] {
        let g = cache.handle();
        let lines = library_lines(&g);
        g.add_event_callback(EventClass::Appliance.bit(), |_, _| {});
        g.set_memsize(512).unwrap();
        g.set_smp(2).unwrap();
        g.set_network(true).unwrap();
        g.set_append(Some("guestfs_test=1".into())).unwrap();
        scratch(&g, 10);
        g.launch().unwrap();
        assert!(has(&lines.lock().unwrap(), round), "{round}");
        assert_eq!(sh(&g, "grep -c ^processor /proc/cpuinfo"), "2");
        assert!(sh(&g, "cat /proc/cmdline").contains("guestfs_test=1"));
        assert!(sh(&g, "cat /sys/class/net/eth0/operstate /proc/net/route").contains("eth0"));
        g.shutdown().unwrap();
    }
    assert_eq!(cache.saved().len(), 2);
    // And who wants none gets none.
    let g = cache.handle();
    let lines = library_lines(&g);
    g.add_event_callback(EventClass::Appliance.bit(), |_, _| {});
    g.set_backend_settings(&["no_snapshot"]).unwrap();
    scratch(&g, 10);
    g.launch().unwrap();
    assert!(has(&lines.lock().unwrap(), "booted for this launch alone: no_snapshot was set"));
    g.shutdown().unwrap();
}

#[test]
fn restored_machines_share_no_random_numbers_and_know_the_time() {
    let _serial = serial();
    let cache = Cache::new();
    let mut seen: HashSet<String> = HashSet::new();
    let mut new = |what: &str, value: String| assert!(seen.insert(value.clone()), "{what} {value} came twice");
    let rounds = 20;
    for round in 0..rounds {
        let g = cache.launch();
        // The very first bytes that anybody asks for.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
        let guest: f64 = sh(&g, "date +%s.%N").parse().unwrap();
        assert!((guest - now).abs() < 2.0, "the guest's clock is off by {} s", guest - now);
        for _ in 0..2 {
            new("getrandom", sh(&g, "cat /proc/sys/kernel/random/uuid"));
            new("/dev/urandom", sh(&g, "od -An -tx8 -N16 /dev/urandom"));
        }
        g.mkfs("ext4", "/dev/sda", Default::default()).unwrap();
        new("UUID", g.vfs_uuid("/dev/sda").unwrap().to_string());
        if round < 5 {
            let format = "cryptsetup luksFormat -q --type luks1 --pbkdf-force-iterations 1000 --key-file";
            sh(&g, &format!("echo x > /tmp/k; {format} /tmp/k /dev/sd* && cryptsetup luksUUID /dev/sd*"));
            let dump = "cryptsetup luksDump --dump-master-key -q --key-file /tmp/k /dev/sd*";
            let key = sh(&g, dump);
            let key = key.split("MK dump:").nth(1).map(|k| k.split_whitespace().collect::<String>());
            new("LUKS key", key.unwrap());
        }
        g.shutdown().unwrap();
    }
    println!("{rounds} machines, {} random values, all different", seen.len());
}

#[test]
fn restored_machines_do_not_see_each_other() {
    let _serial = serial();
    let cache = Cache::new();
    let (a, b) = (cache.launch(), cache.launch());
    a.mkfs("ext4", "/dev/sda", Default::default()).unwrap();
    a.mount("/dev/sda", "/").unwrap();
    a.write("/secret", b"secret").unwrap();
    sh(&a, "echo secret > /tmp/secret");
    assert_eq!(b.mounts().unwrap().len(), 0);
    assert_eq!(b.vfs_type("/dev/sda").unwrap(), "");
    assert!(!sh(&b, "ls /tmp").contains("secret"));
    a.shutdown().unwrap();
    assert!(!sh(&b, "ls /tmp").contains("secret"));
    drop(b);
    // Nor does the next one.
    assert!(!sh(&cache.launch(), "ls /tmp").contains("secret"));
}

/// However the saved machine is spoilt, the launch works, says what was wrong, and saves a good one.
#[track_caller]
fn repaired(cache: &Cache, what: &str, spoil: impl FnOnce(&Path)) {
    let [saved] = <[PathBuf; 1]>::try_from(cache.saved()).unwrap();
    spoil(&saved);
    let start = Instant::now();
    let (g, lines) = cache.launch_said();
    g.ping_daemon().unwrap();
    println!("{what}: launched in {:.2} s", start.elapsed().as_secs_f64());
    assert_eq!(lines.iter().filter(|l| l.contains("the saved machine cannot be used")).count(), 1, "{what}: {lines:?}");
    g.shutdown().unwrap();
    let (g, lines) = cache.launch_said();
    assert!(has(&lines, "machine: restored") && !has(&lines, "to be saved"), "{what}: {lines:?}");
    g.shutdown().unwrap();
}

#[test]
fn restored_never_from_a_damaged_entry() {
    let _serial = serial();
    let cache = Cache::new();
    let write = |path: PathBuf| File::options().write(true).open(path).unwrap();
    repaired(&cache, "64 bytes flipped", |d| write(d.join("ram")).write_all_at(&[0x5a; 64], 20 << 20).unwrap());
    repaired(&cache, "no memory", |d| drop(File::create(d.join("ram")).unwrap()));
    repaired(&cache, "half of the state", |d| write(d.join("state")).set_len(30_000).unwrap());
    repaired(&cache, "no facts", |d| fs::remove_file(d.join("snapshot.json")).unwrap());
    assert_eq!(children().len(), 0);
}

#[test]
fn restored_machines_that_do_not_answer_are_given_up() {
    let _serial = serial();
    let cache = Cache::new();
    let store = Store::new(&cache.dir());
    let [saved] = <[PathBuf; 1]>::try_from(cache.saved()).unwrap();
    let name = saved.file_name().unwrap().to_str().unwrap().to_owned();
    let key = name.strip_prefix("snap-").unwrap();
    // Perfectly good to look at, but with no kernel in its memory.
    let good = store.get(key).unwrap().unwrap();
    let ram = memory(good.ram.metadata().unwrap().len()).unwrap();
    // There may be several appliances, of several daemons: the one that this machine was made with.
    let facts = fs::read_to_string(saved.join("snapshot.json")).unwrap();
    let named = |p: &PathBuf| {
        p.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.starts_with("app-") && facts.contains(n))
    };
    let appliance = fs::read_dir(cache.dir()).unwrap().flatten().map(|e| e.path()).find(named).unwrap();
    store.put(key, &ram, &good.state, good.version, &appliance).unwrap();
    let start = Instant::now();
    let (g, lines) = cache.launch_said();
    println!("an empty machine: {:.2} s", start.elapsed().as_secs_f64());
    assert!(start.elapsed() < Duration::from_secs(60));
    assert!(has(&lines, "the saved machine did not come up"), "{lines:?}");
    g.ping_daemon().unwrap();
    g.shutdown().unwrap();
    // It never worked: no further attempt in this boot of the host.
    let (g, lines) = cache.launch_said();
    assert!(has(&lines, "a restored machine did not answer"), "{lines:?}");
    g.shutdown().unwrap();
    assert_eq!(cache.saved().len(), 0);
    assert_eq!(children().len(), 0);
}

#[test]
fn restored_from_a_cache_that_cannot_be_written() {
    let _serial = serial();
    let cache = Cache::new();
    let dir = cache.0.path().to_str().unwrap().to_owned();
    let mount = |args: &[&str]| Command::new("mount").args(args).status().is_ok_and(|s| s.success());
    if !mount(&["--bind", &dir, &dir]) || !mount(&["-o", "remount,bind,ro", &dir]) {
        println!("not run: a cache on a read-only file system, which needs root");
        return;
    }
    let tmp = tempfile::tempdir().unwrap();
    let result = std::panic::catch_unwind(|| {
        let g = cache.handle();
        g.set_tmpdir(Some(tmp.path().to_str().unwrap().into())).unwrap();
        let lines = library_lines(&g);
        g.add_event_callback(EventClass::Appliance.bit(), |_, _| {});
        scratch(&g, 10);
        g.launch().unwrap();
        assert!(has(&lines.lock().unwrap(), "machine: restored"));
        g.shutdown().unwrap();
    });
    let status = Command::new("umount").arg(&dir).status();
    result.unwrap();
    assert!(status.unwrap().success());
}
