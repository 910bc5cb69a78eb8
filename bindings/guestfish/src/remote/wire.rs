//! What client and listener say to each other: one command and its outcome, then the connection ends.
//!
//! The client sends [`MAGIC`] with its three standard streams (`SCM_RIGHTS`), then a request; the listener
//! answers with a reply. Both are a length of 32 bits, most significant byte first, and that many bytes.
//! Client and listener are of the same version: the number in the magic changes with the format.

use crate::error::{Error, Result};
use crate::streams::Streams;
use bstr::{BString, ByteSlice};
use rustix::net::{
    recvmsg, sendmsg, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;

/// First bytes of a connection.
const MAGIC: &[u8; 16] = b"guestfish-rs\0\0\0\x02";

/// First byte of a reply: the command did what it should.
const DONE: u8 = 0;
/// It failed, which the text says unless the listener has printed it.
const FAILED: u8 = 1;
/// The same in the words of the library.
const LIBRARY_FAILED: u8 = 2;

/// Largest message, in bytes: more than any command line, and than any line that makes sense in a script.
const LARGEST: u32 = 16 * 1024 * 1024;

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The listener goes on when the command fails.
    pub may_fail: bool,
    /// Standard input holds the client's commands: programs of the host must not read it.
    pub stdin_is_script: bool,
    /// The name and its arguments.
    pub words: Vec<BString>,
}

/// Send the client's streams.
pub fn send_streams(to: &UnixStream, streams: &[BorrowedFd<'_>; 3]) -> Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    // There is room for exactly this.
    control.push(SendAncillaryMessage::ScmRights(streams));
    let sent = sendmsg(to, &[IoSlice::new(MAGIC)], &mut control, SendFlags::NOSIGNAL).map_err(|e| broken(&e.into()))?;
    // The streams go with the first byte.
    let mut to = to;
    to.write_all(MAGIC.get(sent..).unwrap_or_default()).map_err(|e| broken(&e))
}

/// Receive the client's streams.
pub fn receive_streams(from: &UnixStream) -> Result<Streams> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut magic = [0; MAGIC.len()];
    let got = recvmsg(from, &mut [IoSliceMut::new(&mut magic)], &mut control, RecvFlags::CMSG_CLOEXEC);
    let got = got.map_err(|e| broken(&e.into()))?.bytes;
    let mut streams = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            streams.extend(descriptors);
        }
    }
    let mut from = from;
    from.read_exact(magic.get_mut(got..).unwrap_or_default()).map_err(|e| broken(&e))?;
    if &magic != MAGIC {
        return Err(Error::new("remote: the other side is a guestfish of another version"));
    }
    streams.try_into().map_err(|_| Error::new("remote: the other side did not send its three standard streams"))
}

/// Send a command.
pub fn send_request(to: &UnixStream, request: &Request) -> Result<()> {
    let mut body = vec![u8::from(request.may_fail) | u8::from(request.stdin_is_script) << 1];
    for word in &request.words {
        body.extend_from_slice(&length(word.len())?.to_be_bytes());
        body.extend_from_slice(word);
    }
    send(to, &body)
}

/// Receive a command.
pub fn receive_request(from: &UnixStream) -> Result<Request> {
    parse_request(&receive(from)?).ok_or_else(|| Error::new("remote: a command that makes no sense"))
}

fn parse_request(body: &[u8]) -> Option<Request> {
    let (flags, mut rest) = body.split_first()?;
    let mut words = Vec::new();
    while !rest.is_empty() {
        let (length, tail) = rest.split_first_chunk()?;
        let (word, tail) = tail.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        words.push(BString::from(word));
        rest = tail;
    }
    Some(Request { may_fail: flags & 1 != 0, stdin_is_script: flags & 2 != 0, words })
}

/// Send an outcome.
pub fn send_reply(to: &UnixStream, outcome: &Result<()>) -> Result<()> {
    let body = match outcome {
        Ok(()) => vec![DONE],
        Err(e) => [&[if e.is_of_library() { LIBRARY_FAILED } else { FAILED }], e.text().as_slice()].concat(),
    };
    send(to, &body)
}

