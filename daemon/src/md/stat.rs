//! Members of an array.
//!
//! In: `/proc/mdstat`. Out: devices, their places and states.

use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::structs::Mdstat;

use super::kernel_name;
use crate::ctx::Ctx;
use crate::disks::{sysfs, Device};
use crate::error::{Context, Error, Result};

const MDSTAT: &str = "/proc/mdstat";

/// The members of an array, in the kernel's order.
pub fn md_stat(ctx: &mut Ctx, md: &Device) -> Result<Vec<Mdstat>> {
    let name = kernel_name(ctx, md)?;
    let text = std::fs::read(MDSTAT).context(MDSTAT)?;
    let line = line(&text, name.as_bstr());
    let line = line.ok_or_else(|| Error::msg(format!("is not in {MDSTAT}")).context(md.api_name(ctx)))?;
    Ok(members(line).map(|(kernel, index, flags)| mdstat(ctx, kernel, index, flags)).collect())
}

fn mdstat(ctx: &Ctx, kernel: &[u8], index: i32, flags: BString) -> Mdstat {
    let device = sysfs::node(kernel).api_name(ctx);
    Mdstat { mdstat_device: device, mdstat_index: index, mdstat_flags: flags }
}

/// What is behind `NAME :` in the line about an array.
fn line<'a>(text: &'a [u8], name: &BStr) -> Option<&'a [u8]> {
    let of = |line: &'a [u8]| line.split_once_str(" : ").filter(|(found, _)| found.trim() == name.as_bytes());
    text.lines().find_map(of).map(|(_, rest)| rest)
}

/// The words `NAME[INDEX](FLAG)(FLAG)…`. The others are the array's state and level.
fn members(line: &[u8]) -> impl Iterator<Item = (&[u8], i32, BString)> {
    line.fields().filter_map(|word| {
        let (name, rest) = word.split_once_str("[")?;
        let (index, flags) = rest.split_once_str("]")?;
        let flags = flags.iter().copied().filter(u8::is_ascii_alphabetic).collect();
        Some((name, index.to_str().ok()?.parse().ok()?, flags))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let text = b"Personalities : [raid1] [raid6]\nmd12 : active raid1 sdb1[1] sda1[0]\n\
            \x20     1046528 blocks super 1.2 [2/2] [UU]\n\
            md1 : active (auto-read-only) raid5 sdd[3](S) dm-0[2](W)(F) cciss!c0d0[0]\n\nmd127 : inactive sde[0](S)\n\
            unused devices: <none>\n";
        let all = |name: &str| -> Vec<String> {
            let line = line(text, name.into()).unwrap_or_default();
            members(line).map(|(name, index, flags)| format!("{} {index} {flags}", name.as_bstr())).collect()
        };
        assert_eq!(all("md12"), ["sdb1 1 ", "sda1 0 "]);
        assert_eq!(all("md1"), ["sdd 3 S", "dm-0 2 WF", "cciss!c0d0 0 "]);
        assert_eq!(all("md127"), ["sde 0 S"]);
        assert_eq!(line(text, "md".into()), None);
        assert_eq!(all("Personalities"), [""; 0]);
    }

    proptest::proptest! {
        #[test]
        fn any_text(text: Vec<u8>) {
            line(&text, "md0".into()).map(|line| members(line).count());
            members(&text).count();
        }
    }
}
