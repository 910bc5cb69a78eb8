//! `guestfsd`: what runs beside the guest's disks and does the work of the API.
//!
//! In: request messages from the library. Out: replies, and changed disks. The generated dispatcher
//! decodes a request and calls `crate::FAMILY::CALL`; the families use `ctx`, `path`, `device`, `run`
//! and `transfer_io` and know nothing of the wire. As PID 1 of an appliance `init` brings the machine
//! up first.

#![cfg_attr(
    not(test),
    warn(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::undocumented_unsafe_blocks)
)]

pub mod channel;
pub mod ctx;
pub mod device;
#[path = "../../generated/daemon/mod.rs"]
mod dispatch;
pub mod error;
pub mod groups;
pub mod init;
pub mod modules;
pub mod path;
pub mod progress;
pub mod rpc;
pub mod run;
pub mod service;
pub mod sys;
pub mod transfer_io;

// The families: one module each for the calls whose `daemon =` names it.
pub mod archives;
pub mod blockdev;
pub mod command;
pub mod content;
pub mod copy;
pub mod dirs;
pub mod erase;
pub mod ext2;
pub mod files;
pub mod filesystems;
pub mod inspect;
pub mod luks;
pub mod lvm;
pub mod md;
pub mod mount;
pub mod parts;
pub mod stat;
pub mod system;
pub mod transfer;
pub mod xattrs;

#[cfg(test)]
mod testing;
