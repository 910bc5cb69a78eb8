//! Disks that come and go while the machine runs.
//!
//! In: disks that have just become known, or one that is to go. Out: what they bring along is started, or
//! the kernel has let go of them.

mod start;
mod unplug;

pub use start::start;
pub use unplug::unplug;
