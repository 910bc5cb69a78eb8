//! Drives: what is added to a handle.
//!
//! In: `add_drive`, `add_drive_ro`, `add_drive_scratch`, `remove_drive`. Out: checked [`Drive`]s on the
//! handle, which a backend turns into disks when the handle is launched, or at once when it is already.
//! Nothing is opened here but looked at: the hypervisor opens, and says what it does not like.

mod check;
mod list;
mod names;
mod old;
mod params;
mod probe;
mod remote;

pub use list::Drives;
pub(crate) use names::{device_index, device_name, max_disks, name};
pub(crate) use old::{add_cdrom, add_drive_ro_with_if, add_drive_with_if};
pub(crate) use params::config;
pub use probe::probe;
pub use remote::{Protocol, Remote, Server};

use crate::error::{Error, Result};
use crate::handle::{Handle, State};
use crate::launch::hotplug;
use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::opts::{AddDriveOpts, AddDriveScratchOpts};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// One drive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drive {
    /// Where its content is.
    pub source: Source,
    /// As qemu names formats; `None`: find out.
    pub format: Option<BString>,
    /// Writes go to an overlay that vanishes.
    pub readonly: bool,
    /// 1 to 20 ASCII letters.
    pub label: Option<BString>,
    /// What becomes of flushes.
    pub cachemode: CacheMode,
    /// What becomes of discards.
    pub discard: Discard,
    /// Keep what is read from a backing file in the overlay.
    pub copyonread: bool,
    /// Bytes in a sector: 512 or 4096; `None`: 512.
    pub blocksize: Option<u32>,
}

/// Where a drive's content is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file or block device of this host, absolute.
    File(PathBuf),
    /// A temporary disk of zeroes.
    Scratch {
        /// Bytes.
        size: u64,
    },
    /// `/dev/null`: a disk that nobody should read (guestfs(3), "NULL DISKS").
    Null,
    /// On a server.
    Remote(Remote),
}

impl Source {
    /// The file or block device of this host.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Source::File(path) => Some(path),
            _ => None,
        }
    }
}

/// What happens to the guest's flushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CacheMode {
    /// The guest's flushes reach the host's disk.
    #[default]
    Writeback,
    /// Flushes are ignored.
    Unsafe,
}

/// Whether the guest's discards reach the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Discard {
    /// They are ignored.
    #[default]
    Disable,
    /// It is an error when the image cannot do it.
    Enable,
    /// As far as the image can do it.
    BestEffort,
}

impl Drive {
    /// A writable drive with every option at its default.
    pub fn new(source: Source) -> Drive {
        Drive {
            source,
            format: None,
            readonly: false,
            label: None,
            cachemode: CacheMode::default(),
            discard: Discard::default(),
            copyonread: false,
            blocksize: None,
        }
    }

    /// The drive in words, for messages: its file's name or its address.
    pub fn describe(&self) -> BString {
        match &self.source {
            Source::File(path) => path.as_os_str().as_bytes().into(),
            Source::Scratch { size } => format!("scratch disk of {size} bytes").into(),
            Source::Null => "/dev/null".into(),
            Source::Remote(remote) => remote.describe(),
        }
    }

    /// The same with the options that are not at their default, in parentheses.
    fn to_line(&self) -> BString {
        let mut words: Vec<BString> = Vec::new();
        let mut word = |set: bool, word: &str| words.extend(set.then(|| word.into()));
        word(self.readonly, "readonly");
        word(self.cachemode == CacheMode::Unsafe, "cachemode=unsafe");
        word(self.discard == Discard::Enable, "discard=enable");
        word(self.discard == Discard::BestEffort, "discard=besteffort");
        word(self.copyonread, "copyonread");
        let named = [("label", &self.label), ("format", &self.format)];
        for (name, value) in named.into_iter().filter_map(|(n, v)| Some((n, v.as_ref()?))) {
            words.insert(0, format!("{name}={value}").into());
        }
        words.extend(self.blocksize.map(|size| format!("blocksize={size}").into()));
        let mut line = self.describe();
        if !words.is_empty() {
            line.extend_from_slice(&[b" (", bstr::join(" ", words).as_slice(), b")"].concat());
        }
        line
    }
}

/// A line about each, for people.
pub(crate) fn debug_drives(g: &Handle) -> Result<Vec<BString>> {
    Ok(g.drives().iter().map(|(_, drive)| drive.to_line()).collect())
}

pub(crate) fn disk_has_backing_file(g: &Handle, filename: &BStr) -> Result<bool> {
    crate::disks::has_backing_file(g, filename)
}

pub(crate) fn add_drive(g: &Handle, filename: &BStr, opts: &AddDriveOpts) -> Result<()> {
    let drive = from_options(filename, opts)?;
    push(g, drive)
}