/// Receive an outcome. The outer result is that of the connection.
pub fn receive_reply(from: &UnixStream) -> Result<Result<()>> {
    match receive(from)?.as_slice() {
        [DONE, ..] => Ok(Ok(())),
        [_] => Ok(Err(Error::printed())),
        [kind, text @ ..] => Ok(Err(Error::new(text.as_bstr()).of_library(*kind == LIBRARY_FAILED))),
        [] => Err(Error::new("remote: an answer that makes no sense")),
    }
}

fn length(bytes: usize) -> Result<u32> {
    u32::try_from(bytes)
        .ok()
        .filter(|n| *n <= LARGEST)
        .ok_or_else(|| Error::new(format!("remote: {bytes} bytes are too many for one command (at most {LARGEST})")))
}

fn send(mut to: &UnixStream, body: &[u8]) -> Result<()> {
    let mut message = length(body.len())?.to_be_bytes().to_vec();
    message.extend_from_slice(body);
    to.write_all(&message).map_err(|e| broken(&e))
}

fn receive(mut from: &UnixStream) -> Result<Vec<u8>> {
    let mut head = [0; 4];
    from.read_exact(&mut head).map_err(|e| broken(&e))?;
    let length = u32::from_be_bytes(head);
    if length > LARGEST {
        return Err(Error::new(format!("remote: a message of {length} bytes is too large")));
    }
    // Memory is only taken for what has come.
    let mut body = Vec::new();
    from.take(length.into()).read_to_end(&mut body).map_err(|e| broken(&e))?;
    if body.len() as u64 != u64::from(length) {
        return Err(Error::new("remote: the connection ended in the middle of a message"));
    }
    Ok(body)
}

fn broken(e: &std::io::Error) -> Error {
    match e.kind() {
        std::io::ErrorKind::UnexpectedEof => Error::new("remote: the other side ended the connection"),
        _ => Error::io("remote", e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn requests_come_as_they_went() {
        let (a, b) = UnixStream::pair().unwrap();
        let words = vec!["echo".into(), "".into(), BString::from(&b"\xff\0x"[..])];
        let request = Request { may_fail: true, stdin_is_script: false, words };
        send_request(&a, &request).unwrap();
        assert_eq!(receive_request(&b).unwrap(), request);
    }

    #[test]
    fn streams_are_the_same_files() {
        let (a, b) = UnixStream::pair().unwrap();
        let (file, mut copy) = (tempfile::tempfile().unwrap(), Vec::new());
        send_streams(&a, &[file.as_fd(), file.as_fd(), file.as_fd()]).unwrap();
        let [_, out, _] = receive_streams(&b).unwrap();
        std::fs::File::from(out).write_all(b"x").unwrap();
        std::io::Seek::rewind(&mut &file).unwrap();
        (&file).read_to_end(&mut copy).unwrap();
        assert_eq!(copy, b"x");
    }

    #[test]
    fn streams_must_come() {
        let (mut a, b) = UnixStream::pair().unwrap();
        a.write_all(MAGIC).unwrap();
        assert!(receive_streams(&b).unwrap_err().message().to_string().contains("three standard streams"));
        a.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        assert!(receive_streams(&b).unwrap_err().message().to_string().contains("another version"));
    }

    #[test]
    fn outcomes() {
        let (a, b) = UnixStream::pair().unwrap();
        let failed = Error::new("one").note("two");
        for outcome in [Ok(()), Err(failed.clone().of_library(true)), Err(failed), Err(Error::printed())] {
            send_reply(&a, &outcome).unwrap();
            assert_eq!(receive_reply(&b).unwrap(), outcome);
        }
    }

    #[test]
    fn bad_messages_are_refused() {
        for body in [&b""[..], b"\0\0\0", b"\0\0\0\0\x02a", b"\0\xff\xff\xff\xffa"] {
            assert_eq!(parse_request(body), None, "{body:?}");
        }
        for message in [&b"\xff\xff\xff\xff"[..], b"\x01\0\0\x01", b"\0\0\0\x05ab", b"\0\0"] {
            let (mut a, b) = UnixStream::pair().unwrap();
            a.write_all(message).unwrap();
            drop(a);
            assert!(receive_request(&b).is_err(), "{message:?}");
        }
        assert!(length(LARGEST as usize + 1).is_err());
    }
}
