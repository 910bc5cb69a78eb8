//! Disk images on the host: create, detect the format, read the virtual size.
//!
//! In: host paths and options. Out: files, or facts that `qemu-img` found — run with tight resource
//! limits, because the image may be hostile.

use crate::child::{environment, output, Limits, Spec, Wanted};
use crate::drive::{self, Trust};
use crate::error::{Error, ErrorKind, Result};
use crate::handle::Handle;
use crate::image;
use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::opts::DiskCreateOpts;
use rustix::fs::{FallocateFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use serde::Deserialize;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// `qemu-img info` on a sane image needs a fraction of both (upstream's limits: CVE-2014-0143 ff.).
const INFO_LIMITS: Limits = Limits { cpu: 10, memory: 1 << 30 };
/// Longest output read: a list of snapshots can be long.
const INFO_OUTPUT: usize = 4 << 20;

pub(crate) fn disk_create(g: &Handle, filename: &BStr, format: &BStr, size: i64, opts: &DiskCreateOpts) -> Result<()> {
    match opts.backingfile {
        None if size <= 0 => return Err(Error::usage(format!("invalid size: {size}"))),
        Some(_) if size >= 0 => return Err(Error::usage("if using a backing file, size must be passed as -1")),
        _ => {}
    }
    match format.as_bytes() {
        b"raw" => create_raw(filename, size, opts),
        b"qcow2" => create_qcow2(g, filename, size, opts),
        _ => Err(Error::usage(format!("unsupported format '{format}'")).with_help("use raw or qcow2")),
    }
}

fn bad_value(option: &str, value: impl std::fmt::Display) -> Error {
    Error::usage(format!("invalid value for {option} parameter '{value}'"))
}

fn create_raw(filename: &BStr, size: i64, opts: &DiskCreateOpts) -> Result<()> {
    let refuse = |name: &str| Err(Error::usage(format!("{name} parameter cannot be used with raw format")));
    if opts.backingfile.is_some() || opts.backingformat.is_some() {
        return refuse("backingfile");
    }
    if opts.compat.is_some() {
        return refuse("compat");
    }
    if opts.clustersize.is_some() {
        return refuse("clustersize");
    }
    let full = match opts.preallocation.as_ref().map(|p| p.as_slice()) {
        None | Some(b"off" | b"sparse") => false,
        Some(b"full") => true,
        Some(other) => return Err(bad_value("preallocation", other.as_bstr())),
    };
    let failed = |e: Errno| Error::io(format!("cannot create raw file: {filename}"), e.into());
    // Not O_TRUNC on a device: its size is given, and only checked.
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOCTTY | OFlags::CLOEXEC;
    let fd = rustix::fs::open(filename.as_bytes(), flags, Mode::from_raw_mode(0o666)).map_err(failed)?;
    let stat = rustix::fs::fstat(&fd).map_err(failed)?;
    let size = size.unsigned_abs();
    if FileType::from_raw_mode(stat.st_mode) == FileType::BlockDevice {
        let have = File::from(fd).seek(std::io::SeekFrom::End(0)).unwrap_or(0);
        return if have >= size {
            Ok(())
        } else {
            Err(Error::usage(format!("{filename}: the block device has {have} bytes, {size} were asked for"))
                .with_errno(libc::ENOSPC))
        };
    }
    rustix::fs::ftruncate(&fd, 0).and_then(|()| rustix::fs::ftruncate(&fd, size)).map_err(failed)?;
    if full {
        allocate(File::from(fd), size)
            .map_err(|e| Error::io(format!("{filename}: cannot allocate {size} bytes"), e))?;
    }
    Ok(())
}

/// Give every byte its place on the disk; where the file system cannot, by writing zeroes.
fn allocate(mut file: File, size: u64) -> std::io::Result<()> {
    if size == 0 {
        return Ok(());
    }
    match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, size) {
        Ok(()) => Ok(()),
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
            std::io::copy(&mut std::io::repeat(0).take(size), &mut file)?;
            file.flush()
        }
        Err(e) => Err(e.into()),
    }
}

