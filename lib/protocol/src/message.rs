//! Headers, chunks, progress and framing around the generated argument and result records.
//!
//! In: raw words and bodies off the channel. Out: [`Header`], [`ErrorReply`], [`Chunk`], [`Progress`].
//! Every message is a 4-byte big-endian length and that many bytes of XDR; a few lengths far above
//! [`MESSAGE_MAX`] are flag words instead (guestfs-internals(1), "PROTOCOL").

use crate::xdr::{copy, Decoder, Encoder, Xdr, XdrError, MESSAGE_MAX};
use bstr::BString;

/// Program number of the guestfs protocol.
pub const PROGRAM: u32 = 0x2000_F5F5;
/// Version of the guestfs protocol.
pub const PROTOCOL_VERSION: u32 = 4;
/// The daemon writes this once when it is ready.
pub const LAUNCH_FLAG: u32 = 0xf5f5_5ff5;
/// Either side asks the other to stop a file transfer. Where both said so in the hello (`cancel=1`) the library
/// also sends it, once, behind any request whose reply it does not want to wait for; the daemon sends it back when
/// it has heard, again while it is stopping, and then still replies. What stands in front of a request is about an
/// earlier one, whose reply was on its way: the daemon skips it.
pub const CANCEL_FLAG: u32 = 0xffff_eeee;
/// A [`Progress`] message follows, without a length word.
pub const PROGRESS_FLAG: u32 = 0xffff_5555;
/// Data bytes in one chunk unless larger ones were negotiated.
pub const MAX_CHUNK_SIZE: usize = 8192;
/// Data bytes in one chunk between our own two halves, once both said so. A disk is read that much at
/// once by the daemon; a quarter of it takes half as long again.
pub const BIG_CHUNK_SIZE: usize = 1024 * 1024;
/// Longest error text.
pub const ERROR_MESSAGE_MAX: usize = 64 * 1024;
/// Longest errno name.
pub const ERRNO_STRING_MAX: usize = 32;
/// Encoded size of [`Header`].
pub const HEADER_SIZE: usize = 40;
/// Encoded size of [`Progress`].
pub const PROGRESS_SIZE: usize = 24;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Call,
    Reply,
}

/// Whether a reply carries a result or an [`ErrorReply`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Ok,
    Error,
}

/// First part of every message. `proc` stays a number: an unknown one is the receiver's to refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub program: u32,
    pub version: u32,
    pub proc: i32,
    pub direction: Direction,
    pub serial: u32,
    /// Expected size of the FileIn that follows, 0 when unknown.
    pub progress_hint: u64,
    /// Bit N: the Nth optional argument was given.
    pub optargs_bitmask: u64,
    pub status: Status,
}

impl Header {
    /// The header of a request.
    pub fn call(proc: i32, serial: u32, progress_hint: u64, optargs_bitmask: u64) -> Self {
        Header {
            program: PROGRAM,
            version: PROTOCOL_VERSION,
            proc,
            direction: Direction::Call,
            serial,
            progress_hint,
            optargs_bitmask,
            status: Status::Ok,
        }
    }

    /// The header of a reply.
    pub fn reply(proc: i32, serial: u32, status: Status) -> Self {
        Header { direction: Direction::Reply, status, ..Self::call(proc, serial, 0, 0) }
    }
}

macro_rules! xdr_enum {
    ($t:ident, $what:literal, $zero:ident, $one:ident) => {
        impl Xdr for $t {
            const MIN_SIZE: usize = 4;
            fn encode(&self, e: &mut Encoder) -> Result<(), XdrError> {
                e.word(u32::from(*self == $t::$one))
            }
            fn decode(d: &mut Decoder<'_>) -> Result<Self, XdrError> {
                match d.word()? {
                    0 => Ok($t::$zero),
                    1 => Ok($t::$one),
                    w => Err(XdrError::BadValue { what: $what, got: i64::from(w) }),
                }
            }
        }
    };
}
xdr_enum!(Direction, "direction", Call, Reply);
xdr_enum!(Status, "status", Ok, Error);

impl Xdr for Header {
    const MIN_SIZE: usize = HEADER_SIZE;
    fn encode(&self, e: &mut Encoder) -> Result<(), XdrError> {
        e.put(&self.program)?;
        e.put(&self.version)?;
        e.put(&self.proc)?;
        e.put(&self.direction)?;
        e.put(&self.serial)?;
        e.put(&self.progress_hint)?;
        e.put(&self.optargs_bitmask)?;
        e.put(&self.status)
    }
    fn decode(d: &mut Decoder<'_>) -> Result<Self, XdrError> {
        Ok(Header {
            program: d.get()?,
            version: d.get()?,
            proc: d.get()?,
            direction: d.get()?,
            serial: d.get()?,
            progress_hint: d.get()?,
            optargs_bitmask: d.get()?,
            status: d.get()?,
        })
    }
}

