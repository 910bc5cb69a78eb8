//! A suite of hostile archives: host writes of `copy_out` stay beneath the target whatever the archive says.
//!
//! In: tables of archives by theme, each with what must come of it. Out: for every one, checked: the outcome
//! as stated; beside the target nothing new, nothing changed in contents, modes, owners, times or number of
//! links; no device in the target, no more data than the archive had; bounded memory and time. As root the
//! suite runs twice, the second time as an ordinary user.

mod headers;
mod kinds;
mod links;
mod make;
mod names;
mod quantity;

use super::super::{beneath::Root, unpack::unpack};
use crate::error::Result;
use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::{symlink, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// Most memory that unpacking may take at once, whatever it unpacks.
const MEMORY: usize = 768 * 1024;

/// What must come of an archive.
enum Expect {
    /// An error that begins with `copy_out: ` and has this in it.
    Refused(&'static str),
    /// Success, and exactly this beneath the target (see [`listing`]); in the last field what is left out.
    Makes(Vec<&'static str>, Vec<&'static str>),
    /// Success; root and an ordinary user end up with different modes.
    ByUser { root: Vec<&'static str>, user: Vec<&'static str> },
    /// Either; what counts is what is checked of every archive.
    Contained,
}

struct Case {
    what: &'static str,
    /// The archive: `once`, then `again` so many times, then the end marker.
    once: Vec<u8>,
    again: (Vec<u8>, usize),
    expect: Expect,
}

/// A complete archive that is refused.
fn refused(what: &'static str, why: &'static str, blocks: impl IntoIterator<Item = make::Block>) -> Case {
    bytes(what, make::archive(blocks), Expect::Refused(why))
}

/// A complete archive that makes exactly these things.
fn makes(what: &'static str, all: &[&'static str], blocks: impl IntoIterator<Item = make::Block>) -> Case {
    bytes(what, make::archive(blocks), Expect::Makes(all.to_vec(), Vec::new()))
}

/// Any bytes.
fn bytes(what: &'static str, once: Vec<u8>, expect: Expect) -> Case {
    Case { what, once, again: (Vec::new(), 0), expect }
}

/// The same blocks over and over.
fn endless(what: &'static str, once: Vec<u8>, again: Vec<u8>, times: usize, expect: Expect) -> Case {
    Case { what, once, again: (again, times), expect }
}

fn all_cases() -> Vec<Case> {
    [names::cases(), links::cases(), kinds::cases(), headers::cases(), quantity::cases()]
        .into_iter()
        .flatten()
        .collect()
}

/// The archive as a stream: the long ones are never in memory.
struct Stream<'c> {
    case: &'c Case,
    at: usize,
}

impl Stream<'_> {
    fn len(case: &Case) -> usize {
        case.once.len() + case.again.0.len() * case.again.1 + if case.again.1 > 0 { 1024 } else { 0 }
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let (once, (again, times)) = (&self.case.once, &self.case.again);
        let repeated = again.len() * times;
        let rest: &[u8] = if self.at < once.len() {
            &once[self.at..]
        } else if self.at < once.len() + repeated {
            &again[(self.at - once.len()) % again.len()..]
        } else {
            &[0; 1024][..Stream::len(self.case) - self.at]
        };
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        self.at += n;
        Ok(n)
    }
}

/// Everything that is beneath `root`, one line each: `d/`, `f=data`, `l->target`, `p|`; files whose data
/// or modes are long or odd say so: `f=[4096]`, `s=x (4755)`.
fn listing(root: &Path) -> Vec<String> {
    let mut all = Vec::new();
    let mut todo = vec![root.to_owned()];
    while let Some(dir) = todo.pop() {
        for entry in std::fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let meta = path.symlink_metadata().unwrap();
            let kind = meta.file_type();
            assert!(!kind.is_block_device() && !kind.is_char_device(), "{path:?} is a device");
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            let odd = if kind.is_symlink() || meta.mode() & 0o7000 == 0 {
                String::new()
            } else {
                format!(" ({:o})", meta.mode() & 0o7777)
            };
            all.push(if kind.is_dir() {
                // What is inside was made before the mode was set; look all the same.
                if meta.mode() & 0o700 != 0o700 {
                    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o700)).unwrap();
                }
                todo.push(path);
                format!("{name}/{odd}")
            } else if kind.is_symlink() {
                format!("{name}->{}", std::fs::read_link(&path).unwrap().to_string_lossy())
            } else if kind.is_file() {
                if meta.mode() & 0o400 == 0 {
                    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
                }
                match meta.len() {
                    0..50 => format!("{name}={}{odd}", String::from_utf8_lossy(&std::fs::read(&path).unwrap())),
                    n => format!("{name}=[{n}]{odd}"),
                }
            } else {
                format!("{name}|{odd}")
            });
        }
    }
    all.sort();
    all
}

