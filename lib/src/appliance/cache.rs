//! The cache of built appliances.
//!
//! In: a [`Request`]. Out: a directory with a verified appliance, built if there was none.
//!
//! `CACHEDIR/.guestfs-UID/rs/` (0700) holds `app-DIGEST/` directories, which never change once they
//! have their name, and `index-SLOT` files, which say the directory that a request came out as. Both
//! appear by rename, so that any number of builders may run at once; the lock only saves them work.
//! Nothing is trusted because it is there: owner and modes are checked, sizes and digests too, and the
//! digests again whenever a file's change time or the host's boot is another.

use super::build::{self, Request};
use super::digest::{self, Stamp};
use super::entry;
use super::manifest::{Manifest, FILES};
use crate::machine::LaunchError;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// A builder waits this long for another to finish before it builds for itself.
const LOCK_WAIT: Duration = Duration::from_secs(30);
/// What was not used for this long and is not current is removed after a build.
const KEEP: Duration = Duration::from_secs(3600);
/// What nobody used for this long is removed even though it is current.
const KEEP_CURRENT: Duration = Duration::from_secs(30 * 24 * 3600);

/// The file in an appliance's directory that tells of its last full check.
const NOTE: &str = "verified";

/// A checked cache directory.
#[derive(Debug, Clone)]
pub struct Cache {
    dir: PathBuf,
}

/// The outcome of a full check of the digests.
#[derive(Serialize, Deserialize, PartialEq, Eq)]
struct Verified {
    boot: String,
    stamps: Vec<Stamp>,
}

fn say_io(path: &Path, e: &io::Error) -> String {
    format!("{}: {}", path.display(), crate::error::io_text(e))
}

/// Make `dir` if needed; it must be a real directory of ours that nobody else can write. With
/// `private` it gets mode 0700.
fn own_directory(dir: &Path, private: bool) -> Result<(), String> {
    // It may exist already, on a read-only file system too: what counts is what is there.
    let made = fs::DirBuilder::new().mode(0o700).create(dir);
    let meta = dir.symlink_metadata().map_err(|e| say_io(dir, &made.err().unwrap_or(e)))?;
    let uid = rustix::process::geteuid().as_raw();
    if !meta.is_dir() {
        return Err(format!("{}: not a directory", dir.display()));
    }
    if meta.uid() != uid {
        return Err(format!("{}: belongs to user {}, not to {uid}", dir.display(), meta.uid()));
    }
    let mode = meta.mode() & 0o777;
    if private && mode != 0o700 || mode & 0o022 != 0 {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
            .map_err(|e| format!("{}: others could write here: {}", dir.display(), crate::error::io_text(&e)))?;
    }
    Ok(())
}

/// `CACHEDIR/.guestfs-UID`, checked: Debian's library keeps its appliance there too.
pub fn user_directory(cachedir: &Path) -> Result<PathBuf, String> {
    let user = cachedir.join(format!(".guestfs-{}", rustix::process::geteuid().as_raw()));
    own_directory(&user, false)?;
    Ok(user)
}

