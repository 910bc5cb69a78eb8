//! Erlang's external term format, read in place and written: as much of it as calls need.
//!
//! In: the bytes of a term, from anyone. Out: its parts, one after the other. No tree is made, so a packet takes no more
//! memory than its bytes and what the call gets of them; nothing here recurses.

/// Tags of terms.
pub mod tag {
    pub const VERSION: u8 = 131;
    pub const NEW_FLOAT: u8 = 70;
    pub const SMALL_INTEGER: u8 = 97;
    pub const INTEGER: u8 = 98;
    pub const ATOM: u8 = 100;
    pub const SMALL_TUPLE: u8 = 104;
    pub const LARGE_TUPLE: u8 = 105;
    pub const NIL: u8 = 106;
    pub const STRING: u8 = 107;
    pub const LIST: u8 = 108;
    pub const BINARY: u8 = 109;
    pub const SMALL_BIG: u8 = 110;
    pub const SMALL_ATOM: u8 = 115;
    pub const ATOM_UTF8: u8 = 118;
    pub const SMALL_ATOM_UTF8: u8 = 119;
}

/// The head of a term. What a list or a tuple holds comes next; a list's tail follows its elements.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Head<'a> {
    Integer(i128),
    Atom(&'a [u8]),
    Tuple(u32),
    Nil,
    /// A list of small integers.
    String(&'a [u8]),
    List(u32),
    Binary(&'a [u8]),
    /// A term of another kind, or no term at all: nothing that follows can be read.
    Other,
}

impl Head<'_> {
    /// For messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Head::Integer(_) => "an integer",
            Head::Atom(_) => "an atom",
            Head::Tuple(_) => "a tuple",
            Head::Nil | Head::String(_) | Head::List(_) => "a list",
            Head::Binary(_) => "a binary",
            Head::Other => "something else",
        }
    }
}

/// Reads the heads of terms.
#[derive(Debug, Clone)]
pub struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    /// At the beginning of what `term_to_binary` made.
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        bytes.strip_prefix(&[tag::VERSION]).map(Cursor)
    }

    /// The next head.
    pub fn head(&mut self) -> Head<'a> {
        self.try_head().unwrap_or_else(|| {
            self.0 = &[];
            Head::Other
        })
    }

    fn try_head(&mut self) -> Option<Head<'a>> {
        Some(match self.byte()? {
            tag::SMALL_INTEGER => Head::Integer(self.byte()?.into()),
            tag::INTEGER => Head::Integer(i32::from_be_bytes(self.array()?).into()),
            tag::SMALL_BIG => Head::Integer(self.big()?),
            tag::ATOM | tag::ATOM_UTF8 => Head::Atom(self.after_u16()?),
            tag::SMALL_ATOM | tag::SMALL_ATOM_UTF8 => {
                let length = self.byte()?;
                Head::Atom(self.bytes(length.into())?)
            }
            tag::SMALL_TUPLE => Head::Tuple(self.byte()?.into()),
            tag::LARGE_TUPLE => Head::Tuple(u32::from_be_bytes(self.array()?)),
            tag::NIL => Head::Nil,
            tag::STRING => Head::String(self.after_u16()?),
            tag::LIST => Head::List(u32::from_be_bytes(self.array()?)),
            tag::BINARY => {
                let length = u32::from_be_bytes(self.array()?);
                Head::Binary(self.bytes(usize::try_from(length).ok()?)?)
            }
            _ => return None,
        })
    }

    /// Integers of up to 8 bytes; longer ones, as one that fits nowhere.
    fn big(&mut self) -> Option<i128> {
        let (length, sign) = (self.byte()?, self.byte()?);
        let digits = self.bytes(length.into())?;
        let value = match length {
            0..=8 => digits.iter().rev().fold(0i128, |n, d| n << 8 | i128::from(*d)),
            _ => i128::from(u64::MAX) + 1,
        };
        Some(if sign == 0 { value } else { -value })
    }

    fn after_u16(&mut self) -> Option<&'a [u8]> {
        let length = u16::from_be_bytes(self.array()?);
        self.bytes(length.into())
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[b]| b)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    fn bytes(&mut self, n: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(bytes)
    }
}

/// Writes terms, behind the number of what they answer.
#[derive(Debug)]
pub struct Writer(Vec<u8>);

