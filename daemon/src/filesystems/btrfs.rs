//! The subvolumes of a btrfs file system, and its least size.
//!
//! In: a device. Out: paths, bytes. The file system is mounted read-only and detached: it has no place in the
//! appliance's tree, and is gone when its descriptor is closed.

use std::collections::BTreeSet;
use std::os::fd::{AsRawFd, OwnedFd};

use bstr::{BString, ByteSlice};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};

use crate::ctx::Ctx;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::run::Tool;

/// The paths of all subvolumes from the top of the file system, without the default one.
pub fn subvolumes(ctx: &Ctx, device: &Device) -> Result<Vec<BString>> {
    let mount = mount(device)?;
    let path = path(&mount);
    let list = Tool::new("btrfs").args(["subvolume", "list", &path]).run(ctx)?;
    let default = Tool::new("btrfs").args(["subvolume", "get-default", &path]).run(ctx)?;
    let default = id(default.stdout.trim());
    parse(&list.stdout, default)
}

/// The size in bytes that the device can be made smaller to.
pub fn minimum_size(ctx: &Ctx, device: &Device) -> Result<i64> {
    let mount = mount(device)?;
    let output = Tool::new("btrfs").args(["inspect-internal", "min-dev-size", &path(&mount)]).run(ctx)?;
    // `105906176 bytes (101.00MiB)`
    let number = output.stdout.fields().next().and_then(|word| word.to_str().ok()?.parse().ok());
    number.ok_or_else(|| Error::msg(format!("btrfs printed no size: {}", output.stdout.trim().as_bstr())))
}

/// Where programs find it while it is open.
fn path(mount: &OwnedFd) -> String {
    format!("/proc/{}/fd/{}/.", std::process::id(), mount.as_raw_fd())
}

/// The top of the file system, mounted nowhere.
fn mount(device: &Device) -> Result<OwnedFd> {
    let fs = rustix::mount::fsopen("btrfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    rustix::mount::fsconfig_set_string(&fs, "source", device.path())?;
    // The top, whatever is mounted by default.
    rustix::mount::fsconfig_set_string(&fs, "subvolid", "5")?;
    rustix::mount::fsconfig_set_flag(&fs, "ro")?;
    rustix::mount::fsconfig_create(&fs)?;
    Ok(rustix::mount::fsmount(&fs, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::MOUNT_ATTR_RDONLY)?)
}

/// Lines `ID 256 gen 8 top level 5 path home`. A name may hold anything but a slash and NUL, newlines
/// too; what does not begin like a line then continues the path before it.
fn parse(output: &[u8], default: Option<u64>) -> Result<Vec<BString>> {
    let mut found: Vec<(Option<u64>, BString)> = Vec::new();
    for line in output.lines_with_terminator() {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        match (id(line), line.split_once_str(" path ")) {
            (Some(number), Some((_, path))) => found.push((Some(number), path.into())),
            _ => {
                let (_, path) = found
                    .last_mut()
                    .ok_or_else(|| Error::msg(format!("btrfs printed an unknown line: {}", line.as_bstr())))?;
                path.push(b'\n');
                path.extend_from_slice(line);
            }
        }
    }
    let mut paths = Vec::new();
    // A name made to look like another line must not have a path listed twice.
    let mut seen = BTreeSet::new();
    for (_, path) in found.into_iter().filter(|(number, _)| *number != default) {
        if seen.insert(path.clone()) {
            paths.push(path);
        }
    }
    Ok(paths)
}

/// The number at the start of a line.
fn id(line: &[u8]) -> Option<u64> {
    let rest = line.strip_prefix(b"ID ")?;
    rest.fields().next()?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let list = b"ID 256 gen 8 top level 5 path home\nID 257 gen 9 top level 256 path home/a path b\nID 258 gen 9 top level 5 path x\ny\n";
        assert_eq!(parse(list, id(b"ID 5 (FS_TREE)")).unwrap(), ["home", "home/a path b", "x\ny"]);
        assert_eq!(parse(list, id(b"ID 256 gen 8 top level 5 path home")).unwrap(), ["home/a path b", "x\ny"]);
        assert_eq!(parse(b"ID 256 gen 8 top level 5 path @\nID 257 gen 8 top level 5 path a\nID 9 gen 1 top level 5 path @\n", None).unwrap(), ["@", "a"]);
        assert_eq!(parse(b"", None).unwrap(), Vec::<BString>::new());
        assert!(parse(b"ERROR: nonsense\n", None).is_err());
    }

    proptest::proptest! {
        /// Tools print what hostile disks hold: whatever it is, an answer comes.
        #[test]
        fn any_output(output: Vec<u8>) {
            let _ = parse(&output, Some(5));
        }
    }
}
