//! Saved machines on disk: what comes back, and what must not.

use super::*;
use std::os::unix::fs::PermissionsExt;

const SIZE: u64 = 5 << 20;

struct Fixture {
    _tmp: tempfile::TempDir,
    store: Store,
    dir: PathBuf,
}

/// A store with one machine, whose memory has data at its start, across pieces and at its end.
fn saved() -> Fixture {
    let tmp = tempfile::tempdir().unwrap();
    let store = Store::new(tmp.path());
    let (ram, state) = (memory(SIZE).unwrap(), memory(0).unwrap());
    ram.write_all_at(b"start", 0).unwrap();
    ram.write_all_at(&[7; 3 * PAGE], PIECE as u64 - PAGE as u64).unwrap();
    ram.write_all_at(b"end", SIZE - 3).unwrap();
    // Written, but empty: takes no space afterwards.
    ram.write_all_at(&[0; 1 << 20], 3 << 20).unwrap();
    state.write_all_at(&[9; 70_000], 0).unwrap();
    store.put("k", &ram, &state, (7, 2), tmp.path()).unwrap();
    let dir = tmp.path().join("snap-k");
    Fixture { _tmp: tmp, store, dir }
}

fn content(file: &File) -> Vec<u8> {
    let mut data = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
    file.read_exact_at(&mut data, 0).unwrap();
    data
}

#[test]
fn comes_back_whole() {
    let f = saved();
    let got = f.store.get("k").unwrap().unwrap();
    assert_eq!(got.version, (7, 2));
    let ram = content(&got.ram);
    assert_eq!(ram.len() as u64, SIZE);
    assert_eq!((&ram[..5], &ram[ram.len() - 3..]), (&b"start"[..], &b"end"[..]));
    assert_eq!(ram[PIECE - PAGE..PIECE + 2 * PAGE], [7; 3 * PAGE]);
    assert_eq!(ram.iter().filter(|b| **b != 0).count(), 5 + 3 * PAGE + 3);
    assert_eq!(content(&got.state), [9; 70_000]);
    assert_eq!(rustix::fs::tell(&got.state).unwrap(), 0);
    assert!(got.ram.metadata().unwrap().blocks() * 512 < 64 << 10, "empty pages take space");
    assert!(f.store.get("other").unwrap().is_none());
    verify(&f.dir).unwrap();
    let left: Vec<_> = fs::read_dir(f.dir.parent().unwrap()).unwrap().flatten().map(|e| e.file_name()).collect();
    assert_eq!(left, ["snap-k"]);
}

/// The entry must be refused with a reason that names it, whatever was done to it.
#[track_caller]
fn refused(what: &str, spoil: impl FnOnce(&Path)) {
    let f = saved();
    f.store.get("k").unwrap().unwrap();
    spoil(&f.dir);
    let why = f.store.get("k").expect_err(what);
    assert!(why.contains("snap-k"), "{what}: {why}");
    // And it can be replaced.
    f.store.remove("k");
    assert!(f.store.get("k").unwrap().is_none(), "{what}");
}

fn write_at(path: PathBuf, at: u64, data: &[u8]) {
    File::options().write(true).open(path).unwrap().write_all_at(data, at).unwrap();
}

#[test]
fn damage_is_noticed() {
    refused("flipped bytes", |d| write_at(d.join(RAM), 2, b"x"));
    refused("bytes in a hole", |d| write_at(d.join(RAM), 4 << 20, b"x"));
    refused("bytes of the state", |d| write_at(d.join(STATE), 69_999, b"x"));
    for name in [RAM, STATE] {
        refused("truncated", |d| File::options().write(true).open(d.join(name)).unwrap().set_len(4096).unwrap());
        refused("extended", |d| File::options().write(true).open(d.join(name)).unwrap().set_len(SIZE * 2).unwrap());
        refused("empty", |d| fs::write(d.join(name), b"").unwrap());
        refused("missing", |d| fs::remove_file(d.join(name)).unwrap());
        refused("readable by others", |d| {
            fs::set_permissions(d.join(name), fs::Permissions::from_mode(0o640)).unwrap()
        });
        refused("a link", |d| {
            fs::rename(d.join(name), d.join("away")).unwrap();
            std::os::unix::fs::symlink("away", d.join(name)).unwrap();
        });
        refused("a directory", |d| {
            fs::remove_file(d.join(name)).unwrap();
            fs::create_dir(d.join(name)).unwrap();
        });
    }
    refused("half-written facts", |d| fs::write(d.join(FACTS), b"{").unwrap());
    refused("no facts", |d| fs::remove_file(d.join(FACTS)).unwrap());
    refused("open to others", |d| fs::set_permissions(d, fs::Permissions::from_mode(0o755)).unwrap());
    refused("replaced by a file", |d| {
        fs::remove_dir_all(d).unwrap();
        fs::write(d, b"").unwrap();
    });
    refused("another machine's", |d| {
        let facts = fs::read_to_string(d.join(FACTS)).unwrap();
        fs::write(d.join(FACTS), facts.replace("\"key\":\"k\"", "\"key\":\"l\"")).unwrap();
    });
    refused("another format's", |d| {
        let facts = fs::read_to_string(d.join(FACTS)).unwrap();
        fs::write(d.join(FACTS), facts.replace("\"format\":1", "\"format\":0")).unwrap();
    });
}

