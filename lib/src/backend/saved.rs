//! Machines saved for later launches.
//!
//! In: a key (everything that shapes a machine), the memory and device state of one that waits for its
//! library. Out: the same, checked, for any number of restored copies.
//!
//! `CACHE/snap-KEY/` (0700, files 0600) holds `ram`, `state`, `snapshot.json`, and notes: `verified`
//! (the last full check), `used` (when, and that a machine made of it did answer). It appears by rename
//! and never changes. Hypervisors load damaged memory without a word (snapshot-lab: flipped bytes, an
//! empty file), so owner, modes, sizes and digests are checked here. Digests are taken again whenever a
//! file's change time or the host's boot is another; nothing needs to be flushed for that: what a
//! crash of the host left half written does not pass in the next boot.

use crate::appliance::cache::{check_once, discard, forget_check, note_checked, Scratch};
use crate::appliance::{digest, entry};
use rustix::fs::{FlockOperation, OFlags};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// Raised whenever what is saved, or how a machine is restored, changes.
const FORMAT: u32 = 1;
const RAM: &str = "ram";
const STATE: &str = "state";
const FACTS: &str = "snapshot.json";
const USED: &str = "used";
/// Device states are some 100 KiB; more than this is not one.
const STATE_MAX: u64 = 64 << 20;
/// How many are kept: each takes about 100 MiB.
const KEEP: usize = 4;
/// What nobody used for this long is removed.
const KEEP_FOR: Duration = Duration::from_secs(30 * 24 * 3600);
/// A machine is booted and saved in this time, even on a busy host; then others do it for themselves.
const LOCK_WAIT: Duration = Duration::from_secs(60);
/// Memory is read and written in pieces of this size, and skipped in pages.
const PIECE: usize = 1 << 20;
const PAGE: usize = 4096;

/// What is known of a saved machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Facts {
    format: u32,
    key: String,
    /// Of the hypervisor, as it said itself.
    version: (u64, u64),
    /// Bytes of memory, and the digest of its pages that are not zero.
    ram: (u64, String),
    /// Bytes of device state, and their digest.
    state: (u64, String),
    /// The appliance's directory: without it nothing can be restored.
    appliance: PathBuf,
}

/// A checked saved machine.
#[derive(Debug)]
pub struct Saved {
    /// Guest memory, open for reading only: to be mapped privately.
    pub ram: File,
    /// Device state, at its start.
    pub state: File,
    /// Version of the hypervisor that wrote them.
    pub version: (u64, u64),
    dir: PathBuf,
}

impl Saved {
    /// Guest memory for a qemu that cannot be given it open for reading only: 7.2 opens its name for writing even
    /// when it maps it privately. Where that is not allowed it gets a copy (80 ms for 190 MiB).
    pub fn writable_ram(&self) -> io::Result<File> {
        let same = |file: &File| Ok::<_, io::Error>(id(file)? == id(&self.ram)?);
        match entry::open(&self.dir.join(RAM), OFlags::RDWR) {
            Ok(file) if same(&file)? => Ok(file),
            _ => self.copied_ram(),
        }
    }

    /// Guest memory of one machine alone, which everybody who has it may open for writing by its number.
    pub fn copied_ram(&self) -> io::Result<File> {
        let size = self.ram.metadata()?.len();
        let copy = memory(size)?;
        pages(&self.ram, size, &mut |at, run| copy.write_all_at(run, at))?;
        Ok(copy)
    }

    /// A machine made of it has answered: it works, and is worth keeping.
    pub fn worked(&self) {
        if let Ok(file) = entry::open(&self.dir.join(USED), OFlags::CREATE | OFlags::WRONLY) {
            let _ = file.set_modified(SystemTime::now());
        }
    }
}

/// The saved machines of one cache directory.
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
}

fn text(path: &Path, e: &io::Error) -> String {
    format!("{}: {}", path.display(), crate::error::io_text(e))
}

impl Store {
    /// In `dir`, a checked cache directory.
    pub fn new(dir: &Path) -> Store {
        Store { dir: dir.to_owned() }
    }

    fn place(&self, key: &str) -> PathBuf {
        self.dir.join(format!("snap-{key}"))
    }

    /// The machine saved under `key`; `None` when there is none. The error says why the one that is
    /// there cannot be used.
    pub fn get(&self, key: &str) -> Result<Option<Saved>, String> {
        let dir = self.place(key);
        if dir.symlink_metadata().is_err_and(|e| e.kind() == io::ErrorKind::NotFound) {
            return Ok(None);
        }
        let (facts, [ram, state]) = open(&dir)?;
        if facts.key != key {
            return Err(format!("{}: is another machine", dir.display()));
        }
        Ok(Some(Saved { ram, state, version: facts.version, dir }))
    }

