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
mod bind_tests;
pub mod call;
mod channel;
mod check;
mod child;
#[rustfmt::skip]
#[path = "../generated/mod.rs"]
mod client;
mod close;
mod contents;
mod copy_tree;
mod disks;
pub mod drive;
mod drives;
pub mod error;
pub mod event;
#[cfg(test)]
mod fake;
mod features;
mod handle;
mod image;
mod inspect;
mod launch;
mod libvirt;
mod libvirt_ffi;
pub mod machine;
mod mount_local;
mod pointer;
mod process;
mod rpc;
mod settings;
mod sys;
pub mod trace;

pub use bstr::{BStr, BString};
pub use client::info::ALL as ALL_CALLS;
pub use error::{Error, ErrorKind, LaunchFailure, Result};
pub use event::{event_to_string, Event, EventClass, EventId, EVENT_ALL};
pub use guestfs_protocol as protocol;
pub use guestfs_protocol::{errno, opts, structs};
pub use handle::private;
pub use handle::{printable, Canceller, CreateFlags, ErrorHook, Handle, State};
pub use pointer::Pointer;
