//! Packing and unpacking without an appliance: faithful round trips, hostile archives.

mod hostile;

use super::beneath::Root;
use super::{pack::pack, unpack::unpack};
use crate::error::Result;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{symlink, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tar::{Builder, EntryType, Header};

fn unpacked(archive: &[u8], target: &Path) -> Result<Vec<String>> {
    unpack(archive, Root::open(target).unwrap())
}

/// Everything worth keeping of a tree, by relative name.
fn facts(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut all = BTreeMap::new();
    let mut todo = vec![root.to_owned()];
    let mut inodes: BTreeMap<u64, PathBuf> = BTreeMap::new();
    while let Some(dir) = todo.pop() {
        let mut entries: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|e| e.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            let m = path.symlink_metadata().unwrap();
            let name = path.strip_prefix(root).unwrap().to_owned();
            let what = if m.is_dir() {
                todo.push(path.clone());
                "directory".to_owned()
            } else if m.is_symlink() {
                format!("link to {:?}", std::fs::read_link(&path).unwrap())
            } else if m.is_file() {
                let first = inodes.entry(m.ino()).or_insert_with(|| name.clone()).clone();
                format!("file {:?} same as {first:?}", blake(&std::fs::read(&path).unwrap()))
            } else {
                "special".to_owned()
            };
            all.insert(name, format!("{what} {:o} {} {}:{}", m.mode(), m.mtime(), m.uid(), m.gid()));
        }
    }
    all
}

/// A cheap fingerprint.
fn blake(bytes: &[u8]) -> (usize, u64) {
    (bytes.len(), bytes.iter().fold(7, |h: u64, b| h.wrapping_mul(1_000_003).wrapping_add(u64::from(*b))))
}

fn set(path: &Path, mode: u32, mtime: i64) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    let t = std::time::UNIX_EPOCH + std::time::Duration::from_secs(mtime as u64);
    std::fs::File::open(path).unwrap().set_modified(t).unwrap();
}

fn a_tree(root: &Path) {
    let dir = root.join("tree");
    std::fs::create_dir_all(dir.join("sub/deep")).unwrap();
    std::fs::write(dir.join("empty"), b"").unwrap();
    std::fs::write(dir.join("sub/data"), vec![0x5a; 1_000_001]).unwrap();
    std::fs::hard_link(dir.join("sub/data"), dir.join("again")).unwrap();
    symlink("/etc/passwd", dir.join("absolute")).unwrap();
    symlink("x".repeat(300), dir.join("sub/long link")).unwrap();
    std::fs::write(dir.join(OsStr::from_bytes(b"caf\xe9 \n\\")), b"latin").unwrap();
    let long = dir.join("n".repeat(120)).join("m".repeat(200));
    std::fs::create_dir_all(&long).unwrap();
    std::fs::write(long.join("f"), b"long").unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, dir.join("fifo"), rustix::fs::Mode::from_raw_mode(0o640)).unwrap();
    set(&dir.join("empty"), 0o600, 1_000_000_000);
    set(&dir.join("sub/data"), 0o4751, 1_234_567_890);
    set(&dir.join("sub/deep"), 0o1777, 1_111_111_111);
    set(&dir.join("sub"), 0o555, 1_222_222_222);
}

#[test]
fn a_round_trip_keeps_everything() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    std::fs::create_dir_all(&from).unwrap();
    std::fs::create_dir(&to).unwrap();
    a_tree(&from);
    let mut archive = Vec::new();
    assert!(pack(&from, b"tree", &mut archive).unwrap().is_empty());
    assert!(unpacked(&archive, &to).unwrap().is_empty());
    let (mut before, mut after) = (facts(&from), facts(&to));
    if !rustix::process::geteuid().is_root() {
        // As tar: an ordinary user's files lose set-id bits.
        for all in [&mut before, &mut after] {
            all.remove(Path::new("tree/sub/data"));
            all.remove(Path::new("tree/again"));
        }
    }
    assert_eq!(before, after);
    // Over itself, as a second copy_out does.
    assert!(unpacked(&archive, &to).unwrap().is_empty());
}

#[test]
fn gnu_tar_agrees() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to, back) = (dir.path().join("from"), dir.path().join("to"), dir.path().join("back"));
    for d in [&from, &to, &back] {
        std::fs::create_dir_all(d).unwrap();
    }
    a_tree(&from);
    let mut archive = Vec::new();
    pack(&from, b"tree", &mut archive).unwrap();
    let file = dir.path().join("a.tar");
    std::fs::write(&file, &archive).unwrap();
    let tar = |args: &[&OsStr]| {
        let out = std::process::Command::new("tar").args(args).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        out.stdout
    };
    tar(&["-C".as_ref(), to.as_os_str(), "-xpf".as_ref(), file.as_os_str()]);
    assert_eq!(facts(&from), facts(&to));
    for format in ["gnu", "pax", "ustar"] {
        if format == "ustar" {
            // Its names are too short for the long ones.
            std::fs::remove_file(from.join("tree/sub/long link")).unwrap();
            std::fs::remove_dir_all(from.join("tree").join("n".repeat(120))).unwrap();
            set(&from.join("tree/sub"), 0o555, 1_222_222_222);
        }
        let format = format!("--format={format}");
        let made = tar(&["-C".as_ref(), from.as_os_str(), format.as_ref(), "-cf".as_ref(), "-".as_ref(), ".".as_ref()]);
        let to = tempfile::tempdir().unwrap();
        unpacked(&made, to.path()).unwrap();
        assert_eq!(facts(&from), facts(to.path()), "{format}");
    }
}

#[test]
fn contents_of_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("f"), b"1").unwrap();
    let mut archive = Vec::new();
    pack(dir.path(), b".", &mut archive).unwrap();
    let to = tempfile::tempdir().unwrap();
    unpacked(&archive, to.path()).unwrap();
    assert_eq!(std::fs::read(to.path().join("f")).unwrap(), b"1");
}

