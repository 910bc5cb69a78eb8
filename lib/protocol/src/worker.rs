//! The wire between the daemon and its workers, the processes in which foreign libraries read hostile data.
//!
//! In: typed values of either side, or a frame of the other's. Out: the other one; a frame that is not what
//! it should be is a [`XdrError`]. Each side treats the other's bytes as hostile.
//!
//! It is a socket of local stream kind. A frame is a 4-byte big-endian length of at most [`FRAME_MAX`] and that
//! much XDR. The worker begins with one [`Reply`]: it is ready, or why it is not. Then the daemon sends a
//! [`Request`], and the worker answers with any number of [`Reply::Piece`] and [`Reply::Alive`] and then one
//! [`Reply::Done`] or [`Reply::Failed`]; there is never more than one request under way. Open files go beside
//! the first byte of a request, as `SCM_RIGHTS`: a [`Value::File`] stands for the next of them.

use crate::xdr::{copy, push, Decoder, Encoder, Xdr, XdrError, MESSAGE_MAX};
use bstr::BString;

mod typed;

pub use typed::{Argument, Arguments, Incoming, Outgoing, Parameter, Plain, Taken};

/// Largest frame without its length: what fits a message of the library's, and what is around it here.
pub const FRAME_MAX: usize = MESSAGE_MAX + 64 * 1024;

/// Most open files that go with one request.
pub const FILES_MAX: usize = 4;

/// Longest error text, in bytes.
pub const TEXT_MAX: usize = 16 * 1024;

/// Lists may hold lists, but not without end.
const DEPTH_MAX: usize = 4;

/// An argument or a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Nothing,
    Int(i64),
    Bytes(Vec<u8>),
    List(Vec<Value>),
    /// The next of the open files that came with the request.
    File,
}

impl Value {
    fn decode_at(d: &mut Decoder<'_>, depth: usize) -> Result<Value, XdrError> {
        Ok(match d.word()? {
            0 => Value::Nothing,
            1 => Value::Int(d.get()?),
            2 => Value::Bytes(copy(d.opaque(FRAME_MAX)?)?),
            3 => {
                let count = d.word()? as usize;
                // A value takes a word at least.
                let limit = if depth < DEPTH_MAX { d.remaining() / 4 } else { 0 };
                if count > limit {
                    return Err(XdrError::TooLong { what: "list", got: count, limit });
                }
                let mut list = Vec::new();
                for _ in 0..count {
                    push(&mut list, Value::decode_at(d, depth + 1)?)?;
                }
                Value::List(list)
            }
            4 => Value::File,
            w => return Err(XdrError::BadValue { what: "kind of value", got: i64::from(w) }),
        })
    }
}

impl Xdr for Value {
    const MIN_SIZE: usize = 4;
    fn encode(&self, e: &mut Encoder) -> Result<(), XdrError> {
        match self {
            Value::Nothing => e.word(0),
            Value::Int(n) => e.word(1).and_then(|()| e.put(n)),
            Value::Bytes(bytes) => e.word(2).and_then(|()| e.opaque(bytes)),
            Value::List(list) => {
                e.word(3)?;
                e.put(list)
            }
            Value::File => e.word(4),
        }
    }
    fn decode(d: &mut Decoder<'_>) -> Result<Self, XdrError> {
        Value::decode_at(d, 0)
    }
}

/// What a worker is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// As the library's module in the worker calls it.
    pub function: BString,
    pub args: Vec<Value>,
}

impl Xdr for Request {
    const MIN_SIZE: usize = 8;
    fn encode(&self, e: &mut Encoder) -> Result<(), XdrError> {
        e.put(&self.function)?;
        e.put(&self.args)
    }
    fn decode(d: &mut Decoder<'_>) -> Result<Self, XdrError> {
        Ok(Request { function: d.get()?, args: d.get()? })
    }
}

