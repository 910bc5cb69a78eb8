//! File contents that travel with a call: [`FileIn`] towards us, [`FileOut`] towards the library.
//!
//! In: chunks off the channel, or bytes from a handler. Out: `Read`/`BufRead`, or chunks.
//! Either side may cancel at any moment (guestfs-internals(1), "PROTOCOL"): the library's cancel
//! surfaces here as an EINTR error, ours is done by the RPC loop when a handler returns too early.

mod input;
mod output;

pub(crate) use input::drain;
pub use input::FileIn;
pub(crate) use output::send_cancel_chunk;
pub use output::FileOut;

/// From here on a transfer is worth direct I/O, in bytes.
const LARGE: u64 = 1 << 20;
