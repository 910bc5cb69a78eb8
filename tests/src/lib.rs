//! Tests above the unit level, and what they share.
//!
//! `conformance` runs the steps of `api.toml` through the Rust client; the C and Python runners stand
//! beside it in `tests/conformance/`.

pub mod conformance;