/// What a worker says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The result: the request is done.
    Done(Value),
    /// There is none: an errno, or 0, and a text.
    Failed { errno: i32, message: BString },
    /// A part of a result that goes on.
    Piece(Value),
    /// It takes long, and goes on.
    Alive,
}

impl Xdr for Reply {
    const MIN_SIZE: usize = 4;
    fn encode(&self, e: &mut Encoder) -> Result<(), XdrError> {
        match self {
            Reply::Done(value) => e.word(0).and_then(|()| e.put(value)),
            Reply::Failed { errno, message } => {
                e.word(1)?;
                e.put(errno)?;
                e.opaque(message.get(..TEXT_MAX).unwrap_or(message))
            }
            Reply::Piece(value) => e.word(2).and_then(|()| e.put(value)),
            Reply::Alive => e.word(3),
        }
    }
    fn decode(d: &mut Decoder<'_>) -> Result<Self, XdrError> {
        Ok(match d.word()? {
            0 => Reply::Done(d.get()?),
            1 => Reply::Failed { errno: d.get()?, message: copy(d.opaque(TEXT_MAX)?)?.into() },
            2 => Reply::Piece(d.get()?),
            3 => Reply::Alive,
            w => return Err(XdrError::BadValue { what: "kind of reply", got: i64::from(w) }),
        })
    }
}

/// `value` with its length in front.
pub fn frame(value: &impl Xdr) -> Result<Vec<u8>, XdrError> {
    let mut e = Encoder::with_limit(FRAME_MAX.saturating_add(4));
    e.word(0)?;
    value.encode(&mut e)?;
    let mut frame = e.into_vec();
    let length = u32::try_from(frame.len().saturating_sub(4)).unwrap_or(u32::MAX);
    for (to, from) in frame.iter_mut().zip(length.to_be_bytes()) {
        *to = from;
    }
    Ok(frame)
}

/// The length of a frame, from its first word.
pub fn frame_length(word: [u8; 4]) -> Result<usize, XdrError> {
    let got = u32::from_be_bytes(word) as usize;
    if got > FRAME_MAX {
        return Err(XdrError::TooLong { what: "frame", got, limit: FRAME_MAX });
    }
    Ok(got)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xdr::{from_slice, to_vec};

    #[test]
    fn requests_and_replies_come_back() {
        let request = Request {
            function: "node_children".into(),
            args: vec![
                Value::Int(-1),
                Value::Bytes(b"a\0b".to_vec()),
                Value::List(vec![Value::Nothing, Value::List(vec![])]),
                Value::File,
            ],
        };
        assert_eq!(from_slice::<Request>(&to_vec(&request).unwrap()).unwrap(), request);
        for reply in [
            Reply::Done(Value::Nothing),
            Reply::Failed { errno: 2, message: "no\0such".into() },
            Reply::Piece(Value::Int(7)),
            Reply::Alive,
        ] {
            let framed = frame(&reply).unwrap();
            let (word, body) = framed.split_at(4);
            assert_eq!(frame_length(word.try_into().unwrap()).unwrap(), body.len());
            assert_eq!(from_slice::<Reply>(body).unwrap(), reply);
        }
    }

    #[test]
    fn lies_are_refused_before_memory_is_reserved() {
        let list = |depth: u32| {
            let mut bytes = Vec::new();
            for _ in 0..depth {
                bytes.extend([0, 0, 0, 3, 0, 0, 0, 1]);
            }
            bytes.extend([0; 4]);
            bytes
        };
        assert!(from_slice::<Value>(&list(4)).is_ok());
        assert!(matches!(from_slice::<Value>(&list(5)), Err(XdrError::TooLong { what: "list", .. })));
        for bytes in [[0, 0, 0, 3, 0xff, 0xff, 0xff, 0xff], [0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff]] {
            assert!(from_slice::<Value>(&bytes).is_err());
        }
        assert!(matches!(from_slice::<Value>(&[0, 0, 0, 9]), Err(XdrError::BadValue { .. })));
        assert!(frame_length([0xff; 4]).is_err());
    }
}
