//! Types of Rust as values of the wire.
//!
//! In: tuples of arguments, with the open files among them, or values that came. Out: the other one.

use super::Value;
use crate::xdr::XdrError;
use bstr::{BStr, BString};
use std::collections::VecDeque;
use std::ffi::CString;
use std::os::fd::{BorrowedFd, OwnedFd};

fn other(what: &'static str) -> XdrError {
    XdrError::BadValue { what, got: -1 }
}

/// A type that travels as a [`Value`].
pub trait Plain: Sized {
    fn into_value(self) -> Value;
    fn from_value(value: Value) -> Result<Self, XdrError>;
}

impl Plain for Value {
    fn into_value(self) -> Value {
        self
    }
    fn from_value(value: Value) -> Result<Self, XdrError> {
        Ok(value)
    }
}

impl Plain for () {
    fn into_value(self) -> Value {
        Value::Nothing
    }
    fn from_value(value: Value) -> Result<Self, XdrError> {
        (value == Value::Nothing).then_some(()).ok_or(other("nothing"))
    }
}

macro_rules! plain_int {
    ($($t:ty),*) => {$(
        impl Plain for $t {
            fn into_value(self) -> Value {
                Value::Int(i64::from(self))
            }
            fn from_value(value: Value) -> Result<Self, XdrError> {
                let Value::Int(n) = value else { return Err(other("number")) };
                <$t>::try_from(n).map_err(|_| XdrError::BadValue { what: "number", got: n })
            }
        }
    )*};
}
plain_int!(i64, i32, u32, u16);

impl Plain for bool {
    fn into_value(self) -> Value {
        Value::Int(i64::from(self))
    }
    fn from_value(value: Value) -> Result<Self, XdrError> {
        match value {
            Value::Int(0) => Ok(false),
            Value::Int(1) => Ok(true),
            _ => Err(other("bool")),
        }
    }
}

/// Any bytes. A list of numbers is a `Vec<i64>`.
impl Plain for BString {
    fn into_value(self) -> Value {
        Value::Bytes(self.into())
    }
    fn from_value(value: Value) -> Result<Self, XdrError> {
        let Value::Bytes(bytes) = value else { return Err(other("bytes")) };
        Ok(bytes.into())
    }
}

impl Plain for CString {
    fn into_value(self) -> Value {
        Value::Bytes(self.into_bytes())
    }
    fn from_value(value: Value) -> Result<Self, XdrError> {
        let Value::Bytes(bytes) = value else { return Err(other("string")) };
        CString::new(bytes).map_err(|_| XdrError::Nul)
    }
}

impl<T: Plain> Plain for Vec<T> {
    fn into_value(self) -> Value {
        Value::List(self.into_iter().map(T::into_value).collect())
    }
    fn from_value(value: Value) -> Result<Self, XdrError> {
        let Value::List(list) = value else { return Err(other("list")) };
        list.into_iter().map(T::from_value).collect()
    }
}

impl<T: Plain> Plain for Option<T> {
    fn into_value(self) -> Value {
        self.map_or(Value::Nothing, T::into_value)
    }
    fn from_value(value: Value) -> Result<Self, XdrError> {
        match value {
            Value::Nothing => Ok(None),
            value => T::from_value(value).map(Some),
        }
    }
}

/// Arguments on their way to a worker, with the files that go with them.
#[derive(Debug, Default)]
pub struct Outgoing<'a> {
    pub values: Vec<Value>,
    pub files: Vec<BorrowedFd<'a>>,
}

/// What can be an argument: every [`Plain`] type, borrowed bytes, and an open file.
pub trait Argument<'a> {
    fn put(self, to: &mut Outgoing<'a>);
}

impl<'a, T: Plain> Argument<'a> for T {
    fn put(self, to: &mut Outgoing<'a>) {
        to.values.push(self.into_value());
    }
}

impl<'a> Argument<'a> for &BStr {
    fn put(self, to: &mut Outgoing<'a>) {
        to.values.push(Value::Bytes(self.to_vec()));
    }
}

impl<'a> Argument<'a> for BorrowedFd<'a> {
    fn put(self, to: &mut Outgoing<'a>) {
        to.values.push(Value::File);
        to.files.push(self);
    }
}

/// A tuple of arguments.
pub trait Arguments<'a> {
    fn all(self) -> Outgoing<'a>;
}