pub(crate) fn add_drive_ro(g: &Handle, filename: &BStr) -> Result<()> {
    add_drive(g, filename, &AddDriveOpts::new().readonly(true))
}

pub(crate) fn add_drive_scratch(g: &Handle, size: i64, opts: &AddDriveScratchOpts) -> Result<()> {
    let bytes = u64::try_from(size).ok().filter(|s| *s > 0);
    let size = bytes.ok_or_else(|| Error::usage(format!("{size}: not a size for a disk: it must be more than 0")))?;
    let mut drive = Drive::new(Source::Scratch { size });
    drive.format = Some("raw".into());
    drive.cachemode = CacheMode::Unsafe;
    drive.label = opts.label.as_ref().map(check::label).transpose()?;
    drive.blocksize = opts.blocksize.map(check::blocksize).transpose()?.flatten();
    push(g, drive)
}

fn push(g: &Handle, drive: Drive) -> Result<()> {
    // For the API this is a call that does not wait; with a running machine it does.
    let _lock = g.enter_call();
    let index = {
        let drives = g.drives();
        if let Some(label) = drive.label.as_ref().filter(|l| drives.labelled(l.as_bstr()).is_some()) {
            return Err(Error::usage(format!("label {label}: another drive has it already")));
        }
        drives.free()
    };
    match g.state() {
        State::Config => {}
        State::Launching => return Err(while_launching()),
        State::Ready => hotplug::add(g, index, &drive)?,
    }
    g.drives().insert(index, drive);
    Ok(())
}

pub(crate) fn remove_drive(g: &Handle, label: &BStr) -> Result<()> {
    let _lock = g.enter_call();
    let index = g.drives().labelled(label);
    let index = index.ok_or_else(|| {
        Error::usage(format!("label {label}: no drive has it"))
            .with_errno(libc::ENOENT)
            .with_help("only drives that were added with a label can be removed")
    })?;
    match g.state() {
        // Nobody has seen a name yet.
        State::Config => g.drives().cut(index),
        State::Launching => return Err(while_launching()),
        State::Ready => {
            hotplug::remove(g, index)?;
            g.drives().remove(index);
        }
    }
    Ok(())
}

fn while_launching() -> Error {
    Error::usage("drives cannot be added or removed while launch is running")
        .with_help("do it before launch is called, or after it has returned")
}

/// Check everything that can be checked without starting anything.
fn from_options(filename: &BStr, opts: &AddDriveOpts) -> Result<Drive> {
    let format = opts.format.as_ref().map(|f| check::word("format", f)).transpose()?;
    if let Some(iface) = &opts.iface {
        check::word("iface", iface)?;
    }
    let label = opts.label.as_ref().map(check::label).transpose()?;
    let cachemode = opts.cachemode.as_ref().map(check::cachemode).transpose()?.unwrap_or_default();
    let discard = opts.discard.as_ref().map(check::discard).transpose()?.unwrap_or_default();
    let blocksize = opts.blocksize.map(check::blocksize).transpose()?.flatten();
    let readonly = opts.readonly.unwrap_or(false);
    if readonly && discard == Discard::Enable {
        return Err(Error::usage("discard cannot be enabled on a read-only drive"));
    }
    let protocol = opts.protocol.as_ref().map_or(BStr::new("file"), |p| BStr::new(p.as_slice()));
    let source = if protocol == "file" {
        remote::refuse_for_files(opts)?;
        file(filename, format.as_ref())?
    } else {
        Source::Remote(Remote::new(protocol, filename, opts)?)
    };
    Ok(Drive {
        source,
        format,
        readonly,
        label,
        cachemode,
        discard,
        copyonread: opts.copyonread.unwrap_or(false),
        blocksize,
    })
}

