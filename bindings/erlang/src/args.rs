//! The arguments and options of a request.
//!
//! In: `{Name, {Argument, …}, [{Option, Value}, …]}`. Out: the values in the shapes that calls have, in order; what does
//! not fit is an error that names the argument.

use crate::fault::{Fault, Result};
use crate::term::{Cursor, Head};
use guestfs::{BString, Pointer};

/// Strings in a list, at most: each takes more memory than the byte that an empty one is in the packet.
const MAX_STRINGS: u32 = 1 << 20;

/// A request that is being read.
pub struct Args<'a> {
    name: &'a [u8],
    cursor: Cursor<'a>,
    /// Arguments that were given, and how many of them were not read.
    given: u32,
    left: u32,
    seen: Vec<&'a [u8]>,
}

impl<'a> Args<'a> {
    /// Name and number of arguments.
    pub fn new(term: &'a [u8]) -> Result<Self> {
        let bad = || Fault::argument("no request: {Name, Arguments, Options} was expected");
        let mut cursor = Cursor::new(term).ok_or_else(bad)?;
        match (cursor.head(), cursor.head(), cursor.head()) {
            (Head::Tuple(3), Head::Atom(name), Head::Tuple(given)) => {
                Ok(Args { name, cursor, given, left: given, seen: Vec::new() })
            }
            _ => Err(bad()),
        }
    }

