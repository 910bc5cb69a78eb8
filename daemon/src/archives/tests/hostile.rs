//! A suite of hostile archives: nothing but the directory changes that is unpacked into, whatever the
//! archive says, wherever it is cut off, and wherever the real tar takes over.
//!
//! In: tables of archives by theme. Out: for every one, checked: beside the directory, in the guest and
//! around it, nothing new and nothing changed in contents, modes, owners, times or number of links; no
//! stand-in of a link left behind.

use super::{member, put_raw, seal};
use crate::error::Result;
use crate::testing::Guest;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{symlink, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

type Member = Vec<u8>;

pub fn file(name: &str, data: &str) -> Member {
    member(b'0', name.as_bytes(), b"", data.as_bytes())
}

pub fn dir(name: &str) -> Member {
    owned(member(b'5', name.as_bytes(), b"", b""), "0000755", 0)
}

pub fn link(name: &str, to: &str) -> Member {
    member(b'2', name.as_bytes(), to.as_bytes(), b"")
}

pub fn hard(name: &str, to: &str) -> Member {
    member(b'1', name.as_bytes(), to.as_bytes(), b"")
}

fn fifo(name: &str) -> Member {
    owned(member(b'6', name.as_bytes(), b"", b""), "0000666", 1000)
}

/// Another mode (seven octal digits) and owner.
pub fn owned(m: Member, mode: &str, uid: u32) -> Member {
    changed(m, 100, format!("{mode}\0{uid:07o}\0{uid:07o}").as_bytes())
}

/// Other bytes in the header; the checksum is made right.
fn changed(mut m: Member, at: usize, bytes: &[u8]) -> Member {
    m[at..at + bytes.len()].copy_from_slice(bytes);
    let head: &mut [u8; 512] = (&mut m[..512]).try_into().unwrap();
    seal(head);
    m
}

/// A pax record for the next member.
fn pax(key: &str, value: &str) -> Member {
    let rest = format!(" {key}={value}\n");
    let length = (rest.len()..).find(|n| n.to_string().len() + rest.len() == *n).unwrap();
    member(b'x', b"pax", b"", format!("{length}{rest}").as_bytes())
}

/// A pax record for all members that follow.
pub fn global(key: &str, value: &str) -> Member {
    changed(pax(key, value), 156, b"g")
}

fn long_name(name: &str) -> Member {
    member(b'L', b"././@LongLink", b"", format!("{name}\0").as_bytes())
}

pub fn long_link(name: &str) -> Member {
    member(b'K', b"././@LongLink", b"", format!("{name}\0").as_bytes())
}

/// An archive with its end marker.
pub fn late_end(members: impl IntoIterator<Item = Member>) -> Vec<u8> {
    let mut all: Vec<u8> = members.into_iter().flatten().collect();
    all.resize(all.len() + 1024, 0);
    all
}

/// Files in a stand-in's place, wherever they are.
pub fn stand_ins(root: &Path) -> Vec<PathBuf> {
    let all = facts(root, Path::new(""));
    let odd = |path: &PathBuf| {
        let m = path.symlink_metadata().unwrap();
        m.is_file() && m.len() == 0 && m.mode() & 0o7777 == 0
    };
    all.into_keys().filter(odd).collect()
}

/// All there is to know about a tree, for comparing; nothing about `except`. The time of the last change
/// of an inode gives away what was changed and put back, too.
fn facts(root: &Path, except: &Path) -> BTreeMap<PathBuf, String> {
    let mut all = BTreeMap::new();
    let mut todo = vec![root.to_owned()];
    while let Some(path) = todo.pop() {
        if path == except {
            continue;
        }
        let m = path.symlink_metadata().unwrap();
        let content = if m.is_dir() {
            todo.extend(fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
            String::new()
        } else if m.is_symlink() {
            format!("{:?}", fs::read_link(&path).unwrap())
        } else if m.is_file() {
            format!("{:?}", fs::read(&path).unwrap())
        } else {
            String::new()
        };
        let numbers = [m.ino(), u64::from(m.mode()), m.nlink(), u64::from(m.uid()), u64::from(m.gid()), m.len()];
        let times = [m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec()];
        all.insert(path, format!("{numbers:?} {times:?} {content}"));
    }
    all
}

/// A guest with things that must not be touched, and `/dst`.
pub struct Scene {
    pub guest: Guest,
    before: BTreeMap<PathBuf, String>,
}

impl Scene {
    pub fn new() -> Scene {
        let guest = Guest::new();
        guest.write("/etc/passwd", "root");
        guest.write("/etc/d/inner", "untouched");
        guest.write("/run/lvm/lvm.conf", "untouched");
        symlink("passwd", guest.host("/etc/link")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, guest.host("/etc/fifo"), 0o620.into()).unwrap();
        guest.write("/dst/old/f", "old");
        // What was in the directory before and leads out of it: not to be changed by way of its own name.
        symlink("../../etc/passwd", guest.host("/dst/old/passwd")).unwrap();
        symlink("/etc", guest.host("/dst/old/etc")).unwrap();
        symlink("../../etc/fifo", guest.host("/dst/old/fifo")).unwrap();
        for (name, mode) in [("/etc/passwd", 0o640), ("/etc/d/inner", 0o600), ("/etc/d", 0o750), ("/etc", 0o711)] {
            let path = guest.host(name);
            fs::File::open(&path).unwrap().set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000_007)).unwrap();
            fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        }
        let before = Scene::outside(&guest);
        Scene { guest, before }
    }

    fn outside(guest: &Guest) -> BTreeMap<PathBuf, String> {
        facts(guest.host("/").parent().unwrap(), &guest.host("/dst"))
    }

    /// Unpack into `/dst`, and compare everything else.
    pub fn check(&mut self, what: &str, archive: &[u8]) -> Result<()> {
        let result = put_raw(&mut self.guest, archive);
        assert_eq!(Scene::outside(&self.guest), self.before, "{what}: something beside the directory changed");
        self.guest.check_outside();
        assert!(!Path::new("/guestfs-rs-escaped").exists(), "{what}");
        result
    }
}

