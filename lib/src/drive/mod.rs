//! Drives as data: what is attached to a machine.
//!
//! In: the options of `add_drive`. Out: checked [`Drive`]s. No handle and no hypervisor are known here;
//! nothing is opened but looked at: the hypervisor opens, and says what it does not like.

mod check;
mod list;
mod name;
mod options;
mod probe;
mod remote;

pub use list::Drives;
pub(crate) use name::{name, number};
pub(crate) use options::{from_options, scratch};
pub use probe::{probe, probe_file};
pub use remote::{Protocol, Remote, Server};

use bstr::BString;
use std::os::unix::ffi::OsStrExt;
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
    /// How far the image is trusted. The handle's policy when the drive is attached.
    pub trust: Trust,
}

/// What an image may reach on this host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Trust {
    /// Whatever it names.
    #[default]
    Trusted,
    /// Files in its own folder and these.
    Contained {
        /// Absolute.
        folders: Vec<PathBuf>,
    },
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
            trust: Trust::default(),
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

    /// The drive and its options in one line, in the form that upstream's programs and their tests know:
    /// `NAME [readonly] [format=F] protocol=P [label=L] [cache=C] [discard=D] [copyonread] [blocksize=B]`.
    pub(crate) fn to_line(&self) -> BString {
        let (mut line, protocol) = match &self.source {
            Source::Remote(remote) => (remote.name.clone(), remote.protocol.name()),
            _ => (self.describe(), "file"),
        };
        let mut word = |word: &str, value: &[u8]| line.extend_from_slice(&[b" ", word.as_bytes(), value].concat());
        if self.readonly {
            word("readonly", b"");
        }
        if let Some(format) = &self.format {
            word("format=", format);
        }
        word("protocol=", protocol.as_bytes());
        if let Some(label) = &self.label {
            word("label=", label);
        }
        if self.cachemode == CacheMode::Unsafe {
            word("cache=", b"unsafe");
        }
        match self.discard {
            Discard::Disable => {}
            Discard::Enable => word("discard=", b"enable"),
            Discard::BestEffort => word("discard=", b"besteffort"),
        }
        if self.copyonread {
            word("copyonread", b"");
        }
        if let Some(size) = self.blocksize {
            word("blocksize=", size.to_string().as_bytes());
        }
        line
    }
}
