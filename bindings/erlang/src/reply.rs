//! Answers.
//!
//! In: results of calls, faults, events. Out: packets, whose terms are those of upstream's binding: strings are lists of
//! bytes, structs are lists of their fields.

use crate::fault::{Fault, Result};
use crate::packet::{MAX_ANSWER, NEWS};
use crate::term::Writer;
use guestfs::{BString, Event};

/// A struct's fields, in order.
pub trait Record {
    const FIELDS: usize;
    fn fields(&self, reply: &mut Reply);
}

/// The answer to a call: one of the methods that are named after kinds of results, and then `finish`.
pub struct Reply(Writer);

impl Reply {
    pub fn new(id: u64) -> Self {
        Reply(Writer::new(id))
    }

    /// The packet.
    pub fn finish(self) -> Result<Vec<u8>> {
        let bytes = self.0.into_bytes();
        match bytes.len() {
            n if n > MAX_ANSWER => Err(Fault::too_big(n)),
            _ => Ok(bytes),
        }
    }

    pub fn none(&mut self, (): &()) {
        self.0.atom(b"ok");
    }

    pub fn bool(&mut self, value: &bool) {
        self.0.atom(if *value { b"true" } else { b"false" });
    }

    pub fn int(&mut self, n: &i32) {
        self.0.integer((*n).into());
    }

    pub fn int64(&mut self, n: &i64) {
        self.0.integer((*n).into());
    }

    pub fn str(&mut self, text: &BString) {
        self.0.string(text);
    }

    pub fn opt_str(&mut self, text: &Option<BString>) {
        match text {
            Some(text) => self.str(text),
            None => self.0.atom(b"undefined"),
        }
    }

    pub fn buffer(&mut self, bytes: &[u8]) {
        self.0.binary(bytes);
    }

    pub fn str_list(&mut self, strings: &[BString]) {
        self.list(strings, |reply, s| reply.str(s));
    }

    pub fn hash(&mut self, pairs: &[(BString, BString)]) {
        self.list(pairs, |reply, (key, value)| {
            reply.0.tuple(2);
            reply.str(key);
            reply.str(value);
        });
    }

    pub fn record<R: Record>(&mut self, record: &R) {
        self.0.list(R::FIELDS);
        record.fields(self);
        self.0.list_end();
    }

    pub fn records<R: Record>(&mut self, records: &[R]) {
        self.list(records, Reply::record);
    }

    fn list<T>(&mut self, items: &[T], write: impl Fn(&mut Self, &T)) {
        self.0.list(items.len());
        for item in items {
            write(self, item);
        }
        self.0.list_end();
    }

    /// A field of text.
    pub fn text(&mut self, text: &[u8]) {
        self.0.string(text);
    }

    /// A field that is a number.
    pub fn number(&mut self, n: impl Into<i128>) {
        self.0.integer(n.into());
    }

    /// A field that is a percentage, or not there.
    pub fn percent(&mut self, percent: f32) {
        match percent {
            p if p >= 0.0 && p.is_finite() => self.0.float(p.into()),
            _ => self.0.atom(b"undefined"),
        }
    }
}

/// `NAME { FIELD: TYPE, … }` for each struct.
macro_rules! records {
    ($($name:ident { $($field:ident: $ty:ident),* })*) => {
        $(impl crate::reply::Record for guestfs::structs::$name {
            const FIELDS: usize = [$(stringify!($field)),*].len();

            fn fields(&self, reply: &mut crate::reply::Reply) {
                $(crate::reply::field!(reply $ty (self.$field));)*
            }
        })*
    };
}

/// One field.
macro_rules! field {
    ($reply:ident str ($value:expr)) => {
        $reply.text(&$value)
    };
    ($reply:ident uuid ($value:expr)) => {
        $reply.text(&$value.0)
    };
    ($reply:ident buffer ($value:expr)) => {
        $reply.buffer(&$value.0)
    };
    ($reply:ident char ($value:expr)) => {
        $reply.number($value.0)
    };
    ($reply:ident percent ($value:expr)) => {
        $reply.percent($value)
    };
    ($reply:ident $number:ident ($value:expr)) => {
        $reply.number($value)
    };
}

pub(crate) use {field, records};

/// `ok`.
pub fn done(id: u64) -> Vec<u8> {
    let mut writer = Writer::new(id);
    writer.atom(b"ok");
    writer.into_bytes()
}

/// What went wrong.
pub fn fault(id: u64, fault: &Fault) -> Vec<u8> {
    let mut writer = Writer::new(id);
    let mut unknown = |kind: &[u8], name: &[u8]| {
        writer.tuple(2);
        writer.atom(kind);
        writer.atom(name);
    };
    match fault {
        Fault::UnknownCall(name) => unknown(b"unknown", name),
        Fault::UnknownOption(name) => unknown(b"unknownarg", name),
        Fault::Failed { message, errno } => {
            writer.tuple(3);
            writer.atom(b"error");
            writer.string(message);
            writer.integer((*errno).into());
        }
    }
    writer.into_bytes()
}

/// An event, for the callback that Erlang calls `callback`.
pub fn event(callback: u64, event: &Event<'_>) -> Vec<u8> {
    let mut writer = Writer::new(NEWS);
    writer.tuple(4);
    writer.integer(callback.into());
    writer.atom(event.class.name().as_bytes());
    writer.binary(event.data);
    writer.list(event.array.len());
    for n in event.array {
        writer.integer((*n).into());
    }
    writer.list_end();
    writer.into_bytes()
}
