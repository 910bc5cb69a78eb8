//! Family `scrub`: overwriting data several times by scrub(1), so that it is hard to recover.
//!
//! In: devices, guest files, file systems. Out: patterns where data was.

use crate::blockdev::require_unused;
use crate::ctx::Ctx;
use crate::device::Device;
use crate::erase::zero_free_space;
use crate::error::{Context, Errno, Error, Result};
use crate::files::describe;
use crate::path::GuestPath;
use crate::run::Tool;
use bstr::ByteSlice;
use rustix::fs::{FileType, OFlags};

/// Overwrite a device.
pub fn scrub_device(ctx: &mut Ctx, device: &Device) -> Result<()> {
    require_unused(ctx, device)?;
    // It would take another type of file for one to make, and fill the appliance's memory with it.
    drop(device.open(ctx, OFlags::RDWR)?);
    Tool::new("scrub").pulse().arg("--").arg(device).run(ctx).map(drop).with_context(|| device.api_name(ctx))
}

/// Overwrite a file and remove it.
pub fn scrub_file(ctx: &mut Ctx, file: &GuestPath) -> Result<()> {
    match FileType::from_raw_mode(file.stat(ctx)?.st_mode) {
        FileType::RegularFile => {}
        FileType::Directory => return Err(Error::from(Errno::ISDIR).context(file)),
        other => {
            let text = format!("this is a {}, only a regular file can be scrubbed", describe(other));
            return Err(Error::invalid(text).context(file));
        }
    }
    let path = file.host_path(ctx)?;
    Tool::new("scrub").pulse().args(["--remove", "--"]).arg(path).run(ctx).map(drop).context(file)
}

/// Fill a new directory until the file system is full, and scrub that. The last piece of a file that the
/// tool cannot write as a whole it does not count, and it does not reach the disk: a pass of zeroes over
/// all that is free comes behind it.
pub fn scrub_freespace(ctx: &mut Ctx, dir: &GuestPath) -> Result<()> {
    match dir.lstat(ctx) {
        Ok(_) => return Err(Error::new(Errno::EXIST, "exists: name a directory that can be made").context(dir)),
        Err(e) if e.errno() == Some(Errno::NOENT) => {}
        Err(e) => return Err(e),
    }
    let path = dir.host_path_nofollow(ctx)?;
    Tool::new("scrub").pulse().args(["--freespace", "--"]).arg(path).run(ctx).context(dir)?;
    zero_free_space(ctx, &holder(dir)?)
}

/// The directory that a path is in.
fn holder(path: &GuestPath) -> Result<GuestPath> {
    let whole = path.as_bstr().trim_end_with(|c| c == '/');
    let end = whole.rfind_byte(b'/').unwrap_or_default();
    GuestPath::parse_exempt(whole.get(..=end).unwrap_or_default().as_bstr())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holders() {
        for (path, expected) in [("/a", "/"), ("/a/", "/"), ("/a/b", "/a/"), ("/a/b//", "/a/")] {
            let path = GuestPath::parse_exempt(path.into()).unwrap();
            assert_eq!(holder(&path).unwrap().as_bstr(), expected);
        }
    }
}
