//! Shell patterns over bytes: brace alternatives and the matching of one path component.
//!
//! In: a pattern as glob(3) reads it with `GLOB_BRACE`, or fnmatch(3) as module aliases use it. Out: the
//! alternatives without braces, and whether a name matches. Both are bounded: braces by [`MAX_ALTERNATIVES`], matching by the product
//! of the two lengths (no pattern makes it exponential).

use bstr::BString;

use crate::error::{Errno, Error, Result};

/// Most alternatives that the braces of one pattern may stand for.
pub const MAX_ALTERNATIVES: usize = 4096;

/// All patterns that `pattern` stands for once its `{a,b}` groups are written out, in order.
/// A brace without a partner is an ordinary character.
pub fn alternatives(pattern: &[u8]) -> Result<Vec<BString>> {
    let mut done = Vec::new();
    let mut todo = vec![(pattern.to_vec(), 0usize)];
    while let Some((pattern, from)) = todo.pop() {
        if done.len() + todo.len() > MAX_ALTERNATIVES {
            return Err(Error::new(
                Errno::TOOBIG,
                format!("the braces of the pattern stand for more than {MAX_ALTERNATIVES} patterns"),
            ));
        }
        let Some(group) = first_group(&pattern, from) else {
            done.push(BString::from(pattern));
            continue;
        };
        let head = pattern.get(..group.open).unwrap_or_default();
        let tail = pattern.get(group.close + 1..).unwrap_or_default();
        // Last alternative first: the stack turns them round again.
        for (start, end) in group.parts.iter().rev() {
            let middle = pattern.get(*start..*end).unwrap_or_default();
            todo.push(([head, middle, tail].concat(), head.len()));
        }
    }
    Ok(done)
}

struct Group {
    open: usize,
    close: usize,
    /// Byte ranges of the alternatives.
    parts: Vec<(usize, usize)>,
}

/// The first balanced brace group at or after `from`.
fn first_group(pattern: &[u8], from: usize) -> Option<Group> {
    let mut start = from;
    // A brace without a partner cannot make a later one balanced from further out, so one pass a
    // brace is enough; patterns are shorter than a path, which bounds the square.
    while let Some(open) = find(pattern, start, b'{') {
        if let Some(group) = group_at(pattern, open) {
            return Some(group);
        }
        start = open + 1;
    }
    None
}

/// Position of the unescaped byte `wanted` outside brackets, at or after `from`.
fn find(pattern: &[u8], from: usize, wanted: u8) -> Option<usize> {
    let mut at = from;
    while let Some(&b) = pattern.get(at) {
        match b {
            b'\\' => at += 2,
            b if b == wanted => return Some(at),
            b'[' => at = bracket_end(pattern, at).map_or(at + 1, |end| end + 1),
            _ => at += 1,
        }
    }
    None
}

