//! Images of all kinds, and what is made of them: a table.

use super::{open, reach, Fault, Layer, Wanted};
use rustix::fs::OFlags;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// `in` has the images, `out` is what they must not reach, `more` may be allowed.
struct Host(tempfile::TempDir);

impl Host {
    fn new() -> Host {
        let host = Host(tempfile::tempdir().unwrap());
        for dir in ["in", "in/below", "out", "more"] {
            std::fs::create_dir(host.at(dir)).unwrap();
            std::fs::write(host.at(dir).join("base.img"), vec![7; 1 << 20]).unwrap();
        }
        host
    }

    fn at(&self, name: &str) -> PathBuf {
        // Without links, as the names in refusals are.
        self.0.path().canonicalize().unwrap().join(name)
    }

    /// `qemu-img create` of 1 MiB in `in`; `%` stands for the directory of all.
    fn make(&self, name: &str, format: &str, words: &[&str]) -> PathBuf {
        let path = self.at("in").join(name);
        let all = self.at("").to_str().unwrap().trim_end_matches('/').to_owned();
        let mut command = Command::new("qemu-img");
        command.current_dir(self.at("in")).args(["create", "-q", "-f", format]);
        command.args(words.iter().map(|w| w.replace('%', &all))).arg("--").arg(&path).arg("1M");
        let made = command.output().unwrap();
        assert!(made.status.success(), "{name}: {made:?}");
        path
    }

    /// An overlay over any name, whether it is there or not.
    fn over(&self, name: &str, backing: &str, format: &str) -> PathBuf {
        self.make(name, "qcow2", &["-u", "-b", backing, "-F", format])
    }

    fn open(&self, path: &Path, format: &str, writable: bool, folders: &[&str]) -> Result<Vec<Layer>, Fault> {
        let folders: Vec<PathBuf> = folders.iter().map(|dir| self.at(dir)).collect();
        open(Wanted { path, format, writable, folders: Some(&folders) })
    }

    fn taken(&self, path: &Path, format: &str, files: usize) {
        self.taken_with(path, format, files, &[]);
    }

    /// It is contained and has so many files, none of which is open for writing.
    fn taken_with(&self, path: &Path, format: &str, files: usize, folders: &[&str]) {
        let top = self.open(path, format, false, folders).unwrap_or_else(|e| panic!("{}: {}", path.display(), e.why));
        let all = all(&top);
        assert_eq!(all.len(), files, "{}", path.display());
        assert!(all.iter().all(|writable| !writable), "{}", path.display());
    }

    fn refused(&self, path: &Path, format: &str, errno: i32, why: &str) {
        self.refused_with(path, format, errno, why, &[]);
    }

    fn refused_with(&self, path: &Path, format: &str, errno: i32, why: &str, folders: &[&str]) {
        let fault = self.open(path, format, false, folders).err().unwrap_or_else(|| panic!("{}", path.display()));
        assert!(fault.why.contains(why), "{}: {}", path.display(), fault.why);
        assert_eq!(fault.errno, errno, "{}: {}", path.display(), fault.why);
        assert!(!fault.help.is_empty());
    }
}

/// For each file of an image whether it is open for writing.
fn all(layers: &[Layer]) -> Vec<bool> {
    let writable = |file: &File| !(rustix::fs::fcntl_getfl(file).unwrap() & OFlags::ACCMODE).is_empty();
    let files = layers.iter().flat_map(|layer| {
        let extents = layer.extents.iter().flat_map(|(_, files)| files);
        std::iter::once(&layer.file).chain(layer.data.as_ref().map(|(data, _)| data)).chain(extents)
    });
    files.map(writable).collect()
}

/// Write bytes into an image.
fn patch(path: &Path, at: u64, bytes: &[u8]) {
    File::options().write(true).open(path).unwrap().write_all_at(bytes, at).unwrap();
}

fn find(path: &Path, what: &[u8]) -> u64 {
    let bytes = std::fs::read(path).unwrap();
    bytes.windows(what.len()).position(|w| w == what).unwrap() as u64
}

const OUTSIDE: &str = "lies outside its folder";

#[test]
fn images_that_stand_alone() {
    let host = Host::new();
    for (format, options) in [
        ("raw", &[][..]),
        ("qcow2", &[]),
        ("qcow2", &["-o", "compat=0.10"]),
        ("qcow", &[]),
        ("qed", &[]),
        ("vmdk", &[]),
        ("vmdk", &["-o", "subformat=streamOptimized"]),
        ("vhdx", &[]),
        ("vpc", &[]),
        ("vpc", &["-o", "subformat=fixed"]),
        ("vdi", &[]),
        ("parallels", &[]),
    ] {
        let path = host.make("alone", format, options);
        host.taken(&path, format, 1);
        assert!(reach(&path, format).is_empty(), "{format}");
        std::fs::remove_file(path).unwrap();
    }
    let path = host.make("alone", "raw", &[]);
    for unknown in ["luks", "nbd", "blkverify", "vvfat", "quorum", ""] {
        host.refused(&path, unknown, libc::EPERM, "cannot be contained");
    }
    host.refused(&host.at("in"), "raw", libc::EPERM, "neither a file nor a device");
    host.refused(&host.at("in/missing"), "raw", libc::ENOENT, "cannot be found");
}

