//! Words that name something without being a path: a name in a directory, a GUID.
//!
//! In: bytes from the client. Out: words that are what they say, or EINVAL.

use crate::error::{Error, Result};
use bstr::{BStr, BString, ByteSlice};
use std::fmt;

/// A name in a directory (the API's `Filename`): not empty, no slash, no NUL. `.` and `..` are names too:
/// programs ask for everything that a listing showed them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filename(BString);

impl Filename {
    /// Check an argument.
    pub fn parse(name: &BStr) -> Result<Filename> {
        let wrong = match name.as_bytes() {
            [] => "it is empty",
            name if name.contains(&b'/') => "it has a slash",
            name if name.contains(&0) => "it has a NUL byte",
            _ => return Ok(Filename(name.to_owned())),
        };
        Err(Error::invalid(format!("'{name}' is not a name in a directory: {wrong}")))
    }

    /// The name as the caller wrote it.
    pub fn as_bstr(&self) -> &BStr {
        self.0.as_bstr()
    }

    /// `.` or `..`: for the kernel's `…at` calls these may lead out of the guest.
    pub fn is_dot(&self) -> bool {
        self.0 == "." || self.0 == ".."
    }
}

/// A GUID (the API's `Guid`): 8-4-4-4-12 hexadecimal digits, which may stand in braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guid(BString);

impl Guid {
    /// Check an argument.
    pub fn parse(guid: &BStr) -> Result<Guid> {
        let bare = match guid.as_bytes() {
            [b'{', inner @ .., b'}'] => inner,
            all => all,
        };
        let is_dash = |at: usize| matches!(at, 8 | 13 | 18 | 23);
        let fits = |(at, b): (usize, &u8)| if is_dash(at) { *b == b'-' } else { b.is_ascii_hexdigit() };
        if bare.len() == 36 && bare.iter().enumerate().all(fits) {
            Ok(Guid(bare.to_ascii_uppercase().into()))
        } else {
            Err(Error::invalid(format!("'{guid}' is not a GUID")))
        }
    }

    /// In capital letters, without braces.
    pub fn as_bstr(&self) -> &BStr {
        self.0.as_bstr()
    }

    /// All zeroes: it says that there is nothing.
    pub fn is_nil(&self) -> bool {
        self.0.iter().all(|b| matches!(b, b'0' | b'-'))
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_a_directory() {
        for good in ["a", ".", "..", "...", "a b", "\u{e9}"] {
            assert_eq!(Filename::parse(good.into()).unwrap().as_bstr(), good);
        }
        for (bad, why) in [("", "empty"), ("/", "slash"), ("a/", "slash"), ("../a", "slash"), ("a\0", "NUL")] {
            let error = Filename::parse(bad.into()).unwrap_err();
            assert_eq!(error.errno_name(), "EINVAL");
            assert!(error.to_string().contains(why), "{error}");
        }
    }

    #[test]
    fn guids() {
        let guid = "01234567-89ab-CDEF-0123-456789ABCDEF";
        for good in [guid.to_owned(), format!("{{{guid}}}"), guid.to_lowercase()] {
            assert_eq!(Guid::parse(good.as_str().into()).unwrap().to_string(), guid.to_uppercase());
        }
        let (short, long) = (&guid[1..], format!("{guid}0"));
        let half = format!("{{{guid}");
        for bad in ["", "R", "0", "{}", short, &long, &half, "01234567089ab-CDEF-0123-456789ABCDEF"] {
            let error = Guid::parse(bad.into()).unwrap_err();
            assert_eq!(error.errno_name(), "EINVAL");
            assert!(error.to_string().contains(&format!("'{bad}' is not a GUID")), "{error}");
        }
        assert!(Guid::parse("00000000-0000-0000-0000-000000000000".into()).unwrap().is_nil());
    }
}
