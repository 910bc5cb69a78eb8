//! The two halves of a path, as `copy_in` and `copy_out` need them.

/// Directory and last component. Trailing slashes do not count; without a directory it is `.`; the
/// root and a path that ends in `.` or `..` have the base `.`: their contents are copied.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let end = path.iter().rposition(|b| *b != b'/').map_or(0, |at| at + 1);
    let trimmed = path.get(..end).unwrap_or_default();
    if trimmed.is_empty() {
        return (if path.is_empty() { b"." } else { b"/" }, b".");
    }
    let (parent, base) = match trimmed.iter().rposition(|b| *b == b'/') {
        None => (&b"."[..], trimmed),
        Some(at) => {
            let parent = trimmed.get(..at).unwrap_or_default();
            let base = trimmed.get(at + 1..).unwrap_or_default();
            (if parent.is_empty() { &b"/"[..] } else { parent }, base)
        }
    };
    match base {
        b"." | b".." => (trimmed, b"."),
        _ => (parent, base),
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn splits() {
        let cases: [(&str, &str, &str); 10] = [
            ("/a/b", "/a", "b"),
            ("/a/b///", "/a", "b"),
            ("/a", "/", "a"),
            ("a", ".", "a"),
            ("a/b", "a", "b"),
            ("/", "/", "."),
            ("//", "/", "."),
            (".", ".", "."),
            ("a/..", "a/..", "."),
            ("", ".", "."),
        ];
        for (path, parent, base) in cases {
            let (p, b) = split(path.as_bytes());
            assert_eq!((p, b), (parent.as_bytes(), base.as_bytes()), "{path}");
        }
    }
}