/// Body of a reply whose status is [`Status::Error`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorReply {
    /// errno's symbolic name (`ENOENT`), empty for none.
    pub errno_string: BString,
    pub message: BString,
}

impl Xdr for ErrorReply {
    const MIN_SIZE: usize = 8;
    fn encode(&self, e: &mut Encoder) -> Result<(), XdrError> {
        e.string(self.errno_string.get(..ERRNO_STRING_MAX).unwrap_or(&self.errno_string))?;
        e.string(self.message.get(..ERROR_MESSAGE_MAX).unwrap_or(&self.message))
    }
    fn decode(d: &mut Decoder<'_>) -> Result<Self, XdrError> {
        Ok(ErrorReply {
            errno_string: copy(d.string(ERRNO_STRING_MAX)?)?.into(),
            message: copy(d.string(ERROR_MESSAGE_MAX)?)?.into(),
        })
    }
}

/// One piece of a file transfer, its data borrowed from the buffer it was read into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// The sender gives up.
    pub cancel: bool,
    /// Empty without `cancel`: end of file.
    pub data: &'a [u8],
}

impl<'a> Chunk<'a> {
    /// Append the encoding.
    pub fn encode(&self, e: &mut Encoder) -> Result<(), XdrError> {
        e.word(u32::from(self.cancel))?;
        e.opaque(self.data)
    }

    /// Decode the whole of `input` as one chunk of at most `limit` data bytes.
    pub fn decode(input: &'a [u8], limit: usize) -> Result<Self, XdrError> {
        let mut d = Decoder::new(input);
        let cancel = d.word()? != 0;
        let data = d.opaque(limit)?;
        d.finish()?;
        Ok(Chunk { cancel, data })
    }
}

/// How far a long call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub proc: i32,
    pub serial: u32,
    /// Units are the call's own; only position/total means something.
    pub position: u64,
    pub total: u64,
}

impl Xdr for Progress {
    const MIN_SIZE: usize = PROGRESS_SIZE;
    fn encode(&self, e: &mut Encoder) -> Result<(), XdrError> {
        e.put(&self.proc)?;
        e.put(&self.serial)?;
        e.put(&self.position)?;
        e.put(&self.total)
    }
    fn decode(d: &mut Decoder<'_>) -> Result<Self, XdrError> {
        Ok(Progress { proc: d.get()?, serial: d.get()?, position: d.get()?, total: d.get()? })
    }
}

/// What a length word on the channel announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    Launch,
    Cancel,
    Progress,
    /// A message of this many bytes, within [`MESSAGE_MAX`].
    Message(usize),
}

impl Word {
    /// Classify a length word; a length above the limit is an error before anything is allocated.
    pub fn classify(word: u32) -> Result<Word, XdrError> {
        match word {
            LAUNCH_FLAG => Ok(Word::Launch),
            CANCEL_FLAG => Ok(Word::Cancel),
            PROGRESS_FLAG => Ok(Word::Progress),
            n if n as usize <= MESSAGE_MAX => Ok(Word::Message(n as usize)),
            n => Err(XdrError::TooLong { what: "message", got: n as usize, limit: MESSAGE_MAX }),
        }
    }
}

/// A whole framed message: length word, header, body.
pub fn frame(header: &Header, body: impl FnOnce(&mut Encoder) -> Result<(), XdrError>) -> Result<Vec<u8>, XdrError> {
    let mut e = Encoder::with_limit(4 + MESSAGE_MAX);
    e.word(0)?;
    e.put(header)?;
    body(&mut e)?;
    Ok(with_length(e))
}

/// A whole framed chunk.
pub fn frame_chunk(chunk: &Chunk<'_>, reuse: Vec<u8>) -> Result<Vec<u8>, XdrError> {
    let mut e = Encoder::reuse(reuse, 4 + MESSAGE_MAX);
    e.word(0)?;
    chunk.encode(&mut e)?;
    Ok(with_length(e))
}

fn with_length(e: Encoder) -> Vec<u8> {
    let mut buf = e.into_vec();
    // The encoder's limit keeps this far below 2^32.
    let len = (buf.len().saturating_sub(4) as u32).to_be_bytes();
    if let Some(word) = buf.get_mut(..4) {
        word.copy_from_slice(&len);
    }
    buf
}
