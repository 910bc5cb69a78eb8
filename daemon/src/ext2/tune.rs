//! Changing what the superblock says.
//!
//! In: devices and new values. Out: what tune2fs(8) and e2label(8) did.

use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::opts::Tune2fsOpts;

use crate::ctx::Ctx;
use crate::device::{Device, Mountable};
use crate::error::{Context, Error, Result};
use crate::filesystems::probe::require_ext;
use crate::filesystems::{check_uuid, set_label, vfs_label, vfs_uuid};
use crate::run::Tool;

/// Users and groups have 16 bits in the superblock.
const ID_MAX: i64 = 0xffff;
/// Times mounted, in tune2fs.
const MOUNTS_MAX: i64 = 16000;
/// More than a year between checks is a mistake to tune2fs, in seconds.
const INTERVAL_MAX: i64 = 365 * 24 * 60 * 60;

/// Change parameters of a file system.
pub fn tune2fs(ctx: &mut Ctx, device: &Device, opts: &Tune2fsOpts) -> Result<()> {
    let args = arguments(opts)?;
    require_ext(ctx, device)?;
    // Without anything to do tune2fs only shows what it could do.
    if args.is_empty() {
        return Ok(());
    }
    let mut tool = Tool::new("tune2fs");
    if opts.force == Some(true) {
        tool = tool.arg("-f");
    }
    for (option, value) in args {
        tool = tool.arg(option).arg_bytes(value);
    }
    tool.arg(device).run(ctx).with_context(|| device.api_name(ctx)).map(drop)
}

/// Options of tune2fs, all of which have a value.
fn arguments(opts: &Tune2fsOpts) -> Result<Vec<(&'static str, BString)>> {
    let mut args = Vec::new();
    for (name, option, value, max) in [
        ("maxmountcount", "-c", opts.maxmountcount.map(i64::from), MOUNTS_MAX),
        ("mountcount", "-C", opts.mountcount.map(i64::from), MOUNTS_MAX),
        ("group", "-g", opts.group, ID_MAX),
        ("intervalbetweenchecks", "-i", opts.intervalbetweenchecks.map(i64::from), INTERVAL_MAX),
        ("reservedblockspercentage", "-m", opts.reservedblockspercentage.map(i64::from), 50),
        ("reservedblockscount", "-r", opts.reservedblockscount, i64::MAX),
        ("user", "-u", opts.user, ID_MAX),
    ] {
        let Some(number) = value else { continue };
        if number < 0 {
            return Err(Error::invalid(format!("{name} must not be negative: {number}")));
        }
        if number > max {
            return Err(Error::invalid(format!("{name} is {number}, but {max} is the most")));
        }
        // Without its unit this would be a number of days.
        let unit = if option == "-i" { "s" } else { "" };
        args.push((option, format!("{number}{unit}").into()));
    }
    if let Some(what) = &opts.errorbehavior {
        if !matches!(what.as_slice(), b"continue" | b"remount-ro" | b"panic") {
            let text = format!("errorbehavior is '{what}', which is none of continue, remount-ro and panic");
            return Err(Error::invalid(text));
        }
        args.push(("-e", what.clone()));
    }
    if let Some(directory) = &opts.lastmounteddirectory {
        args.push(("-M", directory.clone()));
    }
    Ok(args)
}

/// The label, of any type of file system.
pub fn get_e2label(ctx: &mut Ctx, device: &Device) -> Result<BString> {
    vfs_label(ctx, &Mountable::Device(device.clone()))
}

/// The UUID, of any type of file system.
pub fn get_e2uuid(ctx: &mut Ctx, device: &Device) -> Result<BString> {
    vfs_uuid(ctx, &Mountable::Device(device.clone()))
}

/// Set the label.
pub fn set_e2label(ctx: &mut Ctx, device: &Device, label: &BStr) -> Result<()> {
    require_ext(ctx, device)?;
    set_label(ctx, &Mountable::Device(device.clone()), label)
}

/// Set the UUID, or have tune2fs choose one.
pub fn set_e2uuid(ctx: &mut Ctx, device: &Device, uuid: &BStr) -> Result<()> {
    if !matches!(uuid.as_bytes(), b"clear" | b"random" | b"time") {
        check_uuid(uuid)?;
    }
    require_ext(ctx, device)?;
    let tool = Tool::new("tune2fs").arg("-U").arg_bytes(uuid).arg(device);
    tool.run(ctx).with_context(|| device.api_name(ctx)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(opts: &Tune2fsOpts) -> String {
        match arguments(opts) {
            Ok(args) => args.iter().map(|(option, value)| format!("{option} {value}")).collect::<Vec<_>>().join(" "),
            Err(e) => format!("error {e}"),
        }
    }

    #[test]
    fn command_lines() {
        let none = Tune2fsOpts::default;
        for (opts, expected) in [
            (none(), ""),
            (Tune2fsOpts { force: Some(true), ..none() }, ""),
            (Tune2fsOpts { maxmountcount: Some(0), mountcount: Some(16000), ..none() }, "-c 0 -C 16000"),
            (Tune2fsOpts { intervalbetweenchecks: Some(0), user: Some(65535), ..none() }, "-i 0s -u 65535"),
            (
                Tune2fsOpts { errorbehavior: Some("panic".into()), lastmounteddirectory: Some("".into()), ..none() },
                "-e panic -M ",
            ),
            (
                Tune2fsOpts { reservedblockscount: Some(-1), ..none() },
                "error reservedblockscount must not be negative: -1",
            ),
            (Tune2fsOpts { group: Some(65536), ..none() }, "error group is 65536, but 65535 is the most"),
            (
                Tune2fsOpts { errorbehavior: Some("stop".into()), ..none() },
                "error errorbehavior is 'stop', which is none of continue, remount-ro and panic",
            ),
        ] {
            assert_eq!(line(&opts), expected);
        }
    }
}