#[test]
fn sockets_are_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("s")).unwrap();
    let skipped = pack(dir.path(), b".", Vec::new()).unwrap();
    assert_eq!(skipped.len(), 1);
}

/// One raw entry: the crate's writer would refuse these names.
fn entry(builder: &mut Builder<Vec<u8>>, kind: EntryType, name: &[u8], link: &[u8], data: &[u8]) {
    let mut h = Header::new_gnu();
    h.set_entry_type(kind);
    h.set_mode(0o644);
    h.set_uid(0);
    h.set_gid(0);
    h.set_mtime(0);
    h.set_size(data.len() as u64);
    let gnu = h.as_gnu_mut().unwrap();
    gnu.name[..name.len()].copy_from_slice(name);
    gnu.linkname[..link.len()].copy_from_slice(link);
    h.set_cksum();
    builder.append(&h, data).unwrap();
}

type Raw<'a> = (EntryType, &'a [u8], &'a [u8], &'a [u8]);

fn hostile(entries: &[Raw<'_>]) -> Vec<u8> {
    let mut b = Builder::new(Vec::new());
    for (kind, name, link, data) in entries {
        entry(&mut b, *kind, name, link, data);
    }
    b.into_inner().unwrap()
}

/// Unpack into `t` beside `outside`, which must stay as it is.
fn contained(archive: &[u8]) -> Result<Vec<String>> {
    let dir = tempfile::tempdir().unwrap();
    let outside = dir.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("secret"), b"untouched").unwrap();
    std::fs::create_dir(dir.path().join("t")).unwrap();
    let before = (facts(&outside), std::fs::metadata(dir.path()).unwrap().mode());
    let result = unpacked(archive, &dir.path().join("t"));
    assert_eq!((facts(&outside), std::fs::metadata(dir.path()).unwrap().mode()), before);
    let mut names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["outside", "t"]);
    assert!(!Path::new("/guestfs-rs-escaped").exists());
    result
}

#[test]
fn nothing_gets_out() {
    use EntryType as E;
    type Case<'a> = &'a [Raw<'a>];
    let refused: [Case<'_>; 7] = [
        &[(E::Regular, b"../escaped", b"", b"x")],
        &[(E::Regular, b"a/../../escaped", b"", b"x")],
        &[(E::Directory, b"..", b"", b"")],
        &[(E::Symlink, b"l", b"../outside", b""), (E::Regular, b"l/secret", b"", b"x")],
        &[(E::Symlink, b"l", b"../outside", b""), (E::Directory, b"l", b"", b""), (E::Regular, b"l/new", b"", b"")],
        &[(E::Link, b"h", b"../outside/secret", b"")],
        &[(E::Symlink, b"l", b"../outside", b""), (E::Link, b"h", b"l/secret", b"")],
    ];
    for case in refused {
        let e = contained(&hostile(case)).unwrap_err();
        assert!(e.message().to_string().starts_with("copy_out: "), "{e}");
    }
    // An absolute name stays inside, as with tar; a link is replaced, not written through.
    contained(&hostile(&[(E::Regular, b"/guestfs-rs-escaped", b"", b"x")])).unwrap();
    contained(&hostile(&[(E::Symlink, b"l", b"../outside/secret", b""), (E::Regular, b"l", b"", b"overwritten")]))
        .unwrap();
    // The mode of a link's target is not touched either.
    contained(&hostile(&[(E::Directory, b"d", b"", b""), (E::Symlink, b"m", b"../outside", b"")])).unwrap();
    let skipped = contained(&hostile(&[(E::Block, b"sda", b"", b""), (E::Char, b"null", b"", b"")])).unwrap();
    assert_eq!(skipped, ["sda", "null"]);
    contained(&hostile(&[(E::GNUSparse, b"s", b"", b"")])).unwrap_err();
}

#[test]
fn names_and_headers_have_bounds() {
    let long = vec![b'a'; 1 << 20];
    for kind in [EntryType::GNULongName, EntryType::GNULongLink, EntryType::XHeader, EntryType::XGlobalHeader] {
        let archive = hostile(&[(kind, b"x", b"", &long), (EntryType::Regular, b"f", b"", b"")]);
        let mut result = Ok(Vec::new());
        let largest = crate::fake::largest_allocation(|| result = contained(&archive));
        assert!(result.is_err());
        assert!(largest < 512 * 1024, "{kind:?}: {largest}");
    }
    for bad in [&b"x"[..], b"5 a=", b"99 path=x\n", b"0 path=x\n", b"11 path x\n\n", b"-1 a=b\n"] {
        let archive = hostile(&[(EntryType::XHeader, b"x", b"", bad), (EntryType::Regular, b"f", b"", b"")]);
        contained(&archive).unwrap_err();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// A sound archive with a few bytes changed never leaves its directory, panics or hangs.
    #[test]
    fn damaged_archives(changes in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..6), cut in any::<Option<u16>>()) {
        let mut archive = hostile(&[
            (EntryType::Directory, b"d", b"", b""),
            (EntryType::Regular, b"d/f", b"", b"some data"),
            (EntryType::Symlink, b"d/l", b"../../outside", b""),
            (EntryType::Link, b"h", b"d/f", b""),
            (EntryType::XHeader, b"p", b"", b"15 path=d/other\n"),
            (EntryType::Regular, b"x", b"", b""),
        ]);
        let len = archive.len();
        for (at, to) in changes {
            archive[usize::from(at) % len] = to;
        }
        if let Some(cut) = cut {
            archive.truncate(usize::from(cut) % len);
        }
        let _ = contained(&archive);
    }
}
