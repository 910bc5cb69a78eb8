//! File systems of the ext family in detail: making, resizing, their superblocks.
//!
//! In: devices and wishes. Out: what the tools of e2fsprogs did and said.

mod wishes;

use bstr::{BString, ByteSlice};
use guestfs_protocol::opts::Mke2fsOpts;
use rustix::fs::OFlags;
use std::os::unix::fs::FileExt;

use crate::ctx::Ctx;
use crate::device::Device;
use crate::erase::clear;
use crate::error::{Context, Error, Result};
use crate::filesystems::{is_ext, tag};
use crate::run::Tool;

/// Make a file system with all that mke2fs(8) can be told.
pub fn mke2fs(ctx: &mut Ctx, device: &Device, opts: &Mke2fsOpts) -> Result<()> {
    let args = wishes::arguments(ctx, opts)?;
    clear(ctx, device)?;
    let mut tool = Tool::new("mke2fs").args(&args).arg(device);
    if let Some(count) = opts.blockscount {
        tool = tool.arg(count.to_string());
    }
    tool.pulse().run(ctx).with_context(|| device.api_name(ctx)).map(drop)
}

/// Make the file system as large as its device.
pub fn resize2fs(ctx: &mut Ctx, device: &Device) -> Result<()> {
    require_ext(ctx, device)?;
    // One that is mounted grows as it is; the kernel would refuse to check it.
    if !crate::mount::is_mounted(ctx, device)? {
        // resize2fs wants it checked since it was mounted last.
        let output = Tool::new("e2fsck").args(["-f", "-p"]).arg(device).pulse().run_status(ctx);
        let output = output.with_context(|| device.api_name(ctx))?;
        // e2fsck(8): 0 no errors, 1 errors corrected.
        if !matches!(output.status, 0 | 1) {
            let said = bstr::concat([&output.stdout[..], b"\n", &output.stderr]);
            return Err(Error::msg(said.trim())
                .context("has errors that must be repaired first (e2fsck)")
                .context(device.api_name(ctx)));
        }
    }
    Tool::new("resize2fs").arg(device).pulse().run(ctx).with_context(|| device.api_name(ctx)).map(drop)
}

/// What the superblock says, in the words of tune2fs(8).
pub fn tune2fs_l(ctx: &mut Ctx, device: &Device) -> Result<Vec<(BString, BString)>> {
    superblock(ctx, device).with_context(|| device.api_name(ctx))
}

fn superblock(ctx: &Ctx, device: &Device) -> Result<Vec<(BString, BString)>> {
    let output = Tool::new("tune2fs").arg("-l").arg(device).run(ctx)?;
    Ok(fields(&output.stdout))
}

/// Lines `Name:   value`, below a first line with tune2fs's version.
fn fields(output: &[u8]) -> Vec<(BString, BString)> {
    let field = |line: &[u8]| {
        let (name, value) = line.split_once_str(":")?;
        let value = match value.trim() {
            b"<none>" | b"<not available>" | b"(none)" => b"",
            value => value,
        };
        Some((name.trim().into(), value.into()))
    };
    output.lines().filter_map(field).collect()
}

/// Size of a block in bytes, from the superblock: Documentation/filesystems/ext4/super.rst of Linux. What
/// tune2fs prints begins with the label, which may look like any field.
pub fn block_size(ctx: &Ctx, device: &Device) -> Result<i64> {
    const SUPERBLOCK: u64 = 1024;
    let mut head = [0u8; 58];
    device.open(ctx, OFlags::RDONLY)?.read_exact_at(&mut head, SUPERBLOCK)?;
    let [.., 0x53, 0xef] = head else { return Err(Error::invalid("has no ext superblock")) };
    let at = |at: usize| head.get(at).copied().unwrap_or_default();
    // The largest that there is, 64 KiB, is 6.
    match u32::from_le_bytes([at(24), at(25), at(26), at(27)]) {
        log @ 0..=6 => Ok(1024 << log),
        _ => Err(Error::invalid("the ext superblock is damaged")),
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
    use crate::testing::Guest;

    #[test]
    fn superblocks() {
        let text = b"tune2fs 1.47.0 (5-Feb-2023)\nFilesystem volume name:   a: b\nLast mounted on:  <not available>\n\
            Filesystem flags:  signed_directory_hash \nDefault mount options:    (none)\nLast write time: Sat Nov 21 13:56:22 2026\n\n";
        let expected = [
            ("Filesystem volume name", "a: b"),
            ("Last mounted on", ""),
            ("Filesystem flags", "signed_directory_hash"),
            ("Default mount options", ""),
            ("Last write time", "Sat Nov 21 13:56:22 2026"),
        ];
        assert_eq!(fields(text), expected.map(|(n, v)| (n.into(), v.into())));
    }

    /// With a regular file in the place of a device: the tools take both.
    #[test]
    fn made_grown_and_described() {
        let mut g = Guest::new();
        g.write("/d", "");
        let file = std::fs::File::options().write(true).open(g.host("/d")).unwrap();
        file.set_len(16 << 20).unwrap();
        let d = Device::from_real(g.host("/d"));
        let ctx = &mut g.ctx;
        assert!(resize2fs(ctx, &d).unwrap_err().to_string().contains("no ext2"));
        let opts = Mke2fsOpts {
            blocksize: Some(1024),
            blockscount: Some(4096),
            label: Some("lab".into()),
            fstype: Some("ext4".into()),
            hasjournal: Some(false),
            ..Default::default()
        };
        mke2fs(ctx, &d, &opts).unwrap();
        let value = |ctx: &mut Ctx, name: &str| {
            let all = tune2fs_l(ctx, &d).unwrap();
            all.iter().find(|(n, _)| n == name).map(|(_, v)| v.to_string()).unwrap_or_default()
        };
        assert_eq!(value(ctx, "Filesystem volume name"), "lab");
        assert_eq!(value(ctx, "Block count"), "4096");
        assert!(!value(ctx, "Filesystem features").contains("has_journal"));
        resize2fs(ctx, &d).unwrap();
        assert_eq!(value(ctx, "Block count"), "16384");
        assert_eq!(block_size(ctx, &d).unwrap(), 1024);
    }

    proptest::proptest! {
        /// Labels come from hostile disks: whatever is printed, an answer comes.
        #[test]
        fn any_output(output: Vec<u8>) {
            fields(&output);
        }
    }
}
