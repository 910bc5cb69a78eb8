//! Making, checking, naming and finding file systems.
//!
//! In: devices, types and labels. Out: what the tools of each type did, and what blkid(8) recognises.

mod available;
mod btrfs;
mod check;
mod label;
mod list;
mod make;
mod minimum;
mod probe;
mod recipe;
#[cfg(test)]
mod tests;

use guestfs_protocol::structs::InternalMountable;

use crate::ctx::Ctx;
use crate::device::Mountable;
use crate::error::Result;

pub use available::filesystem_available;
pub use check::{e2fsck, fsck};
pub use label::{set_label, set_uuid};
pub use list::list_filesystems;
pub(crate) use list::{mountables, survey, Candidate};
pub use make::{mkfs, mkswap};
pub use minimum::vfs_minimum_size;
pub(crate) use probe::{plain_value, value};
pub use probe::{blkid, tag, vfs_label, vfs_type, vfs_uuid};
pub use recipe::{check_label, is_ext};

/// The parts of a mountable. The numbers of the types are those of libguestfs's internal header:
/// 0 is a device, 1 a btrfs subvolume.
pub fn internal_parse_mountable(ctx: &mut Ctx, mountable: &Mountable) -> Result<InternalMountable> {
    Ok(InternalMountable {
        im_type: i32::from(mountable.subvolume().is_some()),
        im_device: mountable.device().api_name(ctx),
        im_volume: mountable.subvolume().map(ToOwned::to_owned).unwrap_or_default(),
    })
}
