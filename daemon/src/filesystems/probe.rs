//! What is on a device, as blkid(8) recognises it.
//!
//! In: devices. Out: their tags, the way they are on disk: labels are bytes. libblkid is asked in its worker, the program
//! only where that is not to be had, and for what else a caller of `blkid` sees.

use bstr::{BStr, BString, ByteSlice};
use rustix::fs::OFlags;

use super::prober::{self, Look, Tags};
use super::recipe::is_ext;
use crate::ctx::Ctx;
use crate::device::{Device, Mountable};
use crate::error::{Context, Errno, Error, Result};
use crate::run::{Output, Tool};

/// blkid(8): nothing was recognised.
const NOTHING: i32 = 2;

/// The type of the file system, empty when none is recognised.
pub fn vfs_type(ctx: &mut Ctx, mountable: &Mountable) -> Result<BString> {
    tag(ctx, mountable.device(), "TYPE")
}

/// The label of the file system, empty when it has none.
pub fn vfs_label(ctx: &mut Ctx, mountable: &Mountable) -> Result<BString> {
    tag(ctx, mountable.device(), "LABEL")
}

/// The UUID of the file system, empty when it has none.
pub fn vfs_uuid(ctx: &mut Ctx, mountable: &Mountable) -> Result<BString> {
    tag(ctx, mountable.device(), "UUID")
}

/// All that blkid knows about a device.
pub fn blkid(ctx: &mut Ctx, device: &Device) -> Result<Vec<(BString, BString)>> {
    device.open(ctx, OFlags::RDONLY)?;
    // -i: also sizes of its sectors.
    let found = by_program(ctx, &["-p", "-i"], device).with_context(|| device.api_name(ctx))?;
    Ok(found
        .into_iter()
        .map(|(key, value)| {
            let value = if key == "DEVNAME" { ctx.api_device_name(value.as_bstr()) } else { value };
            (key, value)
        })
        .collect())
}

/// One tag, empty when the device does not have it.
pub fn tag(ctx: &Ctx, device: &Device, name: &str) -> Result<BString> {
    let found = look(ctx, Look::First, device).with_context(|| device.api_name(ctx))?;
    Ok(value(&found, name).unwrap_or_default().to_owned())
}

/// The type of the file system where there is no doubt of it.
pub(crate) fn sure_type(ctx: &Ctx, device: &Device) -> Option<BString> {
    look(ctx, Look::All, device).ok().and_then(|tags| value(&tags, "TYPE").map(ToOwned::to_owned))
}

/// The tags of many devices, none for what cannot be read or told.
pub fn probe_all(ctx: &Ctx, devices: &[Device]) -> Result<Vec<Tags>> {
    let one = |device| match look(ctx, Look::All, device) {
        // Not a list that nobody wants any more.
        Err(e) if e.errno() != Some(Errno::INTR) => {
            if ctx.verbose() {
                eprintln!("guestfsd: {}: {e}", device.api_name(ctx).as_bstr());
            }
            Ok(Tags::new())
        }
        found => found,
    };
    devices.iter().map(one).collect()
}

/// The value of a tag.
pub fn value<'a>(tags: &'a Tags, key: &str) -> Option<&'a BStr> {
    tags.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_bstr())
}

fn look(ctx: &Ctx, look: Look, device: &Device) -> Result<Tags> {
    // What cannot be read is told from what has no content.
    let file = device.open(ctx, OFlags::RDONLY)?;
    match prober::ask(ctx, look, &file, device.api_name(ctx).as_bstr())? {
        Some(tags) => Ok(tags),
        None if look == Look::All => by_program(ctx, &["-p"], device),
        None => by_program(ctx, &["-c", "/dev/null"], device),
    }
}

/// What the program prints. As the export format has backslashes before what is special to a shell, and cat(1)'s `^X`
/// and `M-X` for what cannot be printed, it is asked again for a value that may be written so.
fn by_program(ctx: &Ctx, how: &[&str], device: &Device) -> Result<Tags> {
    let tool = |format: &[&str]| Tool::new("blkid").args(how).args(format);
    let output = check(tool(&["-o", "export"]).arg(device).run_status(ctx)?)?;
    let mut tags: Tags = output.stdout.lines().filter_map(pair).collect();
    for (key, value) in &mut tags {
        if is_escaped(value.as_bstr()) {
            let output = tool(&["-o", "value", "-s"]).arg_bytes(key.as_slice()).arg(device).run(ctx)?;
            *value = output.stdout.strip_suffix(b"\n").unwrap_or(&output.stdout).into();
        }
    }
    Ok(tags)
}

fn is_escaped(value: &BStr) -> bool {
    value.contains(&b'\\') || value.contains(&b'^') || value.contains_str("M-")
}

/// A line `KEY=VALUE`.
fn pair(line: &[u8]) -> Option<(BString, BString)> {
    let (key, value) = line.split_once_str("=")?;
    Some((key.into(), value.into()))
}

fn check(output: Output) -> Result<Output> {
    match output.status {
        0 | NOTHING => Ok(output),
        // 8 in low-level mode: several types at once, none of them wins.
        8 => Err(Error::msg("blkid recognises more than one kind of content")),
        n if output.stderr.is_empty() => Err(Error::msg(format!("blkid failed with exit status {n}"))),
        _ => Err(Error::msg(output.stderr.trim())),
    }
}

/// Fail unless there is a file system of the ext family on the device.
pub(crate) fn require_ext(ctx: &Ctx, device: &Device) -> Result<()> {
    let fstype = tag(ctx, device, "TYPE")?;
    if is_ext(&fstype) {
        return Ok(());
    }
    let text = match fstype.as_bstr() {
        t if t.is_empty() => "no ext2, ext3 or ext4 file system is recognised on it".to_owned(),
        t => format!("has {t}, not an ext2, ext3 or ext4 file system"),
    };
    Err(Error::invalid(text).context(device.api_name(ctx)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exported_tags() {
        let read = |line: &str| pair(line.as_bytes()).map(|(key, value)| (key.to_string(), value.to_string()));
        assert_eq!(read("LABEL=a=b"), Some(("LABEL".into(), "a=b".into())));
        assert_eq!(read("nonsense"), None);
        for (text, escaped) in [("a b", false), ("a\\ b", true), ("M-CM-)", true), ("^J", true)] {
            assert_eq!(is_escaped(text.into()), escaped, "{text}");
        }
    }
}