impl Cache {
    /// Open (make) the cache below `cachedir`. The error says why it cannot be trusted or used.
    pub fn open(cachedir: &Path) -> Result<Cache, String> {
        let dir = user_directory(cachedir)?.join("rs");
        own_directory(&dir, true)?;
        Ok(Cache { dir })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// A verified appliance for `request`: from the cache, else built. `say` gets debug lines.
    pub fn get(&self, request: &Request, say: &dyn Fn(&str)) -> Result<(PathBuf, Manifest), LaunchError> {
        let slot = request.slot();
        match self.lookup(&slot) {
            Ok(found) => return Ok(found),
            Err(why) => say(&format!("appliance: to be built: {why}")),
        }
        let _lock = self.lock();
        // Another builder may have finished while we waited.
        if let Ok(found) = self.lookup(&slot) {
            return Ok(found);
        }
        self.build(request, &slot, say)
    }

    /// Build without looking at what is there.
    pub fn rebuild(&self, request: &Request, say: &dyn Fn(&str)) -> Result<(PathBuf, Manifest), LaunchError> {
        self.build(request, &request.slot(), say)
    }

    fn build(&self, request: &Request, slot: &str, say: &dyn Fn(&str)) -> Result<(PathBuf, Manifest), LaunchError> {
        let start = Instant::now();
        let scratch = Scratch::new(&self.dir).map_err(|e| build::io(&self.dir, &e))?;
        let manifest = build::build(request, &scratch.0, say)?;
        sync(&scratch.0).map_err(|e| build::io(&scratch.0, &e))?;
        // What was just built is what its digests were taken of.
        note_checked(&scratch.0, &FILES);
        let place = self.publish(scratch, &manifest, slot).map_err(|e| build::io(&self.dir, &e))?;
        say(&format!("appliance: built in {:.1} s: {}", start.elapsed().as_secs_f64(), place.display()));
        self.collect(&place);
        Ok((place, manifest))
    }

    /// Give a finished build its name and make it the current one of its slot.
    fn publish(&self, scratch: Scratch, manifest: &Manifest, slot: &str) -> io::Result<PathBuf> {
        // All of the manifest: it holds the digests of the files, the inputs by which staleness is told,
        // and what was asked for.
        let json = serde_json::to_vec(manifest).map_err(io::Error::other)?;
        let digest = digest::of_parts(&[&json]);
        let name = format!("app-{}", digest.get(..32).unwrap_or(&digest));
        let place = self.dir.join(&name);
        for _ in 0..8 {
            match fs::rename(&scratch.0, &place) {
                Ok(()) => {
                    scratch.keep();
                    break;
                }
                // Somebody else built the same.
                Err(_) if verify(&place).is_ok() => break,
                Err(e) if place.exists() => {
                    let away = Scratch::name(&self.dir);
                    fs::rename(&place, &away).map_err(|_| e)?;
                    discard(&away);
                }
                Err(e) => return Err(e),
            }
        }
        let index = self.dir.join(format!("index-{slot}"));
        let fresh = Scratch::name(&self.dir);
        fs::write(&fresh, format!("{name}\n"))?;
        fs::rename(&fresh, &index).inspect_err(|_| drop(fs::remove_file(&fresh)))?;
        sync_dir(&self.dir)?;
        Ok(place)
    }

    /// The current appliance of a slot, verified; the error says what is wrong with it.
    pub fn lookup(&self, slot: &str) -> Result<(PathBuf, Manifest), String> {
        let (place, manifest) = self.last(slot)?;
        match manifest.stale() {
            Some(why) => Err(why),
            None => Ok((place, manifest)),
        }
    }

    /// As [`lookup`](Self::lookup), but the host may have changed since it was built.
    pub fn last(&self, slot: &str) -> Result<(PathBuf, Manifest), String> {
        let index = self.dir.join(format!("index-{slot}"));
        let name = entry::read_text(&index).map_err(|_| "none in the cache".to_owned())?;
        let name = name.trim_end();
        if !name.starts_with("app-") || name.contains('/') {
            return Err(format!("{}: damaged", index.display()));
        }
        let place = self.dir.join(name);
        let manifest = verify(&place)?;
        if manifest.request != slot {
            return Err(format!("{}: is another appliance", place.display()));
        }
        touch(&place);
        Ok((place, manifest))
    }

    /// Every appliance in the cache.
    pub fn list(&self) -> Vec<PathBuf> {
        let mut out: Vec<PathBuf> = self.entries().filter(|(n, _)| n.starts_with("app-")).map(|(_, p)| p).collect();
        out.sort();
        out
    }

    /// Remove everything. Appliances that run keep running: their files are open.
    pub fn clean(&self) -> io::Result<()> {
        for (_, path) in self.entries().collect::<Vec<_>>() {
            if path.is_dir() {
                fs::remove_dir_all(&path)?;
            } else {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    fn entries(&self) -> impl Iterator<Item = (String, PathBuf)> {
        let entries = fs::read_dir(&self.dir).into_iter().flatten();
        entries.filter_map(|e| {
            let e = e.ok()?;
            Some((e.file_name().into_string().ok()?, e.path()))
        })
    }

    /// Remove what is old: failures do not matter, the next build tries again.
    fn collect(&self, current: &Path) {
        let age = |path: &Path| {
            let changed = path.join("used").metadata().or_else(|_| path.metadata()).ok()?.modified().ok()?;
            SystemTime::now().duration_since(changed).ok()
        };
        let entries: Vec<_> = self.entries().collect();
        let indexed: Vec<String> = entries
            .iter()
            .filter(|(n, _)| n.starts_with("index-"))
            .filter_map(|(_, p)| Some(entry::read_text(p).ok()?.trim_end().to_owned()))
            .collect();
        for (name, path) in &entries {
            let keep = if indexed.contains(name) { KEEP_CURRENT } else { KEEP };
            let ours = name.starts_with("app-") || name.starts_with("tmp-");
            if ours && path != current && age(path).is_some_and(|age| age > keep) {
                discard(path);
            }
        }
    }

    /// An advisory lock, for as long as the result lives; `None` when it cannot be had in time.
    fn lock(&self) -> Option<fs::File> {
        let path = self.dir.join("lock");
        let file = entry::open(&path, OFlags::CREATE | OFlags::WRONLY).ok()?;
        let start = Instant::now();
        while rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err() {
            if start.elapsed() > LOCK_WAIT {
                return None;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(file)
    }
}

/// Failures do not matter: the next collection tries again.
pub(crate) fn discard(path: &Path) {
    let _ = fs::remove_dir_all(path).or_else(|_| fs::remove_file(path));
}

/// As [`verify`], without believing an earlier check.
pub fn verify_fully(dir: &Path) -> Result<Manifest, String> {
    forget_check(dir);
    verify(dir)
}

/// Check an appliance's files against its manifest.
pub fn verify(dir: &Path) -> Result<Manifest, String> {
    let uid = rustix::process::geteuid().as_raw();
    let meta = dir.symlink_metadata().map_err(|e| say_io(dir, &e))?;
    if !meta.is_dir() || meta.uid() != uid || meta.mode() & 0o022 != 0 {
        return Err(format!("{}: not a private directory of this user", dir.display()));
    }
    let manifest = Manifest::read(dir)?;
    for name in FILES {
        let path = dir.join(name);
        let meta = path.symlink_metadata().map_err(|e| say_io(&path, &e))?;
        let facts = manifest.files.get(name).ok_or_else(|| format!("{}: not in the manifest", path.display()))?;
        if !meta.is_file() || meta.uid() != uid || meta.len() != facts.size {
            return Err(format!("{}: damaged: {} bytes instead of {}", path.display(), meta.len(), facts.size));
        }
    }
    check_once(dir, &FILES, || {
        for (name, facts) in &manifest.files {
            let path = dir.join(name);
            if digest::of_file(&path).map_err(|e| say_io(&path, &e))? != facts.sha256 {
                return Err(format!("{}: damaged: its content is not what was built", path.display()));
            }
        }
        Ok(())
    })?;
    Ok(manifest)
}

impl Verified {
    /// How the files are at this moment; `None` when that cannot be told.
    fn now(dir: &Path, names: &[&str]) -> Option<Verified> {
        let stamps: io::Result<Vec<Stamp>> = names.iter().map(|name| Stamp::of(&dir.join(name))).collect();
        let boot = digest::boot_id();
        (!boot.is_empty()).then_some(Verified { boot, stamps: stamps.ok()? })
    }
}

/// Make a `full` check of these files in `dir`, unless one was made in this boot of the host and they
/// have not changed since.
pub(crate) fn check_once(dir: &Path, names: &[&str], full: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    let before = entry::read(&dir.join(NOTE)).ok().and_then(|data| serde_json::from_slice::<Verified>(&data).ok());
    // Before the check: what changes under our hands is checked again.
    let now = Verified::now(dir, names);
    if before.is_some() && before == now {
        return Ok(());
    }
    full()?;
    if let Some(data) = now.and_then(|now| serde_json::to_vec(&now).ok()) {
        // Only saves the next launch this work.
        let fresh = Scratch::name(dir);
        if fs::write(&fresh, data).and_then(|()| fs::rename(&fresh, dir.join(NOTE))).is_err() {
            let _ = fs::remove_file(&fresh);
        }
    }
    Ok(())
}

/// These files have just been written, and their digests taken on the way.
pub(crate) fn note_checked(dir: &Path, names: &[&str]) {
    let _ = check_once(dir, names, || Ok(()));
}

/// Have the next check be a full one.
pub(crate) fn forget_check(dir: &Path) {
    let _ = fs::remove_file(dir.join(NOTE));
}

/// Note that an appliance was used; a read-only cache does not matter.
fn touch(dir: &Path) {
    if let Ok(file) = entry::open(&dir.join("used"), OFlags::CREATE | OFlags::WRONLY) {
        let _ = file.set_modified(SystemTime::now());
    }
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

/// Everything in `dir` to the disk, before it gets a name that says it is complete.
fn sync(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        fs::File::open(entry?.path())?.sync_all()?;
    }
    sync_dir(dir)
}

/// A directory that disappears unless it is kept.
#[derive(Debug)]
pub struct Scratch(pub PathBuf);

impl Scratch {
    /// A fresh private directory below `parent`.
    pub fn new(parent: &Path) -> io::Result<Scratch> {
        let path = Scratch::name(parent);
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Scratch(path))
    }

    /// A name nobody else uses.
    pub(crate) fn name(parent: &Path) -> PathBuf {
        use std::sync::atomic::{AtomicU64, Ordering};
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        parent.join(format!("tmp-{}-{count}-{now:x}", std::process::id()))
    }

    /// Leave the directory, which has another name now.
    pub(crate) fn keep(mut self) {
        self.0 = PathBuf::new();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.0.as_os_str().is_empty() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}
