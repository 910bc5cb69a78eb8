//! What a library's module offers.
//!
//! In: a request's function and arguments. Out: a result, or a [`Fault`].

pub use crate::fault::{Fault, Result};

use crate::wire::Wire;
use guestfs_protocol::worker::{Incoming, Value};

/// A library, loaded.
pub trait Library {
    /// Do what a request asks for. Parts of a long result go out with [`Wire::piece`].
    fn call(&mut self, function: &str, args: Incoming, wire: &mut Wire) -> Result<Value>;
}

/// When the process gives up its rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// Before the first request. The library gets open files, reads them through `/proc/self/fd/N`
    /// ([`crate::c::path_of`]), and sees nothing of the guest or its disks besides.
    Files,
    /// As [`Rights::Files`], but disks and what the kernel says of them (`/dev`, `/sys`) stay in sight, for reading.
    Disks,
    /// When the module calls [`crate::confine::enter`], which its first request must bring about: for libraries
    /// that walk through a directory tree. What the library needs of the appliance's own files, it reads before.
    Tree,
}

/// A line of the table.
pub struct Entry {
    /// As the daemon calls it.
    pub name: &'static str,
    pub rights: Rights,
    /// Load it; all of it, since nothing can be loaded once the rights are gone.
    pub load: fn() -> Result<Box<dyn Library>>,
}