/// All there is to know about a tree, for comparing.
fn facts(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut all = BTreeMap::new();
    let mut todo = vec![root.to_owned()];
    while let Some(path) = todo.pop() {
        let m = path.symlink_metadata().unwrap();
        let content = if m.is_dir() {
            todo.extend(std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
            String::new()
        } else if m.is_symlink() {
            format!("{:?}", std::fs::read_link(&path).unwrap())
        } else if m.file_type().is_fifo() {
            String::new()
        } else {
            format!("{:?}", std::fs::read(&path).unwrap())
        };
        let numbers = [m.ino(), u64::from(m.mode()), m.nlink(), u64::from(m.uid()), u64::from(m.gid()), m.len()];
        all.insert(path, format!("{numbers:?} {}.{} {content}", m.mtime(), m.mtime_nsec()));
    }
    all
}

/// A place to unpack into, and what must not be touched: `outside`, with times and modes that any write,
/// chmod or utime would change.
fn scene() -> tempfile::TempDir {
    // In memory where that can be: a few thousand files are seconds on a busy disk.
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let outside = dir.path().join("outside");
    std::fs::create_dir_all(outside.join("d")).unwrap();
    std::fs::create_dir(dir.path().join("t")).unwrap();
    std::fs::write(outside.join("secret"), b"untouched").unwrap();
    std::fs::write(outside.join("d/inner"), b"untouched as well").unwrap();
    symlink("secret", outside.join("link")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, outside.join("fifo"), rustix::fs::Mode::from_raw_mode(0o620)).unwrap();
    for (name, mode) in [("secret", 0o640), ("d/inner", 0o600), ("d", 0o750), ("", 0o711)] {
        let path = outside.join(name);
        std::fs::File::open(&path).unwrap().set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000_007)).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    }
    // What was in the target before and leads out of it: not the archive's doing, but in its reach.
    std::fs::create_dir(dir.path().join("t/old")).unwrap();
    symlink("../../outside", dir.path().join("t/old/out")).unwrap();
    symlink("../../outside/secret", dir.path().join("t/old/secret")).unwrap();
    symlink("../../outside/fifo", dir.path().join("t/old/fifo")).unwrap();
    dir
}

const OLD: [&str; 4] =
    ["old/", "old/fifo->../../outside/fifo", "old/out->../../outside", "old/secret->../../outside/secret"];

/// Names in the directory around the target, and everything about `outside`.
fn around(dir: &Path) -> (Vec<PathBuf>, BTreeMap<PathBuf, String>) {
    let mut names: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    names.sort();
    (names, facts(&dir.join("outside")))
}

