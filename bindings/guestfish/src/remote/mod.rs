//! Remote control: one guestfish runs the commands that others send it. guestfish(1), "REMOTE CONTROL".
//!
//! In: `--listen` and `--remote[=PID]`. Out: [`listener`], which forks to the background and serves a socket;
//! [`client`], which sends it one command at a time with its own standard streams, so that output,
//! redirections and pipes are the caller's. `place` says where the socket is, `wire` what goes over it.

pub mod client;
pub mod listener;
mod place;
pub mod target;
mod wire;

use crate::error::{Error, Result};
use crate::options::{Control, Options};

/// Refuse what cannot be meant together.
pub fn check(options: &Options) -> Result<()> {
    match &options.control {
        None => Ok(()),
        Some(Control::Listen) if !options.words.is_empty() => Err(Error::new("--listen takes no commands")
            .note("help: send them afterwards with: guestfish --remote COMMAND")),
        Some(Control::Listen) if options.file.is_some() => Err(Error::new("cannot use --listen with --file")),
        Some(Control::Listen) => Ok(()),
        Some(Control::Remote(_)) if !options.drives.is_empty() || !options.mounts.is_empty() || options.inspector => {
            Err(Error::new("-a, -d, -N, -m and -i cannot be used with --remote").note(
                "help: give them to --listen, or send the commands instead: guestfish --remote add-drive disk.img",
            ))
        }
        Some(Control::Remote(_)) => Ok(()),
    }
}
