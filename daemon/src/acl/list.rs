//! An access control list: its text and its form in an attribute.
//!
//! In: the long or short text form of acl(5), or the bytes of linux/posix_acl_xattr.h. Out: the other one;
//! the long form with a comment where the mask takes something away, as getfacl(1) prints it. Users and
//! groups are numbers: their names are the guest's.

use bstr::{BStr, BString, ByteSlice};

use crate::error::{Error, Result};

/// The only version of the attribute's form.
const VERSION: u32 = 2;

/// Whom an entry is about. The order is that of the kernel and of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tag {
    Owner,
    User(u32),
    OwningGroup,
    Group(u32),
    Mask,
    Other,
}

impl Tag {
    /// Number of the tag and of the user or group in the attribute.
    fn numbers(self) -> (u16, u32) {
        match self {
            Tag::Owner => (0x01, u32::MAX),
            Tag::User(id) => (0x02, id),
            Tag::OwningGroup => (0x04, u32::MAX),
            Tag::Group(id) => (0x08, id),
            Tag::Mask => (0x10, u32::MAX),
            Tag::Other => (0x20, u32::MAX),
        }
    }

    fn from_numbers(tag: u16, id: u32) -> Option<Tag> {
        let tags = [Tag::Owner, Tag::User(id), Tag::OwningGroup, Tag::Group(id), Tag::Mask, Tag::Other];
        tags.into_iter().find(|t| t.numbers().0 == tag)
    }

    /// Whether the mask limits it.
    fn is_masked(self) -> bool {
        matches!(self, Tag::User(_) | Tag::OwningGroup | Tag::Group(_))
    }
}

/// See the module's description. Sorted.
#[derive(Debug, PartialEq, Eq)]
pub struct List(Vec<(Tag, u16)>);

impl List {
    /// The list that the permission bits of a file make.
    pub fn from_mode(mode: u32) -> List {
        let bits = |shift: u32| (mode >> shift & 7) as u16;
        List(vec![(Tag::Owner, bits(6)), (Tag::OwningGroup, bits(3)), (Tag::Other, bits(0))])
    }

    /// Read a text. Entries are separated by commas or blanks or stand on lines of their own.
    pub fn parse(text: &BStr) -> Result<List> {
        let mut entries = Vec::new();
        for line in text.lines() {
            let line = line.split_once_str("#").map_or(line, |(entry, _comment)| entry);
            for word in line.split(|b| *b == b',' || b.is_ascii_whitespace()).filter(|word| !word.is_empty()) {
                entries.push(entry(word).ok_or_else(|| {
                    Error::invalid(
                        "is no entry of an access control list; expected such as u::rwx, u:500:r-x or mask::r",
                    )
                    .context(word)
                })?);
            }
        }
        entries.sort_by_key(|(tag, _)| *tag);
        Ok(List(entries))
    }

    /// The long text form.
    pub fn text(&self) -> BString {
        let mask = self.0.iter().find_map(|(tag, bits)| (*tag == Tag::Mask).then_some(*bits)).unwrap_or(7);
        let mut text = String::new();
        for (tag, bits) in &self.0 {
            match tag {
                Tag::Owner => text += "user::",
                Tag::User(id) => text += &format!("user:{id}:"),
                Tag::OwningGroup => text += "group::",
                Tag::Group(id) => text += &format!("group:{id}:"),
                Tag::Mask => text += "mask::",
                Tag::Other => text += "other::",
            }
            text += &letters(*bits);
            if tag.is_masked() && bits & mask != *bits {
                text += &format!("\t#effective:{}", letters(bits & mask));
            }
            text.push('\n');
        }
        text.into()
    }

    /// Read the bytes of an attribute.
    pub fn from_attribute(bytes: &[u8]) -> Option<List> {
        let (version, entries) = bytes.split_first_chunk()?;
        (u32::from_le_bytes(*version) == VERSION && entries.len() % 8 == 0).then_some(())?;
        let mut list = Vec::new();
        for entry in entries.chunks(8) {
            let [t0, t1, p0, p1, id @ ..] = entry else { return None };
            let id = u32::from_le_bytes(id.try_into().ok()?);
            list.push((Tag::from_numbers(u16::from_le_bytes([*t0, *t1]), id)?, u16::from_le_bytes([*p0, *p1])));
        }
        list.sort_by_key(|(tag, _)| *tag);
        Some(List(list))
    }

    /// The bytes of an attribute.
    pub fn attribute(&self) -> Vec<u8> {
        let mut bytes = VERSION.to_le_bytes().to_vec();
        for (tag, bits) in &self.0 {
            let (tag, id) = tag.numbers();
            bytes.extend_from_slice(&tag.to_le_bytes());
            bytes.extend_from_slice(&bits.to_le_bytes());
            bytes.extend_from_slice(&id.to_le_bytes());
        }
        bytes
    }
}

