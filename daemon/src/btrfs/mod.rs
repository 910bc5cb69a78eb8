//! Family `btrfs`: subvolumes, quotas, devices and repair of Btrfs file systems.
//!
//! In: devices, and paths of mounted file systems. Out: what btrfs-progs did. What is told of a mounted file
//! system comes from the kernel ([`tree`]), not from a program's text; the exceptions are named where they are.

mod detached;
mod devices;
mod maintain;
mod place;
mod quota;
mod show;
mod subvolume;
mod tree;
mod unmounted;

pub(crate) use detached::{minimum_size, subvolumes};
pub use devices::{
    btrfs_device_add, btrfs_device_delete, btrfs_filesystem_resize, btrfs_filesystem_show, btrfs_filesystem_sync,
    btrfs_replace,
};
pub use maintain::{
    btrfs_balance_cancel, btrfs_balance_pause, btrfs_balance_resume, btrfs_balance_status, btrfs_filesystem_balance,
    btrfs_filesystem_defragment, btrfs_scrub_cancel, btrfs_scrub_full, btrfs_scrub_resume, btrfs_scrub_start,
    btrfs_scrub_status,
};
pub use quota::{
    btrfs_qgroup_assign, btrfs_qgroup_create, btrfs_qgroup_destroy, btrfs_qgroup_limit, btrfs_qgroup_remove,
    btrfs_qgroup_show, btrfs_quota_enable, btrfs_quota_rescan,
};
pub use show::btrfs_subvolume_show;
pub use subvolume::{
    btrfs_subvolume_create, btrfs_subvolume_delete, btrfs_subvolume_get_default, btrfs_subvolume_list,
    btrfs_subvolume_set_default, btrfs_subvolume_snapshot,
};
pub use unmounted::{
    btrfs_fsck, btrfs_image, btrfs_rescue_chunk_recover, btrfs_rescue_super_recover, btrfs_set_seeding,
    btrfstune_enable_extended_inode_refs, btrfstune_enable_skinny_metadata_extent_refs, btrfstune_seeding,
};
