//! Finding qemu.
//!
//! In: what the user chose, if anything. Out: a program's path, or a failure that says how to get one.

use crate::child;
use crate::error::LaunchFailure;
use crate::machine::LaunchError;
use std::path::{Path, PathBuf};

pub const HELP: &str = "install qemu (Debian: apt-get install qemu-system-x86), or set LIBGUESTFS_HV to it";

/// Names and places of a system emulator for this processor, best first.
const NAMES: [&str; 5] =
    ["qemu-system-x86_64", "qemu-kvm", "kvm", "/usr/bin/qemu-system-x86_64", "/usr/libexec/qemu-kvm"];

fn missing(message: String) -> LaunchError {
    LaunchError::new(LaunchFailure::NoHypervisor, message).errno(libc::ENOENT).help(HELP)
}

/// The program to run: `chosen` (a path, or a name on PATH), else the first one found.
pub fn hypervisor(chosen: Option<&Path>) -> Result<PathBuf, LaunchError> {
    match chosen {
        Some(name) => child::find(name).map_err(|_| {
            let why = if name.exists() { "is not a program that can be run" } else { "not found" };
            missing(format!("launch: the hypervisor {} (LIBGUESTFS_HV or set_hv): {why}", name.display()))
        }),
        None => NAMES
            .iter()
            .find_map(|name| child::find(Path::new(name)).ok())
            .ok_or_else(|| missing("launch: no qemu found on this host".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_or_found() {
        assert!(hypervisor(None).unwrap().is_absolute());
        assert_eq!(hypervisor(Some(Path::new("/bin/sh"))).unwrap(), Path::new("/bin/sh"));
        let e = hypervisor(Some(Path::new("/no/qemu"))).unwrap_err();
        assert_eq!(e.failure, LaunchFailure::NoHypervisor);
        assert!(e.message.ends_with(b"not found"), "{e:?}");
        let e = hypervisor(Some(Path::new("/etc/passwd"))).unwrap_err();
        assert!(e.message.ends_with(b"can be run") && e.help.is_some(), "{e:?}");
    }
}
