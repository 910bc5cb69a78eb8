//! Quota groups.
//!
//! In: paths, and groups as `LEVEL/ID`. Out: groups, their limits and what they use.

use bstr::{BStr, ByteSlice};
use guestfs_protocol::structs::Btrfsqgroup;

use super::place::Place;
use super::tree;
use crate::ctx::Ctx;
use crate::device::MountableOrPath;
use crate::error::{Error, Result};
use crate::path::GuestPath;
use crate::run::Tool;

/// Switch quotas on or off.
pub fn btrfs_quota_enable(ctx: &mut Ctx, fs: &MountableOrPath, enable: bool) -> Result<()> {
    let word = if enable { "enable" } else { "disable" };
    Place::or_mounted(ctx, fs, true)?.btrfs(ctx, &["quota", word]).map(drop)
}

/// Count anew what all groups use, to the end.
pub fn btrfs_quota_rescan(ctx: &mut Ctx, fs: &MountableOrPath) -> Result<()> {
    let place = Place::or_mounted(ctx, fs, true)?;
    let tool = Tool::new("btrfs").args(["quota", "rescan", "-w"]).arg(place.path()).pulse();
    place.run(ctx, tool).map(drop)
}

/// Limit what a subvolume refers to.
pub fn btrfs_qgroup_limit(ctx: &mut Ctx, subvolume: &GuestPath, size: i64) -> Result<()> {
    if size < 0 {
        return Err(Error::invalid(format!("{subvolume}: a limit of {size} bytes cannot be")));
    }
    Place::subvolume(ctx, subvolume)?.btrfs(ctx, &["qgroup", "limit", &size.to_string()]).map(drop)
}

/// Make a group.
pub fn btrfs_qgroup_create(ctx: &mut Ctx, qgroupid: &BStr, subvolume: &GuestPath) -> Result<()> {
    let place = Place::dir(ctx, subvolume)?;
    place.btrfs(ctx, &["qgroup", "create", qgroup(qgroupid)?]).map(drop)
}

/// Remove a group.
pub fn btrfs_qgroup_destroy(ctx: &mut Ctx, qgroupid: &BStr, subvolume: &GuestPath) -> Result<()> {
    let place = Place::dir(ctx, subvolume)?;
    place.btrfs(ctx, &["qgroup", "destroy", qgroup(qgroupid)?]).map(drop)
}

/// Put a group into another one.
pub fn btrfs_qgroup_assign(ctx: &mut Ctx, src: &BStr, dst: &BStr, path: &GuestPath) -> Result<()> {
    let place = Place::dir(ctx, path)?;
    let (src, dst) = (qgroup(src)?, qgroup(dst)?);
    if level(src) >= level(dst) {
        return Err(Error::invalid(format!("{path}: {dst} must have a higher level than {src}")));
    }
    place.btrfs(ctx, &["qgroup", "assign", src, dst]).map(drop)
}

/// Take a group out of another one.
pub fn btrfs_qgroup_remove(ctx: &mut Ctx, src: &BStr, dst: &BStr, path: &GuestPath) -> Result<()> {
    let place = Place::dir(ctx, path)?;
    place.btrfs(ctx, &["qgroup", "remove", qgroup(src)?, qgroup(dst)?]).map(drop)
}

/// All groups, in the order of their numbers.
pub fn btrfs_qgroup_show(ctx: &mut Ctx, path: &GuestPath) -> Result<Vec<Btrfsqgroup>> {
    let place = Place::dir(ctx, path)?;
    place.named(tree::qgroups(&place))
}

/// The name of a group: `LEVEL/ID`, or the number of a subvolume. For the program it could also be a path of
/// the appliance.
pub(super) fn qgroup(name: &BStr) -> Result<&str> {
    let number = |text: &str, bits: u32| !text.is_empty() && text.parse::<u64>().is_ok_and(|n| n >> bits == 0);
    let is_group = |name: &str| match name.split_once('/') {
        Some((level, id)) => number(level, 16) && number(id, 48),
        None => number(name, 48),
    };
    let plain = name.to_str().ok().filter(|n| !n.contains('+') && is_group(n));
    plain.ok_or_else(|| Error::invalid(format!("'{name}' is not the name of a quota group, LEVEL/ID")))
}

fn level(group: &str) -> u64 {
    group.split_once('/').and_then(|(level, _)| level.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["0/5", "1/100", "256", "65535/281474976710655"] {
            assert_eq!(qgroup(good.into()).unwrap(), good);
        }
        for bad in ["", "/", "1/", "/1", "x", "-1/2", "+1/2", "1/2/3", "/dev/sda", "65536/1", "0/281474976710656"] {
            assert!(qgroup(bad.into()).is_err(), "{bad}");
        }
        assert_eq!([level("256"), level("0/256"), level("12/1")], [0, 0, 12]);
    }
}
