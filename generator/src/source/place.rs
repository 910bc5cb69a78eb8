//! Places: values that know which bytes of `api.toml` they came from.
//!
//! In: a TOML value's byte range. Out: [`At`], which also finds the place of something inside a string,
//! past quotes and escapes.

use std::ops::Range;

/// A value and the bytes it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<T> {
    pub value: T,
    pub span: Range<usize>,
}

impl<T> At<T> {
    /// A value read from `span`.
    pub fn new(value: T, span: Range<usize>) -> Self {
        At { value, span }
    }
}

impl At<String> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.value
    }

    /// The bytes of `source` that made `value[part]`.
    pub fn part(&self, source: &str, part: Range<usize>) -> Range<usize> {
        let literal = source.get(self.span.clone()).unwrap_or("");
        let at = |offset| self.span.start + literal_offset(literal, offset);
        let start = at(part.start);
        start..at(part.end).max(start)
    }
}

/// Offset within a TOML string literal (quotes included) of byte `offset` of its value.
fn literal_offset(literal: &str, offset: usize) -> usize {
    let multi = literal.starts_with("'''") || literal.starts_with("\"\"\"");
    let mut at = if multi { 3 } else { 1 };
    if multi {
        let rest = literal.get(at..).unwrap_or("");
        at += if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) };
    }
    if literal.starts_with('\'') {
        return (at + offset).min(literal.len());
    }
    let mut value = 0;
    let mut chars = literal.get(at..).unwrap_or("").char_indices();
    while let Some((i, c)) = chars.next() {
        if value >= offset {
            return at + i;
        }
        value += if c == '\\' { escape(&mut chars) } else { c.len_utf8() };
    }
    literal.len()
}

/// Skip the rest of an escape and say how many bytes its value has.
fn escape(chars: &mut std::str::CharIndices<'_>) -> usize {
    let digits = match chars.next().map(|(_, c)| c) {
        Some('x') => 2,
        Some('u') => 4,
        Some('U') => 8,
        Some('\n') => return 0,
        _ => return 1,
    };
    let hex: String = chars.by_ref().take(digits).map(|(_, c)| c).collect();
    u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32).map_or(1, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_parts_of_every_kind_of_literal() {
        let cases = [
            ("k = 'abc'", 4..9, 1, "b"),
            ("k = \"a\\tc\"", 4..10, 2, "c"),
            ("k = \"\\u00e9c\"", 4..13, 2, "c"),
            ("k = '''\nabc'''", 4..14, 2, "c"),
        ];
        for (source, span, offset, expected) in cases {
            let value = At::new("irrelevant".to_owned(), span);
            let part = value.part(source, offset..offset + 1);
            assert_eq!(&source[part], expected, "{source}");
        }
    }
}
