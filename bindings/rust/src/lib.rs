//! The API of the crate `guestfs` that belongs to libguestfs, on the library that is written in Rust: nothing of
//! `libguestfs.so` is needed. In a program's `Cargo.toml`:
//!
//! ```toml
//! [dependencies]
//! guestfs = { package = "guestfs-upstream", version = "0.1" }
//! ```
//!
//! and a program that was written for that crate, as it was published or as it is developed, compiles unchanged:
//!
//! ```no_run
//! use guestfs_upstream as guestfs; // With the line above, `guestfs` is this crate's name already.
//!
//! fn main() -> Result<(), guestfs::Error> {
//!     let g = guestfs::Handle::create()?;
//!     let options = guestfs::AddDriveOptArgs { readonly: Some(true), ..Default::default() };
//!     g.add_drive("disk.img", options)?;
//!     g.launch()?;
//!     for (device, kind) in g.list_filesystems()? {
//!         println!("{device}: {kind}");
//!     }
//!     Ok(())
//! }
//! ```
//!
//! In the version that was published, `Handle` has no lifetime. A program that names the type where Rust does not fill
//! one in (as what a function returns, or in a struct) needs `features = ["published"]`, too.
//!
//! # What is different
//!
//! - A [`Handle`] is [`Send`] and [`Sync`]. Calls of several threads wait for each other, but for
//!   [`Handle::user_cancel`] and a few that only look. [`Handle::canceller`] gives something to cancel with that does
//!   not borrow the handle.
//! - Errors can be read: [`APIError`] has its fields, [`Error`] is a [`std::error::Error`]. None is printed.
//! - A result that is not UTF-8 is no error, and the others of a list are not lost with it: what cannot be decoded is
//!   U+FFFD. The bytes are to be had from [`Handle::native`], the same handle in the API of our own crate, in which
//!   strings of guests are bytes in both directions.
//! - A panic in a callback comes out of the call that it belongs to, when that has ended.
//! - Structs and options can be compared, copied and printed.

#![deny(unsafe_code)]

mod error;
mod event;
#[rustfmt::skip]
#[path = "../generated/mod.rs"]
mod generated;
mod handle;
mod panic;
mod rows;
mod value;

pub use error::{APIError, Error};
pub use event::{event_to_string, EventHandle};
pub use generated::*;
pub use guestfs_rs as native;
pub use guestfs_rs::Canceller;
pub use handle::CreateFlags;
#[cfg(not(feature = "published"))]
pub use handle::Handle;
pub use value::UUID;

/// A handle, without the lifetime that it has had since there are events. What callbacks borrow has to be static where
/// the type is named.
#[cfg(feature = "published")]
pub type Handle = handle::Handle<'static>;