fn names() -> Vec<(&'static str, Vec<Member>)> {
    vec![
        ("name that climbs", vec![file("../x", "x")]),
        ("name that climbs to a file", vec![file("../etc/passwd", "x")]),
        ("name that climbs from below", vec![dir("d"), file("d/../../x", "x")]),
        ("name that climbs behind what is missing", vec![file("no/../../etc/passwd", "x")]),
        ("name that is only dots", vec![file("..", "x"), dir("../"), dir("./../.")]),
        ("directory above", vec![owned(dir(".."), "0000777", 1000)]),
        ("directory beside", vec![owned(dir("../etc"), "0000777", 1000)]),
        ("absolute name", vec![file("/etc/passwd", "x")]),
        ("absolute directory", vec![owned(dir("/etc"), "0000777", 1000)]),
        ("absolute name with more slashes", vec![file("///etc/../passwd", "x"), file("//guestfs-rs-escaped", "x")]),
        ("absolute link name", vec![link("/etc/link", "x"), hard("/etc/h", "/etc/passwd")]),
        ("long name that climbs", vec![long_name("../etc/passwd"), file("short", "x")]),
        ("pax name that climbs", vec![pax("path", "d/../../etc/passwd"), file("short", "x")]),
        ("global name that climbs", vec![global("path", "../etc/passwd"), file("short", "x"), file("other", "y")]),
        ("name split by the prefix", vec![changed(file("etc/passwd", "x"), 345, b"..")]),
        ("pipe that climbs", vec![fifo("../etc/fifo"), fifo("../pipe")]),
        ("no name", vec![file("", "x"), dir(""), link("", "/etc"), hard("", "f")]),
    ]
}

