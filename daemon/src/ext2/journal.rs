//! Journals on devices of their own, and file systems that use them.
//!
//! In: devices, labels and UUIDs. Out: what mke2fs(8) made.
#![allow(non_snake_case)]

use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::opts::Mke2fsOpts;

use super::mke2fs;
use crate::ctx::Ctx;
use crate::device::Device;
use crate::error::{Errno, Error, Result};
use crate::filesystems::{check_uuid, recipe, survey, value, Candidate};

/// What blkid(8) calls a device that is a journal.
const JOURNAL: &str = "jbd";

/// Make a journal for other file systems.
pub fn mke2journal(ctx: &mut Ctx, blocksize: i32, device: &Device) -> Result<()> {
    mke2fs(ctx, device, &journal(blocksize))
}

/// The same, with a label.
pub fn mke2journal_L(ctx: &mut Ctx, blocksize: i32, label: &BStr, device: &Device) -> Result<()> {
    mke2fs(ctx, device, &Mke2fsOpts { label: Some(label.into()), ..journal(blocksize) })
}

/// The same, with a UUID of the caller's choice.
pub fn mke2journal_U(ctx: &mut Ctx, blocksize: i32, uuid: &BStr, device: &Device) -> Result<()> {
    let uuid = check_uuid(uuid)?;
    mke2fs(ctx, device, &Mke2fsOpts { uuid: Some(uuid.into()), ..journal(blocksize) })
}

fn journal(blocksize: i32) -> Mke2fsOpts {
    Mke2fsOpts { blocksize: Some(blocksize.into()), journaldev: Some(true), ..Default::default() }
}

/// Make a file system whose journal is on a device.
pub fn mke2fs_J(ctx: &mut Ctx, fstype: &BStr, blocksize: i32, device: &Device, journal: &Device) -> Result<()> {
    make(ctx, fstype, blocksize, device, journal.api_name(ctx))
}

/// The same, with the journal found by its label.
pub fn mke2fs_JL(ctx: &mut Ctx, fstype: &BStr, blocksize: i32, device: &Device, label: &BStr) -> Result<()> {
    make(ctx, fstype, blocksize, device, bstr::concat([b"LABEL=", label.as_bytes()]).into())
}

/// The same, with the journal found by its UUID.
pub fn mke2fs_JU(ctx: &mut Ctx, fstype: &BStr, blocksize: i32, device: &Device, uuid: &BStr) -> Result<()> {
    make(ctx, fstype, blocksize, device, bstr::concat([b"UUID=", uuid.as_bytes()]).into())
}

fn make(ctx: &mut Ctx, fstype: &BStr, blocksize: i32, device: &Device, journaldevice: BString) -> Result<()> {
    if !recipe::is_ext(fstype) {
        return Err(Error::invalid(format!("'{fstype}' is none of the types ext2, ext3 and ext4")));
    }
    let opts = Mke2fsOpts {
        blocksize: Some(blocksize.into()),
        fstype: Some(fstype.into()),
        journaldevice: Some(journaldevice),
        ..Default::default()
    };
    mke2fs(ctx, device, &opts)
}

/// The device of a journal by its name in the API, or by `LABEL=` or `UUID=` and what is after it. mke2fs
/// could look for these itself, but in a list that it keeps of what was there at an earlier time.
pub(super) fn find(ctx: &mut Ctx, name: &BStr) -> Result<Device> {
    let (tag, wanted) = match (name.strip_prefix(b"LABEL="), name.strip_prefix(b"UUID=")) {
        (Some(label), _) => ("LABEL", label.to_vec()),
        (None, Some(uuid)) => ("UUID", check_uuid(uuid.as_bstr())?.to_ascii_lowercase()),
        (None, None) => return Device::parse(ctx, name),
    };
    let mut found = Vec::new();
    for Candidate { device, tags } in survey(ctx)? {
        let is_journal = value(&tags, "TYPE").is_some_and(|kind| kind == JOURNAL);
        if is_journal && value(&tags, tag).is_some_and(|value| value == wanted) {
            found.push(device);
        }
    }
    match (found.pop(), found.pop()) {
        (Some(device), None) => Ok(device),
        (None, _) => Err(Error::new(Errno::NOENT, "no device is a journal of this name").context(name)),
        (Some(one), Some(other)) => {
            let text = format!("{} and {} are both journals of this name", other.api_name(ctx), one.api_name(ctx));
            Err(Error::new(Errno::NOTUNIQ, text).context(name))
        }
    }
}
