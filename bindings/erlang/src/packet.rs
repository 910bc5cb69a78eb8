//! Packets: four bytes of length, eight of a request's number, and a term.
//!
//! In: standard input and output as the program was started with. Out: packets from one and to the other, through
//! descriptors that nobody else knows, so that what the library or its programs read and write cannot disturb them.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

/// Number of what answers no request: the greeting, and events. From the other side: cancel.
pub const NEWS: u64 = 0;

/// Longest request, in bytes; `guestfs_port` does not send longer ones.
pub const MAX_REQUEST: usize = 64 << 20;

/// Longest answer.
pub const MAX_ANSWER: usize = 1 << 30;

/// Take the streams away; nothing is to be read from standard input afterwards, and what is written to standard output
/// goes where errors go.
pub fn take_streams() -> Result<(File, Output)> {
    let input: OwnedFd = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    let output: OwnedFd = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    Ok((input.into(), Output(Mutex::new(output.into()))))
}

/// The next packet: number and term. `None` at the end of the input.
pub fn read(input: &mut impl Read) -> Result<Option<(u64, Vec<u8>)>> {
    let mut length = [0; 4];
    match input.read_exact(&mut length) {
        Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    let Some(rest) = length.checked_sub(8).filter(|_| length <= MAX_REQUEST) else {
        return Err(Error::new(ErrorKind::InvalidData, format!("a request of {length} bytes")));
    };
    let mut id = [0; 8];
    input.read_exact(&mut id)?;
    // What was announced need not come: memory grows with what does.
    let mut term = Vec::new();
    let got = input.take(rest as u64).read_to_end(&mut term)?;
    if got < rest {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(Some((u64::from_be_bytes(id), term)))
}

/// Where packets go, one at a time from any thread.
pub struct Output(Mutex<File>);

impl Output {
    /// Write what `reply` made.
    pub fn send(&self, packet: Vec<u8>) -> Result<()> {
        let length = u32::try_from(packet.len()).map_err(|_| ErrorKind::InvalidData)?;
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&length.to_be_bytes())?;
        file.write_all(&packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets() {
        let mut bytes: &[u8] = b"\0\0\0\x0a\0\0\0\0\0\0\0\x07ab\0\0\0\x08\0\0\0\0\0\0\0\0";
        assert_eq!(read(&mut bytes).unwrap(), Some((7, b"ab".to_vec())));
        assert_eq!(read(&mut bytes).unwrap(), Some((0, vec![])));
        assert_eq!(read(&mut bytes).unwrap(), None);
        for bad in [&b"\0\0\0\x07xxxxxxx"[..], b"\xff\xff\xff\xff", b"\0\0\0\x09\0\0\0\0\0\0\0\0", b"\0\0\0\x0a\0"] {
            read(&mut &bad[..]).unwrap_err();
        }
    }
}