fn symbolic() -> Vec<(&'static str, Vec<Member>)> {
    let out = || link("l", "../etc");
    let all = || owned(dir("l"), "0000777", 1000);
    vec![
        ("file through a link", vec![out(), file("l/passwd", "x")]),
        ("new file through a link", vec![out(), file("l/new", "x")]),
        ("through an absolute link", vec![link("l", "/etc"), file("l/passwd", "x"), file("l/new", "x")]),
        ("through the host's root", vec![link("l", "/"), file("l/guestfs-rs-escaped", "x")]),
        ("through a link above the guest", vec![link("l", "../.."), file("l/secret", "x"), file("l/new", "x")]),
        (
            "through a process",
            vec![link("l", "/proc/self/cwd"), file("l/x", "x"), link("m", "/proc/1/root"), file("m/x", "x")],
        ),
        ("directory through a link", vec![out(), owned(dir("l/d"), "0000777", 1000), dir("l/new")]),
        ("pipe through a link", vec![out(), fifo("l/fifo"), fifo("l/pipe")]),
        ("link through a link", vec![out(), link("l/link", "x"), link("l/new", "/")]),
        ("hard link through a link", vec![file("f", "x"), out(), hard("l/h", "f"), hard("l/passwd", "f")]),
        ("chain of links", vec![link("b", "../etc"), link("a", "b"), file("a/passwd", "x")]),
        ("chain in the other order", vec![link("a", "b"), link("b", "../etc"), file("a/passwd", "x")]),
        ("climbing step by step", vec![link("u", ".."), link("v", "u/etc"), file("v/passwd", "x"), file("u/x", "x")]),
        ("by way of a directory", vec![dir("d"), link("d/u", ".."), link("w", "d/u/../etc"), file("w/passwd", "x")]),
        (
            "file becomes a link",
            vec![file("l", "x"), link("l", "../etc/passwd"), owned(file("l", "y"), "0000777", 1000)],
        ),
        ("empty file on a link", vec![link("l", "../etc/passwd"), owned(file("l", ""), "0000777", 1000)]),
        ("directory becomes a link", vec![all(), out()]),
        ("directory becomes an absolute link", vec![all(), link("l", "/etc")]),
        ("link becomes a directory", vec![out(), all(), file("l/passwd", "x")]),
        ("there and back", vec![all(), out(), all(), out()]),
        (
            "directory in a directory becomes a link",
            vec![dir("d"), all(), owned(dir("d/l"), "0000777", 9), link("d/l", "../../etc")],
        ),
        ("known under an alias", vec![dir("d"), link("a", "d"), owned(dir("a/d"), "0000777", 9), link("a", "/etc")]),
        (
            "alias that changes",
            vec![
                dir("d"),
                dir("e"),
                link("a", "d"),
                owned(dir("a/x"), "0000777", 9),
                link("a", "e"),
                link("e/x", "/etc"),
            ],
        ),
        ("pipe on a link", vec![link("l", "../etc/fifo"), fifo("l")]),
        (
            "owner and time of a link",
            vec![owned(link("l", "../etc/passwd"), "0000777", 1000), owned(link("m", "old"), "0000777", 9)],
        ),
        ("long target", vec![long_link("../etc"), link("l", "old"), file("l/passwd", "x")]),
        ("pax target", vec![pax("linkpath", "../etc"), link("l", "old"), file("l/passwd", "x")]),
        ("link to itself", vec![link("l", "l"), file("l/x", "x"), link("m", "../dst/m"), dir("m/d")]),
        ("data behind a link", vec![changed(out(), 124, b"00000002000"), file("../x", "x"), file("l/x", "y")]),
    ]
}