/// The absolute path of something that can be a disk.
fn file(filename: &BStr, format: Option<&BString>) -> Result<Source> {
    if filename == "/dev/null" {
        return match format {
            Some(f) if f != "raw" => Err(Error::usage("/dev/null: its format is raw, no other")),
            _ => Ok(Source::Null),
        };
    }
    let path = Path::new(OsStr::from_bytes(filename));
    let absolute = std::path::absolute(path).map_err(|e| Error::io(filename.to_vec(), e))?;
    let meta = path.metadata().map_err(|e| Error::io(filename.to_vec(), e))?;
    let kind = meta.file_type();
    if kind.is_dir() {
        return Err(Error::usage(format!("{filename}: is a directory, not a disk image")).with_errno(libc::EISDIR));
    }
    if !kind.is_file() && !kind.is_block_device() {
        return Err(Error::usage(format!("{filename}: neither a regular file nor a block device")));
    }
    Ok(Source::File(absolute))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> tempfile::NamedTempFile {
        tempfile::NamedTempFile::with_prefix("a image, with:odd=name").unwrap()
    }

    fn refused(opts: AddDriveOpts, why: &str) {
        let file = image();
        let g = Handle::create(crate::CreateFlags { no_environment: true, ..Default::default() }).unwrap();
        let e = g.add_drive(file.path().as_os_str().as_bytes(), opts).unwrap_err();
        assert!(e.message().to_string().contains(why), "{why}: {}", e.message());
        assert_eq!(e.errno(), libc::EINVAL, "{why}");
        assert!(g.drives().is_empty());
    }

    #[test]
    fn wrong_options() {
        let o = AddDriveOpts::new;
        refused(o().format("q.2"), "format");
        refused(o().format(""), "format");
        refused(o().iface("a b"), "iface");
        for label in ["", "abc1", "a-b", "abcdefghijklmnopqrstu"] {
            refused(o().label(label), "label");
        }
        refused(o().cachemode("none"), "cachemode");
        refused(o().discard("yes"), "discard");
        refused(o().discard("enable").readonly(true), "read-only");
        for size in [1, 511, 1024, -512] {
            refused(o().blocksize(size), "blocksize");
        }
        refused(o().server(["h"]), "server");
        refused(o().username("u"), "username");
        refused(o().secret("s"), "secret");
        refused(o().protocol("gopher"), "protocol");
    }

    #[test]
    fn right_options() {
        let file = image();
        let g = Handle::create(crate::CreateFlags { no_environment: true, ..Default::default() }).unwrap();
        let name = file.path().as_os_str().as_bytes();
        let all = AddDriveOpts::new()
            .readonly(true)
            .format("qcow2")
            .iface("virtio")
            .name("anything at all")
            .label("abcdefghijklmnopqrst")
            .protocol("file")
            .cachemode("unsafe")
            .discard("besteffort")
            .copyonread(true)
            .blocksize(4096);
        g.add_drive(name, all.clone()).unwrap();
        let drives = g.drives().clone();
        let (_, drive) = drives.iter().next().unwrap();
        assert_eq!(drives.len(), 1);
        assert_eq!(drive.source, Source::File(file.path().to_owned()));
        assert_eq!((drive.cachemode, drive.discard), (CacheMode::Unsafe, Discard::BestEffort));
        assert!(drive.readonly && drive.copyonread && drive.blocksize == Some(4096));
        let e = g.add_drive(name, all).unwrap_err();
        assert!(e.message().to_string().contains("another drive has it"), "{e}");
    }

    #[test]
    fn lines_for_people() {
        let mut drive = Drive::new(Source::Null);
        assert_eq!(drive.to_line(), "/dev/null");
        drive = Drive { readonly: true, format: Some("raw".into()), label: Some("x".into()), ..drive };
        drive = Drive { discard: Discard::BestEffort, copyonread: true, blocksize: Some(512), ..drive };
        assert_eq!(
            drive.to_line(),
            "/dev/null (format=raw label=x readonly discard=besteffort copyonread blocksize=512)"
        );
        let g = Handle::create(crate::CreateFlags { no_environment: true, ..Default::default() }).unwrap();
        let opts = AddDriveOpts::new().protocol("ssh").server(["h"]).username("user").secret("hidden");
        g.add_drive("/disk", opts).unwrap();
        let lines = g.debug_drives().unwrap();
        assert!(!lines.iter().any(|l| l.contains_str("hidden")), "{lines:?}");
    }

    #[test]
    fn what_is_no_disk() {
        let g = Handle::create(crate::CreateFlags { no_environment: true, ..Default::default() }).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing");
        let e = g.add_drive_ro(missing.as_os_str().as_bytes()).unwrap_err();
        assert_eq!(e.errno(), libc::ENOENT);
        assert!(e.message().ends_with(b"missing: No such file or directory"), "{e}");
        assert_eq!(g.add_drive_ro(dir.path().as_os_str().as_bytes()).unwrap_err().errno(), libc::EISDIR);
        assert_eq!(g.add_drive_ro("/dev/zero").unwrap_err().errno(), libc::EINVAL);
        g.add_drive("/dev/null", AddDriveOpts::new().readonly(true)).unwrap();
        assert!(g.add_drive("/dev/null", AddDriveOpts::new().format("qcow2")).is_err());
        for size in [0, -1, i64::MIN] {
            assert!(g.add_drive_scratch(size, AddDriveScratchOpts::new()).is_err());
        }
        g.add_drive_scratch(1, AddDriveScratchOpts::new().label("x").blocksize(512)).unwrap();
        let kinds: Vec<Source> = g.drives().iter().map(|(_, d)| d.source.clone()).collect();
        assert_eq!(kinds, [Source::Null, Source::Scratch { size: 1 }]);
    }
}
