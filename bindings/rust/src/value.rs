//! How values cross.
//!
//! In: what programs pass, and what our own crate returns. Out: the other side's types, chosen by the types alone, so
//! that a row need not say how.

use crate::error::Error;
use guestfs_rs as native;
use native::protocol::xdr::{Char, Opaque, Uuid32};
use native::{BStr, BString};
use std::collections::{HashMap, HashSet};
use std::ffi::{c_void, CString};
use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};

/// The identity of a physical volume, a volume group or a logical volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UUID([u8; 32]);

impl UUID {
    /// 32 characters, without the dashes that LVM prints.
    pub fn to_bytes(self) -> [u8; 32] {
        self.0
    }
}

impl fmt::Display for UUID {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

/// An argument.
pub trait Argument {
    type Native;
    fn native(self) -> Result<Self::Native, Error>;
}

/// A value of an option.
pub trait Given {
    type Native;
    fn native(self) -> Result<Self::Native, Error>;
}

/// A result `N` of our own crate in this one's type.
pub trait Answer<N> {
    fn answer(native: N) -> Self;
}

/// What is the same on both sides.
macro_rules! same {
    ($($ty:ty)*) => {$(
        impl Argument for $ty {
            type Native = $ty;
            fn native(self) -> Result<$ty, Error> {
                Ok(self)
            }
        }

        impl Given for $ty {
            type Native = $ty;
            fn native(self) -> Result<$ty, Error> {
                Ok(self)
            }
        }

        impl Answer<$ty> for $ty {
            fn answer(native: $ty) -> $ty {
                native
            }
        }
    )*};
}
same!(bool i32 i64);

/// Text without a NUL inside.
fn text(text: &str) -> Result<&str, Error> {
    match text.contains('\0') {
        // It fails, and says where the NUL is.
        true => CString::new(text).map(|_| text).map_err(Error::from),
        false => Ok(text),
    }
}

impl<'a> Argument for &'a str {
    type Native = &'a str;
    fn native(self) -> Result<&'a str, Error> {
        text(self)
    }
}

impl<'a> Argument for Option<&'a str> {
    type Native = Option<&'a BStr>;
    fn native(self) -> Result<Option<&'a BStr>, Error> {
        Ok(self.map(text).transpose()?.map(BStr::new))
    }
}

impl<'a, 'b> Argument for &'a [&'b str] {
    type Native = &'a [&'b str];
    fn native(self) -> Result<&'a [&'b str], Error> {
        self.iter().try_for_each(|item| text(item).map(drop))?;
        Ok(self)
    }
}

impl<'a> Argument for &'a [u8] {
    type Native = &'a [u8];
    fn native(self) -> Result<&'a [u8], Error> {
        Ok(self)
    }
}

#[allow(unsafe_code)]
impl Argument for *mut c_void {
    type Native = native::Pointer<'static>;
    fn native(self) -> Result<native::Pointer<'static>, Error> {
        // SAFETY: not ours to see: upstream's methods that take a pointer are not marked unsafe, and its programs are
        // to compile. Their docs say what it has to point to.
        Ok(unsafe { native::Pointer::new(self) })
    }
}

impl Given for &str {
    type Native = BString;
    fn native(self) -> Result<BString, Error> {
        Ok(text(self)?.into())
    }
}

impl Given for &[&str] {
    type Native = Vec<BString>;
    fn native(self) -> Result<Vec<BString>, Error> {
        self.iter().map(|item| Given::native(*item)).collect()
    }
}

impl Answer<()> for () {
    fn answer((): ()) {}
}

impl Answer<i64> for u64 {
    fn answer(native: i64) -> u64 {
        u64::from_ne_bytes(native.to_ne_bytes())
    }
}

impl Answer<u64> for u64 {
    fn answer(native: u64) -> u64 {
        native
    }
}

impl Answer<u32> for u32 {
    fn answer(native: u32) -> u32 {
        native
    }
}

impl Answer<Char> for i8 {
    fn answer(native: Char) -> i8 {
        i8::from_ne_bytes([native.0])
    }
}

impl Answer<f32> for Option<f32> {
    fn answer(native: f32) -> Option<f32> {
        (native >= 0.0).then_some(native)
    }
}

impl Answer<Uuid32> for UUID {
    fn answer(native: Uuid32) -> UUID {
        UUID(native.0)
    }
}

impl Answer<Opaque> for Vec<u8> {
    fn answer(native: Opaque) -> Vec<u8> {
        native.0
    }
}

impl Answer<Vec<u8>> for Vec<u8> {
    fn answer(native: Vec<u8>) -> Vec<u8> {
        native
    }
}

impl Answer<BString> for String {
    fn answer(native: BString) -> String {
        // Without a copy, if it is UTF-8.
        String::from_utf8(native.into()).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
    }
}

impl Answer<BString> for &'static str {
    fn answer(native: BString) -> &'static str {
        kept(Answer::answer(native))
    }
}

impl Answer<Option<BString>> for Option<&'static str> {
    fn answer(native: Option<BString>) -> Option<&'static str> {
        native.map(Answer::answer)
    }
}

impl<N, T: Answer<N>> Answer<Vec<N>> for Vec<T>
where
    Vec<T>: IsList,
{
    fn answer(native: Vec<N>) -> Vec<T> {
        native.into_iter().map(T::answer).collect()
    }
}

/// A list, and not bytes.
pub trait IsList {}
impl IsList for Vec<String> {}

impl Answer<Vec<(BString, BString)>> for HashMap<String, String> {
    fn answer(native: Vec<(BString, BString)>) -> HashMap<String, String> {
        native.into_iter().map(|(key, value)| (Answer::answer(key), Answer::answer(value))).collect()
    }
}

/// Text that lives as long as the program. Each is kept once, and there are few: properties of handles.
fn kept(text: String) -> &'static str {
    static KEPT: OnceLock<Mutex<HashSet<&'static str>>> = OnceLock::new();
    let mut kept = KEPT.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    match kept.get(text.as_str()) {
        Some(text) => text,
        None => {
            let text: &'static str = Box::leak(text.into_boxed_str());
            kept.insert(text);
            text
        }
    }
}
