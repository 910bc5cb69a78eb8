//! What can go wrong does: each fault gives a clear error in time, leaves nothing behind, and leaves a
//! handle that is good for another launch.
//!
//! In: qemu and an appliance, wherever its machines come from. Out: a line for each point, with how long
//! the error took. All run one after the other: they count the process's children and descriptors.

#[path = "faults/caches.rs"]
mod caches;
#[path = "faults/cancels.rs"]
mod cancels;
#[path = "faults/children.rs"]
mod children;
#[path = "faults/cycles.rs"]
mod cycles;
#[path = "faults/deaths.rs"]
mod deaths;
#[path = "faults/disks.rs"]
mod disks;
#[path = "faults/help.rs"]
mod help;
#[path = "faults/launches.rs"]
mod launches;
#[path = "faults/workers.rs"]
mod workers;
