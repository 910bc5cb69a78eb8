//! Listing directories and walking trees.
//!
//! In: guest directories. Out: names, listings and sums. Entries are streamed where the result is a
//! file on the library's side; where it is a string or a list, its size is bounded by a reply's.

mod glob;
mod list;
mod ll;
#[cfg(test)]
mod tests;
pub mod tree;

pub use glob::glob_expand;
pub use list::{du, find0, internal_readdir, ls0};
pub use ll::{ll, llz};
