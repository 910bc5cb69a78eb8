//! `erl-guestfs`: the program that module `guestfs` of Erlang runs in a port, one for each handle.
//!
//! In: packets on standard input, each with the number of a request and a term in Erlang's external format. Out: packets
//! with results and events on standard output. The end of the input closes the handle and ends the program.
//!
//! Two threads: one reads, and does what must not wait (cancelling, callbacks); the other, this one, makes the calls in
//! the order in which they came.

#![deny(unsafe_code)]

mod args;
mod call;
mod fault;
#[rustfmt::skip]
#[path = "../generated/mod.rs"]
mod generated;
mod packet;
mod reader;
mod reply;
mod term;

use guestfs::{CreateFlags, Handle};
use reader::Running;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::mpsc::sync_channel;
use std::sync::Arc;

const USAGE: &str = "usage: erl-guestfs [--no-environment] [--no-close-on-exit]
This is the program behind module guestfs of Erlang, which starts it: see guestfs-erlang(3).";

fn main() -> ExitCode {
    let mut flags = CreateFlags::default();
    for arg in std::env::args_os().skip(1) {
        match arg.to_str() {
            Some("--no-environment") => flags.no_environment = true,
            Some("--no-close-on-exit") => flags.no_close_on_exit = true,
            _ => {
                eprintln!("{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    match run(flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("erl-guestfs: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: CreateFlags) -> std::io::Result<()> {
    let (input, output) = packet::take_streams()?;
    let output = Arc::new(output);
    let handle = match Handle::create(flags) {
        Ok(handle) => Arc::new(handle),
        Err(e) => return output.send(reply::fault(packet::NEWS, &e.into())),
    };
    output.send(reply::done(packet::NEWS))?;

    // One call runs and one may wait: module `guestfs` sends the next when the last has ended.
    let (queue, calls) = sync_channel::<reader::Request>(1);
    let running = Arc::new(Running::new(&handle));
    let reader = reader::Reader::new(handle.clone(), output.clone(), queue, running.clone());
    std::thread::Builder::new().name("reader".to_owned()).spawn(move || reader.run(input))?;
    while let Ok(request) = calls.recv() {
        let closing = request.is_close();
        // Nobody is left to be told when the other end is gone; the reader notices that, too.
        let _ =
            output.send(if closing { close(&handle, &request) } else { running.during(|| perform(&handle, &request)) });
        if closing {
            break;
        }
    }
    handle.close_in_place();
    Ok(())
}

/// Closing is not cancelled: what was written goes to the disk.
fn close(handle: &Handle, request: &reader::Request) -> Vec<u8> {
    handle.close_in_place();
    reply::done(request.id)
}

/// The answer to one request; a defect of the library does not take the handle along.
fn perform(handle: &Handle, request: &reader::Request) -> Vec<u8> {
    catch_unwind(AssertUnwindSafe(|| call::perform(handle, request.id, request.term()))).unwrap_or_else(|_| {
        let fault = fault::Fault::defect("the library failed in a way that it should not: standard error says where");
        reply::fault(request.id, &fault)
    })
}