    /// The call's.
    pub fn name(&self) -> &'a [u8] {
        self.name
    }

    fn wrong(&self, name: &str, what: &str) -> Fault {
        Fault::argument([self.name, b": ", name.as_bytes(), b" ", what.as_bytes()].concat())
    }

    fn must(&self, name: &str, what: &str, head: Head) -> Fault {
        self.wrong(name, &format!("must be {what}, not {}", head.kind()))
    }

    /// The next argument, which there must be; inside options all were read.
    fn next(&mut self, name: &str) -> Result<Head<'a>> {
        self.left = self.left.checked_sub(1).ok_or_else(|| self.wrong(name, "is missing"))?;
        Ok(self.cursor.head())
    }

    pub fn bool(&mut self, name: &str) -> Result<bool> {
        match self.next(name)? {
            Head::Atom(b"true") => Ok(true),
            Head::Atom(b"false") => Ok(false),
            other => Err(self.must(name, "true or false", other)),
        }
    }

    pub fn int(&mut self, name: &str) -> Result<i32> {
        self.integer(name, "32")
    }

    pub fn int64(&mut self, name: &str) -> Result<i64> {
        self.integer(name, "64")
    }

    fn integer<T: TryFrom<i128>>(&mut self, name: &str, bits: &str) -> Result<T> {
        match self.next(name)? {
            Head::Integer(n) => n.try_into().map_err(|_| self.wrong(name, &format!("does not fit {bits} bits"))),
            other => Err(self.must(name, "an integer", other)),
        }
    }

    pub fn buffer(&mut self, name: &str) -> Result<BString> {
        let head = self.next(name)?;
        self.iodata(name, head)
    }

    pub fn str(&mut self, name: &str) -> Result<BString> {
        let head = self.next(name)?;
        self.string(name, head)
    }

    pub fn opt_str(&mut self, name: &str) -> Result<Option<BString>> {
        match self.next(name)? {
            Head::Atom(b"undefined") => Ok(None),
            head => self.string(name, head).map(Some),
        }
    }

    pub fn str_list(&mut self, name: &str) -> Result<Vec<BString>> {
        let count = match self.next(name)? {
            Head::Nil => return Ok(Vec::new()),
            Head::List(n) if n <= MAX_STRINGS => n,
            Head::List(_) => return Err(self.wrong(name, "has too many strings")),
            Head::String(_) => return Err(self.wrong(name, "must be a list of strings, not one string")),
            other => return Err(self.must(name, "a list of strings", other)),
        };
        let mut strings = Vec::new();
        for _ in 0..count {
            let head = self.cursor.head();
            strings.push(self.string(name, head)?);
        }
        match self.cursor.head() {
            Head::Nil => Ok(strings),
            _ => Err(self.wrong(name, "must be a proper list")),
        }
    }

    /// Addresses mean nothing in another process.
    pub fn pointer(&mut self, name: &str) -> Result<Pointer<'static>> {
        Err(self.wrong(name, "is a pointer, which no other process can give"))
    }

    fn string(&mut self, name: &str, head: Head<'a>) -> Result<BString> {
        let bytes = self.iodata(name, head)?;
        match bytes.contains(&0) {
            true => Err(self.wrong(name, "must be a string without NUL inside")),
            false => Ok(bytes),
        }
    }

    /// A binary, or bytes and binaries in lists of any depth.
    fn iodata(&mut self, name: &str, head: Head<'a>) -> Result<BString> {
        let mut out = Vec::new();
        // Elements left in each list that we are in; the last of them is the tail.
        let mut open: Vec<u32> = Vec::new();
        let mut next = Some(head);
        while let Some(head) = next {
            let tail = match open.last_mut() {
                Some(left) => {
                    *left = left.saturating_sub(1);
                    *left == 0
                }
                None => false,
            };
            if tail {
                open.pop();
            }
            match head {
                Head::Nil => {}
                Head::String(bytes) | Head::Binary(bytes) => out.extend_from_slice(bytes),
                Head::List(n) => open.push(n.checked_add(1).ok_or_else(|| self.wrong(name, "is too long"))?),
                Head::Integer(n) if !tail && !open.is_empty() => match u8::try_from(n) {
                    Ok(byte) => out.push(byte),
                    Err(_) => {
                        let what = "has a character that is no byte: give it by unicode:characters_to_binary/1";
                        return Err(self.wrong(name, what));
                    }
                },
                other => return Err(self.must(name, "a string (iodata)", other)),
            }
            next = (!open.is_empty()).then(|| self.cursor.head());
        }
        Ok(out.into())
    }

    /// All arguments were read; the options come next.
    pub fn options(&mut self) -> Result<u32> {
        if self.left != 0 {
            let wanted = self.given - self.left;
            return Err(self.wrong("", &format!("{wanted} arguments are wanted, {} were given", self.given)));
        }
        match self.cursor.head() {
            Head::Nil => Ok(0),
            Head::List(n) => Ok(n),
            other => Err(self.must("options", "a list", other)),
        }
    }

    /// The name of the next option; its value is read as an argument.
    pub fn option(&mut self) -> Result<&'a [u8]> {
        let (Head::Tuple(2), Head::Atom(name)) = (self.cursor.head(), self.cursor.head()) else {
            return Err(self.wrong("options", "must be a list of {Name, Value}"));
        };
        if self.seen.contains(&name) {
            return Err(self.wrong(&String::from_utf8_lossy(name), "was given twice"));
        }
        self.seen.push(name);
        self.left = 1;
        Ok(name)
    }

    /// What follows the last option.
    pub fn options_end(&mut self, count: u32) -> Result<()> {
        match count == 0 || self.cursor.head() == Head::Nil {
            true => Ok(()),
            false => Err(self.wrong("options", "must be a list of {Name, Value}")),
        }
    }

    /// The call has no options.
    pub fn no_options(&mut self) -> Result<()> {
        match self.options()? {
            0 => Ok(()),
            _ => Err(Fault::UnknownOption(self.option()?.to_vec())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::Writer;

    /// `{name, {…}, …}`.
    fn request(arguments: u8, write: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut w = Writer::new(0);
        w.tuple(3);
        w.atom(b"call");
        w.tuple(arguments);
        write(&mut w);
        w.into_bytes().split_off(8)
    }

    fn why<T: std::fmt::Debug>(result: Result<T>) -> String {
        match result {
            Err(Fault::Failed { message, errno: 22 }) => String::from_utf8_lossy(&message).into_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn shapes() {
        let term = request(5, |w| {
            // ["a" | [<<"b">>, [], 99]]
            w.list(2);
            w.string(b"a");
            w.list(3);
            w.binary(b"b");
            w.list_end();
            w.integer(99);
            w.list_end();
            w.binary(b"tail");
            w.atom(b"undefined");
            w.list(1);
            w.string(b"x");
            w.list_end();
            w.integer(-5);
            w.atom(b"true");
            w.list_end();
        });
        let mut args = Args::new(&term).unwrap();
        assert_eq!(args.str("a").unwrap(), "abctail");
        assert_eq!(args.opt_str("b").unwrap(), None);
        assert_eq!(args.str_list("c").unwrap(), ["x"]);
        assert_eq!(args.int("d").unwrap(), -5);
        assert!(args.bool("e").unwrap());
        args.no_options().unwrap();
        let mut args = Args::new(&term).unwrap();
        assert_eq!(why(args.bool("flag")), "call: flag must be true or false, not a list");
    }

    #[test]
    fn what_does_not_fit() {
        let one = |write: fn(&mut Writer)| request(1, write);
        let int = one(|w| w.integer(1 << 31));
        assert_eq!(why(Args::new(&int).unwrap().int("n")), "call: n does not fit 32 bits");
        let big = one(|w| w.integer(u64::MAX.into()));
        assert_eq!(why(Args::new(&big).unwrap().int64("n")), "call: n does not fit 64 bits");
        let atom = one(|w| w.atom(b"badarg"));
        assert_eq!(why(Args::new(&atom).unwrap().opt_str("s")), "call: s must be a string (iodata), not an atom");
        let nul = one(|w| w.string(b"a\0b"));
        assert!(why(Args::new(&nul).unwrap().str("s")).contains("NUL"));
        assert!(why(Args::new(&nul).unwrap().str_list("l")).contains("not one string"));
        assert_eq!(Args::new(&nul).unwrap().buffer("b").unwrap(), "a\0b");
        let wide = one(|w| {
            w.list(1);
            w.integer(0x20ac);
        });
        assert!(why(Args::new(&wide).unwrap().str("s")).contains("unicode:characters_to_binary"));
        let improper = one(|w| {
            w.list(1);
            w.integer(1);
            w.integer(2);
        });
        assert!(why(Args::new(&improper).unwrap().str("s")).contains("iodata"));
        assert!(why(Args::new(&int).unwrap().options()).contains("0 arguments are wanted, 1 were given"));
        for bad in [&b""[..], b"\x83", b"\x83j", b"\x83h\x03w\x01aj"] {
            assert!(Args::new(bad).is_err());
        }
    }

    #[test]
    fn depth_is_no_danger() {
        let mut term = request(1, |_| {});
        for _ in 0..1_000_000 {
            term.extend([108, 0, 0, 0, 1]);
        }
        assert!(Args::new(&term).unwrap().str("s").is_err());
        term = request(1, |_| {});
        term.extend([108, 255, 255, 255, 255]);
        assert!(Args::new(&term).unwrap().str("s").is_err());
        assert!(Args::new(&term).unwrap().str_list("s").is_err());
    }

    #[test]
    fn options_once() {
        let term = request(0, |w| {
            w.list(2);
            for _ in 0..2 {
                w.tuple(2);
                w.atom(b"label");
                w.integer(1);
            }
            w.list_end();
        });
        let mut args = Args::new(&term).unwrap();
        assert_eq!(args.options().unwrap(), 2);
        assert_eq!(args.option().unwrap(), b"label");
        assert_eq!(args.int("label").unwrap(), 1);
        assert_eq!(why(args.option()), "call: label was given twice");
        match Args::new(&term).unwrap().no_options() {
            Err(Fault::UnknownOption(name)) => assert_eq!(name, b"label"),
            other => panic!("{other:?}"),
        }
    }
}