fn fifo(path: &Path) {
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
}

#[test]
fn a_guess_is_about_the_file_that_was_found() {
    let host = Host::new();
    let path = host.make("top", "qcow2", &[]);
    let place = super::folders::Place::of_user(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    fifo(&path);
    assert_eq!(place.format(None), "qcow2");
}

#[test]
fn overlays_over_files() {
    let host = Host::new();
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, host.at("in").join(name)).unwrap();
    link("../out/base.img", "leads-out");
    link("below/base.img", "leads-in");
    link("../out", "folder");
    link("missing", "dangling");
    fifo(&host.at("in/fifo"));
    for name in ["base.img", "below/base.img", "below/../base.img", "%/in/base.img", "leads-in", "file:base.img"] {
        host.taken(&host.over("top", name, "raw"), "qcow2", 2);
    }
    for name in [
        "/etc/passwd",
        "file:/etc/passwd",
        "/no/such/file",
        "../out/base.img",
        "../out/missing",
        "%/out/base.img",
        "%/in/../out/base.img",
        "leads-out",
        "folder/base.img",
        "/proc/self/environ",
        "/dev/zero",
        "/dev/fdset/1",
    ] {
        let top = host.over("top", name, "raw");
        host.refused(&top, "qcow2", libc::EPERM, OUTSIDE);
        assert_eq!(reach(&top, "qcow2").len(), 1, "{name}");
    }
    for name in ["nbd:127.0.0.1:1", "nbd://h/x", "ssh://h/x", "http://h/x", "fat:/etc", "json:{\"driver\":\"null-co\"}"]
    {
        let top = host.over("top", name, "raw");
        host.refused(&top, "qcow2", libc::EPERM, "is not a file");
        assert_eq!(reach(&top, "qcow2"), [name]);
    }
    for (name, why) in [("fifo", "neither a file"), ("below", "neither a file")] {
        host.refused(&host.over("top", name, "raw"), "qcow2", libc::EPERM, why);
    }
    for name in ["missing", "dangling"] {
        host.refused(&host.over("top", name, "raw"), "qcow2", libc::ENOENT, "cannot be found");
    }
    for format in ["vvfat", "nbd", "blkdebug", "luks"] {
        host.refused(&host.over("top", "base.img", format), "qcow2", libc::EPERM, "cannot be contained");
    }
    // Folders that are allowed, and devices in them.
    let top = host.over("top", "../out/base.img", "raw");
    host.taken_with(&top, "qcow2", 2, &["more", "out"]);
    host.refused_with(&top, "qcow2", libc::EPERM, OUTSIDE, &["more", "missing"]);
    let top = host.over("top", "/dev/zero", "raw");
    host.refused_with(&top, "qcow2", libc::EPERM, "names the device /dev/zero", &["/dev"]);
}

#[test]
fn chains() {
    let host = Host::new();
    host.over("mid", "base.img", "raw");
    let top = host.over("top", "mid", "qcow2");
    host.taken(&top, "qcow2", 3);
    assert!(reach(&top, "qcow2").is_empty());
    // Through a link: what is relative lies beside the image, not the link.
    let link = host.at("out/link");
    std::os::unix::fs::symlink(&top, &link).unwrap();
    host.taken(&link, "qcow2", 3);
    assert!(reach(&link, "qcow2").is_empty());
    // Only the topmost is written to.
    assert_eq!(all(&host.open(&top, "qcow2", true, &[]).unwrap()), [true, false, false]);

    host.over("mid", "../out/base.img", "raw");
    host.refused(&top, "qcow2", libc::EPERM, OUTSIDE);
    assert_eq!(reach(&top, "qcow2"), [host.at("out/base.img").to_str().unwrap()]);
    // A layer elsewhere has no folder of its own.
    let there = host.over("there", "base.img", "raw");
    std::fs::rename(there, host.at("out/there")).unwrap();
    let top = host.over("top", "%/out/there", "qcow2");
    host.taken_with(&top, "qcow2", 3, &["out"]);
    host.refused(&top, "qcow2", libc::EPERM, OUTSIDE);

    host.over("self", "self", "qcow2");
    host.refused(&host.at("in/self"), "qcow2", libc::EPERM, "leads back to");
    host.over("a", "b", "qcow2");
    host.over("b", "a", "qcow2");
    host.refused(&host.at("in/a"), "qcow2", libc::EPERM, "leads back to");
    assert!(reach(&host.at("in/a"), "qcow2").is_empty());
    for n in 0..300 {
        let below = if n == 0 { "base.img".to_owned() } else { format!("chain{}", n - 1) };
        std::fs::copy(overlay(&host, &below), host.at("in").join(format!("chain{n}"))).unwrap();
    }
    host.refused(&host.at("in/chain299"), "qcow2", libc::EPERM, "more than 256 layers");
}

