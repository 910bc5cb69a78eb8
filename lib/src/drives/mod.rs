//! Calls that add drives and take them away.
//!
//! In: `add_drive`, `add_drive_ro`, `add_drive_scratch`, `remove_drive`. Out: drives of the handle, which a
//! backend turns into disks when the handle is launched, or at once when it is already.

mod names;
mod old;
mod params;

pub(crate) use names::{device_index, device_name, max_disks};
pub(crate) use old::{add_cdrom, add_drive_ro_with_if, add_drive_with_if};
pub(crate) use params::config;

use crate::drive::{self, Drive};
use crate::error::{Error, Result};
use crate::handle::{Handle, State};
use crate::launch::hotplug;
use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::opts::{AddDriveOpts, AddDriveScratchOpts};

/// A line about each, for people.
pub(crate) fn debug_drives(g: &Handle) -> Result<Vec<BString>> {
    Ok(g.drives().iter().map(|(_, drive)| drive.to_line()).collect())
}

pub(crate) fn disk_has_backing_file(g: &Handle, filename: &BStr) -> Result<bool> {
    crate::disks::has_backing_file(g, filename)
}

pub(crate) fn add_drive(g: &Handle, filename: &BStr, opts: &AddDriveOpts) -> Result<()> {
    push(g, drive::from_options(filename, opts)?)
}

pub(crate) fn add_drive_ro(g: &Handle, filename: &BStr) -> Result<()> {
    add_drive(g, filename, &AddDriveOpts::new().readonly(true))
}

pub(crate) fn add_drive_scratch(g: &Handle, size: i64, opts: &AddDriveScratchOpts) -> Result<()> {
    push(g, drive::scratch(size, opts)?)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::{CacheMode, Discard, Source};
    use std::os::unix::ffi::OsStrExt;

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
        assert_eq!(drive.to_line(), "/dev/null protocol=file");
        drive = Drive { readonly: true, format: Some("raw".into()), label: Some("x".into()), ..drive };
        drive = Drive { discard: Discard::BestEffort, copyonread: true, blocksize: Some(512), ..drive };
        assert_eq!(
            drive.to_line(),
            "/dev/null readonly format=raw protocol=file label=x discard=besteffort copyonread blocksize=512"
        );
        let g = Handle::create(crate::CreateFlags { no_environment: true, ..Default::default() }).unwrap();
        let opts = AddDriveOpts::new().protocol("ssh").server(["h"]).username("user").secret("hidden");
        g.add_drive("/disk", opts).unwrap();
        let lines = g.debug_drives().unwrap();
        assert_eq!(lines, ["/disk protocol=ssh"]);
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
        let socket = dir.path().join("socket");
        drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
        assert_eq!(g.add_drive_ro(socket.as_os_str().as_bytes()).unwrap_err().errno(), libc::EINVAL);
        g.add_drive("/dev/null", AddDriveOpts::new().readonly(true)).unwrap();
        assert!(g.add_drive("/dev/null", AddDriveOpts::new().format("qcow2")).is_err());
        for size in [0, -1, i64::MIN] {
            assert!(g.add_drive_scratch(size, AddDriveScratchOpts::new()).is_err());
        }
        g.add_drive_scratch(1, AddDriveScratchOpts::new().label("x").blocksize(512)).unwrap();
        let kinds: Vec<Source> = g.drives().iter().map(|(_, d)| d.source.clone()).collect();
        assert_eq!(kinds, [Source::Null, Source::Scratch { size: 1 }]);
    }

    /// Upstream's suites add them where any disk will do.
    #[test]
    fn character_devices() {
        let g = Handle::create(crate::CreateFlags { no_environment: true, ..Default::default() }).unwrap();
        g.add_drive_ro("/dev/zero").unwrap();
        g.add_drive("/dev/full", AddDriveOpts::new().format("raw")).unwrap();
        let files: Vec<_> = g.drives().iter().map(|(_, drive)| drive.source.clone()).collect();
        assert_eq!(files, ["/dev/zero", "/dev/full"].map(|path| Source::File(path.into())));
    }
}
