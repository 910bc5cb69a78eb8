//! File systems of the ext family in detail: making, checking, resizing, their superblocks and journals, and
//! what their inodes have beside the usual.
//!
//! In: devices, files and options. Out: what the tools of e2fsprogs and the kernel did and said.

mod attributes;
mod journal;
mod lost_found;
mod options;
mod resize;
mod tune;

use bstr::{BString, ByteSlice};
use guestfs_protocol::opts::{E2fsckOpts, Mke2fsOpts};

use crate::ctx::Ctx;
use crate::device::Device;
use crate::erase::clear;
use crate::error::{Context, Result};
use crate::run::Tool;

pub use attributes::{get_e2attrs, get_e2generation, set_e2attrs, set_e2generation};
pub use journal::{mke2fs_J, mke2fs_JL, mke2fs_JU, mke2journal, mke2journal_L, mke2journal_U};
pub use lost_found::mklost_and_found;
pub use resize::{resize2fs, resize2fs_M, resize2fs_size};
pub use tune::{get_e2label, get_e2uuid, set_e2label, set_e2uuid, tune2fs};

/// Make a file system with all that mke2fs(8) can be told.
pub fn mke2fs(ctx: &mut Ctx, device: &Device, opts: &Mke2fsOpts) -> Result<()> {
    let args = options::arguments(ctx, opts)?;
    clear(ctx, device)?;
    let mut tool = Tool::new("mke2fs").args(&args).arg(device);
    if let Some(count) = opts.blockscount {
        tool = tool.arg(count.to_string());
    }
    tool.pulse().run(ctx).with_context(|| device.api_name(ctx)).map(drop)
}

/// Check a file system even if it is marked clean, and repair what is safe to repair.
pub fn e2fsck_f(ctx: &mut Ctx, device: &Device) -> Result<()> {
    crate::filesystems::e2fsck(ctx, device, &E2fsckOpts { correct: Some(true), ..Default::default() })
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
    }

    proptest::proptest! {
        /// Labels come from hostile disks: whatever is printed, an answer comes.
        #[test]
        fn any_output(output: Vec<u8>) {
            fields(&output);
        }
    }
}
