//! `guestfsd`: what runs beside the guest's disks and does the work of the API.
//!
//! In: request messages from the library. Out: replies, and changed disks. The generated dispatcher
//! decodes a request and calls `crate::FAMILY::CALL`; the families use `ctx`, `path`, `device`, `run`
//! and `transfer_io` and know nothing of the wire. As PID 1 of an appliance `init` brings the machine
//! up first. Which module may know which is a table in `generator/tests/floors.rs`.

#![deny(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::undocumented_unsafe_blocks)
)]

// The runtime: it names no family.
pub mod channel;
pub mod ctx;
pub mod device;
pub mod direct;
pub mod disks;
pub mod error;
pub mod groups;
pub mod kmod;
pub mod mountinfo;
pub mod names;
mod newc;
pub mod path;
mod pattern;
pub mod progress;
pub mod rpc;
pub mod run;
pub mod sys;
pub mod transfer_io;
pub mod words;
pub mod worker;

// The families: one module each for the calls whose `daemon =` names it.
pub mod acl;
pub mod archives;
pub mod augeas;
pub mod blockdev;
pub mod bootloader;
pub mod btrfs;
pub mod capabilities;
pub mod command;
pub mod content;
pub mod copy;
pub mod dirs;
pub mod erase;
pub mod ext2;
pub mod files;
pub mod filesystems;
pub mod hivex;
pub mod initrd;
pub mod inotify;
pub mod inspect;
pub mod iso;
pub mod journal;
pub mod ldm;
pub mod luks;
pub mod lvm;
pub mod md;
pub mod mount;
pub mod ntfs;
pub mod parts;
pub mod plug;
pub mod rsync;
pub mod scrub;
pub mod selinux;
pub mod stat;
pub mod swap;
pub mod system;
pub mod transfer;
pub mod tsk;
pub mod xattrs;
pub mod xfs;
pub mod yara;

// Above all families: who calls them, and what starts the daemon.
#[rustfmt::skip]
#[path = "../generated/mod.rs"]
pub mod dispatch;
pub mod init;
pub mod service;

#[cfg(test)]
mod testing;
