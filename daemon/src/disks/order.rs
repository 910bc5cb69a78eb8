//! The kernel's names of SCSI disks, made to be those of the API: what a command in the appliance or in the
//! guest calls `/dev/sdb` must be no other disk than the API does.
//!
//! In: places on the SCSI host, in the order of the API. Out: disks that the driver has taken in this order.
//!
//! The driver `sd` gives a disk the first free letter when it takes it, and takes disks by itself in whatever
//! order its workers run. So it is kept from that where no disk is there yet ([`hold_back`]), and told which
//! disk to take next. Where it was quicker (a machine that booted with its disks) it gives back those with the
//! letter of another, as long as nobody can have used them.

use super::name::drive_name;
use super::sysfs::{names, of_virtio, scsi_numbers, Address};
use crate::error::{Context, Result};
use bstr::{BStr, BString, ByteSlice};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

const SYS: &str = "/sys";

/// Have the kernel take no SCSI disk by itself from now on.
pub fn hold_back() -> Result<()> {
    let path = format!("{SYS}/bus/scsi/drivers_autoprobe");
    std::fs::write(&path, b"0").context(path)
}

/// Have the driver take those disks that are here and that nobody has taken, up to the first that is missing;
/// `wanted` are indexes and places, by index. With `anew` it gives back first what has the wrong name.
/// Whether any was taken.
pub fn take(wanted: &[(usize, Address)], anew: bool) -> bool {
    take_in(Path::new(SYS), wanted, anew)
}

fn take_in(sys: &Path, wanted: &[(usize, Address)], anew: bool) -> bool {
    let mut taken = false;
    let here = devices(sys);
    let found = |at: &Address| here.iter().find(|(address, _)| address == at).map(|(_, name)| name);
    if anew {
        for (index, at) in wanted {
            let Some(device) = found(at) else { continue };
            let name = names(&place(sys, device).join("block")).pop();
            if name.is_some_and(|name| !is_name_of(name.as_bstr(), *index)) {
                let _ = tell(sys, "unbind", device);
            }
        }
    }
    for (_, at) in wanted {
        let Some(device) = found(at) else { break };
        if place(sys, device).join("driver").exists() {
            continue;
        }
        // The write comes back when the disk has its name and its partitions were read.
        if tell(sys, "bind", device).is_err() {
            break;
        }
        taken = true;
    }
    taken
}

/// Whether the kernel calls the disk as the API calls the drive of this number.
pub fn is_name_of(kernel: &BStr, index: usize) -> bool {
    kernel.strip_prefix(b"sd") == Some(drive_name(index).as_bytes())
}

fn tell(sys: &Path, what: &str, device: &BString) -> std::io::Result<()> {
    std::fs::write(sys.join("bus/scsi/drivers/sd").join(what), device)
}

fn place(sys: &Path, device: &BString) -> PathBuf {
    sys.join("bus/scsi/devices").join(OsStr::from_bytes(device))
}

/// Devices on the virtio-scsi hosts: place and name on the bus.
fn devices(sys: &Path) -> Vec<(Address, BString)> {
    let all = names(&sys.join("bus/scsi/devices")).into_iter().filter_map(|name| {
        let [host, _, target, lun] = scsi_numbers(name.to_str().ok()?)?;
        Some((host, (target, lun), name))
    });
    of_virtio(sys, all.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Disks by place on the bus, and the kernel's name of those that the driver has; what it is told last.
    fn told(disks: &[(&str, Option<&str>)], wanted: &[(usize, Address)], anew: bool) -> [String; 2] {
        let sys = tempfile::tempdir().unwrap();
        let driver = sys.path().join("bus/scsi/drivers/sd");
        std::fs::create_dir_all(&driver).unwrap();
        for (device, name) in disks {
            let place = place(sys.path(), &(*device).into());
            std::fs::create_dir_all(&place).unwrap();
            if let Some(name) = name {
                std::fs::create_dir_all(place.join("block").join(name)).unwrap();
                std::os::unix::fs::symlink(&driver, place.join("driver")).unwrap();
            }
        }
        take_in(sys.path(), wanted, anew);
        ["unbind", "bind"].map(|what| std::fs::read_to_string(driver.join(what)).unwrap_or_default())
    }

    #[test]
    fn disks_are_taken_in_order() {
        let wanted = [(0, (0, 0)), (1, (1, 0)), (2, (2, 0))];
        let nothing = ["", ""];
        for (disks, anew, want) in [
            (&[][..], true, nothing),
            (&[("2:0:0:0", None), ("host2", None), ("target2:0:0", None)], false, ["", "2:0:0:0"]),
            // The first must come first.
            (&[("2:0:1:0", None)], false, nothing),
            (&[("2:0:0:0", Some("sda")), ("2:0:1:0", None)], true, ["", "2:0:1:0"]),
            (&[("2:0:0:0", Some("sda")), ("2:0:1:0", Some("sdb"))], true, nothing),
            // Another's letter; not while it may be in use.
            (&[("2:0:1:0", Some("sda"))], true, ["2:0:1:0", ""]),
            (&[("2:0:1:0", Some("sda"))], false, nothing),
            (&[("2:0:7:0", Some("sda"))], true, nothing),
        ] {
            assert_eq!(told(disks, &wanted, anew), want, "{disks:?}");
        }
    }

    #[test]
    fn names_and_numbers() {
        for (name, index, same) in
            [("sda", 0, true), ("sdb", 0, false), ("sdaa", 26, true), ("", 0, false), ("sd", 0, false)]
        {
            assert_eq!(is_name_of(name.into(), index), same, "{name}");
        }
    }
}