fn create_qcow2(g: &Handle, filename: &BStr, size: i64, opts: &DiskCreateOpts) -> Result<()> {
    let mut settings = Vec::new();
    match opts.preallocation.as_ref().map(|p| p.as_slice()) {
        None => {}
        Some(b"off" | b"sparse") => settings.push("preallocation=off".to_owned()),
        Some(b"metadata") => settings.push("preallocation=metadata".to_owned()),
        Some(b"full") => settings.push("preallocation=full".to_owned()),
        Some(other) => return Err(bad_value("preallocation", other.as_bstr())),
    }
    match opts.compat.as_ref().map(|c| c.as_slice()) {
        None => {}
        Some(v @ (b"0.10" | b"1.1")) => settings.push(format!("compat={}", v.as_bstr())),
        Some(other) => return Err(bad_value("compat", other.as_bstr())),
    }
    if let Some(n) = opts.clustersize {
        if !(512..=2_097_152).contains(&n) || n.count_ones() != 1 {
            return Err(bad_value("clustersize", n));
        }
        settings.push(format!("cluster_size={n}"));
    }
    if opts.backingformat.is_some() && opts.backingfile.is_none() {
        return Err(Error::usage("backingformat parameter cannot be used without backingfile"));
    }
    let mut spec = Spec::new("qemu-img", environment::QEMU).args(["create", "-q", "-f", "qcow2"]);
    if let Some(backing) = &opts.backingfile {
        let format = match &opts.backingformat {
            Some(format) if is_format_name(format) => format.clone(),
            Some(_) => return Err(Error::usage("backingformat parameter is empty or contains disallowed characters")),
            // A guess, as in upstream; the manual says why the format should be given.
            None => g.disk_format(beside(filename, backing).as_os_str().as_bytes())?,
        };
        if let Trust::Contained { folders } = g.props.lock().trust() {
            // qemu-img opens it, and what it names.
            let path = std::path::absolute(beside(filename, backing)).map_err(|e| Error::io(backing.as_slice(), e))?;
            contained(backing.as_bstr(), &path, &format.to_str_lossy(), &folders)?;
            spec.dir = folder(&path);
        }
        spec = spec.arg("-b").arg(OsStr::from_bytes(backing)).arg("-F").arg(OsStr::from_bytes(&format));
    }
    if !settings.is_empty() {
        spec = spec.arg("-o").arg(settings.join(","));
    }
    spec = spec.arg("--").arg(safe_name(filename)?);
    if size >= 0 {
        spec = spec.arg(size.to_string());
    }
    run(g, spec, &format!("qemu-img: {filename}")).map(drop)
}

/// Format names as qemu spells them: nothing that could be read as another option.
pub(crate) fn is_format_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// A relative backing file is looked for beside the image, not in the current directory.
fn beside(filename: &BStr, backing: &BString) -> PathBuf {
    let parent = Path::new(OsStr::from_bytes(filename)).parent().unwrap_or(Path::new(""));
    parent.join(OsStr::from_bytes(backing))
}

/// An absolute path: qemu would take `nbd:…` or `json:…` for something else.
fn safe_name(filename: &BStr) -> Result<OsString> {
    if filename.contains(&0) {
        return Err(Error::usage("a file name contains a NUL byte"));
    }
    std::path::absolute(OsStr::from_bytes(filename))
        .map(PathBuf::into_os_string)
        .map_err(|e| Error::io(filename.as_bytes(), e))
}

#[derive(Deserialize)]
struct Info {
    format: Option<String>,
    #[serde(rename = "virtual-size")]
    virtual_size: Option<i64>,
    #[serde(rename = "backing-filename")]
    backing_filename: Option<String>,
}

fn info(g: &Handle, filename: &BStr) -> Result<Info> {
    let path = safe_name(filename)?;
    // Its own message names the file and the reason; qemu-img's is longer.
    let file = File::open(&path).map_err(|e| Error::io(filename.as_bytes(), e))?;
    // -U: also while another process writes it.
    let mut spec = Spec::new("qemu-img", environment::QEMU).args(["info", "-U", "--output", "json"]);
    spec.limits = Some(INFO_LIMITS);
    if let Trust::Contained { folders } = g.props.lock().trust() {
        let format = drive::probe_file(&file, Path::new(&path)).map_err(|e| Error::io(filename.as_bytes(), e))?;
        contained(filename, Path::new(&path), format, &folders)?;
        // As it was looked at: in another format it could name something else.
        spec = spec.arg("-f").arg(format);
        spec.dir = folder(Path::new(&path));
    }
    let spec = spec.arg("--").arg(path);
    let output = run(g, spec, &format!("qemu-img info: {filename}"))?;
    serde_json::from_slice(&output).map_err(|e| {
        Error::new(ErrorKind::Tool, format!("qemu-img info: {filename}: its output is not understood: {e}"))
            .with_cause(e)
    })
}

