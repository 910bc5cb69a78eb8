//! What libvirt's errors mean.
//!
//! In: an error of libvirt, which as a rule has qemu's words in it. Out: a failure in terms of the drive, where
//! one is to blame, as a qemu of our own would have it; else libvirt's words as they are.

use crate::appliance::Appliance;
use crate::backend::faults;
use crate::drive::Drive;
use crate::error::{Error, LaunchFailure};
use crate::machine::{LaunchError, Reporter};
use bstr::ByteSlice;
use std::os::unix::ffi::OsStrExt;

/// There is no libvirt, or it does not want us.
pub fn no_connection(e: &Error) -> LaunchError {
    let usual = "install and start libvirt with its qemu driver (Debian: apt-get install libvirt-daemon-system), \
                 or set LIBGUESTFS_BACKEND to direct";
    let help = e.help().map_or_else(|| usual.to_owned(), |help| help.to_string());
    LaunchError::new(LaunchFailure::Backend, format!("launch: {}", line(e))).errno(e.errno()).help(help)
}

/// Nothing that a drive is to blame for.
pub fn other(e: &Error) -> LaunchError {
    LaunchError::new(LaunchFailure::Host, format!("launch: {}", line(e))).errno(e.errno()).help(
        "libvirt's own log may say more (for a session: ~/.cache/libvirt/qemu/log); LIBGUESTFS_BACKEND=direct does without it",
    )
}

/// A disk could not be added to a running domain.
pub fn of_drive(e: &Error, drive: &Drive, reporter: &dyn Reporter) -> LaunchError {
    let line = line(e);
    reporter.library(&line);
    let error = faults::refused(drive, words(&line), 0);
    match error.failure {
        // libvirt cannot be told to do without the lock.
        LaunchFailure::ImageLocked { .. } if drive.readonly => {
            error.help("with LIBGUESTFS_BACKEND=direct an image can be read while a virtual machine uses it")
        }
        _ => error,
    }
}

/// The domain could not be started; `kvm`: it is worth trying without.
pub fn of_domain(
    e: &Error,
    drives: &[Drive],
    appliance: &Appliance,
    kvm: bool,
    reporter: &dyn Reporter,
) -> LaunchError {
    match culprit(&line(e), drives, appliance) {
        Some(drive) => of_drive(e, drive, reporter),
        None if kvm => LaunchError { failure: LaunchFailure::Exited, ..other(e) },
        None => other(e),
    }
}

/// The drive that is meant: the one whose path is named (the longest, should one be the start of another),
/// or the only one that there is, when qemu has seen nothing but libvirt's names of block nodes.
fn culprit<'d>(line: &str, drives: &'d [Drive], appliance: &Appliance) -> Option<&'d Drive> {
    let path = |drive: &'d Drive| Some((drive.source.file()?.as_os_str().as_bytes(), drive));
    let named = drives.iter().filter_map(path).filter(|(path, _)| line.as_bytes().contains_str(path));
    let only = || match drives {
        [drive]
            if (line.contains("-blockdev") || line.contains("\"drive\""))
                && !line.contains(&*appliance.root.to_string_lossy()) =>
        {
            Some(drive)
        }
        _ => None,
    };
    named.max_by_key(|(path, _)| path.len()).map(|(_, drive)| drive).or_else(only)
}

/// libvirt's message in one line: qemu's own lines are in it.
fn line(e: &Error) -> String {
    let lines: Vec<_> = e.message().lines().map(ByteSlice::to_str_lossy).collect();
    lines.join("; ")
}

