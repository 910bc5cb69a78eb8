//! Options of the calls that add drives.
//!
//! In: a name and what was said with it. Out: a checked [`Drive`], or a usage error that names the option.

use super::{check, remote, CacheMode, Discard, Drive, Remote, Source, Trust};
use crate::error::{Error, Result};
use bstr::{BStr, BString};
use guestfs_protocol::opts::{AddDriveOpts, AddDriveScratchOpts};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// Check everything that can be checked without starting anything.
pub(crate) fn from_options(filename: &BStr, opts: &AddDriveOpts) -> Result<Drive> {
    let format = opts.format.as_ref().map(|f| check::word("format", f)).transpose()?;
    if let Some(iface) = &opts.iface {
        check::word("iface", iface)?;
    }
    let label = opts.label.as_ref().map(check::label).transpose()?;
    let cachemode = opts.cachemode.as_ref().map(check::cachemode).transpose()?.unwrap_or_default();
    let discard = opts.discard.as_ref().map(check::discard).transpose()?.unwrap_or_default();
    let blocksize = opts.blocksize.map(check::blocksize).transpose()?.flatten();
    let readonly = opts.readonly.unwrap_or(false);
    if readonly && discard == Discard::Enable {
        return Err(Error::usage("discard cannot be enabled on a read-only drive"));
    }
    let protocol = opts.protocol.as_ref().map_or(BStr::new("file"), |p| BStr::new(p.as_slice()));
    let source = if protocol == "file" {
        remote::refuse_for_files(opts)?;
        file(filename, format.as_ref())?
    } else {
        Source::Remote(Remote::new(protocol, filename, opts)?)
    };
    Ok(Drive {
        source,
        format,
        readonly,
        label,
        cachemode,
        discard,
        copyonread: opts.copyonread.unwrap_or(false),
        blocksize,
        trust: Trust::default(),
    })
}

/// The absolute path of something that can be a disk.
fn file(filename: &BStr, format: Option<&BString>) -> Result<Source> {
    if filename == "/dev/null" {
        return match format {
            Some(f) if f != "raw" => Err(Error::usage("/dev/null: its format is raw, no other")),
            _ => Ok(Source::Null),
        };
    }
    let path = Path::new(OsStr::from_bytes(filename));
    let absolute = std::path::absolute(path).map_err(|e| Error::io(filename.to_vec(), e))?;
    let meta = path.metadata().map_err(|e| Error::io(filename.to_vec(), e))?;
    let kind = meta.file_type();
    if kind.is_dir() {
        return Err(Error::usage(format!("{filename}: is a directory, not a disk image")).with_errno(libc::EISDIR));
    }
    // Character devices too: programs add /dev/zero and /dev/full where any disk will do.
    if !kind.is_file() && !kind.is_block_device() && !kind.is_char_device() {
        return Err(Error::usage(format!("{filename}: neither a regular file nor a device")));
    }
    Ok(Source::File(absolute))
}

/// A temporary disk of so many bytes.
pub(crate) fn scratch(size: i64, opts: &AddDriveScratchOpts) -> Result<Drive> {
    let bytes = u64::try_from(size).ok().filter(|s| *s > 0);
    let size = bytes.ok_or_else(|| Error::usage(format!("{size}: not a size for a disk: it must be more than 0")))?;
    let mut drive = Drive::new(Source::Scratch { size });
    drive.format = Some("raw".into());
    drive.cachemode = CacheMode::Unsafe;
    drive.label = opts.label.as_ref().map(check::label).transpose()?;
    drive.blocksize = opts.blocksize.map(check::blocksize).transpose()?.flatten();
    Ok(drive)
}