fn group_at(pattern: &[u8], open: usize) -> Option<Group> {
    let mut parts = Vec::new();
    let mut depth = 0usize;
    let mut start = open + 1;
    let mut at = open + 1;
    while let Some(&b) = pattern.get(at) {
        match b {
            b'\\' => at += 1,
            b'[' => at = bracket_end(pattern, at).unwrap_or(at),
            b'{' => depth += 1,
            b'}' if depth == 0 => {
                parts.push((start, at));
                return Some(Group { open, close: at, parts });
            }
            b'}' => depth -= 1,
            b',' if depth == 0 => {
                parts.push((start, at));
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// Index of the `]` that ends the bracket expression opening at `open`, if it is one.
fn bracket_end(pattern: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    if matches!(pattern.get(at), Some(b'!' | b'^')) {
        at += 1;
    }
    // A `]` in first place stands for itself.
    if pattern.get(at) == Some(&b']') {
        at += 1;
    }
    loop {
        match pattern.get(at)? {
            b']' => return Some(at),
            b'\\' => at += 2,
            b'[' if pattern.get(at + 1) == Some(&b':') => at = class_end(pattern, at).unwrap_or(at) + 1,
            b'/' => return None,
            _ => at += 1,
        }
    }
}

/// Index of the `]` of `[:name:]` opening at `open`.
fn class_end(pattern: &[u8], open: usize) -> Option<usize> {
    let rest = pattern.get(open + 2..)?;
    let len = rest.iter().position(|b| !b.is_ascii_lowercase())?;
    (rest.get(len..len + 2) == Some(b":]")).then_some(open + 2 + len + 1)
}

/// True when the component needs matching against names, false when it names one entry.
pub fn is_magic(component: &[u8]) -> bool {
    let mut at = 0;
    while let Some(&b) = component.get(at) {
        match b {
            b'\\' => at += 2,
            b'*' | b'?' => return true,
            b'[' if bracket_end(component, at).is_some() => return true,
            _ => at += 1,
        }
    }
    false
}

/// The name a component without magic stands for (its backslashes taken away).
pub fn unescape(component: &[u8]) -> BString {
    let mut out = Vec::with_capacity(component.len());
    let mut bytes = component.iter();
    while let Some(&b) = bytes.next() {
        match b {
            // A backslash at the very end stands for itself.
            b'\\' => out.push(bytes.next().copied().unwrap_or(b'\\')),
            _ => out.push(b),
        }
    }
    out.into()
}

/// Does `name` match the component `pattern`? A leading dot must be matched by a dot.
pub fn matches(pattern: &[u8], name: &[u8]) -> bool {
    if name.first() == Some(&b'.') && !matches!(pattern, [b'.', ..] | [b'\\', b'.', ..]) {
        return false;
    }
    fits(pattern, name)
}

/// The same for names that are none of files: a leading dot is a letter like any other.
pub fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0usize, 0usize);
    // Where to go on when the match fails: after the last `*`, one name byte later each time.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        match (pattern.get(p), name.get(n)) {
            (None, None) => return true,
            (Some(b'*'), _) => {
                p += 1;
                retry = Some((p, n));
                continue;
            }
            (Some(_), Some(&b)) => {
                if let Some(next) = match_one(pattern, p, b) {
                    p = next;
                    n += 1;
                    continue;
                }
            }
            _ => {}
        }
        match retry {
            Some((after, from)) if from < name.len() => {
                retry = Some((after, from + 1));
                p = after;
                n = from + 1;
            }
            _ => return false,
        }
    }
}

/// Match one byte against the pattern element at `p`; the index after the element when it fits.
fn match_one(pattern: &[u8], p: usize, byte: u8) -> Option<usize> {
    match pattern.get(p)? {
        b'?' => Some(p + 1),
        b'\\' => match pattern.get(p + 1) {
            Some(&literal) => (literal == byte).then_some(p + 2),
            None => (byte == b'\\').then_some(p + 1),
        },
        b'[' => match bracket_end(pattern, p) {
            Some(end) => in_bracket(pattern, p, end, byte).then_some(end + 1),
            None => (byte == b'[').then_some(p + 1),
        },
        &literal => (literal == byte).then_some(p + 1),
    }
}

fn in_bracket(pattern: &[u8], open: usize, end: usize, byte: u8) -> bool {
    let mut at = open + 1;
    let negated = matches!(pattern.get(at), Some(b'!' | b'^'));
    if negated {
        at += 1;
    }
    let mut found = false;
    while at < end {
        if let Some(close) = (pattern.get(at) == Some(&b'[') && pattern.get(at + 1) == Some(&b':'))
            .then(|| class_end(pattern, at))
            .flatten()
        {
            found |= in_class(pattern.get(at + 2..close - 1).unwrap_or_default(), byte);
            at = close + 1;
            continue;
        }
        let Some((low, next)) = bracket_byte(pattern, at) else { break };
        at = next;
        if pattern.get(at) == Some(&b'-') && at + 1 < end {
            let Some((high, next)) = bracket_byte(pattern, at + 1) else { break };
            at = next;
            found |= (low..=high).contains(&byte);
        } else {
            found |= low == byte;
        }
    }
    found != negated
}

fn bracket_byte(pattern: &[u8], at: usize) -> Option<(u8, usize)> {
    match pattern.get(at)? {
        b'\\' => Some((*pattern.get(at + 1)?, at + 2)),
        &b => Some((b, at + 1)),
    }
}

