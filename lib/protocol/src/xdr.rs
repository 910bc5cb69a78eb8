//! XDR (RFC 4506) as libguestfs uses it: big-endian, everything padded to four bytes.
//!
//! In: a byte slice from the peer ([`Decoder`]) or typed values ([`Encoder`]). Out: the other one.
//! Bounds are checked before any allocation: a count or length that the remaining input cannot hold
//! is refused at once, so a hostile length never makes us reserve memory.

use bstr::BString;

/// Largest encoded message, header included (guestfs-internals(1), `GUESTFS_MESSAGE_MAX`).
pub const MESSAGE_MAX: usize = 4 * 1024 * 1024;

/// What was wrong with an encoded or to-be-encoded value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XdrError {
    /// The input ended inside a value.
    #[error("message is truncated: {need} bytes needed at offset {at}, {have} left")]
    Truncated { at: usize, need: usize, have: usize },
    /// Bytes were left over after the last value.
    #[error("{0} stray bytes after the end of the message")]
    Trailing(usize),
    /// A length or count is above what the protocol or the input allows.
    #[error("{what} of {got} is above the limit of {limit}")]
    TooLong { what: &'static str, got: usize, limit: usize },
    /// A bool, enum or presence word has a value outside its domain.
    #[error("{what} has the invalid value {got}")]
    BadValue { what: &'static str, got: i64 },
    /// Padding bytes were not zero.
    #[error("padding bytes at offset {0} are not zero")]
    Padding(usize),
    /// A string holds a NUL byte, which C callers could not see past.
    #[error("string contains a NUL byte")]
    Nul,
    /// There is no memory for a value of this many bytes.
    #[error("out of memory: {0} bytes are needed")]
    Memory(usize),
}

/// A value with an XDR encoding.
pub trait Xdr: Sized {
    /// Least number of bytes any value of this type takes; bounds list counts before allocation.
    const MIN_SIZE: usize;
    /// Append the encoding of `self`.
    fn encode(&self, e: &mut Encoder) -> Result<(), XdrError>;
    /// Read one value.
    fn decode(d: &mut Decoder<'_>) -> Result<Self, XdrError>;
}

/// Appends values to a buffer that never grows past its limit.
#[derive(Debug)]
pub struct Encoder {
    buf: Vec<u8>,
    limit: usize,
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Encoder {
    /// An empty buffer with the protocol's message limit.
    pub fn new() -> Self {
        Self::with_limit(MESSAGE_MAX)
    }

    /// An empty buffer that refuses to grow past `limit` bytes.
    pub fn with_limit(limit: usize) -> Self {
        Encoder { buf: Vec::new(), limit }
    }

    /// Reuse `buf` (its capacity is kept, its content dropped).
    pub fn reuse(mut buf: Vec<u8>, limit: usize) -> Self {
        buf.clear();
        Encoder { buf, limit }
    }

    /// Encode any value; shorthand for `value.encode(self)`.
    pub fn put<T: Xdr>(&mut self, value: &T) -> Result<(), XdrError> {
        value.encode(self)
    }

    /// Append raw bytes without padding.
    pub fn raw(&mut self, bytes: &[u8]) -> Result<(), XdrError> {
        let got = self.buf.len().saturating_add(bytes.len());
        if got > self.limit {
            return Err(XdrError::TooLong { what: "message", got, limit: self.limit });
        }
        self.buf.try_reserve(bytes.len()).map_err(|_| XdrError::Memory(got))?;
        self.buf.extend_from_slice(bytes);
        Ok(())
    }

    /// Append a 32-bit word.
    pub fn word(&mut self, w: u32) -> Result<(), XdrError> {
        self.raw(&w.to_be_bytes())
    }

    /// Append variable-length opaque data: length, bytes, zero padding.
    pub fn opaque(&mut self, bytes: &[u8]) -> Result<(), XdrError> {
        let len = u32::try_from(bytes.len()).map_err(|_| XdrError::TooLong {
            what: "opaque",
            got: bytes.len(),
            limit: self.limit,
        })?;
        self.word(len)?;
        self.raw(bytes)?;
        self.raw(ZEROS.get(..padding(bytes.len())).unwrap_or_default())
    }

    /// Append a string; NUL bytes are refused because the peer's C strings would end there.
    pub fn string(&mut self, s: &[u8]) -> Result<(), XdrError> {
        if s.contains(&0) {
            return Err(XdrError::Nul);
        }
        self.opaque(s)
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.buf.len()
    }

    /// True when nothing was written.
    pub fn is_empty(&self) -> bool {
        self.buf.is_empty()
    }

    /// The encoded bytes.
    pub fn into_vec(self) -> Vec<u8> {
        self.buf
    }
}

const ZEROS: [u8; 4] = [0; 4];

fn padding(len: usize) -> usize {
    (4 - len % 4) % 4
}

/// Reads values from a slice; every read is bounds-checked.
#[derive(Debug)]
pub struct Decoder<'a> {
    input: &'a [u8],
    at: usize,
}

impl<'a> Decoder<'a> {
    /// Read from the start of `input`.
    pub fn new(input: &'a [u8]) -> Self {
        Decoder { input, at: 0 }
    }

    /// Decode one value; shorthand for `T::decode(self)`.
    pub fn get<T: Xdr>(&mut self) -> Result<T, XdrError> {
        T::decode(self)
    }

    /// Bytes not read yet.
    pub fn remaining(&self) -> usize {
        self.input.len().saturating_sub(self.at)
    }

    /// Take `n` raw bytes.
    pub fn raw(&mut self, n: usize) -> Result<&'a [u8], XdrError> {
        let truncated = XdrError::Truncated { at: self.at, need: n, have: self.remaining() };
        let end = self.at.checked_add(n).ok_or(truncated.clone())?;
        let bytes = self.input.get(self.at..end).ok_or(truncated)?;
        self.at = end;
        Ok(bytes)
    }

    /// Take a 32-bit word.
    pub fn word(&mut self) -> Result<u32, XdrError> {
        let mut w = [0; 4];
        w.copy_from_slice(self.raw(4)?);
        Ok(u32::from_be_bytes(w))
    }

    /// Take variable-length opaque data of at most `limit` bytes, borrowed from the input.
    pub fn opaque(&mut self, limit: usize) -> Result<&'a [u8], XdrError> {
        let len = self.word()? as usize;
        if len > limit {
            return Err(XdrError::TooLong { what: "opaque", got: len, limit });
        }
        let bytes = self.raw(len)?;
        self.pad(len)?;
        Ok(bytes)
    }

    /// Take a string of at most `limit` bytes; NUL bytes are refused.
    pub fn string(&mut self, limit: usize) -> Result<&'a [u8], XdrError> {
        let s = self.opaque(limit)?;
        if s.contains(&0) {
            return Err(XdrError::Nul);
        }
        Ok(s)
    }

    fn pad(&mut self, len: usize) -> Result<(), XdrError> {
        let at = self.at;
        if self.raw(padding(len))?.iter().any(|b| *b != 0) {
            return Err(XdrError::Padding(at));
        }
        Ok(())
    }

    /// Fail unless all input was read.
    pub fn finish(self) -> Result<(), XdrError> {
        match self.remaining() {
            0 => Ok(()),
            n => Err(XdrError::Trailing(n)),
        }
    }
}

