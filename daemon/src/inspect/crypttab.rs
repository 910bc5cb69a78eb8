//! `/etc/crypttab` of a Linux guest, crypttab(5): what it calls its encrypted devices when they are open.
//!
//! In: the file's bytes. Out: names and sources. Here the open devices have names of whoever opened them;
//! by the sources [`super::resolve`] finds those that the guest's fstab means.

use super::fstab::spec_of;
use crate::mountinfo::unescape;
use bstr::{BString, ByteSlice};

/// Nobody has more.
const ENTRIES_MAX: usize = 100;

/// A line: the name below `/dev/mapper`, and the encrypted device (`/dev/sda2`, `UUID=…`).
pub fn parse(text: &[u8]) -> Vec<(BString, BString)> {
    let entry = |line: &[u8]| {
        let mut fields = line.fields();
        let name = fields.next().filter(|name| !name.starts_with(b"#"))?;
        Some((unescape(name), spec_of(fields.next()?)))
    };
    text.lines().filter_map(entry).filter(|(name, _)| !name.contains(&b'/')).take(ENTRIES_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let text = b"# <target> <source>\n\nsda3_crypt UUID=ab-12 none luks,discard\nswap /dev/sda2 /dev/urandom swap\nalone\na/b /dev/sda\n";
        let want = [("sda3_crypt", "UUID=ab-12"), ("swap", "/dev/sda2")];
        assert_eq!(parse(text), want.map(|(name, source)| (name.into(), source.into())));
    }

    proptest::proptest! {
        #[test]
        fn any_text(text: Vec<u8>) {
            assert!(parse(&text).len() <= ENTRIES_MAX);
        }
    }
}
