//! Streams between the library and a running tool.
//!
//! In: a tool with a pipe. Out: what it prints, sent to the library, or what came from there, fed to it; and
//! the tool's own word on how it went.

use std::io::{BufRead, Write};

use crate::error::{Errno, Error, Result};
use crate::run::Running;
use crate::transfer_io::FileOut;

/// Room in a pipe to a tool, in bytes: the largest that needs no privilege.
pub(crate) const PIPE: usize = 1 << 20;

/// Send what the tool prints; it must also end well. `total` is what progress is measured against.
pub(crate) fn send(mut running: Running, out: &mut FileOut, total: Option<u64>) -> Result<()> {
    let sent = match running.stdout.as_ref() {
        Some(stdout) => {
            let _ = rustix::pipe::fcntl_setpipe_size(stdout, PIPE);
            out.copy_from_tool(stdout, total)
        }
        None => Ok(0),
    };
    match sent {
        Ok(_) => running.finish(),
        Err(e) => {
            running.stdout = None;
            running.abort();
            Err(e)
        }
    }
}

/// Feed the tool `front` and then all of `from`; it must also end well.
pub(crate) fn feed(mut running: Running, front: &[u8], from: &mut impl BufRead) -> Result<()> {
    match write(&mut running, front, from) {
        Ok(()) => running.finish(),
        // The tool has seen enough: what it says about it is the result.
        Err(e) if e.errno() == Some(Errno::PIPE) => running.finish(),
        Err(e) => {
            running.abort();
            Err(e)
        }
    }
}

fn write(running: &mut Running, front: &[u8], from: &mut impl BufRead) -> Result<()> {
    let Some(mut stdin) = running.stdin.take() else { return Ok(()) };
    // Only a matter of speed.
    let _ = rustix::pipe::fcntl_setpipe_size(&stdin, PIPE);
    stdin.write_all(front)?;
    loop {
        let data = from.fill_buf()?;
        if data.is_empty() {
            return stdin.flush().map_err(Error::from);
        }
        stdin.write_all(data)?;
        let n = data.len();
        from.consume(n);
    }
}
