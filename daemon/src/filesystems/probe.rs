//! What is on a device, as blkid(8) recognises it.
//!
//! In: devices. Out: its tags. Labels come from disk: they are bytes, and where blkid escapes them in a
//! list of tags it is asked for the plain value.

use bstr::{BStr, BString, ByteSlice};
use rustix::fs::OFlags;

use super::recipe::is_ext;
use crate::ctx::Ctx;
use crate::device::{Device, Mountable};
use crate::error::{Context, Error, Result};
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
    open(ctx, device)?;
    // -p: look at the device, not at a cache. -i: also sizes of its sectors.
    let output = Tool::new("blkid").args(["-p", "-i", "-o", "export"]).arg(device).run_status(ctx);
    let output = output.and_then(check).with_context(|| device.api_name(ctx))?;
    let mut tags = pairs(&output.stdout).next().unwrap_or_default();
    for (key, value) in &mut tags {
        if key == "DEVNAME" {
            *value = ctx.api_device_name(value.as_bstr());
        } else if is_escaped(value.as_bstr()) {
            let tool = Tool::new("blkid").args(["-p", "-o", "value", "-s"]).arg_bytes(key.as_slice()).arg(device);
            *value = line(tool.run(ctx).with_context(|| device.api_name(ctx))?);
        }
    }
    Ok(tags)
}

/// One tag, empty when the device does not have it.
pub fn tag(ctx: &Ctx, device: &Device, name: &str) -> Result<BString> {
    open(ctx, device)?;
    let tool = Tool::new("blkid").args(["-c", "/dev/null", "-o", "value", "-s", name]).arg(device);
    let output = tool.run_status(ctx).and_then(check).with_context(|| device.api_name(ctx))?;
    Ok(line(output))
}

/// What was printed without the newline at its end.
fn line(output: Output) -> BString {
    output.stdout.strip_suffix(b"\n").unwrap_or(&output.stdout).into()
}

/// Whether a value of the export format may not be what is on disk. It has backslashes before what is
/// special to a shell, and cat(1)'s `^X` and `M-X` for what cannot be printed; a value that looks like
/// that may also be one that is written so.
fn is_escaped(value: &BStr) -> bool {
    value.contains(&b'\\') || value.contains(&b'^') || value.contains_str("M-")
}

/// blkid does not tell a device that cannot be read from one without content, so that is seen first.
fn open(ctx: &Ctx, device: &Device) -> Result<()> {
    device.open(ctx, OFlags::RDONLY).map(drop)
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

/// The tags of many devices at once: for each that blkid recognises something on, its node and tags.
pub fn probe_all(ctx: &Ctx, devices: &[Device]) -> Result<Vec<(BString, Tags)>> {
    let take_name = |mut tags: Tags| {
        let at = tags.iter().position(|(key, _)| key == "DEVNAME")?;
        Some((tags.swap_remove(at).1, tags))
    };
    let mut found: Vec<(BString, Tags)> = Vec::new();
    let mut rest = devices;
    while !rest.is_empty() {
        // blkid -p ends at the first device it recognises nothing on: go on behind that one.
        let output = Tool::new("blkid").args(["-p", "-o", "export"]).args(rest).run_status(ctx)?;
        found.extend(pairs(&output.stdout).filter_map(take_name));
        let last = found.last().and_then(|(name, _)| rest.iter().position(|d| d.as_bstr() == name));
        let next = last.map_or(1, |at| at + 2);
        rest = rest.get(next..).unwrap_or_default();
    }
    Ok(found)
}

/// Keys and values of one device. In a list of many, values may be escaped.
pub type Tags = Vec<(BString, BString)>;

/// The value of a tag.
pub fn value<'a>(tags: &'a Tags, key: &str) -> Option<&'a BStr> {
    tags.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_bstr())
}

/// As [`value`], the way it is on disk: where the list of tags may have it escaped, blkid is asked again.
pub fn plain_value(ctx: &Ctx, device: &Device, tags: &Tags, key: &str) -> Option<BString> {
    let listed = value(tags, key)?;
    if !is_escaped(listed) {
        return Some(listed.to_owned());
    }
    Tool::new("blkid").args(["-p", "-o", "value", "-s", key]).arg(device).run(ctx).ok().map(line)
}

/// Take apart `blkid -o export`: lines `KEY=VALUE`, a blank line between devices.
fn pairs(output: &[u8]) -> impl Iterator<Item = Tags> + '_ {
    let pair = |line: &[u8]| {
        let (key, value) = line.split_once_str("=")?;
        Some((BString::from(key), BString::from(value)))
    };
    output
        .split_str("\n\n")
        .map(move |block| block.lines().filter_map(pair).collect::<Tags>())
        .filter(|tags| !tags.is_empty())
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
        let text = b"DEVNAME=/dev/sda1\nLABEL=a=b\nTYPE=ext4\nnonsense\n\nDEVNAME=/dev/sdb\nPTTYPE=gpt\n";
        let all: Vec<Tags> = pairs(text).collect();
        assert_eq!(all.len(), 2);
        assert_eq!(value(&all[0], "LABEL").unwrap(), "a=b");
        assert_eq!(value(&all[0], "TYPE").unwrap(), "ext4");
        assert_eq!(value(&all[1], "PTTYPE").unwrap(), "gpt");
        assert_eq!(value(&all[1], "TYPE"), None);
        assert_eq!(pairs(b"").count(), 0);
        for (text, escaped) in [("a b", false), ("a\\ b", true), ("M-CM-)", true), ("^J", true)] {
            assert_eq!(is_escaped(text.into()), escaped, "{text}");
        }
    }

    proptest::proptest! {
        /// Tools print what hostile disks hold: whatever it is, an answer comes.
        #[test]
        fn any_output(output: Vec<u8>) {
            pairs(&output).for_each(drop);
        }
    }
}