fn entry(word: &[u8]) -> Option<(Tag, u16)> {
    let fields: Vec<&[u8]> = word.split(|b| *b == b':').collect();
    Some(match fields.as_slice() {
        [b"u" | b"user", b"", bits] => (Tag::Owner, permissions(bits)?),
        [b"u" | b"user", id, bits] => (Tag::User(number(id)?), permissions(bits)?),
        [b"g" | b"group", b"", bits] => (Tag::OwningGroup, permissions(bits)?),
        [b"g" | b"group", id, bits] => (Tag::Group(number(id)?), permissions(bits)?),
        [b"m" | b"mask", bits] | [b"m" | b"mask", b"", bits] => (Tag::Mask, permissions(bits)?),
        [b"o" | b"other", bits] | [b"o" | b"other", b"", bits] => (Tag::Other, permissions(bits)?),
        _ => return None,
    })
}

/// One to three of `rwx-`, each letter once.
fn permissions(letters: &[u8]) -> Option<u16> {
    let mut bits = 0;
    for letter in letters {
        let bit = match letter {
            b'r' => 4,
            b'w' => 2,
            b'x' => 1,
            b'-' => 0,
            _ => return None,
        };
        (bits & bit == 0).then_some(())?;
        bits |= bit;
    }
    (1..=3).contains(&letters.len()).then_some(bits)
}

/// A number as C writes it. The last one is the kernel's "nobody in particular".
fn number(text: &[u8]) -> Option<u32> {
    let text = text.to_str().ok()?;
    let (digits, radix) = match (text.strip_prefix("0x"), text.strip_prefix('0')) {
        (Some(digits), _) => (digits, 16),
        (_, Some(digits)) if !digits.is_empty() => (digits, 8),
        _ => (text, 10),
    };
    let plain = digits.bytes().all(|b| b.is_ascii_hexdigit());
    u32::from_str_radix(digits, radix).ok().filter(|n| plain && *n != u32::MAX)
}

fn letters(bits: u16) -> String {
    let letter = |bit: u16, letter: char| if bits & bit != 0 { letter } else { '-' };
    [letter(4, 'r'), letter(2, 'w'), letter(1, 'x')].iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What libacl's acl_from_text and acl_to_text make of it.
    #[test]
    fn texts() {
        for (text, expected) in [
            ("", ""),
            ("u::rwx,g::r-x,o::r", "user::rwx\ngroup::r-x\nother::r--\n"),
            ("user::rw- # c\ngroup::r--\n\nmask:r\nother:---\n", "user::rw-\ngroup::r--\nmask::r--\nother::---\n"),
            ("u::rw-#c\ng::r", "user::rw-\ngroup::r--\n"),
            ("u::r # c, g::r\n g::w ,", "user::r--\ngroup::-w-\n"),
            ("u::r-w\tm::x", "user::rw-\nmask::--x\n"),
            (
                "u:1:r,u:0x10:w,g:3:x,o::r,u::rwx,g::r,m::w,u:010:w",
                "user::rwx\nuser:1:r--\t#effective:---\nuser:8:-w-\nuser:16:-w-\ngroup::r--\t#effective:---\n\
                 group:3:--x\t#effective:---\nmask::-w-\nother::r--\n",
            ),
            ("u:0:rwx,m:r,u:4294967294:r", "user:0:rwx\t#effective:r--\nuser:4294967294:r--\nmask::r--\n"),
        ] {
            let list = List::parse(text.into()).unwrap();
            assert_eq!(list.text(), expected, "{text}");
            assert_eq!(List::from_attribute(&list.attribute()).unwrap(), list, "{text}");
        }
    }

    #[test]
    fn wrong_texts() {
        for text in [
            "bogus",
            "u::",
            "u::rr",
            "u::rwxx",
            "u::7",
            "u:rwx",
            "us::r",
            "U::r",
            "m:5:r",
            "o:1:r",
            "d:u::r",
            "u:root:r",
            "u:-1:r",
            "u:+1:r",
            "u:4294967295:r",
            "u:4294967296:r",
            "u:09:r",
            "u:0x:r",
            "u:5:R",
            "u: 5:r",
            "u::r-x-",
            "u",
        ] {
            assert_eq!(List::parse(text.into()).unwrap_err().errno_name(), "EINVAL", "{text}");
        }
    }

    #[test]
    fn attributes() {
        assert_eq!(
            List::from_mode(0o100_751).attribute(),
            b"\x02\0\0\0\x01\0\x07\0\xff\xff\xff\xff\x04\0\x05\0\xff\xff\xff\xff\x20\0\x01\0\xff\xff\xff\xff"
        );
        for bytes in [&b""[..], b"\x01\0\0\0", b"\x02\0\0\0\x01", b"\x02\0\0\0\x03\0\x07\0\xff\xff\xff\xff"] {
            assert_eq!(List::from_attribute(bytes), None);
        }
    }
}
