//! The first call: who we are, what time it is, which disks there are.
//!
//! In: the words the backend wants said. Out: what was negotiated, in the connection. A plain daemon
//! (upstream's) refuses the words; where that is allowed the plain protocol is spoken.

use super::{cancelled, lost};
use crate::channel::{Connection, Fault};
use crate::client::info;
use crate::error::{ErrorKind, LaunchFailure};
use crate::handle::Handle;
use crate::machine::LaunchError;
use crate::rpc::Failure;
use bstr::{BString, ByteSlice};
use guestfs_protocol::args::DebugArgs;
use guestfs_protocol::message::{BIG_CHUNK_SIZE, MAX_CHUNK_SIZE};
use guestfs_protocol::rets::DebugRet;
use std::time::Instant;

/// The subcommand of `debug` that upstream's daemons do not know.
pub(super) const SUBCOMMAND: &str = "guestfs-rs";
/// Version of the hello itself.
const VERSION: &[u8] = b"1";
/// How much of an answer that is not understood goes into the error.
const SHOWN: usize = 200;

pub(super) fn greet(g: &Handle, connection: &mut Connection) -> Result<(), LaunchError> {
    let Some(words) = connection.running.hello() else { return Ok(()) };
    let args = DebugArgs { subcmd: SUBCOMMAND.into(), extraargs: words };
    connection.impatient = Some(Instant::now() + connection.running.silence_limit());
    let answer = connection.call::<DebugArgs, DebugRet>(g, &info::DEBUG, 0, &args, None, None);
    connection.impatient = None;
    match answer {
        Ok(answer) => agree(g, connection, &answer.result),
        Err(Failure::Clean(e)) if *e.kind() == ErrorKind::Cancelled => Err(cancelled()),
        Err(Failure::Clean(e)) if connection.running.hello_optional() => {
            g.note(format!("the appliance does not know the hello ({}): plain protocol", e.message()).as_bytes());
            Ok(())
        }
        Err(Failure::Clean(e)) => {
            let message = [b"launch: the daemon refused the library's hello: ", e.message().as_bytes()].concat();
            Err(skew(message).errno(e.errno()))
        }
        Err(Failure::Fault(Fault::Protocol(what))) => {
            Err(skew(format!("launch: the daemon answered the hello wrongly: {what}").into_bytes()))
        }
        Err(Failure::Fault(Fault::Stalled(what, limit))) => Err(LaunchError::new(
            LaunchFailure::NoSignOfLife { stage: "the daemon was ready, but did not answer".into() },
            format!("launch: waited {} s for {what}", limit.as_secs_f32()),
        )
        .errno(libc::ETIMEDOUT)),
        Err(Failure::Fault(Fault::NotStopping(_))) => Err(cancelled()),
        Err(Failure::Fault(_)) => Err(lost("being greeted", connection, g)),
    }
}

/// Take the daemon's words over: `v=1 chunk=N version=X cancel=1`; unknown words are for later versions.
fn agree(g: &Handle, connection: &mut Connection, answer: &BString) -> Result<(), LaunchError> {
    let word =
        |name: &[u8]| answer.fields().find_map(|w| w.strip_prefix(name).and_then(|rest| rest.strip_prefix(b"=")));
    if word(b"v") != Some(VERSION) {
        let shown = answer.get(..SHOWN).unwrap_or(answer).as_bstr();
        return Err(skew(format!("launch: the daemon speaks another hello: {shown}").into_bytes()));
    }
    let chunk = word(b"chunk").and_then(|w| w.to_str().ok()?.parse::<usize>().ok());
    connection.chunk_max = match chunk {
        Some(n) => n.clamp(MAX_CHUNK_SIZE, BIG_CHUNK_SIZE),
        None => MAX_CHUNK_SIZE,
    };
    connection.heeds_cancel = word(b"cancel") == Some(b"1");
    connection.greeted = true;
    g.note(format!("daemon says: {answer}").as_bytes());
    Ok(())
}

fn skew(message: Vec<u8>) -> LaunchError {
    LaunchError::new(LaunchFailure::VersionSkew, message)
        .help("library and appliance are of different versions: delete the cached appliance, or unset LIBGUESTFS_PATH")
}
