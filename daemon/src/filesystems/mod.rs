//! Making, checking, naming and finding file systems.
//!
//! In: devices, types and labels. Out: what the tools of each type did, and what blkid(8) recognises.

mod automatic;
mod available;
mod check;
mod f2fs;
mod find;
mod label;
mod list;
mod make;
mod minimum;
pub(crate) mod probe;
pub(crate) mod prober;
pub(crate) mod recipe;
mod squash;
#[cfg(test)]
mod tests;

use guestfs_protocol::structs::InternalMountable;

use crate::ctx::Ctx;
use crate::device::Mountable;
use crate::error::Result;

pub(crate) use automatic::is_automatic;
pub use available::filesystem_available;
pub use check::{e2fsck, fsck};
pub use f2fs::f2fs_expand;
pub(crate) use find::find;
pub use find::{findfs_label, findfs_partlabel, findfs_partuuid, findfs_uuid};
pub(crate) use label::checked as check_uuid;
pub use label::{set_label, set_uuid, set_uuid_random};
pub use list::list_filesystems;
pub(crate) use list::{mountables, survey, Candidate};
pub use make::{mkfs, mkfs_b, mkfs_btrfs, mkswap};
pub use minimum::vfs_minimum_size;
pub(crate) use probe::value;
pub use probe::{blkid, vfs_label, vfs_type, vfs_uuid};
pub use squash::mksquashfs;

/// The parts of a mountable. The numbers of the types are those of libguestfs's internal header:
/// 0 is a device, 1 a btrfs subvolume.
pub fn internal_parse_mountable(ctx: &mut Ctx, mountable: &Mountable) -> Result<InternalMountable> {
    Ok(InternalMountable {
        im_type: i32::from(mountable.subvolume().is_some()),
        im_device: mountable.device().api_name(ctx),
        im_volume: mountable.subvolume().map(ToOwned::to_owned).unwrap_or_default(),
    })
}
