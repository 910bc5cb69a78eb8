//! Lists in one word: items separated by white space, with single quotes around white space.
//!
//! In: a word. Out: its items. A quote may open in the middle of an item; `\'` is a quote that neither
//! opens nor closes. guestfish(1), "QUOTING".

use bstr::BString;

/// A quote that is never closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunawayQuote;

/// Split a word into items.
pub fn split(word: &[u8]) -> Result<Vec<BString>, RunawayQuote> {
    let mut items = Vec::new();
    let mut item: Option<BString> = None;
    let mut quoted = false;
    let mut bytes = word.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\'' => {
                quoted = !quoted;
                // '' is an empty item.
                item.get_or_insert_default();
            }
            b'\\' if bytes.peek() == Some(&b'\'') => {
                bytes.next();
                item.get_or_insert_default().push(b'\'');
            }
            b if !quoted && (b.is_ascii_whitespace() || b == 0x0b) => items.extend(item.take()),
            b => item.get_or_insert_default().push(b),
        }
    }
    if quoted {
        return Err(RunawayQuote);
    }
    items.extend(item);
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            ("  \t ", &[]),
            ("a b  c", &["a", "b", "c"]),
            ("a 'b c' d", &["a", "b c", "d"]),
            ("a'b c'd", &["ab cd"]),
            ("'a''b'", &["ab"]),
            ("''", &[""]),
            (r"a\'b", &["a'b"]),
            (r"a\ b", &[r"a\", "b"]),
            (r"'a\'b'", &["a'b"]),
            ("{a,b} x", &["{a,b}", "x"]),
        ];
        for (word, expected) in cases {
            assert_eq!(split(word.as_bytes()).unwrap(), *expected, "{word}");
        }
        assert_eq!(split(b"a 'b"), Err(RunawayQuote));
    }
}
