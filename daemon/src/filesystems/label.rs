//! Labels and UUIDs of existing file systems.

use bstr::{BStr, ByteSlice};

use super::make::SWAP_LABEL;
use super::{probe, recipe};
use crate::ctx::Ctx;
use crate::device::{Device, Mountable};
use crate::error::{Context, Error, Result};
use crate::run::Tool;
use crate::xfs;

/// Set the label, by the tool of whatever type is on the device. ENOTSUP for types without one.
pub fn set_label(ctx: &mut Ctx, mountable: &Mountable, label: &BStr) -> Result<()> {
    // A subvolume has no label of its own.
    let device = mountable.device();
    let fstype = probe::tag(ctx, device, "TYPE")?;
    let tool = match fstype.as_slice() {
        t if recipe::is_ext(t) => {
            recipe::check_label(label, 16, "ext2/3/4")?;
            Tool::new("e2label").arg(device).arg_bytes(label)
        }
        b"btrfs" => {
            recipe::check_label(label, recipe::BTRFS_LABEL, "btrfs")?;
            Tool::new("btrfs").args(["filesystem", "label", "--"]).arg(device).arg_bytes(label)
        }
        b"fat" | b"vfat" | b"msdos" => {
            recipe::check_label(label, 11, "FAT")?;
            // An empty label is a request of its own for fatlabel(8).
            let tool = Tool::new("fatlabel").env("LC_ALL", "C.UTF-8");
            if label.is_empty() {
                tool.arg("--reset").arg(device)
            } else {
                tool.arg("--").arg(device).arg_bytes(label)
            }
        }
        // ntfslabel has no "--", so a label like an option cannot be said to it.
        b"ntfs" if label.starts_with(b"-") => {
            return Err(Error::invalid(format!(
                "{label}: an ntfs label that begins with a dash can only be given when the file system is made"
            )))
        }
        b"ntfs" => Tool::new("ntfslabel").env("LC_ALL", "C.UTF-8").arg(device).arg_bytes(label),
        b"swap" => {
            recipe::check_label(label, SWAP_LABEL, "Linux swap")?;
            Tool::new("swaplabel").arg("-L").arg_bytes(label).arg(device)
        }
        b"xfs" => return xfs::set_label(ctx, device, label),
        other => return Err(unknown("label", other)),
    };
    tool.run(ctx).with_context(|| device.api_name(ctx)).map(drop)
}

/// Set the UUID, likewise.
pub fn set_uuid(ctx: &mut Ctx, device: &Device, uuid: &BStr) -> Result<()> {
    let fstype = probe::tag(ctx, device, "TYPE")?;
    let tool = match fstype.as_slice() {
        t if recipe::is_ext(t) => Tool::new("tune2fs").arg("-U").arg_bytes(checked(uuid)?).arg(device),
        // -f: do not ask.
        b"btrfs" => Tool::new("btrfstune").args(["-f", "-U"]).arg_bytes(checked(uuid)?).arg(device),
        b"swap" => Tool::new("swaplabel").arg("-U").arg_bytes(checked(uuid)?).arg(device),
        b"xfs" => return xfs::set_uuid(ctx, device, checked(uuid)?),
        other => return Err(unknown("UUID", other)),
    };
    tool.run(ctx).with_context(|| device.api_name(ctx)).map(drop)
}

/// Set a new random one.
pub fn set_uuid_random(ctx: &mut Ctx, device: &Device) -> Result<()> {
    // The kernel makes one a read.
    const SOURCE: &str = "/proc/sys/kernel/random/uuid";
    let uuid = std::fs::read(SOURCE).context(SOURCE)?;
    set_uuid(ctx, device, uuid.trim().as_bstr())
}

fn unknown(what: &str, fstype: &[u8]) -> Error {
    Error::not_supported(format!("don't know how to set the {what} for '{}' filesystems", fstype.as_bstr()))
}

/// Only a UUID: the tools also take words (`random`, `clear`, `nil`), which are other calls' business.
pub(crate) fn checked(uuid: &BStr) -> Result<&BStr> {
    let is_dash = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    let well_formed = uuid.len() == 36
        && uuid.iter().enumerate().all(|(at, b)| if is_dash(at) { *b == b'-' } else { b.is_ascii_hexdigit() });
    if well_formed {
        Ok(uuid)
    } else {
        Err(Error::invalid(format!("'{uuid}' is not a UUID")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids() {
        assert!(checked("c1c2c3c4-0000-1111-2222-33334444555A".into()).is_ok());
        for bad in [
            "",
            "random",
            "c1c2c3c4-0000-1111-2222-33334444555",
            "c1c2c3c4-0000-1111-2222-33334444555g",
            "c1c2c3c400000-1111-2222-333344445555",
        ] {
            assert!(checked(bad.into()).is_err(), "{bad}");
        }
    }
}
