//! What kind of thing a file is, in file(1)'s words.

use std::process::Stdio;

use bstr::{BStr, BString, ByteSlice};
use rustix::fs::{FileType, Mode, OFlags};

use crate::ctx::Ctx;
use crate::device::DeviceOrPath;
use crate::error::{Context, Error, Result};
use crate::files::{describe, open_file};
use crate::path::GuestPath;
use crate::run::Tool;

/// The description of a regular file's or a device's contents, looking into compressed ones; of any
/// other file its type. Symbolic links are not followed.
pub fn file(ctx: &mut Ctx, path: &DeviceOrPath) -> Result<BString> {
    let opened = match path {
        DeviceOrPath::Path(path) => {
            let kind = FileType::from_raw_mode(path.lstat(ctx)?.st_mode);
            if kind != FileType::RegularFile {
                return Ok(describe(kind).into());
            }
            path.open(ctx, OFlags::RDONLY | OFlags::NOFOLLOW, Mode::empty())?.into()
        }
        DeviceOrPath::Device(device) => device.open(ctx, OFlags::RDONLY)?,
    };
    // -z: look inside, -b: no name in front, -s: also in devices.
    let tool = Tool::new("file").args(["-z", "-b", "-s", "-"]).stdin_from(opened);
    let output = tool.run(ctx).with_context(|| path.api_name(ctx))?;
    Ok(output.stdout.trim_end().into())
}

/// The description of what is in a compressed file.
pub fn zfile(ctx: &mut Ctx, meth: &BStr, path: &GuestPath) -> Result<BString> {
    let program = match meth.as_bytes() {
        // gzip(1) knows the files of compress(1) as well.
        b"gzip" | b"compress" => "gzip",
        b"bzip2" => "bzip2",
        _ => return Err(Error::invalid("unknown method: use gzip, compress or bzip2").context(meth)),
    };
    let input = open_file(ctx, path, OFlags::RDONLY)?;
    let mut unpacking = Tool::new(program).arg("-dc").stdin_from(input).spawn_piped(ctx, false, true)?;
    let stdin = unpacking.stdout.take().map_or_else(Stdio::null, Stdio::from);
    let output = Tool::new("file").args(["-b", "-s", "-"]).stdin_from(stdin).run(ctx).context(path)?;
    let said = output.stdout.trim_end();
    if said == b"empty" {
        // There was nothing in it, or it was no such file.
        unpacking.finish().context(path)?;
    } else {
        // file(1) looks at the beginning only: the rest need not be unpacked.
        unpacking.abort();
    }
    Ok(said.into())
}
