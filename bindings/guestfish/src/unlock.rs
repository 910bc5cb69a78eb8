//! `-i` on encrypted disks: open what is encrypted before anything is looked for.
//!
//! In: a launched handle, the keys of the command line, and somebody to ask for others. Out: the clear
//! content of every encrypted device as `/dev/mapper/luks-UUID`, and volume groups inside activated.

use crate::error::{Error, Result};
use crate::keys::{Selector, Source};
use crate::words::Ask;
use bstr::{BStr, BString, ByteSlice};
use guestfs::protocol::opts::CryptsetupOpenOpts;
use guestfs::Handle;

/// What [`Handle::vfs_type`] says of devices that have to be opened with a key.
const ENCRYPTED: [&str; 2] = ["crypto_LUKS", "BitLocker"];

/// Open all that is encrypted. A device that no key opens is an error.
pub fn all(handle: &Handle, selectors: &[Selector], ask: &mut dyn Ask) -> Result<()> {
    let mut opened = false;
    for device in candidates(handle)? {
        opened |= device_of(handle, &device, selectors, ask)?;
    }
    if !handle.feature_available(&["lvm2"])? {
        return Ok(());
    }
    if opened {
        handle.lvm_scan(true)?;
    }
    for volume in handle.lvs()? {
        device_of(handle, &volume, selectors, ask)?;
    }
    Ok(())
}

/// Partitions, disks without any, and arrays.
fn candidates(handle: &Handle) -> Result<Vec<BString>> {
    let mut found = handle.list_partitions()?;
    let mut whole = handle.list_devices()?;
    whole.retain(|disk| !found.iter().any(|part| is_partition_of(part, disk)));
    found.extend(whole);
    found.extend(handle.list_md_devices()?);
    Ok(found)
}

fn is_partition_of(part: &BString, disk: &BString) -> bool {
    part.strip_prefix(disk.as_slice()).is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_digit))
}

/// Open one device if it is encrypted; says whether it was.
fn device_of(handle: &Handle, device: &BString, selectors: &[Selector], ask: &mut dyn Ask) -> Result<bool> {
    // A device that cannot be looked into is nothing that a key would open.
    let kind = handle.vfs_type(device).unwrap_or_default();
    if !ENCRYPTED.iter().any(|e| kind == *e) {
        return Ok(false);
    }
    let uuid = handle.vfs_uuid(device).unwrap_or_default();
    let name = map_name(device, &uuid);
    let mut given = selectors.iter().filter(|s| s.is_for(device, &uuid)).peekable();
    if given.peek().is_none() {
        let key = ask.key(&device.to_str_lossy())?;
        return open(handle, device, &key, &name).map(|()| true).map_err(|e| locked(device, &[e]));
    }
    let mut failed = Vec::new();
    for selector in given {
        let done = match &selector.source {
            Source::Text(key) => open(handle, device, key, &name),
            Source::File(path) => open(handle, device, &first_line(path)?, &name),
            Source::Clevis => handle.clevis_luks_unlock(device, &name).map_err(Error::from),
        };
        match done {
            Ok(()) => return Ok(true),
            Err(e) => failed.push(e),
        }
    }
    Err(locked(device, &failed))
}

fn open(handle: &Handle, device: &BString, key: &BString, name: &BString) -> Result<()> {
    Ok(handle.cryptsetup_open(device, key, name, CryptsetupOpenOpts::default())?)
}

/// What the open device is called: by its UUID, as systemd does, so that entries of a guest's fstab may
/// fit; by the device where it has none.
fn map_name(device: &BString, uuid: &BString) -> BString {
    let plain = |text: &BStr| text.iter().map(|c| if c.is_ascii_alphanumeric() { *c } else { b'-' }).collect::<Vec<u8>>();
    let tail = match uuid.is_empty() {
        true => plain(device.strip_prefix(b"/dev/").unwrap_or(device).as_bstr()),
        false => plain(uuid.as_bstr()),
    };
    bstr::concat([&b"luks-"[..], &tail]).into()
}

/// A key in a file is its first line.
fn first_line(path: &BString) -> Result<BString> {
    let failed = |e: std::io::Error| Error::io(path, &e).context("--key");
    let text = std::fs::read(path.to_path().map_err(|e| Error::new(e.to_string()))?).map_err(failed)?;
    Ok(text.lines().next().unwrap_or_default().into())
}

fn locked(device: &BString, causes: &[Error]) -> Error {
    let error = Error::new(format!("-i: {device} is encrypted, and no key was found that opens it"));
    let error = causes.iter().fold(error, |error, cause| error.note(bstr::concat([&b"note: "[..], &cause.text()])));
    error.note(format!("help: give its key with --key {device}:key:TEXT, or with --key {device}:file:NAME"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(map_name(&"/dev/sda2".into(), &"0123-ab".into()), "luks-0123-ab");
        assert_eq!(map_name(&"/dev/VG/LV".into(), &"".into()), "luks-VG-LV");
        // A UUID comes from the disk.
        assert_eq!(map_name(&"/dev/sda".into(), &"../x y".into()), "luks----x-y");
    }

    #[test]
    fn partitions() {
        assert!(is_partition_of(&"/dev/sda12".into(), &"/dev/sda".into()));
        assert!(!is_partition_of(&"/dev/sdaa1".into(), &"/dev/sda".into()));
        assert!(!is_partition_of(&"/dev/sda".into(), &"/dev/sda".into()));
    }
}
