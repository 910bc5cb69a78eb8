//! guestfs: open, inspect and change virtual machine disk images.
//!
//! In: calls on a [`Handle`]. Out: typed results, or an [`Error`] that says what failed, on what, why
//! and what to do. The work is done by a daemon in a small virtual machine (`backend` starts it,
//! `channel` and `rpc` speak to it); its answers are treated as hostile.
//!
//! `client` (generated from `api.toml`) has one method per call on [`Handle`].

#![deny(unsafe_code)]

pub mod appliance;
pub mod backend;
pub mod call;
mod bind_tests;
mod channel;
mod check;
#[path = "../../generated/client/mod.rs"]
mod client;
mod contents;
mod copy_tree;
mod disks;
pub mod drives;
pub mod error;
pub mod event;
#[cfg(test)]
mod fake;
mod features;
mod handle;
mod inspect;
mod launch;
mod libvirt;
mod mount_local;
mod pointer;
pub mod private;
mod rpc;
mod settings;
mod sys;
pub mod trace;

pub use bstr::{BStr, BString};
pub use error::{Error, ErrorKind, LaunchFailure, Result};
pub use event::{event_to_string, Event, EventClass, EventId, EVENT_ALL};
pub use guestfs_protocol as protocol;
pub use guestfs_protocol::{errno, opts, structs};
pub use pointer::Pointer;
pub use handle::{printable, Canceller, CreateFlags, ErrorHook, Handle, State};
