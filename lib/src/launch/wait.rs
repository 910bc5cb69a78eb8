//! Waiting for the launch word.
//!
//! In: a connection whose machine was just started. Out: `Ok` when the daemon says it is ready, or the
//! stage at which nothing more was heard.

use super::{cancelled, lost, LaunchReporter};
use crate::channel::{Connection, Fault, Incoming};
use crate::error::LaunchFailure;
use crate::handle::Handle;
use crate::machine::{LaunchError, Reporter};
use crate::rpc::describe;
use std::time::{Duration, Instant};

/// However lively the console: a boot that takes longer is not one (upstream's limit is the same).
const TOTAL_LIMIT: Duration = Duration::from_secs(20 * 60);

pub(super) fn for_daemon(
    g: &Handle,
    connection: &mut Connection,
    reporter: &LaunchReporter<'_>,
) -> Result<(), LaunchError> {
    if connection.running.already_up() {
        return Ok(());
    }
    let started = Instant::now();
    reporter.progress(6);
    loop {
        let alive = connection.tail.total() > 0;
        let limit = if alive {
            connection.last_sign + connection.running.silence_limit()
        } else {
            started + connection.running.first_sign_limit()
        };
        let limit = limit.min(started + TOTAL_LIMIT);
        if Instant::now() >= limit {
            return Err(silent(connection, started.elapsed()));
        }
        // Look up often enough to notice that the deadline moved or that it is time for progress.
        let nap = limit.min(Instant::now() + Duration::from_secs(1));
        match connection.incoming(g, 0, true, Some(nap)) {
            Ok(Incoming::Launch) => {
                reporter.progress(9);
                return Ok(());
            }
            Ok(Incoming::UserCancelled) => return Err(cancelled()),
            Ok(Incoming::TimedOut) => {}
            Ok(other) => return Err(strange(&format!("{} before it was ready", describe(&other)))),
            Err(Fault::NotStopping(_)) => return Err(cancelled()),
            Err(Fault::Died) => return Err(lost("starting", connection, g)),
            Err(Fault::Protocol(what)) => return Err(strange(&what)),
            Err(Fault::Stalled(what, limit)) => {
                return Err(LaunchError::new(
                    LaunchFailure::NoSignOfLife { stage: stage(connection).into() },
                    format!("launch: waited {} s for {what}", limit.as_secs()),
                ))
            }
            Err(Fault::Memory(_)) => {
                return Err(LaunchError::io(
                    "launch: no memory for what the appliance sends",
                    &rustix::io::Errno::NOMEM.into(),
                ))
            }
            Err(Fault::Io(what, e)) => {
                return Err(LaunchError::io(format!("launch: {what} on the appliance's channel"), &e.into()))
            }
        }
    }
}

/// The daemon's first words were not the protocol's: another program, or another version.
fn strange(what: &str) -> LaunchError {
    LaunchError::new(
        LaunchFailure::VersionSkew,
        format!("launch: the appliance does not speak this library's protocol: it sent {what}"),
    )
    .errno(libc::EPROTO)
    .help("the appliance on LIBGUESTFS_PATH may belong to another version; unset it to have one built")
}

/// How far the console says the boot came.
fn stage(connection: &Connection) -> &'static str {
    let tail = &connection.tail;
    if tail.total() == 0 {
        "nothing was printed: the machine did not reach its kernel"
    } else if tail.contains("guestfsd") {
        "the daemon was started"
    } else if tail.contains("Run /init") || tail.contains("Linux version") || tail.contains("[    ") {
        "the kernel was running"
    } else {
        "the machine printed something"
    }
}

fn silent(connection: &mut Connection, waited: Duration) -> LaunchError {
    let stage = stage(connection);
    let last = connection.tail.last_line().map_or(String::new(), |l| format!("; last line: {l}"));
    LaunchError::new(
        LaunchFailure::NoSignOfLife { stage: stage.into() },
        format!("launch: no sign of life from the appliance for {} s ({stage}{last})", waited.as_secs()),
    )
    .errno(libc::ETIMEDOUT)
    .help("if the host offers /dev/kvm but runs guests very slowly, set LIBGUESTFS_BACKEND_SETTINGS=force_tcg")
}
