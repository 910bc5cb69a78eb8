//! Names of disks and their numbers.
//!
//! In: a number, or a name as the API has it: `/dev/sda`, or one that a label gives. Out: the other of
//! the two, if there is such a drive. The handle need not be launched.

use crate::drive::{name, number, Drives};
use crate::error::{Error, Result};
use crate::handle::{Handle, State};
use crate::machine::MAX_DISKS;
use bstr::{BStr, BString};

const LABELS: &[u8] = b"/dev/disk/guestfs/";
pub(crate) fn max_disks(_: &Handle) -> Result<i32> {
    Ok(i32::try_from(MAX_DISKS).unwrap_or(i32::MAX))
}

pub(crate) fn device_index(g: &Handle, device: &BStr) -> Result<i32> {
    let label = device.strip_prefix(LABELS).map(BStr::new);
    let index = match label {
        Some(label) => g.drives().labelled(label),
        None => number(device).filter(|index| *index < MAX_DISKS),
    };
    match index {
        Some(index) if label.is_some() || exists(g, index)? => Ok(i32::try_from(index).unwrap_or(i32::MAX)),
        _ => Err(Error::usage(format!("{device}: device not found"))
            .with_errno(libc::ENODEV)
            .with_help("only whole disks have a number, and only those that were added")),
    }
}

pub(crate) fn device_name(g: &Handle, index: i32) -> Result<BString> {
    match usize::try_from(index) {
        Ok(n) if n < MAX_DISKS && exists(g, n)? => Ok(name(n)),
        _ => Err(Error::usage(format!("{index}: no drive has this number"))),
    }
}

/// Drives that were added; or those of a daemon that has its own.
fn exists(g: &Handle, index: usize) -> Result<bool> {
    {
        let drives: &Drives = &g.drives();
        if !drives.is_empty() || g.state() != State::Ready {
            return Ok(drives.iter().any(|(i, _)| i == index));
        }
    }
    let name = name(index);
    Ok(g.list_devices()?.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{handle, ready};
    use guestfs_protocol::opts::AddDriveScratchOpts;

    #[test]
    fn holes_and_labels() {
        let g = handle();
        for label in ["one", "two"] {
            g.add_drive_scratch(1 << 20, AddDriveScratchOpts::new().label(label)).unwrap();
        }
        assert_eq!(g.device_index("/dev/disk/guestfs/two").unwrap(), 1);
        assert_eq!(g.device_index("/dev/disk/guestfs/three").unwrap_err().errno(), libc::ENODEV);
        assert_eq!(g.device_name(1).unwrap(), "/dev/sdb");
        g.drives().remove(0);
        assert!(g.device_index("/dev/sda").is_err() && g.device_name(0).is_err());
        assert_eq!(g.device_index("/dev/sdb").unwrap(), 1);
        assert_eq!(g.device_name(i32::MAX).unwrap_err().errno(), libc::EINVAL);
        assert_eq!(g.max_disks().unwrap(), 255);
    }

    /// Behind `unix:` is a daemon with disks that nobody added.
    #[test]
    fn disks_of_a_daemon() {
        let g = ready(|mut peer| {
            while let Some((header, _)) = peer.request() {
                peer.ok(&header, &vec![BString::from("/dev/sda"), BString::from("/dev/sdb")]);
            }
        });
        assert_eq!(g.device_index("/dev/sdb").unwrap(), 1);
        assert_eq!(g.device_name(0).unwrap(), "/dev/sda");
        assert!(g.device_name(2).is_err());
    }
}