#[test]
fn foreign_owners_are_refused() {
    if !rustix::process::geteuid().is_root() {
        println!("not run: entries of another user, which needs root");
        return;
    }
    for name in [".", RAM, STATE] {
        refused("foreign", |d| std::os::unix::fs::chown(d.join(name), Some(12345), None).unwrap());
    }
}

#[test]
fn a_full_check_after_another_boot() {
    let f = saved();
    // Damage that no time stamp shows, as after a crash of the host.
    let note = fs::read_to_string(f.dir.join("verified")).unwrap();
    write_at(f.dir.join(RAM), 2, b"x");
    check_once(&f.dir, &[RAM, STATE], || Ok(())).unwrap();
    f.store.get("k").unwrap().unwrap();
    let now = fs::read_to_string(f.dir.join("verified")).unwrap();
    assert_ne!(note, now);
    fs::write(f.dir.join("verified"), now.replace(&digest::boot_id(), "another")).unwrap();
    assert!(f.store.get("k").unwrap_err().contains("not what was saved"));
}

#[test]
fn given_up_for_this_boot_unless_it_ever_worked() {
    let f = saved();
    f.store.get("k").unwrap().unwrap().worked();
    f.store.refuse("k", "no answer");
    assert!(f.store.get("k").unwrap().is_none());
    assert_eq!(f.store.refused("k"), None);
    let f = saved();
    f.store.refuse("k", "no answer");
    assert!(f.store.get("k").unwrap().is_none());
    assert_eq!(f.store.refused("k").unwrap(), "no answer");
    fs::write(f.dir.parent().unwrap().join("refused-k"), "another boot\nno answer\n").unwrap();
    assert_eq!(f.store.refused("k"), None);
}

#[test]
fn only_a_few_are_kept() {
    let tmp = tempfile::tempdir().unwrap();
    let store = Store::new(tmp.path());
    let (ram, state) = (memory(SIZE).unwrap(), memory(4096).unwrap());
    fs::create_dir(tmp.path().join("app")).unwrap();
    for n in 0..10u64 {
        let key = format!("{n}");
        store.put(&key, &ram, &state, (7, 2), &tmp.path().join("app")).unwrap();
        let used = File::create(store.place(&key).join(USED)).unwrap();
        used.set_modified(SystemTime::now() - Duration::from_secs(1000 - n)).unwrap();
    }
    let names: Vec<String> =
        store.list().iter().map(|d| d.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(names, ["snap-6", "snap-7", "snap-8", "snap-9"]);
    // Without their appliance they are worth nothing.
    fs::remove_dir(tmp.path().join("app")).unwrap();
    store.put("new", &ram, &state, (7, 2), tmp.path()).unwrap();
    assert_eq!(store.list(), [store.place("new")]);
}

#[test]
fn one_lock_at_a_time() {
    let tmp = tempfile::tempdir().unwrap();
    let store = Store::new(tmp.path());
    let lock = store.lock().unwrap().unwrap();
    assert!(store.lock().unwrap().is_none());
    drop(lock);
    assert!(store.lock().unwrap().is_some());
    let gone = Store::new(&tmp.path().join("gone"));
    assert!(gone.lock().unwrap_err().contains("gone"));
}
