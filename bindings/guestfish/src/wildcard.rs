//! Patterns for names of devices: `*`, `?`, `[…]`, as `fnmatch(3)` with `FNM_PATHNAME`.
//!
//! In: a pattern and a name. Out: whether they match. Time is at most the product of their lengths.

/// True when the whole name matches. Wildcards match no slash.
pub fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    // Where the last star was and how far what it stands for reached: the only place worth going back to.
    let mut star: Option<(usize, usize)> = None;
    loop {
        let rest = pattern.get(p..).unwrap_or_default();
        let byte = name.get(n).copied();
        match (rest.first(), byte) {
            (Some(b'*'), _) => {
                star = Some((p, n));
                p += 1;
                continue;
            }
            (None, None) => return true,
            (Some(_), Some(byte)) => {
                if let Some(used) = one(rest, byte) {
                    p += used;
                    n += 1;
                    continue;
                }
            }
            _ => {}
        }
        match star {
            Some((at, reached)) if name.get(reached).is_some_and(|b| *b != b'/') => {
                star = Some((at, reached + 1));
                p = at + 1;
                n = reached + 1;
            }
            _ => return false,
        }
    }
}

/// Length of the pattern element that matches one byte.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [b'?', ..] => (byte != b'/').then_some(1),
        [b'[', rest @ ..] => match set(rest, byte) {
            Some((true, used)) if byte != b'/' => Some(used + 1),
            Some(_) => None,
            // Never closed: the bracket stands for itself.
            None => (byte == b'[').then_some(1),
        },
        [b'\\', escaped, ..] => (*escaped == byte).then_some(2),
        [literal, ..] => (*literal == byte).then_some(1),
        [] => None,
    }
}

/// A set after its opening bracket: whether it has the byte, and its length with the closing bracket.
fn set(pattern: &[u8], byte: u8) -> Option<(bool, usize)> {
    let negated = matches!(pattern.first(), Some(b'!' | b'^'));
    let start = usize::from(negated);
    let mut at = start;
    let mut found = false;
    loop {
        let first = *pattern.get(at)?;
        if first == b']' && at > start {
            return Some((found != negated, at + 1));
        }
        match pattern.get(at + 1..at + 3) {
            Some([b'-', last]) if *last != b']' => {
                found |= (first..=*last).contains(&byte);
                at += 3;
            }
            _ => {
                found |= first == byte;
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        let yes = [
            ("/dev/sd*", "/dev/sda1"),
            ("/dev/sd?", "/dev/sda"),
            ("/dev/sd[ab]", "/dev/sdb"),
            ("/dev/sd[a-c]1", "/dev/sdc1"),
            ("/dev/sd[!a]", "/dev/sdb"),
            ("/dev/*/LV", "/dev/VG/LV"),
            ("/dev/s*a*1", "/dev/sdaa1"),
            ("a[", "a["),
            ("[]]", "]"),
            (r"\*", "*"),
            ("**", ""),
        ];
        for (pattern, name) in yes {
            assert!(matches(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
        }
        let no =
            [("/dev/sd?", "/dev/sda1"), ("/dev/*", "/dev/VG/LV"), ("/dev/sd[!a]", "/dev/sda"), ("x", ""), ("", "x")];
        for (pattern, name) in no {
            assert!(!matches(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
        }
        // Exponential matchers never end here.
        assert!(!matches("*a".repeat(40).as_bytes(), "a".repeat(39).as_bytes()));
    }
}