/// A copy of bytes of the peer's. That there is no memory for them is an error and no more.
pub fn copy(bytes: &[u8]) -> Result<Vec<u8>, XdrError> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len()).map_err(|_| XdrError::Memory(bytes.len()))?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}

/// One more element of a list of the peer's, as [`copy`].
pub fn push<T>(list: &mut Vec<T>, value: T) -> Result<(), XdrError> {
    list.try_reserve(1).map_err(|_| XdrError::Memory(size_of::<T>()))?;
    list.push(value);
    Ok(())
}

/// Decode exactly one `T` from the whole of `input`.
pub fn from_slice<T: Xdr>(input: &[u8]) -> Result<T, XdrError> {
    let mut d = Decoder::new(input);
    let v = T::decode(&mut d)?;
    d.finish()?;
    Ok(v)
}

/// Encode one value on its own.
pub fn to_vec<T: Xdr>(value: &T) -> Result<Vec<u8>, XdrError> {
    let mut e = Encoder::new();
    value.encode(&mut e)?;
    Ok(e.into_vec())
}

macro_rules! xdr_int {
    ($($t:ty),*) => {$(
        impl Xdr for $t {
            const MIN_SIZE: usize = size_of::<$t>();
            fn encode(&self, e: &mut Encoder) -> Result<(), XdrError> {
                e.raw(&self.to_be_bytes())
            }
            fn decode(d: &mut Decoder<'_>) -> Result<Self, XdrError> {
                let mut b = [0; size_of::<$t>()];
                b.copy_from_slice(d.raw(size_of::<$t>())?);
                Ok(<$t>::from_be_bytes(b))
            }
        }
    )*};
}
xdr_int!(i32, u32, i64, u64, f32);

