//! How small a file system can be made.
//!
//! In: a device. Out: bytes, as the tool of its type estimates them.

use std::os::unix::fs::FileExt;

use bstr::ByteSlice;
use rustix::fs::OFlags;

use super::{probe, recipe};
use crate::btrfs;
use crate::ctx::Ctx;
use crate::device::{Device, Mountable};
use crate::error::{Context, Error, Result};
use crate::run::Tool;

/// The least size in bytes. ENOTSUP for types whose tools do not tell.
pub fn vfs_minimum_size(ctx: &mut Ctx, mountable: &Mountable) -> Result<i64> {
    // A subvolume has no size of its own.
    let device = mountable.device();
    let fstype = probe::tag(ctx, device, "TYPE")?;
    let size = match fstype.as_slice() {
        t if recipe::is_ext(t) => ext(ctx, device),
        b"btrfs" => btrfs::minimum_size(ctx, device),
        b"ntfs" => ntfs(ctx, device),
        b"xfs" => xfs(ctx, device),
        other => Err(Error::not_supported(format!(
            "don't know how to get the minimum size of '{}' filesystems",
            other.as_bstr()
        ))),
    };
    size.with_context(|| device.api_name(ctx))
}

fn ext(ctx: &Ctx, device: &Device) -> Result<i64> {
    // -f: also when it was mounted since it was checked last. Nothing is changed.
    let output = Tool::new("resize2fs").args(["-f", "-P"]).arg(device).run(ctx)?;
    let blocks = number_after(&output.stdout, "Estimated minimum size of the filesystem: ");
    let size = block_size(ctx, device)?;
    blocks
        .and_then(|blocks| blocks.checked_mul(size))
        .ok_or_else(|| Error::msg(format!("resize2fs printed no size: {}", output.stdout.trim().as_bstr())))
}

/// Size of a block in bytes, from the superblock: Documentation/filesystems/ext4/super.rst of Linux. What
/// tune2fs prints begins with the label, which may look like any field.
fn block_size(ctx: &Ctx, device: &Device) -> Result<i64> {
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

fn ntfs(ctx: &Ctx, device: &Device) -> Result<i64> {
    // -f twice: also when it is marked for a check. Nothing is changed.
    let output = Tool::new("ntfsresize").args(["--info", "-P", "-f", "-f"]).arg(device).run_status(ctx)?;
    let said = bstr::concat([&output.stdout[..], b"\n", &output.stderr]);
    let least = number_after(&said, "You might resize at ");
    // One that is full cannot be made smaller.
    let full = || number_after(&said, "Current volume size: ").filter(|_| said.contains_str("Volume is full"));
    least.or_else(full).ok_or_else(|| Error::msg(format!("ntfsresize: {}", said.trim().as_bstr())))
}

/// The number that follows `words` in a line that begins with them.
fn number_after(text: &[u8], words: &str) -> Option<i64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(words.as_bytes()))?;
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    rest.get(..digits)?.to_str().ok()?.parse().ok()
}

/// xfs cannot be made smaller: its size. The superblock, XFS Algorithms & Data Structures: magic, size
/// of a block (32 bit) and number of blocks (64 bit), high bytes first.
fn xfs(ctx: &Ctx, device: &Device) -> Result<i64> {
    let mut head = [0u8; 16];
    device.open(ctx, OFlags::RDONLY)?.read_exact_at(&mut head, 0)?;
    let [b'X', b'F', b'S', b'B', a, b, c, d, count @ ..] = head else {
        return Err(Error::invalid("has no xfs superblock"));
    };
    let block = u64::from(u32::from_be_bytes([a, b, c, d]));
    let size = block.checked_mul(u64::from_be_bytes(count)).and_then(|size| i64::try_from(size).ok());
    size.ok_or_else(|| Error::invalid("the xfs superblock is damaged"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Guest;

    #[test]
    fn superblocks() {
        let g = Guest::new();
        let size = |bytes: &[u8]| {
            g.write("/d", bytes);
            xfs(&g.ctx, &Device::from_real(g.host("/d"))).ok()
        };
        assert_eq!(size(b"XFSB\0\0\x10\0\0\0\0\0\0\0\x01\0rest"), Some(4096 * 256));
        assert_eq!(size(b"XFSB\0\0\x10\0\0\0"), None);
        assert_eq!(size(b"YFSB\0\0\x10\0\0\0\0\0\0\0\x01\0"), None);
        assert_eq!(size(b"XFSB\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), None);
    }

    #[test]
    fn ext_superblocks() {
        let g = Guest::new();
        let size = |log: u8, magic: u8| {
            let mut bytes = vec![0u8; 2048];
            (bytes[1024 + 24], bytes[1024 + 56], bytes[1024 + 57]) = (log, magic, 0xef);
            g.write("/d", &bytes);
            block_size(&g.ctx, &Device::from_real(g.host("/d"))).ok()
        };
        assert_eq!(size(0, 0x53), Some(1024));
        assert_eq!(size(2, 0x53), Some(4096));
        assert_eq!(size(7, 0x53), None);
        assert_eq!(size(0, 0x54), None);
    }

    #[test]
    fn numbers() {
        let text =
            b"x\nYou might resize at 1810432 bytes or 2 MB (freeing 266 MB).\nsize: z\nsize: 99999999999999999999\n";
        assert_eq!(number_after(text, "You might resize at "), Some(1_810_432));
        assert_eq!(number_after(text, "size: "), None);
        assert_eq!(number_after(text, "none: "), None);
    }

    proptest::proptest! {
        /// Tools print what hostile disks hold: whatever it is, an answer comes.
        #[test]
        fn any_output(output: Vec<u8>) {
            let _ = number_after(&output, "");
        }
    }
}