/// Arguments that came to a worker, taken from the front.
#[derive(Debug)]
pub struct Incoming {
    pub values: std::vec::IntoIter<Value>,
    pub files: VecDeque<OwnedFd>,
}

impl Incoming {
    /// All of them, and there must be no more.
    pub fn take<T: Taken>(mut self) -> Result<T, XdrError> {
        let taken = T::take(&mut self)?;
        match self.values.len() {
            0 => Ok(taken),
            n => Err(XdrError::Trailing(n)),
        }
    }

    fn next(&mut self) -> Result<Value, XdrError> {
        self.values.next().ok_or(other("missing argument"))
    }
}

/// What a worker takes as an argument.
pub trait Parameter: Sized {
    fn take(from: &mut Incoming) -> Result<Self, XdrError>;
}

impl<T: Plain> Parameter for T {
    fn take(from: &mut Incoming) -> Result<Self, XdrError> {
        T::from_value(from.next()?)
    }
}

impl Parameter for OwnedFd {
    fn take(from: &mut Incoming) -> Result<Self, XdrError> {
        if from.next()? != Value::File {
            return Err(other("file"));
        }
        from.files.pop_front().ok_or(other("file that did not come"))
    }
}

/// A tuple of parameters.
pub trait Taken: Sized {
    fn take(from: &mut Incoming) -> Result<Self, XdrError>;
}

macro_rules! tuple {
    ($($t:ident $v:ident),*) => {
        impl<'a, $($t: Argument<'a>),*> Arguments<'a> for ($($t,)*) {
            fn all(self) -> Outgoing<'a> {
                #[allow(unused_mut)]
                let mut out = Outgoing::default();
                let ($($v,)*) = self;
                $($v.put(&mut out);)*
                out
            }
        }
        impl<$($t: Parameter),*> Taken for ($($t,)*) {
            fn take(from: &mut Incoming) -> Result<Self, XdrError> {
                let _ = &from;
                Ok(($($t::take(from)?,)*))
            }
        }
    };
}
macro_rules! record {
    ($($t:ident $v:ident),*) => {
        impl<$($t: Plain),*> Plain for ($($t,)*) {
            fn into_value(self) -> Value {
                let ($($v,)*) = self;
                Value::List(vec![$($v.into_value()),*])
            }
            fn from_value(value: Value) -> Result<Self, XdrError> {
                let Value::List(list) = value else { return Err(other("record")) };
                let mut list = list.into_iter();
                let record = ($($t::from_value(list.next().ok_or(other("field"))?)?,)*);
                match list.len() {
                    0 => Ok(record),
                    n => Err(XdrError::Trailing(n)),
                }
            }
        }
    };
}
tuple!();
tuple!(A a);
tuple!(A a, B b);
tuple!(A a, B b, C c);
tuple!(A a, B b, C c, D d);
tuple!(A a, B b, C c, D d, E e);
tuple!(A a, B b, C c, D d, E e, F f);
record!(A a, B b);
record!(A a, B b, C c);
record!(A a, B b, C c, D d);
record!(A a, B b, C c, D d, E e);
record!(A a, B b, C c, D d, E e, F f);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_values() {
        let args = (7i64, true, BStr::new("x"), Some(BString::from("y")), None::<i64>).all();
        assert!(args.files.is_empty());
        let incoming = || Incoming { values: args.values.clone().into_iter(), files: VecDeque::new() };
        let taken: (i64, bool, CString, Option<BString>, Option<i64>) = incoming().take().unwrap();
        assert_eq!(taken, (7, true, c"x".to_owned(), Some("y".into()), None));
        assert!(incoming().take::<(i64,)>().is_err(), "too many");
        assert!(incoming().take::<(i64, CString)>().is_err(), "wrong type");
        assert!(Incoming { values: vec![Value::File].into_iter(), files: VecDeque::new() }
            .take::<(OwnedFd,)>()
            .is_err());
        let record = (1i64, BString::from("a"));
        assert_eq!(<(i64, BString)>::from_value(record.clone().into_value()).unwrap(), record);
        assert!(<(i64, i64)>::from_value(record.into_value()).is_err());
        assert_eq!(Vec::<i64>::from_value(vec![1i64, 2].into_value()).unwrap(), [1, 2]);
        assert!(u32::from_value(Value::Int(-1)).is_err());
        assert!(CString::from_value(Value::Bytes(vec![1, 0])).is_err());
    }
}