/// The classes of the C locale, which the appliance runs in.
fn in_class(class: &[u8], b: u8) -> bool {
    match class {
        b"alnum" => b.is_ascii_alphanumeric(),
        b"alpha" => b.is_ascii_alphabetic(),
        b"blank" => b == b' ' || b == b'\t',
        b"cntrl" => b.is_ascii_control(),
        b"digit" => b.is_ascii_digit(),
        b"graph" => b.is_ascii_graphic(),
        b"lower" => b.is_ascii_lowercase(),
        b"print" => b.is_ascii_graphic() || b == b' ',
        b"punct" => b.is_ascii_punctuation(),
        b"space" => b.is_ascii_whitespace() || b == 0x0b,
        b"upper" => b.is_ascii_uppercase(),
        b"xdigit" => b.is_ascii_hexdigit(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(pattern: &str) -> Vec<String> {
        alternatives(pattern.as_bytes()).unwrap().iter().map(|p| p.to_string()).collect()
    }

    #[test]
    fn braces() {
        for (pattern, expected) in [
            ("/a", vec!["/a"]),
            ("/{a,b}x", vec!["/ax", "/bx"]),
            ("/{a,{b,c}d}", vec!["/a", "/bd", "/cd"]),
            ("{a,b}{c,d}", vec!["ac", "ad", "bc", "bd"]),
            ("/{dir,}", vec!["/dir", "/"]),
            ("/{}", vec!["/"]),
            ("/{a", vec!["/{a"]),
            ("/a}", vec!["/a}"]),
            ("/{a{b,c}", vec!["/{ab", "/{ac"]),
            ("/\\{a,b}", vec!["/\\{a,b}"]),
            ("/{a\\,b,c}", vec!["/a\\,b", "/c"]),
            ("[{,}]{x,y}", vec!["[{,}]x", "[{,}]y"]),
        ] {
            assert_eq!(expand(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn braces_are_bounded() {
        let e = alternatives("{a,b}".repeat(40).as_bytes()).unwrap_err();
        assert_eq!(e.errno(), Some(Errno::TOOBIG));
        // Many braces without a partner must not take long either.
        alternatives("{".repeat(4096).as_bytes()).unwrap();
    }

    #[test]
    fn matching() {
        for (pattern, name, expected) in [
            ("*", "a", true),
            ("*", ".a", false),
            (".*", ".a", true),
            ("\\.a", ".a", true),
            ("?a", ".a", false),
            ("[.]a", ".a", false),
            ("a*b*c", "aXXbYYc", true),
            ("a*b*c", "aXXbYY", false),
            ("**", "abc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[^a-c]x", "dx", true),
            ("[]x]", "]", true),
            ("[!]x]", "]", false),
            ("[a-]", "-", true),
            ("[[:digit:]x]", "7", true),
            ("[[:digit:]x]", "x", true),
            ("[[:digit:]x]", ":", false),
            ("[[:nosuch:]]", "n", false),
            ("[abc", "[abc", true),
            ("[\\]]", "]", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("a\\", "a\\", true),
            ("", "", true),
            ("", "a", false),
            ("\u{e9}", "\u{e9}", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
        assert!(fits(b"*", b".a") && fits(b"*:v*sc[0-3]*", b"pci:v1sc2x") && !fits(b"?a", b"a"));
        // Exponential for a matcher that backtracks over every star.
        assert!(!matches(format!("{}b", "a*".repeat(100)).as_bytes(), "a".repeat(2000).as_bytes()));
    }

    #[test]
    fn magic() {
        for (pattern, expected) in
            [("a", false), ("a*", true), ("a\\*", false), ("[a", false), ("[a]", true), ("?", true), ("", false)]
        {
            assert_eq!(is_magic(pattern.as_bytes()), expected, "{pattern}");
        }
        assert_eq!(unescape(b"a\\*\\"), "a*\\");
    }

    proptest::proptest! {
        /// The C library's fnmatch(3) is the measure for one component.
        #[test]
        fn as_the_c_library(pattern in r"[\]a-c*?!^.x\\\[-]{0,8}", name in r"[\]a-c.x*\\\[-]{0,6}") {
            // What follows is undefined or differs between C libraries: a backslash at the end, one
            // inside brackets, ranges that end in a bracket.
            let clear = !pattern.ends_with('\\') && (!pattern.contains('[') || !pattern.contains('\\'));
            if clear {
                let (p, n) = (std::ffi::CString::new(pattern.clone()).unwrap(), std::ffi::CString::new(name.clone()).unwrap());
                let theirs = crate::sys::fnmatch(&p, &n);
                proptest::prop_assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), theirs, "{} {}", pattern, name);
            }
        }

        /// Whatever the bytes, an answer comes.
        #[test]
        fn any_bytes(pattern: Vec<u8>, name: Vec<u8>) {
            matches(&pattern, &name);
            is_magic(&pattern);
            unescape(&pattern);
            let _ = alternatives(&pattern);
        }
    }
}
