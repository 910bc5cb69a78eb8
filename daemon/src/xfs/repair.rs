//! Checking and repairing XFS file systems.
//!
//! In: a device, or an image in a file. Out: the exit status of xfs_repair(8), which is the answer.

use bstr::{BString, ByteSlice};
use guestfs_protocol::opts::XfsRepairOpts;
use rustix::fs::OFlags;

use crate::blockdev::require_unused;
use crate::ctx::Ctx;
use crate::device::{Device, DeviceOrPath};
use crate::error::{Context, Error, Result};
use crate::files::open_file;
use crate::path::our_fd;
use crate::run::Tool;

/// See the module's description.
pub fn xfs_repair(ctx: &mut Ctx, device: &DeviceOrPath, opts: &XfsRepairOpts) -> Result<i32> {
    let mut tool = Tool::new("xfs_repair");
    for (wanted, option) in [
        (opts.forcelogzero, &["-L"][..]),
        (opts.nomodify, &["-n"]),
        (opts.noprefetch, &["-P"]),
        (opts.forcegeometry, &["-o", "force_geometry"]),
    ] {
        if wanted == Some(true) {
            tool = tool.args(option);
        }
    }
    for (name, option, word, value) in [
        ("maxmem", "-m", "", opts.maxmem),
        ("ihashsize", "-o", "ihash=", opts.ihashsize),
        ("bhashsize", "-o", "bhash=", opts.bhashsize),
        ("agstride", "-o", "ag_stride=", opts.agstride),
    ] {
        let Some(value) = value else { continue };
        if value < 0 {
            return Err(Error::invalid(format!("{name} cannot be {value}")));
        }
        // The program has no such hash any more, but that it warns of this counts as damage with -n.
        if name != "ihashsize" {
            tool = tool.arg(option).arg(format!("{word}{value}"));
        }
    }
    // The program would end with status 1 for this, as for damage.
    if opts.maxmem.is_some() && opts.bhashsize.is_some() {
        return Err(Error::invalid("maxmem and bhashsize cannot be given together"));
    }
    for (option, name) in [("-l", &opts.logdev), ("-r", &opts.rtdev)] {
        if let Some(name) = name {
            tool = tool.arg(option).arg(other_device(ctx, name)?);
        }
    }
    let name = device.api_name(ctx);
    let output = match device {
        DeviceOrPath::Device(device) => {
            require_unused(ctx, device)?;
            tool.arg("--").arg(device).pulse().run_status(ctx)
        }
        DeviceOrPath::Path(path) => {
            let file = open_file(ctx, path, if opts.nomodify == Some(true) { OFlags::RDONLY } else { OFlags::RDWR })?;
            let path = our_fd(&file);
            tool.args(["-f", "--", &path]).pulse().run_status(ctx)
        }
    };
    Ok(output.with_context(|| name)?.status)
}

/// The device of a log or of a real-time section.
fn other_device(ctx: &Ctx, name: &BString) -> Result<Device> {
    let device = Device::parse(ctx, name.as_bstr())?;
    require_unused(ctx, &device)?;
    Ok(device)
}