/// A header by hand: `qemu-img` for each of hundreds takes its time.
fn overlay(host: &Host, backing: &str) -> PathBuf {
    let mut header = b"QFI\xfb\0\0\0\x02".to_vec();
    header.extend(200u64.to_be_bytes());
    header.extend((backing.len() as u32).to_be_bytes());
    header.extend(16u32.to_be_bytes());
    header.resize(72, 0);
    let format = if backing.ends_with(".img") { "raw" } else { "qcow2" };
    header.extend(0xe279_2acau32.to_be_bytes());
    header.extend((format.len() as u32).to_be_bytes());
    header.extend(format.as_bytes());
    header.resize(200, 0);
    header.extend(backing.as_bytes());
    header.resize(1 << 16, 0);
    let path = host.at("made");
    std::fs::write(&path, header).unwrap();
    path
}

#[test]
fn headers_of_qcow2() {
    let host = Host::new();
    let damaged = |what: &str, at: u64, bytes: &[u8], why: &str| {
        let path = host.over("top", "base.img", "raw");
        patch(&path, at, bytes);
        let fault = host.open(&path, "qcow2", false, &[]).err().unwrap_or_else(|| panic!("{what}"));
        assert!(fault.why.contains(why), "{what}: {}", fault.why);
    };
    damaged("magic", 0, b"QFX", "not in the format qcow2");
    damaged("version", 4, &9u32.to_be_bytes(), "version");
    damaged("clusters", 20, &63u32.to_be_bytes(), "cluster size");
    damaged("a name beyond the first cluster", 8, &(1u64 << 40).to_be_bytes(), "outside the header");
    damaged("a long name", 16, &5000u32.to_be_bytes(), "too long");
    damaged("a header without end", 100, &u32::MAX.to_be_bytes(), "length of its header");
    damaged("an extension without end", 116, &u32::MAX.to_be_bytes(), "longer than the header");
    damaged("a data file without a name", 72, &4u64.to_be_bytes(), "does not name its data file");
    // The extension that says the format made into one that nobody knows.
    damaged("a format unsaid", 112, &0x1234_5678u32.to_be_bytes(), "does not say in which format");
    let path = host.over("top", "base.img", "raw");
    File::options().write(true).open(&path).unwrap().set_len(60).unwrap();
    host.refused(&path, "qcow2", libc::EINVAL, "cut short");
    // A name ends where C ends it.
    let path = host.over("top", "base.imgXXX", "raw");
    patch(&path, find(&path, b"XXX"), b"\0XX");
    host.taken(&path, "qcow2", 2);
}

#[test]
fn data_files() {
    let host = Host::new();
    let path = host.make("top", "qcow2", &["-o", "data_file=%/in/data"]);
    host.taken(&path, "qcow2", 2);
    assert_eq!(all(&host.open(&path, "qcow2", true, &[]).unwrap()), [true, true]);
    let path = host.make("top", "qcow2", &["-o", "data_file=data"]);
    host.taken(&path, "qcow2", 2);
    let path = host.make("top", "qcow2", &["-o", "data_file=%/out/data,data_file_raw=on"]);
    host.refused(&path, "qcow2", libc::EPERM, OUTSIDE);
    assert_eq!(reach(&path, "qcow2"), [host.at("out/data").to_str().unwrap()]);
    // Without the feature bit the name means nothing.
    patch(&path, 72, &0u64.to_be_bytes());
    host.taken(&path, "qcow2", 1);
}