fn hard_and_old() -> Vec<(&'static str, Vec<Member>)> {
    let secret = || link("l", "../etc/passwd");
    vec![
        ("hard link that climbs", vec![hard("h", "../etc/passwd"), file("h", "x")]),
        ("hard link to an absolute name", vec![hard("h", "/etc/passwd"), owned(file("h", "x"), "0000777", 1)]),
        ("hard link of a link", vec![secret(), hard("h", "l"), file("h", "x")]),
        ("hard link of a link, written through", vec![link("l", "../etc"), hard("h", "l"), file("h/passwd", "x")]),
        (
            "hard link behind a link",
            vec![link("l", "../etc"), hard("h", "l/passwd"), owned(file("h", "x"), "0000777", 1)],
        ),
        ("hard link behind a chain", vec![link("b", "/etc"), link("a", "b"), hard("h", "a/passwd")]),
        ("hard link of a directory", vec![dir("d"), hard("h", "d"), file("h/x", "x"), hard("i", "..")]),
        ("hard link over a link", vec![file("f", "x"), secret(), hard("l", "f"), owned(file("l", "y"), "0000777", 1)]),
        ("hard link to itself", vec![hard("h", "h"), secret(), hard("l", "l")]),
        ("hard link of what was there", vec![hard("h", "old/passwd"), file("h", "x")]),
        ("replaced stand-in", vec![secret(), hard("h", "l"), file("l", "x"), link("h", "/etc/passwd"), file("h", "")]),
        ("pax hard link that climbs", vec![pax("linkpath", "../etc/passwd"), hard("h", "f")]),
        ("file on a link that was there", vec![owned(file("old/passwd", "x"), "0000777", 1000)]),
        ("directory on a link that was there", vec![owned(dir("old/etc"), "0000777", 1000), file("old/etc/x", "x")]),
        ("pipe on a link that was there", vec![fifo("old/fifo")]),
        ("link on a link that was there", vec![link("old/etc", "/"), file("old/etc/x", "x")]),
        ("full directory becomes a link", vec![link("old", "../etc"), file("old/x", "x")]),
        (
            "directory, file, pipe, link",
            vec![dir("x"), file("x", "1"), fifo("x"), link("x", "/etc"), owned(dir("x"), "0000777", 2)],
        ),
        (
            "wrong size of everything",
            vec![changed(dir("d"), 124, b"00000000777"), changed(fifo("p"), 124, b"00000000777"), file("../y", "x")],
        ),
        (
            "negative time",
            vec![changed(file("f", "x"), 136, &[0xff; 12]), changed(link("l", "/etc"), 136, &[0x80; 12])],
        ),
        ("odd owner", vec![changed(owned(dir("d"), "0007777", 0), 108, b"37777777777"), link("d", "../etc")]),
        (
            "letters nobody knows",
            vec![changed(file("../a", "x"), 156, b"Z"), changed(link("l", "../etc"), 156, b"!"), file("l/x", "x")],
        ),
    ]
}

fn all_cases() -> Vec<(&'static str, Vec<Member>)> {
    [names(), symbolic(), hard_and_old()].concat()
}

#[test]
fn nothing_beside_the_directory_is_touched() {
    let cases = all_cases();
    assert!(cases.len() >= 60, "only {} archives", cases.len());
    for (what, members) in cases {
        let mut s = Scene::new();
        let _ = s.check(what, &late_end(members));
        assert_eq!(stand_ins(&s.guest.host("/dst")), Vec::<PathBuf>::new(), "{what}");
    }
}

#[test]
fn nor_when_the_archive_breaks_off() {
    for (what, members) in all_cases() {
        let whole = members.concat();
        for cut in (0..whole.len()).step_by(512).flat_map(|at| [at, at + 300]) {
            let mut s = Scene::new();
            let _ = s.check(what, &whole[..cut.min(whole.len())]);
            assert_eq!(stand_ins(&s.guest.host("/dst")), Vec::<PathBuf>::new(), "{what}, {cut}");
        }
    }
}

/// A volume's name makes nothing, but only the real tar reads it.
#[test]
fn nor_when_the_real_tar_takes_over() {
    for (what, members) in all_cases() {
        for at in 0..members.len() {
            let mut members = members.clone();
            members.insert(at, member(b'V', b"label", b"", b""));
            let mut s = Scene::new();
            let result = s.check(what, &late_end(members));
            // It is said when the tool has made a stand-in's further name.
            let told = result.is_err_and(|e| e.to_string().contains("tar"));
            assert!(told || stand_ins(&s.guest.host("/dst")).is_empty(), "{what}, {at}");
        }
    }
}