/// qemu's reason alone. Before it there may be an argument of qemu's, which is JSON full of words that would
/// be taken for reasons, or the command that was refused; behind it are libvirt's numbers.
fn words(line: &str) -> &str {
    let line = line.rfind(" (code ").and_then(|at| line.get(..at)).unwrap_or(line);
    let command = "unable to execute QEMU command";
    let said = match (line.rfind("}: "), line.find(command)) {
        (Some(at), _) => line.get(at + 3..),
        (None, Some(at)) => {
            line.get(at + command.len()..).and_then(|rest| rest.split_once("': ")).map(|(_, said)| said)
        }
        (None, None) => None,
    };
    said.unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::appliance::Origin;
    use crate::drive::Source;
    use crate::error::ErrorKind;

    struct Deaf;

    impl Reporter for Deaf {
        fn appliance(&self, _: &[u8]) {}
        fn library(&self, _: &str) {}
        fn warning(&self, _: &str) {}
        fn progress(&self, _: u64) {}
        fn cancelled(&self) -> bool {
            false
        }
    }

    /// Texts of libvirt 9.0 with qemu 7.2.
    const START: &str = "libvirt could not start the appliance: internal error: qemu unexpectedly closed the monitor: \
                         2026-11-21T21:38:28.614034Z qemu-system-x86_64: ";

    fn told(said: &str, drives: &[&str], kvm: bool) -> LaunchError {
        let drives: Vec<Drive> = drives.iter().map(|d| Drive::new(Source::File(d.into()))).collect();
        let appliance = Appliance {
            kernel: "/a/kernel".into(),
            initrd: "/a/initrd".into(),
            root: "/a/root".into(),
            root_uuid: None,
            root_type: None,
            origin: Origin::Own,
            scratch: None,
        };
        let e = Error::new(ErrorKind::Tool, format!("{START}{said} (code 1, domain 10)"));
        of_domain(&e, &drives, &appliance, kvm, &Deaf)
    }

    #[test]
    fn qemus_reason_decides() {
        let node = |name: &str| {
            format!("-blockdev {{\"node-name\":\"{name}\",\"auto-read-only\":true,\"driver\":\"qcow2\",\"filename\":\"/d/a.img\"}}: ")
        };
        for (said, errno) in [
            ("Image is not in qcow2 format", libc::EINVAL),
            ("Failed to connect to '/d/nbd': Connection refused", libc::EIO),
            ("Could not open '/d/a.img': Permission denied", libc::EACCES),
        ] {
            let e = told(&format!("{}{said}", node("libvirt-1-format")), &["/d/a.img"], true);
            assert_eq!((e.errno, e.message.to_string()), (errno, format!("launch: /d/a.img: {said}")));
        }
        let e = told(
            "-device {\"drive\":\"libvirt-1-format\"}: Failed to get \"write\" lock\nIs another process using it?",
            &["/d/a.img"],
            false,
        );
        assert!(matches!(e.failure, LaunchFailure::ImageLocked { .. }), "{e:?}");
        assert!(!e.message.contains(&b'\n'), "{e:?}");
        let plugged = "libvirt could not add the disk: internal error: unable to execute QEMU command 'blockdev-add': \
                       Could not open '/d/a.img': Permission denied (code 1, domain 10)";
        assert_eq!(words(plugged), "Could not open '/d/a.img': Permission denied");
    }

    #[test]
    fn the_right_drive_is_blamed() {
        let drives = ["/d/a", "/d/a.img", "/d/b"];
        let e = told(
            "-blockdev {\"filename\":\"/d/a.img\"}: Could not open '/d/a.img': No such file or directory",
            &drives,
            false,
        );
        assert!(e.message.starts_with(b"launch: /d/a.img: "), "{e:?}");
        // Not a drive, though there is only one.
        for said in [
            "-blockdev {\"filename\":\"/a/root\"}: Could not open '/a/root': Permission denied",
            "could not access KVM kernel module",
        ] {
            assert_eq!(told(said, &["/d/b"], false).failure, LaunchFailure::Host);
            assert_eq!(told(said, &["/d/b"], true).failure, LaunchFailure::Exited);
        }
        // One of several, nobody knows which.
        assert_eq!(told("-blockdev {}: Image is not in qcow2 format", &drives, false).failure, LaunchFailure::Host);
    }
}