/// qemu-img opens the data file of an image that it only looks at.
fn contained(filename: &BStr, path: &Path, format: &str, folders: &[PathBuf]) -> Result<()> {
    let opened = image::open(image::Wanted { path, format, writable: false, folders: Some(folders) });
    opened.map(drop).map_err(|fault| {
        Error::new(ErrorKind::Usage, format!("{filename}: {}", fault.why)).with_errno(fault.errno).with_help(fault.help)
    })
}

/// Where qemu-img is to run, so that it looks for a data file with a relative name where [`contained`] did.
fn folder(image: &Path) -> Option<PathBuf> {
    image.canonicalize().ok()?.parent().map(Path::to_owned)
}

fn missing(what: &str, filename: &BStr) -> Error {
    Error::new(ErrorKind::Tool, format!("qemu-img info: {filename}: its output has no {what}"))
}

pub(crate) fn disk_format(g: &Handle, filename: &BStr) -> Result<BString> {
    info(g, filename)?.format.map(BString::from).ok_or_else(|| missing("format", filename))
}

pub(crate) fn disk_virtual_size(g: &Handle, filename: &BStr) -> Result<i64> {
    info(g, filename)?.virtual_size.filter(|n| *n >= 0).ok_or_else(|| missing("virtual size", filename))
}

/// Whether the image names another below it, which need not exist.
pub(crate) fn has_backing_file(g: &Handle, filename: &BStr) -> Result<bool> {
    Ok(info(g, filename)?.backing_filename.is_some())
}

