//! What inodes have beside mode, owner and times: attributes, lsattr(1), and the generation.
//!
//! In: guest files, letters and numbers. Out: the kernel's flags as letters, both ways.

use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::opts::SetE2attrsOpts;
use rustix::fs::{fstat, ioctl_getflags, ioctl_setflags, FileType, IFlags, Mode, OFlags};
use std::os::fd::OwnedFd;

use crate::ctx::Ctx;
use crate::error::{Context, Errno, Error, Result};
use crate::files::describe;
use crate::path::GuestPath;
use crate::sys::generation;

/// An attribute: its letter, the bit of linux/fs.h (`FS_…_FL`), and whether it can be asked for. The others
/// only tell what the file system did.
struct Attribute(u8, u32, bool);

/// Sorted by letter.
const ATTRIBUTES: [Attribute; 23] = [
    Attribute(b'A', 0x80, true),
    Attribute(b'C', 0x80_0000, true),
    Attribute(b'D', 0x1_0000, true),
    Attribute(b'E', 0x800, false),
    Attribute(b'F', 0x4000_0000, true),
    Attribute(b'I', 0x1000, false),
    Attribute(b'N', 0x1000_0000, false),
    Attribute(b'P', 0x2000_0000, true),
    Attribute(b'S', 0x8, true),
    Attribute(b'T', 0x2_0000, true),
    Attribute(b'V', 0x10_0000, false),
    Attribute(b'a', 0x20, true),
    Attribute(b'c', 0x4, true),
    Attribute(b'd', 0x40, true),
    Attribute(b'e', 0x8_0000, true),
    Attribute(b'h', 0x4_0000, false),
    Attribute(b'i', 0x10, true),
    Attribute(b'j', 0x4000, true),
    Attribute(b'm', 0x400, true),
    Attribute(b's', 0x1, true),
    Attribute(b't', 0x8000, true),
    Attribute(b'u', 0x2, true),
    Attribute(b'x', 0x200_0000, true),
];

/// The attributes of a file as letters, sorted.
pub fn get_e2attrs(ctx: &mut Ctx, file: &GuestPath) -> Result<BString> {
    let flags = flags(&open(ctx, file)?).context(file)?;
    Ok(letters(flags.bits()))
}

/// Set attributes, or clear them.
pub fn set_e2attrs(ctx: &mut Ctx, file: &GuestPath, attrs: &BStr, opts: &SetE2attrsOpts) -> Result<()> {
    let chosen = bits(attrs)?;
    let fd = open(ctx, file)?;
    let clear = opts.clear.unwrap_or(false);
    change(&fd, chosen, clear).context(file)
}

fn change(fd: &OwnedFd, chosen: u32, clear: bool) -> Result<()> {
    let old = flags(fd)?;
    let wanted = if clear { 0 } else { chosen };
    let new = IFlags::from_bits_retain(old.bits() & !chosen | wanted);
    if new == old {
        return Ok(());
    }
    ioctl_setflags(fd, new)
        .map_err(|e| unknown(e, "the file system or this kind of file cannot have these attributes"))?;
    // Some that a file system does not know it passes over in silence.
    let missed = (flags(fd)?.bits() ^ wanted) & chosen;
    if missed != 0 {
        let _ = ioctl_setflags(fd, old);
        let what = if clear { "cleared" } else { "set" };
        let text = format!("the file system does not let these attributes be {what}: {}", letters(missed));
        return Err(Error::not_supported(text));
    }
    Ok(())
}

/// The generation of a file.
pub fn get_e2generation(ctx: &mut Ctx, file: &GuestPath) -> Result<i64> {
    let number = generation::get(&open(ctx, file)?);
    number.map(i64::from).map_err(|e| unknown(e, "the file system keeps no generations")).context(file)
}

/// Set it.
pub fn set_e2generation(ctx: &mut Ctx, file: &GuestPath, generation: i64) -> Result<()> {
    let number = u32::try_from(generation)
        .map_err(|_| Error::invalid(format!("{generation} is no generation: these are 0 to 4294967295")))?;
    let fd = open(ctx, file)?;
    let why = "the file system does not let a generation be changed (ext4 with the feature metadata_csum never does)";
    generation::set(&fd, number).map_err(|e| unknown(e, why)).context(file)
}

fn flags(fd: &OwnedFd) -> Result<IFlags> {
    ioctl_getflags(fd).map_err(|e| unknown(e, "the file system has no such attributes"))
}

/// Say what it means that a file system does not have a request.
fn unknown(errno: Errno, meaning: &str) -> Error {
    match errno {
        Errno::NOTTY | Errno::OPNOTSUPP => Error::new(errno, meaning),
        other => other.into(),
    }
}

/// Open a file that can have attributes. A link or device would only give those of something else.
fn open(ctx: &Ctx, file: &GuestPath) -> Result<OwnedFd> {
    let looked_at = file.open(ctx, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty())?;
    match FileType::from_raw_mode(fstat(&looked_at)?.st_mode) {
        FileType::RegularFile | FileType::Directory => file.open(ctx, OFlags::RDONLY | OFlags::NOFOLLOW, Mode::empty()),
        other => {
            let text = format!("this is a {}: only regular files and directories have attributes", describe(other));
            Err(Error::not_supported(text).context(file))
        }
    }
}

fn letters(flags: u32) -> BString {
    ATTRIBUTES.iter().filter(|Attribute(_, bit, _)| flags & bit != 0).map(|Attribute(letter, ..)| *letter).collect()
}

/// The flags that letters stand for.
fn bits(attrs: &BStr) -> Result<u32> {
    let mut bits = 0;
    for letter in attrs.iter() {
        let shown = [*letter];
        let shown = shown.as_bstr();
        match ATTRIBUTES.iter().find(|Attribute(known, ..)| known == letter) {
            Some(Attribute(_, bit, true)) if bits & bit == 0 => bits |= bit,
            Some(Attribute(_, _, true)) => {
                return Err(Error::invalid(format!("the attribute '{shown}' is given twice")))
            }
            Some(_) => return Err(Error::invalid(format!("the attribute '{shown}' cannot be changed from outside"))),
            None => return Err(Error::invalid(format!("'{shown}' is not an attribute"))),
        }
    }
    Ok(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_bits() {
        assert!(ATTRIBUTES.is_sorted_by_key(|Attribute(letter, ..)| letter));
        assert_eq!(letters(0), "");
        assert_eq!(letters(0x8_0090), "Aei");
        assert_eq!(letters(u32::MAX).len(), ATTRIBUTES.len());
        assert_eq!(bits("eAi".into()).unwrap(), 0x8_0090);
        assert_eq!(bits("".into()).unwrap(), 0);
        for (bad, why) in [
            ("aa", "twice"),
            ("I", "from outside"),
            ("a b", "' ' is not an attribute"),
            ("z", "not an attribute"),
            ("-", "not an attribute"),
        ] {
            let e = bits(bad.into()).unwrap_err();
            assert_eq!(e.errno(), Some(Errno::INVAL), "{bad}");
            assert!(e.to_string().contains(why), "{bad}: {e}");
        }
    }
}