    /// Keep `ram` and `state` under `key`. `ram` is copied, without its empty pages.
    pub fn put(
        &self,
        key: &str,
        ram: &File,
        state: &File,
        version: (u64, u64),
        appliance: &Path,
    ) -> Result<(), String> {
        let scratch = Scratch::new(&self.dir).map_err(|e| text(&self.dir, &e))?;
        let create = |name: &str| {
            let path = scratch.0.join(name);
            File::options().write(true).create_new(true).mode(0o600).open(&path).map_err(|e| text(&path, &e))
        };
        let copy = |from: &File, name: &str| {
            let size = from.metadata().map_err(|e| e.to_string())?.len();
            let to = create(name)?;
            let done = to.set_len(size).and_then(|()| pages(from, size, &mut |at, run| to.write_all_at(run, at)));
            Ok::<_, String>((size, done.map_err(|e| text(&scratch.0.join(name), &e))?))
        };
        let facts = Facts {
            format: FORMAT,
            key: key.to_owned(),
            version,
            ram: copy(ram, RAM)?,
            state: copy(state, STATE)?,
            appliance: appliance.to_owned(),
        };
        let json = serde_json::to_vec(&facts).map_err(|e| e.to_string())?;
        create(FACTS)?.write_all_at(&json, 0).map_err(|e| text(&scratch.0, &e))?;
        note_checked(&scratch.0, &[RAM, STATE]);
        // The lock keeps others from doing the same; who does it without one may come second.
        self.remove(key);
        let place = self.place(key);
        match fs::rename(&scratch.0, &place) {
            Ok(()) => scratch.keep(),
            Err(e) if !place.exists() => return Err(text(&place, &e)),
            Err(_) => {}
        }
        self.collect(key);
        Ok(())
    }

    /// Forget the machine of `key`. Those that run are not touched: their files are open.
    pub fn remove(&self, key: &str) {
        let away = Scratch::name(&self.dir);
        if fs::rename(self.place(key), &away).is_ok() {
            discard(&away);
        }
    }

    /// A machine restored from `key` did not answer: forget it. If none of it ever did, do not try again
    /// in this boot of the host.
    pub fn refuse(&self, key: &str, why: &str) {
        let never = !self.place(key).join(USED).exists();
        self.remove(key);
        if never {
            let note = format!("{}\n{why}\n", digest::boot_id());
            // Failing that, the next launch finds out again.
            let name = Scratch::name(&self.dir);
            let written = fs::write(&name, note);
            let _ = written.and_then(|()| fs::rename(&name, self.dir.join(format!("refused-{key}"))));
        }
    }

    /// Why machines of this key are not saved in this boot of the host, if they are not.
    pub fn refused(&self, key: &str) -> Option<String> {
        let note = entry::read_text(&self.dir.join(format!("refused-{key}"))).ok()?;
        let (boot, why) = note.split_once('\n')?;
        (boot == digest::boot_id()).then(|| why.trim_end().to_owned())
    }

    /// The right to make what is missing, for as long as the result lives. `None` while another has it.
    pub fn lock(&self) -> Result<Option<File>, String> {
        let path = self.dir.join("lock-saved");
        let file = entry::open(&path, OFlags::CREATE | OFlags::WRONLY).map_err(|e| text(&path, &e))?;
        Ok(rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok().then_some(file))
    }

    /// Until when another may keep the lock.
    pub fn lock_deadline() -> Instant {
        Instant::now() + LOCK_WAIT
    }

    /// Directories of all saved machines.
    pub fn list(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> =
            entries.filter(|e| e.file_name().to_string_lossy().starts_with("snap-")).map(|e| e.path()).collect();
        found.sort();
        found
    }

    /// Remove what is of no more use.
    fn collect(&self, current: &str) {
        let current = self.place(current);
        let mut others: Vec<(Duration, PathBuf)> = Vec::new();
        for dir in self.list().into_iter().filter(|d| *d != current) {
            let used = [USED, FACTS].iter().find_map(|n| dir.join(n).metadata().ok()?.modified().ok());
            let age = used.and_then(|t| SystemTime::now().duration_since(t).ok()).unwrap_or_default();
            let orphan = !appliance(&dir).is_some_and(|appliance| appliance.is_dir());
            if orphan || age > KEEP_FOR {
                discard(&dir);
            } else {
                others.push((age, dir));
            }
        }
        others.sort();
        others.iter().skip(KEEP - 1).for_each(|(_, dir)| discard(dir));
    }
}

/// The appliance that a machine was saved from, whatever version of the library saved it: others share the cache.
fn appliance(dir: &Path) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Any {
        appliance: PathBuf,
    }
    serde_json::from_slice(&entry::read(&dir.join(FACTS)).ok()?).ok().map(|any: Any| any.appliance)
}

