//! What the program was started with, before anything else has run.
//!
//! In: file descriptor 1 as it is before Rust's start-up code, which opens /dev/null in the place of a standard
//! stream that is closed. Results would vanish there without an error. Out: [`stdout`], which makes writing fail.

// The attribute that names the section counts as unsafe.
#![allow(unsafe_code)]

use crate::error::{Error, Result};
use rustix::stdio;
use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};

static CLOSED: AtomicBool = AtomicBool::new(false);

// SAFETY: the C library calls what is in this section once, with arguments that `look` may ignore, before `main`.
// `look` asks the kernel one question and stores the answer: it needs nothing that is set up later.
#[used]
#[link_section = ".init_array"]
static LOOK: extern "C" fn() = look;

extern "C" fn look() {
    CLOSED.store(rustix::io::fcntl_getfd(stdio::stdout()).is_err(), Ordering::Relaxed);
}

/// When there was no standard output, have one that cannot be written to: neither the descriptor nor, as a
/// directory, the file that /dev/stdout then stands for.
pub fn stdout() -> Result<()> {
    if CLOSED.load(Ordering::Relaxed) {
        let unwritable = File::open("/").map_err(|e| Error::io("/", &e))?;
        stdio::dup2_stdout(&unwritable).map_err(|e| Error::io("standard output", &e.into()))?;
    }
    Ok(())
}