/// Unpack one archive and compare; how long the unpacking took.
fn check(case: &Case, as_root: bool) -> Duration {
    let what = case.what;
    let dir = scene();
    let target = dir.path().join("t");
    let before = around(dir.path());
    let root = Root::open(&target).unwrap();
    let began = std::time::Instant::now();
    let (memory, result): (usize, Result<Vec<String>>) =
        crate::fake::peak_allocation(|| unpack(Stream { case, at: 0 }, root));
    let took = began.elapsed();
    assert_eq!(around(dir.path()), before, "{what}: something beside the target changed");
    assert!(!Path::new("/guestfs-rs-escaped").exists(), "{what}");
    assert!(memory < MEMORY, "{what}: {memory} bytes of memory");
    assert!(took < Duration::from_secs(20), "{what}: took {took:?}");
    // The target's own mode is the archive's to set.
    std::fs::set_permissions(&target, PermissionsExt::from_mode(0o700)).unwrap();
    let found = listing(&target);
    let data: u64 = total(&target);
    assert!(data <= Stream::len(case) as u64, "{what}: {data} bytes from {}", Stream::len(case));
    let found: Vec<&str> = found.iter().map(String::as_str).filter(|l| !OLD.contains(l)).collect();
    match (&case.expect, result) {
        (Expect::Refused(why), Err(e)) => {
            let text = e.message().to_string();
            assert!(text.starts_with("copy_out: ") && text.contains(why), "{what}: {text}");
        }
        (Expect::Makes(all, left_out), Ok(skipped)) => {
            assert_eq!((&found, &skipped), (all, &left_out.iter().map(|s| (*s).to_owned()).collect()), "{what}");
        }
        (Expect::ByUser { root, user }, Ok(_)) => assert_eq!(&found, if as_root { root } else { user }, "{what}"),
        (Expect::Contained, Err(e)) => assert!(e.message().to_string().starts_with("copy_out: "), "{what}: {e}"),
        (Expect::Contained, Ok(_)) => {}
        (_, Err(e)) => panic!("{what}: {e}"),
        (_, Ok(_)) => panic!("{what}: not refused; made {found:?}"),
    }
    took
}

/// Bytes in all files beneath `root`; one with several names counts once.
fn total(root: &Path) -> u64 {
    let mut files = BTreeMap::new();
    let mut todo = vec![root.to_owned()];
    while let Some(dir) = todo.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            let meta = entry.metadata().unwrap();
            if meta.is_dir() {
                todo.push(entry.path());
            } else if meta.is_file() {
                files.insert(meta.ino(), meta.len());
            }
        }
    }
    files.values().sum()
}

#[test]
fn nothing_outside_is_touched_by_a_hundred_archives() {
    let cases = all_cases();
    assert!(cases.len() >= 100, "only {} archives", cases.len());
    let mut archives: Vec<_> = cases.iter().map(|c| (&c.once, &c.again)).collect();
    let mut names: Vec<_> = cases.iter().map(|c| c.what).collect();
    archives.sort();
    archives.dedup();
    names.sort_unstable();
    names.dedup();
    assert_eq!((archives.len(), names.len()), (cases.len(), cases.len()), "some archives are the same");
    let as_root = rustix::process::geteuid().is_root();
    // All of them, so that one look shows every one that is wrong.
    let times: Vec<_> = crate::fake::bounded(|| {
        cases.iter().map(|c| (std::panic::catch_unwind(|| check(c, as_root)).ok(), c.what)).collect()
    });
    let wrong: Vec<_> = times.iter().filter(|(took, _)| took.is_none()).map(|(_, what)| what).collect();
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), cases.len());
    let who = if as_root { "root" } else { "an ordinary user" };
    println!("{} hostile archives as {who}; slowest {:?}", cases.len(), times.iter().max().unwrap_or(&(None, "")));
}

/// The test above once more in a process of an ordinary user.
#[test]
fn the_same_as_an_ordinary_user() {
    use std::os::unix::process::CommandExt;
    if !rustix::process::geteuid().is_root() {
        println!("not run: hostile archives as root: run the tests as root");
        return;
    }
    // A copy, which that user can reach wherever this was built.
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o711)).unwrap();
    let program = dir.path().join("tests");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    std::fs::create_dir(dir.path().join("tmp")).unwrap();
    std::fs::set_permissions(dir.path().join("tmp"), PermissionsExt::from_mode(0o1777)).unwrap();
    let output = std::process::Command::new(program)
        .args(["--exact", "--nocapture", "copy_tree::tests::hostile::nothing_outside_is_touched_by_a_hundred_archives"])
        .env("TMPDIR", dir.path().join("tmp"))
        .current_dir("/")
        .uid(65534)
        .gid(65534)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("as an ordinary user"), "{text}");
}