/// Run a tool and return its bounded standard output.
fn run(g: &Handle, spec: Spec, what: &str) -> Result<Vec<u8>> {
    g.note(format!("command: {}", spec.shown()).as_bytes());
    let wanted = Wanted { most: INFO_OUTPUT, limit: None, go_on: &|| !g.is_cancelled() };
    let output = output(spec, &wanted).map_err(|e| {
        if e.raw_os_error() == Some(libc::ECANCELED) {
            let text = format!("{what}: operation cancelled by user");
            return Error::new(ErrorKind::Cancelled, text).with_errno(libc::EINTR);
        }
        let help = match e.kind() {
            std::io::ErrorKind::NotFound => "install the package qemu-utils",
            _ => "see whether the program can be run by hand",
        };
        Error::io(format!("{what}: cannot run the program"), e).with_help(help)
    })?;
    if output.ok() {
        return Ok(output.stdout);
    }
    Err(Error::new(ErrorKind::Tool, format!("{what}: {}", output.complaint().as_bstr())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::handle;
    use std::os::unix::fs::MetadataExt;

    fn place() -> (tempfile::TempDir, impl Fn(&str) -> String) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_str().unwrap().to_owned();
        (dir, move |name: &str| format!("{path}/{name}"))
    }

    #[test]
    fn raw_images() {
        let (_dir, at) = place();
        let g = handle();
        g.disk_create(at("a"), "raw", 1 << 20, Default::default()).unwrap();
        let m = std::fs::metadata(at("a")).unwrap();
        assert_eq!((m.len(), m.blocks()), (1 << 20, 0));
        g.disk_create(at("a"), "raw", 4096, DiskCreateOpts::new().preallocation("full")).unwrap();
        let m = std::fs::metadata(at("a")).unwrap();
        assert_eq!((m.len(), m.blocks() > 0), (4096, true));
        assert_eq!(g.disk_format(at("a")).unwrap(), "raw");
        assert_eq!(g.disk_virtual_size(at("a")).unwrap(), 4096);
    }

    #[test]
    fn qcow2_images() {
        let (_dir, at) = place();
        let g = handle();
        let opts = DiskCreateOpts::new().compat("1.1").clustersize(4096).preallocation("metadata");
        g.disk_create(at("b a,s:e"), "qcow2", 10 << 20, opts).unwrap();
        assert_eq!(g.disk_format(at("b a,s:e")).unwrap(), "qcow2");
        assert_eq!(g.disk_virtual_size(at("b a,s:e")).unwrap(), 10 << 20);
        // The backing file is named relative to the image, and its format is found out.
        let over = DiskCreateOpts::new().backingfile(at("b a,s:e"));
        g.disk_create(at("over"), "qcow2", -1, over.clone().backingformat("qcow2")).unwrap();
        assert_eq!(g.disk_virtual_size(at("over")).unwrap(), 10 << 20);
        g.disk_create(at("over2"), "qcow2", -1, over).unwrap();
        g.disk_create(at("rel"), "qcow2", -1, DiskCreateOpts::new().backingfile("over2")).unwrap();
        assert_eq!(g.disk_virtual_size(at("rel")).unwrap(), 10 << 20);
        assert!(g.disk_has_backing_file(at("rel")).unwrap());
        assert!(!g.disk_has_backing_file(at("b a,s:e")).unwrap());
        std::fs::remove_file(at("over2")).unwrap();
        assert!(g.disk_has_backing_file(at("rel")).unwrap());
    }

    #[test]
    fn contained_images() {
        let (_dir, at) = place();
        let (g, open) = (handle(), handle());
        g.set_image_trust("contained").unwrap();
        let evil = DiskCreateOpts::new().backingfile("/etc/passwd").backingformat("raw");
        g.disk_create(at("evil"), "qcow2", -1, evil).unwrap();
        assert_eq!(g.disk_format(at("evil")).unwrap_err().errno(), libc::EPERM);
        assert_eq!(open.disk_format(at("evil")).unwrap(), "qcow2");
        g.disk_create(at("good"), "qcow2", 1 << 20, DiskCreateOpts::new()).unwrap();
        assert_eq!(g.disk_virtual_size(at("good")).unwrap(), 1 << 20);
        let over = DiskCreateOpts::new().backingfile("good").backingformat("qcow2");
        g.disk_create(at("over"), "qcow2", -1, over).unwrap();
        // The program names the file below, but not what that one names.
        let over = DiskCreateOpts::new().backingfile("evil").backingformat("qcow2");
        assert_eq!(g.disk_create(at("over2"), "qcow2", -1, over).unwrap_err().errno(), libc::EPERM);
        // Each of the formats that it seems to have is another one's.
        std::fs::copy(at("evil"), at("evil.dmg")).unwrap();
        std::fs::write(at("text"), "version=1\nRW 8 FLAT \"/etc/passwd\" 0\n").unwrap();
        assert_ne!(g.disk_format(at("evil.dmg")).ok(), Some("qcow2".into()));
        assert_eq!(g.disk_format(at("text")).unwrap(), "raw");
    }

    #[test]
    fn wrong_arguments() {
        let (_dir, at) = place();
        let g = handle();
        let o = DiskCreateOpts::new;
        let cases = [
            ("raw", -1, o(), "invalid size: -1"),
            ("raw", 10, o().compat("1.1"), "compat parameter cannot be used with raw format"),
            ("raw", 10, o().clustersize(512), "clustersize parameter cannot be used with raw format"),
            ("raw", 10, o().preallocation("metadata"), "invalid value for preallocation parameter 'metadata'"),
            ("raw", 10, o().backingfile("/x"), "if using a backing file, size must be passed as -1"),
            ("qcow2", -1, o(), "invalid size: -1"),
            ("qcow2", 10, o().compat("9"), "invalid value for compat parameter '9'"),
            ("qcow2", 10, o().clustersize(3), "invalid value for clustersize parameter '3'"),
            ("qcow2", 10, o().clustersize(-512), "invalid value for clustersize parameter '-512'"),
            ("vmdk", 10, o(), "unsupported format 'vmdk'"),
        ];
        for (format, size, opts, text) in cases {
            assert_eq!(g.disk_create(at("x"), format, size, opts).unwrap_err().message(), text);
        }
        let evil = o().backingfile("/x").backingformat("raw,size=1");
        g.disk_create(at("x"), "qcow2", -1, evil).unwrap_err();
        assert!(!Path::new(&at("x")).exists());
        let e = g.disk_create("/nonexistent/x", "raw", 1, o()).unwrap_err();
        assert_eq!(e.message(), "cannot create raw file: /nonexistent/x: No such file or directory");
        let e = g.disk_format(at("missing")).unwrap_err();
        assert_eq!(e.errno(), libc::ENOENT);
        // Not a protocol, not options: files of those names.
        assert_eq!(g.disk_format("json:{}").unwrap_err().errno(), libc::ENOENT);
        assert_eq!(g.disk_virtual_size("nbd:localhost:1").unwrap_err().errno(), libc::ENOENT);
    }
}
