//! Which kind of UFS a BSD system made: the kernel's driver has to be told, and mount(8) does not know.
//!
//! In: a device. Out: the driver's option for it, from the magic number of its superblock.

use crate::ctx::Ctx;
use crate::device::Device;
use crate::filesystems::probe;
use bstr::ByteSlice;
use rustix::fs::OFlags;
use std::os::unix::fs::FileExt;

/// Where the magic number is in a superblock.
const MAGIC_AT: u64 = 1372;
/// Where a superblock may be, its magic number, and the driver's word for the kind.
const KINDS: [(u64, u32, &str); 3] =
    [(65_536, 0x1954_0119, "ufs2"), (262_144, 0x1954_0119, "ufs2"), (8192, 0x0001_1954, "44bsd")];

/// The option that the driver needs, when there is such a file system and nobody gave one.
pub fn option(ctx: &Ctx, device: &Device, options: &[u8], fstype: &[u8]) -> Option<String> {
    if !matches!(fstype, b"" | b"ufs" | b"auto") || options.split_str(",").any(|word| word.starts_with(b"ufstype=")) {
        return None;
    }
    let file = device.open(ctx, OFlags::RDONLY).ok()?;
    let kind = kind(|at| {
        let mut bytes = [0; 4];
        file.read_exact_at(&mut bytes, at).ok().map(|()| bytes)
    })?;
    // The number may be left from what was there before.
    let is_ufs = fstype == b"ufs" || probe::tag(ctx, device, "TYPE").is_ok_and(|found| found == "ufs");
    is_ufs.then(|| format!("ufstype={kind}"))
}

fn kind(read: impl Fn(u64) -> Option<[u8; 4]>) -> Option<&'static str> {
    let is = |(at, magic, _): &&(u64, u32, &str)| {
        // Of either byte order: that of the machine it was made on.
        read(at.saturating_add(MAGIC_AT)).is_some_and(|b| b == magic.to_le_bytes() || b == magic.to_be_bytes())
    };
    KINDS.iter().find(is).map(|(_, _, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        let disk = |at: u64, bytes: [u8; 4]| move |wanted: u64| (wanted == at).then_some(bytes);
        assert_eq!(kind(disk(65_536 + 1372, [0x19, 0x01, 0x54, 0x19])), Some("ufs2"));
        assert_eq!(kind(disk(65_536 + 1372, [0x19, 0x54, 0x01, 0x19])), Some("ufs2"));
        assert_eq!(kind(disk(8192 + 1372, [0x54, 0x19, 0x01, 0x00])), Some("44bsd"));
        assert_eq!(kind(disk(8192 + 1372, [0x19, 0x01, 0x54, 0x19])), None);
        assert_eq!(kind(|_| None), None);
    }
}
