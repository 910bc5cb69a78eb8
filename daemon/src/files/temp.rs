//! Files and directories with names that nobody has yet.
//!
//! In: a name that ends in `XXXXXX`, or the beginning of one. Out: what was made, and its name.

use std::io::Read;
use std::os::fd::OwnedFd;

use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::opts::MktempOpts;
use rustix::fs::{Mode, OFlags};

use crate::ctx::Ctx;
use crate::error::{Context, Errno, Error, Result};
use crate::names::Filename;
use crate::path::GuestPath;

/// What the random characters replace.
const PLACE: &[u8] = b"XXXXXX";

/// Names tried before giving up: of 2 × 10⁹ there is always a free one, or something else is wrong.
const TRIES: u32 = 100;

/// Make a directory with a name of its own that only root can look into.
pub fn mkdtemp(ctx: &mut Ctx, tmpl: &GuestPath) -> Result<BString> {
    let (front, dir, stem) = take_apart(ctx, tmpl)?;
    let name = with_free_name(&stem, b"", |name| Ok(rustix::fs::mkdirat(&dir, name.as_bytes(), Mode::RWXU)?));
    Ok(bstr::concat([front, name.context(tmpl)?]).into())
}

/// Make an empty file with a name of its own that only root can read.
pub fn mktemp(ctx: &mut Ctx, tmpl: &GuestPath, opts: &MktempOpts) -> Result<BString> {
    let suffix = opts.suffix.clone().unwrap_or_default();
    if !suffix.is_empty() {
        Filename::parse(suffix.as_bstr())?;
    }
    let (front, dir, stem) = take_apart(ctx, tmpl)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let name = with_free_name(&stem, &suffix, |name| {
        rustix::fs::openat(&dir, name.as_bytes(), flags, Mode::RUSR | Mode::WUSR)?;
        Ok(())
    });
    Ok(bstr::concat([front, name.context(tmpl)?]).into())
}

/// The path up to the last slash as it was written, that directory, and the name up to the place.
fn take_apart(ctx: &Ctx, tmpl: &GuestPath) -> Result<(BString, OwnedFd, BString)> {
    let text = tmpl.as_bstr();
    let stem =
        text.strip_suffix(PLACE).ok_or_else(|| Error::invalid("template does not end in XXXXXX").context(text))?;
    let (dir, _) = tmpl.parent(ctx)?;
    let at = stem.rfind_byte(b'/').map_or(0, |at| at + 1);
    let (front, stem) = stem.split_at(at);
    Ok((front.into(), dir, stem.into()))
}

/// Call `make` with names that begin and end so until one is free; that name.
pub(crate) fn with_free_name(stem: &[u8], suffix: &[u8], make: impl Fn(&BStr) -> Result<()>) -> Result<BString> {
    let mut tries = 0;
    loop {
        tries += 1;
        let name = BString::from(bstr::concat([stem, &random()?, suffix]));
        match make(name.as_bstr()) {
            Ok(()) => return Ok(name),
            Err(e) if e.errno() == Some(Errno::EXIST) && tries < TRIES => {}
            Err(e) => return Err(e),
        }
    }
}

/// Six characters. Letters of one case and digits only: on some file systems `a` and `A` are the same.
fn random() -> Result<[u8; PLACE.len()]> {
    let mut bytes = [0; PLACE.len()];
    std::fs::File::open("/dev/urandom").and_then(|mut f| f.read_exact(&mut bytes)).context("/dev/urandom")?;
    Ok(bytes.map(|b| {
        let digit = b % 36;
        if digit < 26 {
            b'a' + digit
        } else {
            b'0' + (digit - 26)
        }
    }))
}
