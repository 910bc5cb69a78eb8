//! What an appliance was built from and what is in it: `manifest.json` beside its files.
//!
//! In: the result of a build. Out: JSON, and back; whether the host has changed since; the short text
//! that the daemon finds at `/etc/guestfs-rs/appliance`.

use super::digest::Stamp;
use super::hostfs::HostFs;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

/// Raised whenever the meaning of a manifest or the layout of an appliance changes.
pub const FORMAT: u32 = 2;

/// The files of an appliance, in a fixed order.
pub const FILES: [&str; 3] = ["kernel", "initrd", "root"];

/// The facts of one appliance.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`] when it was built.
    pub format: u32,
    /// Version of the library that built it.
    pub version: String,
    /// Digest over what was asked for; see `build::Request`.
    pub request: String,
    /// Release of its kernel.
    pub kernel_release: String,
    /// `squashfs` or `ext4`.
    pub root_type: String,
    /// Size and SHA-256 of each file in [`FILES`].
    pub files: BTreeMap<String, FileFacts>,
    /// Host files that went in.
    pub inputs: Vec<(PathBuf, Stamp)>,
    /// Programs that were wanted and not there.
    pub absent_programs: BTreeSet<String>,
    /// Libraries that were wanted and not there.
    pub absent_libraries: BTreeSet<String>,
    /// Every option group of the API, and why it is off, if it is.
    pub groups: BTreeMap<String, Option<String>>,
    /// Tools left out: name → reason.
    pub missing: BTreeMap<String, String>,
    /// Tools that are in it.
    pub tools: BTreeSet<String>,
}

/// By which a file of an appliance is checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// Bytes.
    pub size: u64,
    /// Lower-case hexadecimal digits.
    pub sha256: String,
}

impl Manifest {
    /// Read `manifest.json` from an appliance's directory.
    pub fn read(dir: &Path) -> Result<Manifest, String> {
        let path = dir.join("manifest.json");
        let data =
            super::entry::read(&path).map_err(|e| format!("{}: {}", path.display(), crate::error::io_text(&e)))?;
        let manifest: Manifest = serde_json::from_slice(&data).map_err(|e| format!("{}: {e}", path.display()))?;
        if manifest.format != FORMAT {
            return Err(format!("{}: made by another version of the library", path.display()));
        }
        Ok(manifest)
    }

    /// Why the host no longer gives this appliance: a changed input or a tool that has appeared.
    pub fn stale(&self) -> Option<String> {
        for (path, stamp) in &self.inputs {
            if Stamp::of(path).ok().as_ref() != Some(stamp) {
                return Some(format!("{} has changed", path.display()));
            }
        }
        let mut host = HostFs::new();
        if let Some(name) = self.absent_programs.iter().find(|n| host.program(n).is_some()) {
            return Some(format!("{name} is now installed"));
        }
        if let Some(name) = self.absent_libraries.iter().find(|n| host.library(n, &[]).is_some()) {
            return Some(format!("library {name} is now installed"));
        }
        None
    }

    /// For the daemon: one line a fact; `group NAME on|off REASON`, `missing TOOL REASON`.
    pub fn for_daemon(&self) -> String {
        let mut text = format!("format {FORMAT}\nversion {}\nkernel {}\n", self.version, self.kernel_release);
        for (name, off) in &self.groups {
            let _ = match off {
                None => writeln!(text, "group {name} on"),
                Some(why) => writeln!(text, "group {name} off {why}"),
            };
        }
        for (name, why) in &self.missing {
            let _ = writeln!(text, "missing {name} {why}");
        }
        text
    }
}

/// Whether the host has changed, which is found out while something else is done.
#[derive(Debug)]
pub struct Checking(Result<JoinHandle<Option<String>>, Option<String>>);

impl Checking {
    /// Begin with [`Manifest::stale`].
    pub fn of(manifest: Manifest) -> Checking {
        let manifest = Arc::new(manifest);
        let shared = Arc::clone(&manifest);
        let check = move || {
            crate::child::block_signals();
            shared.stale()
        };
        let thread = std::thread::Builder::new().name("guestfs-stale".into()).spawn(check);
        Checking(thread.map_err(|_| manifest.stale()))
    }

    /// What it comes to.
    pub fn end(self) -> Option<String> {
        match self.0 {
            Ok(thread) => thread.join().unwrap_or_else(|_| Some("the check of its parts failed".into())),
            Err(stale) => stale,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staleness() {
        let dir = tempfile::tempdir().unwrap();
        let tool = dir.path().join("tool");
        std::fs::write(&tool, "1").unwrap();
        let mut manifest = Manifest { inputs: vec![(tool.clone(), Stamp::of(&tool).unwrap())], ..Manifest::default() };
        manifest.absent_programs.insert("no-such-program".into());
        assert_eq!(manifest.stale(), None);
        assert_eq!(Checking::of(manifest.clone()).end(), None);
        manifest.absent_programs.insert("mount".into());
        assert!(manifest.stale().unwrap().contains("mount is now installed"));
        manifest.absent_programs.clear();
        std::fs::write(&tool, "22").unwrap();
        assert!(manifest.stale().unwrap().contains("has changed"));
        assert_eq!(Checking::of(manifest.clone()).end(), manifest.stale());
        std::fs::remove_file(&tool).unwrap();
        assert!(manifest.stale().is_some());
    }

    #[test]
    fn text_for_the_daemon() {
        let mut manifest = Manifest::default();
        manifest.groups.insert("lvm2".into(), None);
        manifest.groups.insert("xfs".into(), Some("mkfs.xfs not found (package xfsprogs)".into()));
        let text = manifest.for_daemon();
        assert!(text.contains("\ngroup lvm2 on\n"));
        assert!(text.contains("\ngroup xfs off mkfs.xfs not found (package xfsprogs)\n"));
    }
}
