//! The disks of the machine, as the kernel and the library see them: which there are, what they are called,
//! what is on them at first sight.
//!
//! In: `/sys`, and the table of the library's hello. Out: devices and their names, both ways. Nothing here
//! knows of a guest's files or of a running call.

mod arrays;
mod device;
pub mod lvm_config;
mod mapper;
mod name;
mod order;
mod partition;
mod scan;
pub(crate) mod signatures;
pub(crate) mod sysfs;
mod table;
mod volumes;

pub use arrays::{link_local_names, remove_stale_names, running_arrays, wait_until_gone};
pub use device::Device;
pub use mapper::{is_volume, ldm_parts, ldm_volume, ldm_volumes, mapped, opened, others};
pub use name::{drive_index, drive_name};
pub use order::hold_back;
pub use partition::{extent, partition, Extent, Partition};
pub use sysfs::arrays;
pub use table::{Disk, Disks};
pub use volumes::any_volume;
