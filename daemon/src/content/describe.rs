//! What kind of thing a file is, in file(1)'s words.

use bstr::{BString, ByteSlice};
use rustix::fs::{FileType, Mode, OFlags};

use crate::ctx::Ctx;
use crate::device::DeviceOrPath;
use crate::error::{Context, Result};
use crate::files::describe;
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
