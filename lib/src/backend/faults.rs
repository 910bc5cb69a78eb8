//! What qemu's refusals mean.
//!
//! In: its words about a drive. Out: a typed failure with the drive's name, the reason and a remedy.
//! qemu has no error codes for these: its messages are matched, and passed on whole.

use super::qmp::QmpError;
use crate::drive::{Drive, Source};
use crate::error::LaunchFailure;
use crate::machine::LaunchError;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// `launch: DRIVE: WHY`.
pub fn failed(drive: &Drive, failure: LaunchFailure, why: &str) -> LaunchError {
    let mut message = b"launch: ".to_vec();
    message.extend_from_slice(&drive.describe());
    message.extend_from_slice(b": ");
    message.extend_from_slice(why.as_bytes());
    LaunchError::new(failure, message)
}

/// The library itself could not read an image.
pub fn unreadable(drive: &Drive, e: &std::io::Error) -> LaunchError {
    let errno = e.raw_os_error().unwrap_or(0);
    let error = failed(drive, LaunchFailure::ImageMissing, &crate::error::io_text(e)).errno(errno);
    match errno {
        libc::EACCES | libc::EPERM => error.help(PERMISSION_HELP),
        _ => error,
    }
}

pub const PERMISSION_HELP: &str =
    "you need to be allowed to read the image, and to write to it unless it is added read-only";

/// The connection to the monitor failed.
pub fn monitor(e: QmpError) -> LaunchError {
    match e {
        QmpError::Cancelled => cancelled(),
        QmpError::Closed => LaunchError::new(LaunchFailure::Exited, "launch: qemu ended unexpectedly"),
        QmpError::Timeout => LaunchError::new(
            LaunchFailure::NoSignOfLife { stage: "qemu's monitor".into() },
            "launch: qemu does not answer on its monitor",
        )
        .errno(libc::ETIMEDOUT),
        other => LaunchError::new(LaunchFailure::Host, format!("launch: {other}")),
    }
}

/// `user_cancel` was called.
pub fn cancelled() -> LaunchError {
    LaunchError::new(LaunchFailure::Cancelled, "launch: cancelled").errno(libc::EINTR)
}

/// qemu refused a drive.
pub fn refused(drive: &Drive, why: &str, qemu: i32) -> LaunchError {
    let has = |text: &str| why.contains(text);
    if has("Failed to get") && has("lock") {
        let by = holder(drive, qemu);
        let why = match &by {
            Some(by) => format!("is locked: in use by {by} ({why})"),
            None => format!("is locked: {why}"),
        };
        let mine = by.as_ref().is_some_and(|b| b == SELF);
        return failed(drive, LaunchFailure::ImageLocked { by }, &why).errno(libc::EAGAIN).help(if mine {
            "the same image was added twice: add it once, or read-only"
        } else {
            "stop the virtual machine that uses it, or add it read-only"
        });
    }
    let missing = |errno, help: Option<&str>| {
        let error = failed(drive, LaunchFailure::ImageMissing, why).errno(errno);
        match help {
            Some(help) => error.help(help),
            None => error,
        }
    };
    let unusable = |errno, help: &str| failed(drive, LaunchFailure::ImageUnusable, why).errno(errno).help(help);
    if has("No such file or directory") {
        missing(libc::ENOENT, Some("if a backing file is meant, it must be where the image says it is"))
    } else if has("Permission denied") {
        missing(libc::EACCES, Some(PERMISSION_HELP))
    } else if has("Read-only file system") {
        missing(libc::EROFS, Some("add the drive read-only"))
    } else if has("Unknown driver") || has("does not support driver") || has("Parameter 'driver' does not accept") {
        // Debian ships the drivers for most protocols in a package of their own.
        unusable(
            libc::ENOTSUP,
            "qemu does not know this format or protocol: check its name, or install qemu-block-extra",
        )
    } else if has("not in qcow2 format") || has("format") {
        unusable(libc::EINVAL, "the image is not in the format that was given, or is damaged: see qemu-img info")
    } else if has("does not support writes") || has("read-only") {
        unusable(libc::EROFS, "add the drive read-only")
    } else {
        unusable(libc::EIO, "see what qemu-img check says of the image")
    }
}

const SELF: &str = "this very handle";

/// Which process has the drive's file open: qemu does not say, /proc does for processes of this user.
fn holder(drive: &Drive, qemu: i32) -> Option<String> {
    let Source::File(path) = &drive.source else { return None };
    let meta = path.metadata().ok()?;
    let mut by_qemu = false;
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<i32>().ok()) else { continue };
        let Ok(fds) = std::fs::read_dir(entry.path().join("fd")) else { continue };
        let open = fds.flatten().any(|fd| {
            fd.path()
                .metadata()
                .is_ok_and(|m| m.dev() == meta.dev() && m.ino() == meta.ino() && m.rdev() == meta.rdev())
        });
        if open && pid == qemu {
            by_qemu = true;
        } else if open {
            return Some(format!("process {pid} ({})", command(&entry.path())));
        }
    }
    by_qemu.then(|| SELF.to_owned())
}

fn command(proc: &Path) -> String {
    std::fs::read_to_string(proc.join("comm")).map_or("?".to_owned(), |name| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        let drive = Drive::new(Source::File("/no/such.img".into()));
        for (why, errno, missing) in [
            ("Could not open '/no/such.img': No such file or directory", libc::ENOENT, true),
            ("Could not open '/no/such.img': Permission denied", libc::EACCES, true),
            ("Image is not in qcow2 format", libc::EINVAL, false),
            ("Unknown driver 'ssh'", libc::ENOTSUP, false),
            ("something quite new", libc::EIO, false),
        ] {
            let e = refused(&drive, why, 0);
            assert_eq!(e.errno, errno, "{why}");
            assert_eq!(e.failure == LaunchFailure::ImageMissing, missing, "{why}");
            assert_eq!(e.message, format!("launch: /no/such.img: {why}"));
            assert!(e.help.is_some(), "{why}");
        }
    }

    #[test]
    fn the_holder_of_a_lock_is_found() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let drive = Drive::new(Source::File(file.path().to_owned()));
        let why = "Failed to get \"write\" lock";
        let me = i32::try_from(std::process::id()).unwrap();
        let e = refused(&drive, why, 0);
        let LaunchFailure::ImageLocked { by: Some(by) } = &e.failure else { panic!("{e:?}") };
        assert!(by.starts_with(&format!("process {me} (")), "{by}");
        let e = refused(&drive, why, me);
        assert_eq!(e.failure, LaunchFailure::ImageLocked { by: Some(SELF.into()) });
        assert!(e.help.unwrap().contains("twice"));
    }
}
