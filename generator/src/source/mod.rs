//! `api.toml` as written: spanned TOML turned into raw records, and the small grammars inside it.
//!
//! In: the text. Out: a [`raw::RawApi`] whose every value knows its place, and the mistakes of form
//! (syntax, unknown keys, wrong TOML types, missing keys). Meaning is the business of `check/`.

pub mod doc;
pub mod keys;
pub mod layout;
pub mod place;
pub mod raw;
mod read;
mod reader;
pub mod signature;
pub mod step;

pub use place::At;
pub use read::parse;

/// A mistake inside one of the small grammars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// Byte offset within the text that was parsed.
    pub offset: usize,
    pub message: String,
}

impl SyntaxError {
    /// A mistake at `offset`.
    pub fn new(offset: usize, message: &str) -> Self {
        SyntaxError { offset, message: message.to_owned() }
    }
}