fn facts(dir: &Path) -> Result<Facts, String> {
    let path = dir.join(FACTS);
    let data = entry::read(&path).map_err(|e| text(&path, &e))?;
    let facts: Facts = serde_json::from_slice(&data).map_err(|e| format!("{}: damaged: {e}", path.display()))?;
    if facts.format != FORMAT {
        return Err(format!("{}: of another version of the library", path.display()));
    }
    Ok(facts)
}

/// Check all that a saved machine consists of; the error says what is wrong with it.
pub fn verify(dir: &Path) -> Result<(), String> {
    forget_check(dir);
    open(dir).map(drop)
}

fn open(dir: &Path) -> Result<(Facts, [File; 2]), String> {
    let uid = rustix::process::geteuid().as_raw();
    let meta = dir.symlink_metadata().map_err(|e| text(dir, &e))?;
    if !meta.is_dir() || meta.uid() != uid || meta.mode() & 0o077 != 0 {
        return Err(format!("{}: not a private directory of this user", dir.display()));
    }
    let facts = facts(dir)?;
    let file = |name: &str, size: u64| {
        let path = dir.join(name);
        let file = entry::open(&path, OFlags::RDONLY).map_err(|e| text(&path, &e))?;
        let meta = file.metadata().map_err(|e| text(&path, &e))?;
        if meta.uid() != uid || meta.mode() & 0o077 != 0 {
            return Err(format!("{}: not a private file of this user", path.display()));
        }
        if meta.len() != size {
            return Err(format!("{}: damaged: {} bytes instead of {size}", path.display(), meta.len()));
        }
        Ok(file)
    };
    if facts.state.0 > STATE_MAX {
        return Err(format!("{}: damaged: too much device state", dir.display()));
    }
    let files = [file(RAM, facts.ram.0)?, file(STATE, facts.state.0)?];
    check_once(dir, &[RAM, STATE], || {
        for ((name, want), file) in [(RAM, &facts.ram), (STATE, &facts.state)].into_iter().zip(&files) {
            let path = dir.join(name);
            if pages(file, want.0, &mut |_, _| Ok(())).map_err(|e| text(&path, &e))? != want.1 {
                return Err(format!("{}: damaged: its content is not what was saved", path.display()));
            }
        }
        Ok(())
    })?;
    Ok((facts, files))
}

fn id(file: &File) -> io::Result<(u64, u64)> {
    file.metadata().map(|m| (m.dev(), m.ino()))
}

/// `size` bytes of zeroes in memory, as a file.
pub fn memory(size: u64) -> io::Result<File> {
    let fd = rustix::fs::memfd_create("guestfs-ram", rustix::fs::MemfdFlags::CLOEXEC)?;
    let file = File::from(fd);
    file.set_len(size)?;
    Ok(file)
}

/// Hand every run of pages that are not all zero to `take`, with its offset. The result is a digest of
/// them: holes and written zeroes count the same.
fn pages(file: &File, size: u64, take: &mut dyn FnMut(u64, &[u8]) -> io::Result<()>) -> io::Result<String> {
    const ZEROES: [u8; PAGE] = [0; PAGE];
    let mut digest = digest::Running::default();
    let mut piece = vec![0; PIECE];
    let mut at = 0;
    while at < size {
        // Straight to where data is, from the start of its piece: the runs must not depend on holes.
        match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(at)) {
            Ok(data) => at = data - data % PIECE as u64,
            Err(rustix::io::Errno::NXIO) => break,
            Err(_) => {}
        }
        let want = usize::try_from(size - at).unwrap_or(PIECE).min(PIECE);
        let piece = piece.get_mut(..want).unwrap_or_default();
        file.read_exact_at(piece, at)?;
        let mut rest: &[u8] = piece;
        while !rest.is_empty() {
            let empty = rest.chunks(PAGE).take_while(|p| Some(*p) == ZEROES.get(..p.len())).map(<[u8]>::len).sum();
            let (_, more) = rest.split_at_checked(empty).unwrap_or_default();
            let full = more.chunks(PAGE).take_while(|p| Some(*p) != ZEROES.get(..p.len())).map(<[u8]>::len).sum();
            let (run, after) = more.split_at_checked(full).unwrap_or_default();
            if !run.is_empty() {
                let offset = at + (want - more.len()) as u64;
                digest.add(offset, run);
                take(offset, run)?;
            }
            rest = after;
        }
        at += want as u64;
    }
    // Whoever gets the file reads it from the start.
    rustix::fs::seek(file, rustix::fs::SeekFrom::Start(0))?;
    Ok(digest.finish())
}

#[cfg(test)]
#[path = "saved_tests.rs"]
mod tests;
