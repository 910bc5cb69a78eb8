//! `guestfs-worker LIBRARY MEMORY [appliance]`: one foreign library in a process of its own.
//!
//! In: requests of the daemon, on the socket that is descriptor 0 (`guestfs_protocol::worker`). Out: replies.
//! The process loads the library, gives up what rights it does not need (`confine`), and serves until the
//! daemon closes the socket. Whatever the library does then, crash, hang, grow, happens to this process only.
//!
//! MEMORY is the most that it may allocate, in bytes. With `appliance` the machine is ours, and the process
//! leaves its mounts behind.
//!
//! A LIBRARY IS ADDED by a module here that implements [`library::Library`] and a line in [`table::TABLE`].

#![deny(unsafe_op_in_unsafe_fn)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used))]

mod augeas;
mod blkid;
mod c;
mod confine;
mod fault;
mod filter;
mod hivex;
mod journal;
mod library;
mod rpm;
mod serve;
mod table;
mod trial;
mod tsk;
mod wire;
mod yara;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let (name, memory, appliance) = match words.as_slice() {
        [name, memory] => (*name, *memory, false),
        [name, memory, "appliance"] => (*name, *memory, true),
        _ => return usage(),
    };
    let (Ok(memory), Some(entry)) = (memory.parse(), table::TABLE.iter().find(|e| e.name == name)) else {
        return usage();
    };
    match serve::serve(entry, memory, appliance) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("guestfs-worker: {name}: {e}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    let names: Vec<&str> = table::TABLE.iter().map(|e| e.name).collect();
    eprintln!("usage: guestfs-worker LIBRARY MEMORY [appliance]\nlibraries: {}", names.join(" "));
    ExitCode::from(2)
}
