//! Tests above the unit level, and what they share.
//!
//! `conformance` runs the steps of `api.toml` through the Rust client, `upstream` some of them through the crate with
//! upstream's API; the C and Python runners stand beside them in `tests/conformance/`.

pub mod conformance;
pub mod upstream;
