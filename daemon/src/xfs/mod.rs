//! Family `xfs`: XFS file systems described, changed, enlarged and repaired.
//!
//! In: devices, and where file systems are mounted. Out: what xfsprogs did and said. Two of its programs,
//! xfs_admin(8) and xfs_info(8), are shell scripts; what they do is done here, without a shell.

mod admin;
mod info;
mod repair;

pub(crate) use admin::{set_label, set_uuid};
pub use admin::{xfs_admin, xfs_growfs};
pub use info::{xfs_info, xfs_info2};
pub use repair::xfs_repair;
