//! `-i` on encrypted disks: open what is encrypted before anything is looked for.
//!
//! In: a launched handle, the keys of the command line, and somebody to ask for others. Out: the clear
//! content of every encrypted device as `/dev/mapper/luks-UUID`, and volume groups inside activated.

use crate::error::{Error, Result};
use crate::keys::{Selector, Source};
use crate::words::Ask;
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use bstr::{BStr, BString, ByteSlice};
use guestfs::protocol::opts::CryptsetupOpenOpts;
use guestfs::Handle;
use std::borrow::Cow;
use std::fs::File;
use std::io::Read;

/// What [`Handle::vfs_type`] says of devices that have to be opened with a key.
const ENCRYPTED: [&str; 2] = ["crypto_LUKS", "BitLocker"];

/// Most that is read of a key file, in bytes: a key is in one message with the rest of its call.
const LARGEST_KEY: u64 = 1024 * 1024;

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
            Source::Text(key) => open_with(handle, device, std::slice::from_ref(key), &name),
            Source::File(path) => open_with(handle, device, &keys_in(&file(path)?), &name),
            Source::Clevis => handle.clevis_luks_unlock(device, &name).map_err(|e| vec![e.into()]),
        };
        match done {
            Ok(()) => return Ok(true),
            Err(causes) => failed.extend(causes),
        }
    }
    Err(locked(device, &failed))
}

/// Try one key after the other; what each failed with.
fn open_with(handle: &Handle, device: &BString, keys: &[BString], name: &BString) -> Result<(), Vec<Error>> {
    let mut failed = Vec::new();
    for key in keys {
        match open(handle, device, key, name) {
            Ok(()) => return Ok(()),
            Err(e) => failed.push(e),
        }
    }
    // The same words once.
    failed.dedup();
    Err(failed)
}

fn open(handle: &Handle, device: &BString, key: &BString, name: &BString) -> Result<()> {
    Ok(handle.cryptsetup_open(device, written(key), name, CryptsetupOpenOpts::default())?)
}

/// A key as calls take it: their strings have no NUL.
fn written(key: &BString) -> Cow<'_, [u8]> {
    match key.contains(&0) {
        true => Cow::Owned(format!("base64:{}", STANDARD.encode(key)).into_bytes()),
        false => Cow::Borrowed(key),
    }
}

/// What the open device is called: by its UUID, as systemd does, so that entries of a guest's fstab may
/// fit; by the device where it has none.
fn map_name(device: &BString, uuid: &BString) -> BString {
    let plain =
        |text: &BStr| text.iter().map(|c| if c.is_ascii_alphanumeric() { *c } else { b'-' }).collect::<Vec<u8>>();
    let tail = match uuid.is_empty() {
        true => plain(device.strip_prefix(b"/dev/").unwrap_or(device).as_bstr()),
        false => plain(uuid.as_bstr()),
    };
    bstr::concat([&b"luks-"[..], &tail]).into()
}

/// The content of a key file.
fn file(path: &BString) -> Result<Vec<u8>> {
    let failed = |e: std::io::Error| Error::io(path, &e).context("--key");
    let file = File::open(path.to_path().map_err(|e| Error::new(e.to_string()))?).map_err(failed)?;
    let mut content = Vec::new();
    file.take(LARGEST_KEY + 1).read_to_end(&mut content).map_err(failed)?;
    if content.len() as u64 > LARGEST_KEY {
        return Err(Error::new(format!("--key: {path} has more than {LARGEST_KEY} bytes, which no key has")));
    }
    Ok(content)
}

/// The keys that a file may mean: all of it without a newline at its end, which editors add; all of it, as
/// cryptsetup(8) takes it; its first line, as guestfish(1) says.
fn keys_in(content: &[u8]) -> Vec<BString> {
    let whole = content.strip_suffix(b"\n").unwrap_or(content);
    let mut keys: Vec<BString> = Vec::new();
    for key in [whole, content, whole.lines().next().unwrap_or_default()] {
        if !keys.iter().any(|k| k == key) {
            keys.push(key.into());
        }
    }
    keys
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
    fn keys_of_files() {
        assert_eq!(keys_in(b"word\n"), ["word", "word\n"]);
        assert_eq!(keys_in(b"word"), ["word"]);
        assert_eq!(keys_in(b""), [""]);
        assert_eq!(keys_in(b"a\0\n\xff\n"), [&b"a\0\n\xff"[..], b"a\0\n\xff\n", b"a\0"]);
    }

    #[test]
    fn keys_as_calls_take_them() {
        assert_eq!(&*written(&"caf\u{e9}".into()), "caf\u{e9}".as_bytes());
        assert_eq!(&*written(&b"\0\xff\n".into()), b"base64:AP8K");
    }

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