/// The empty record: calls without arguments or results.
impl Xdr for () {
    const MIN_SIZE: usize = 0;
    fn encode(&self, _: &mut Encoder) -> Result<(), XdrError> {
        Ok(())
    }
    fn decode(_: &mut Decoder<'_>) -> Result<Self, XdrError> {
        Ok(())
    }
}

impl Xdr for bool {
    const MIN_SIZE: usize = 4;
    fn encode(&self, e: &mut Encoder) -> Result<(), XdrError> {
        e.word(u32::from(*self))
    }
    fn decode(d: &mut Decoder<'_>) -> Result<Self, XdrError> {
        match d.word()? {
            0 => Ok(false),
            1 => Ok(true),
            w => Err(XdrError::BadValue { what: "bool", got: i64::from(w) }),
        }
    }
}

impl Xdr for BString {
    const MIN_SIZE: usize = 4;
    fn encode(&self, e: &mut Encoder) -> Result<(), XdrError> {
        e.string(self)
    }
    fn decode(d: &mut Decoder<'_>) -> Result<Self, XdrError> {
        copy(d.string(MESSAGE_MAX)?).map(BString::from)
    }
}

/// XDR optional data: a presence word, then the value.
impl<T: Xdr> Xdr for Option<T> {
    const MIN_SIZE: usize = 4;
    fn encode(&self, e: &mut Encoder) -> Result<(), XdrError> {
        e.put(&self.is_some())?;
        self.as_ref().map_or(Ok(()), |v| v.encode(e))
    }
    fn decode(d: &mut Decoder<'_>) -> Result<Self, XdrError> {
        Ok(if d.get::<bool>()? { Some(d.get()?) } else { None })
    }
}

/// Variable-length lists: a count, then the values.
impl<T: Xdr> Xdr for Vec<T> {
    const MIN_SIZE: usize = 4;
    fn encode(&self, e: &mut Encoder) -> Result<(), XdrError> {
        let count = u32::try_from(self.len()).map_err(|_| XdrError::TooLong {
            what: "list",
            got: self.len(),
            limit: MESSAGE_MAX,
        })?;
        e.word(count)?;
        self.iter().try_for_each(|v| v.encode(e))
    }
    fn decode(d: &mut Decoder<'_>) -> Result<Self, XdrError> {
        let count = d.word()? as usize;
        let limit = d.remaining() / T::MIN_SIZE.max(1);
        if count > limit {
            return Err(XdrError::TooLong { what: "list", got: count, limit });
        }
        // In memory an element can be several times its encoding, so grow as elements really arrive.
        let mut list = Vec::new();
        list.try_reserve(count.min(1024)).map_err(|_| XdrError::Memory(count.min(1024) * size_of::<T>()))?;
        for _ in 0..count {
            push(&mut list, d.get()?)?;
        }
        Ok(list)
    }
}

/// Variable-length opaque data: file contents and attribute values, any bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Opaque(pub Vec<u8>);

impl Xdr for Opaque {
    const MIN_SIZE: usize = 4;
    fn encode(&self, e: &mut Encoder) -> Result<(), XdrError> {
        e.opaque(&self.0)
    }
    fn decode(d: &mut Decoder<'_>) -> Result<Self, XdrError> {
        copy(d.opaque(MESSAGE_MAX)?).map(Opaque)
    }
}

/// LVM's 32-character UUID without its dashes: fixed opaque of 32 bytes, no terminator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid32(pub [u8; 32]);

impl Xdr for Uuid32 {
    const MIN_SIZE: usize = 32;
    fn encode(&self, e: &mut Encoder) -> Result<(), XdrError> {
        e.raw(&self.0)
    }
    fn decode(d: &mut Decoder<'_>) -> Result<Self, XdrError> {
        let mut b = [0; 32];
        b.copy_from_slice(d.raw(32)?);
        Ok(Uuid32(b))
    }
}

/// XDR `char`: one byte carried as a signed 32-bit word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Char(pub u8);

impl Xdr for Char {
    const MIN_SIZE: usize = 4;
    fn encode(&self, e: &mut Encoder) -> Result<(), XdrError> {
        // rpcgen's xdr_char goes through a C `int`, so bytes above 127 travel sign-extended.
        e.put(&i32::from(self.0 as i8))
    }
    fn decode(d: &mut Decoder<'_>) -> Result<Self, XdrError> {
        match d.get::<i32>()? {
            c @ -128..=255 => Ok(Char(c as u8)),
            c => Err(XdrError::BadValue { what: "char", got: i64::from(c) }),
        }
    }
}
