//! Which devices lvm sees.
//!
//! In: devices. Out: `lvmlocal.conf` beside the configuration that the daemon's start wrote, which lvm
//! reads after it: lvm.conf(5).

use super::vg_activate_all;
use crate::ctx::Ctx;
use crate::device::Device;
use crate::disks::lvm_config::DIR;
use crate::error::{Context, Result};
use bstr::{BStr, ByteSlice};

/// Let lvm see only these devices, and the partitions of those that are whole disks.
pub fn lvm_set_filter(ctx: &mut Ctx, devices: &[Device]) -> Result<()> {
    let accepted: Vec<Vec<u8>> = devices.iter().map(|d| accept(d.as_bstr())).collect();
    let filter = bstr::concat([b"devices { filter = [ ".as_slice(), &accepted.concat(), b"\"r|.*|\" ] }\n"]);
    anew(ctx, || std::fs::write(path(), filter))
}

/// Let lvm see all devices.
pub fn lvm_clear_filter(ctx: &mut Ctx) -> Result<()> {
    anew(ctx, || match std::fs::remove_file(path()) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    })
}

fn path() -> String {
    format!("{DIR}/lvmlocal.conf")
}

/// No volume may be active on a device that is out of sight from now on.
fn anew(ctx: &mut Ctx, change: impl FnOnce() -> std::io::Result<()>) -> Result<()> {
    vg_activate_all(ctx, false)?;
    change().context(path())?;
    vg_activate_all(ctx, true)
}

/// A pattern for the device and, where that can have them, its partitions. lvm's patterns are regular
/// expressions between two characters of one's choice.
fn accept(device: &BStr) -> Vec<u8> {
    let partitions: &[u8] = match (device.last(), device.rsplit_str("/").next()) {
        (Some(b'0'..=b'9'), Some(name)) if name.starts_with(b"nvme") || name.starts_with(b"md") => b"(p[0-9]+)?",
        (Some(b'0'..=b'9'), _) => b"",
        _ => b"[0-9]*",
    };
    let plain = device.bytes().flat_map(|b| {
        let special = !b.is_ascii_alphanumeric() && !b"/_-".contains(&b);
        special.then_some(b'\\').into_iter().chain([b])
    });
    bstr::concat([b"\"a|^".as_slice(), &plain.collect::<Vec<u8>>(), partitions, b"$|\", "])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks_stand_for_their_partitions() {
        let text = |device: &str| accept(device.into()).to_str().unwrap().to_owned();
        assert_eq!(text("/dev/vda"), r#""a|^/dev/vda[0-9]*$|", "#);
        assert_eq!(text("/dev/vda1"), r#""a|^/dev/vda1$|", "#);
        assert_eq!(text("/dev/nvme0n1"), r#""a|^/dev/nvme0n1(p[0-9]+)?$|", "#);
        assert_eq!(text("/dev/mapper/a.b|\""), r#""a|^/dev/mapper/a\.b\|\"[0-9]*$|", "#);
    }
}
