//! The wire of libguestfs: what both halves, library and daemon, must agree on.
//!
//! In: bytes from an untrusted peer. Out: typed messages, or a [`xdr::XdrError`] — never a panic and
//! never an allocation larger than the bytes at hand could justify.
//!
//! `xdr` is the encoding (RFC 4506), `message` the headers and framing, `generated` the structs,
//! procedures and argument records written by the generator from `api.toml`. `worker` is another wire, between
//! the daemon and the processes that it starts for foreign libraries.

#![forbid(unsafe_code)]

pub mod errno;
#[rustfmt::skip]
#[path = "../generated/mod.rs"]
pub mod generated;
pub mod message;
mod record;
pub mod worker;
pub mod xdr;

pub use bstr::{BStr, BString};
pub use generated::{args, groups, opts, procs, rets, structs};