impl Writer {
    pub fn new(id: u64) -> Self {
        let mut bytes = id.to_be_bytes().to_vec();
        bytes.push(tag::VERSION);
        Writer(bytes)
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// An atom of ours, or one that a request had: of at most 255 bytes.
    pub fn atom(&mut self, name: &[u8]) {
        let name = name.get(..255).unwrap_or(name);
        self.0.extend([tag::SMALL_ATOM_UTF8, name.len().try_into().unwrap_or(u8::MAX)]);
        self.0.extend(name);
    }

    pub fn tuple(&mut self, n: u8) {
        self.0.extend([tag::SMALL_TUPLE, n]);
    }

    /// Elements follow, and then the end of the list.
    pub fn list(&mut self, n: usize) {
        if n > 0 {
            self.counted(tag::LIST, n);
        }
    }

    pub fn list_end(&mut self) {
        self.0.push(tag::NIL);
    }

    pub fn integer(&mut self, n: i128) {
        if let Ok(n) = u8::try_from(n) {
            self.0.extend([tag::SMALL_INTEGER, n]);
        } else if let Ok(n) = i32::try_from(n) {
            self.0.push(tag::INTEGER);
            self.0.extend(n.to_be_bytes());
        } else {
            // All of them come from 64 bits.
            let magnitude = u64::try_from(n.unsigned_abs()).unwrap_or(u64::MAX).to_le_bytes();
            let length = magnitude.iter().rposition(|b| *b != 0).map_or(1, |at| at + 1);
            self.0.extend([tag::SMALL_BIG, length as u8, u8::from(n < 0)]);
            self.0.extend(magnitude.iter().take(length));
        }
    }

    pub fn float(&mut self, x: f64) {
        self.0.push(tag::NEW_FLOAT);
        self.0.extend(x.to_be_bytes());
    }

    pub fn binary(&mut self, bytes: &[u8]) {
        self.counted(tag::BINARY, bytes.len());
        self.0.extend(bytes);
    }

    /// A list of bytes.
    pub fn string(&mut self, bytes: &[u8]) {
        match (bytes.len(), u16::try_from(bytes.len())) {
            (0, _) => {}
            (_, Ok(length)) => {
                self.0.push(tag::STRING);
                self.0.extend(length.to_be_bytes());
                self.0.extend(bytes);
                return;
            }
            (length, Err(_)) => {
                self.counted(tag::LIST, length);
                self.0.reserve(bytes.len().saturating_mul(2));
                self.0.extend(bytes.iter().flat_map(|b| [tag::SMALL_INTEGER, *b]));
            }
        }
        self.list_end();
    }

    /// `reply` refuses what is longer than an answer may be, so the count of what is sent is whole.
    fn counted(&mut self, tag: u8, n: usize) {
        self.0.push(tag);
        self.0.extend(u32::try_from(n).unwrap_or(u32::MAX).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer::new(0);
        write(&mut writer);
        writer.into_bytes().split_off(8)
    }

    #[test]
    fn integers_go_both_ways() {
        let (min, max) = (i128::from(i64::MIN), i128::from(u64::MAX));
        for n in [0, 255, 256, -1, 1 << 31, -(1 << 31), (1 << 31) - 1, 1 << 32, i64::MAX.into(), min, max, 1 << 56] {
            let bytes = written(|w| w.integer(n));
            assert_eq!(Cursor::new(&bytes).unwrap().head(), Head::Integer(n));
        }
    }

    #[test]
    fn as_erlang_writes_it() {
        // term_to_binary({ok, "ab", <<1>>, [-1], 4294967296, 1.5}) of Erlang/OTP 25.
        let bytes = b"\x83h\x06w\x02okk\0\x02abm\0\0\0\x01\x01l\0\0\0\x01b\xff\xff\xff\xffjn\x05\0\0\0\0\0\x01F?\xf8\0\0\0\0\0\0";
        let ours = written(|w| {
            w.tuple(6);
            w.atom(b"ok");
            w.string(b"ab");
            w.binary(&[1]);
            w.list(1);
            w.integer(-1);
            w.list_end();
            w.integer(1 << 32);
            w.float(1.5);
        });
        assert_eq!(ours, bytes);
        let mut cursor = Cursor::new(bytes).unwrap();
        let heads: Vec<Head> = std::iter::repeat_with(|| cursor.head()).take(9).collect();
        let wanted = [
            Head::Tuple(6),
            Head::Atom(b"ok"),
            Head::String(b"ab"),
            Head::Binary(&[1]),
            Head::List(1),
            Head::Integer(-1),
            Head::Nil,
            Head::Integer(1 << 32),
            Head::Other,
        ];
        assert_eq!(heads, wanted);
    }

    #[test]
    fn what_is_cut_off_is_nothing() {
        let whole = written(|w| {
            w.string(b"abc");
            w.binary(b"abc");
            w.integer(1 << 40);
            w.atom(b"abc");
        });
        for end in 1..whole.len() {
            let mut cursor = Cursor::new(&whole[..end]).unwrap();
            assert!((0..5).any(|_| cursor.head() == Head::Other), "{end}");
        }
        assert!(Cursor::new(b"").is_none() && Cursor::new(b"h").is_none());
        assert_eq!(Cursor::new(b"\x83n\xff\0").unwrap().head(), Head::Other);
    }
}
