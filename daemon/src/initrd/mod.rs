//! Family `initrd`: looking into initial RAM disks.
//!
//! In: a guest's initrd, one or more archives of cpio(5), each plain or packed. Out: the names in it, or
//! one file. Nothing is unpacked to a disk; only what is asked for is in memory.

pub(crate) mod cpio;
pub(crate) mod packed;
mod pieces;
#[cfg(test)]
mod tests;

use crate::ctx::Ctx;
use crate::error::{zeroed, Errno, Error, Result};
use crate::files::describe;
use crate::newc::Member;
use crate::path::GuestPath;
use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::xdr::MESSAGE_MAX;
use rustix::fs::FileType;
use std::io::{self, Read};

/// What a name costs in a reply besides its bytes.
const OVERHEAD: usize = 8;

/// The names of all members, in their order.
pub fn initrd_list(ctx: &mut Ctx, path: &GuestPath) -> Result<Vec<BString>> {
    let mut names: Vec<BString> = Vec::new();
    let mut total = 0;
    pieces::each(ctx, path, &mut |_, name, _| {
        let name = plain(name);
        total += name.len() + OVERHEAD;
        if total > MESSAGE_MAX {
            let text = "the names in the initrd are longer than a reply can be (4 MiB)";
            return Err(Error::new(Errno::TOOBIG, text).into());
        }
        names.push(name.into());
        Ok(None)
    })?;
    Ok(names)
}

/// What was found under a name.
enum Found {
    Content(Vec<u8>),
    /// A hard link whose data another member has: the file's number.
    Elsewhere((u32, (u32, u32))),
    /// A file of this many bytes.
    TooLong(u32),
    Other(FileType),
}

/// The content of a file in it. When several members have the name, it is the last of them that the
/// kernel leaves.
pub fn initrd_cat(ctx: &mut Ctx, initrdpath: &GuestPath, filename: &BStr) -> Result<Vec<u8>> {
    let wanted = plain(filename);
    let mut found = last(ctx, initrdpath, |_, name| plain(name) == wanted)?;
    if let Some(Found::Elsewhere(file)) = found {
        let same = last(ctx, initrdpath, |member, _| member.size > 0 && identity(member) == Some(file))?;
        found = Some(same.unwrap_or(Found::Content(Vec::new())));
    }
    let error = match found {
        Some(Found::Content(content)) => return Ok(content),
        None => Errno::NOENT.into(),
        Some(Found::Elsewhere(_)) => Error::invalid("a hard link to nothing"),
        Some(Found::TooLong(size)) => {
            Error::new(Errno::TOOBIG, format!("has {size} bytes, more than a reply can hold (4 MiB)"))
        }
        Some(Found::Other(FileType::Directory)) => Errno::ISDIR.into(),
        Some(Found::Other(kind)) => Error::invalid(format!("this is a {}, not a regular file", describe(kind))),
    };
    Err(error.context(filename).context(initrdpath))
}

/// The last member that is `wanted`, read if it is a file.
fn last(ctx: &Ctx, path: &GuestPath, wanted: impl Fn(&Member, &[u8]) -> bool) -> Result<Option<Found>> {
    let mut found = None;
    pieces::each(ctx, path, &mut |member, name, data| {
        if wanted(member, name) {
            found = Some(read(member, data)?);
        }
        Ok(None)
    })?;
    Ok(found)
}

fn read(member: &Member, data: &mut dyn Read) -> io::Result<Found> {
    let kind = FileType::from_raw_mode(member.mode);
    Ok(match (kind, identity(member)) {
        (FileType::RegularFile, Some(file)) if member.size == 0 => Found::Elsewhere(file),
        (FileType::RegularFile, _) => match usize::try_from(member.size) {
            Ok(size) if size <= MESSAGE_MAX => {
                let mut content = zeroed(size)?;
                data.read_exact(&mut content)?;
                Found::Content(content)
            }
            _ => Found::TooLong(member.size),
        },
        _ => Found::Other(kind),
    })
}

/// What members that are the same file have in common; `None` for one that has no other name.
fn identity(member: &Member) -> Option<(u32, (u32, u32))> {
    let regular = FileType::from_raw_mode(member.mode) == FileType::RegularFile;
    (regular && member.links > 1).then_some((member.number, member.on))
}

/// A name without what archivers put in front of it. The top itself is `.`.
fn plain(name: &[u8]) -> &BStr {
    let mut rest = name;
    while let Some(shorter) = rest.strip_prefix(b"/").or_else(|| rest.strip_prefix(b"./")) {
        rest = shorter;
    }
    if rest.is_empty() && !name.is_empty() {
        b".".as_bstr()
    } else {
        rest.as_bstr()
    }
}
