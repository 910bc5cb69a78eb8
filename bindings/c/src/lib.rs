//! The C ABI: everything that `libguestfs.so.0` exports.
//!
//! In: C callers with raw pointers, as `guestfs.h` describes them. Out: calls of the safe library and
//! results that `free()` takes.
//!
//! `ffi` is generated, one function per call and six per struct. The rest is written here: `marshal`
//! (what every generated function goes through), `structs`, `memory`, and the functions that belong to
//! no call: handles, errors, events, private data. `build.sh` links the static library made from this
//! crate with the generated `varargs.c`, because Rust can neither define variadic functions nor export
//! C symbols from a static library in a shared one.

mod errors;
mod events;
#[rustfmt::skip]
#[path = "../generated/mod.rs"]
mod ffi;
mod handle;
mod marshal;
mod members;
mod memory;
mod oldstyle;
mod private;
mod structs;
