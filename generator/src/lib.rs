//! The generator: `api.toml` in, everything below `generated/` out.
//!
//! `source` reads the text, `check` judges it, `model` is what is left, `emit` turns that into files, and
//! `write` is the only module that touches them on disk.

pub mod check;
pub mod cli;
pub mod diag;
pub mod emit;
pub mod model;
pub mod source;
pub mod write;