#[test]
fn vmdks() {
    let host = Host::new();
    let parent = |name: &str| host.make("child", "vmdk", &["-b", name, "-F", "vmdk"]);
    host.make("mono", "vmdk", &[]);
    host.taken(&parent("mono"), "vmdk", 2);
    let child = parent("mono");
    let at = find(&child, b"parentFileNameHint=\"mono\"") + 20;
    patch(&child, at, b"/etc\"");
    host.refused(&child, "vmdk", libc::EPERM, OUTSIDE);
    assert_eq!(reach(&child, "vmdk"), ["/etc"]);
    patch(&child, at, b"/////");
    host.refused(&child, "vmdk", libc::EINVAL, "name of its parent");
    // A header of no size would have qemu read the names of extents.
    let mono = host.at("in/mono");
    patch(&mono, 12, &0u64.to_le_bytes());
    host.refused(&mono, "vmdk", libc::EINVAL, "says that it is a descriptor");

    for kind in ["monolithicFlat", "twoGbMaxExtentFlat", "twoGbMaxExtentSparse"] {
        let path = host.make(&format!("{kind}.vmdk"), "vmdk", &["-o", &format!("subformat={kind}")]);
        host.taken(&path, "vmdk", 2);
        let fault = host.open(&path, "vmdk", true, &[]).unwrap_err();
        assert_eq!(fault.errno, libc::ENOTSUP, "{}", fault.why);
        let top = host.open(&path, "vmdk", false, &[]).unwrap();
        let text = String::from_utf8(top[0].extents.as_ref().unwrap().0.text(&["/dev/fdset/9".into()])).unwrap();
        let named = text.lines().filter(|l| l.starts_with("RW ") && l.contains("\"/dev/fdset/9\"")).count();
        assert_eq!(named, 1, "{text}");
    }
    let path = host.at("in/monolithicFlat.vmdk");
    let good = std::fs::read_to_string(&path).unwrap();
    for (from, to, errno, why) in [
        ("monolithicFlat-flat.vmdk", "/etc/passwd", libc::EPERM, OUTSIDE),
        ("monolithicFlat-flat.vmdk", "../out/base.img", libc::EPERM, OUTSIDE),
        ("monolithicFlat-flat.vmdk", "nbd:h:1", libc::EPERM, "is not a file"),
        ("monolithicFlat-flat.vmdk", "none", libc::ENOENT, "cannot be found"),
        ("RW 2048 FLAT", "RDONLY 2048 FLAT", libc::EINVAL, "not understood"),
        ("RW 2048 FLAT", "RW 2048 ZERO", libc::EINVAL, "not understood"),
        ("RW 2048 FLAT", "RW -1 FLAT", libc::EINVAL, "not understood"),
        ("RW 2048 FLAT", "RW 2048 SPARSE", libc::EINVAL, "no header"),
        ("\"monolithicFlat\"", "\"custom\"", libc::EINVAL, "kind of VMDK"),
        ("\nCID=", "\nCID=zzz", libc::EINVAL, "content ID"),
        ("# Disk DescriptorFile", "# Something else here", libc::EINVAL, "not in the format vmdk"),
    ] {
        assert!(good.contains(from), "{good}");
        std::fs::write(&path, good.replace(from, to)).unwrap();
        host.refused(&path, "vmdk", errno, why);
    }
    std::fs::write(&path, good.replace("monolithicFlat-flat.vmdk", "/etc/passwd")).unwrap();
    assert_eq!(reach(&path, "vmdk"), ["/etc/passwd"]);
    let many = "RW 1 FLAT \"base.img\" 0\n".repeat(300);
    std::fs::write(&path, good.replace("# Extent", &format!("{many}# Extent"))).unwrap();
    host.refused(&path, "vmdk", libc::EINVAL, "too many extents");
}

#[test]
fn older_formats_and_other_hypervisors() {
    let host = Host::new();
    let path = host.make("top", "qcow", &["-b", "base.img", "-F", "raw"]);
    host.refused(&path, "qcow", libc::EPERM, "does not say in which format");
    let path = host.make("top", "qed", &["-b", "base.img", "-F", "raw"]);
    host.taken(&path, "qed", 2);
    patch(&path, 16, &1u64.to_le_bytes());
    host.refused(&path, "qed", libc::EPERM, "does not say in which format");
    let path = host.make("top", "qed", &["-b", "../out/base.img", "-F", "raw"]);
    host.refused(&path, "qed", libc::EPERM, OUTSIDE);

    let path = host.make("top", "vhdx", &[]);
    let guid = b"\x37\x67\xa1\xca\x36\xfa\x43\x4d\xb3\xb6\x33\xf0\xaa\x44\xe7\x6b";
    let item = find(&path, guid);
    let bytes = std::fs::read(&path).unwrap();
    let table = item / (64 << 10) * (64 << 10);
    let offset = u32::from_le_bytes(bytes[item as usize + 16..item as usize + 20].try_into().unwrap());
    patch(&path, table + u64::from(offset) + 4, &2u32.to_le_bytes());
    host.refused(&path, "vhdx", libc::EPERM, "difference to a parent");
    patch(&path, item, b"none");
    host.refused(&path, "vhdx", libc::EINVAL, "metadata");

    let path = host.make("top", "vpc", &[]);
    patch(&path, 60, &4u32.to_be_bytes());
    host.refused(&path, "vpc", libc::EPERM, "difference to a parent");
    let path = host.make("top", "vdi", &[]);
    patch(&path, 0x1b8, &[1]);
    host.refused(&path, "vdi", libc::EPERM, "difference to a parent");
    patch(&path, 0x40, &[0]);
    host.refused(&path, "vdi", libc::EINVAL, "not in the format vdi");
}
