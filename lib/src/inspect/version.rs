//! Versions of packages taken apart: `EPOCH:VERSION-RELEASE`, `VERSION-rREVISION`.
//!
//! In: a version as a package manager writes it. Out: its parts; what is not there is 0 or empty.

use bstr::{BString, ByteSlice};

/// See the module's description.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Version {
    pub epoch: i32,
    pub version: BString,
    pub release: BString,
}

/// Take a version apart: the epoch ends at the first colon, the release begins after the first dash
/// behind it. (In a version of Debian's that has several it is after the last, but this is what programs
/// have always got.)
pub(super) fn parse(text: &[u8]) -> Version {
    let text = super::value(text);
    let epoch = text.split_once_str(":").and_then(|(epoch, rest)| Some((epoch.to_str().ok()?.parse().ok()?, rest)));
    let (epoch, rest) = epoch.unwrap_or((0, &text));
    let (version, release) = rest.split_once_str("-").unwrap_or((rest, b""));
    Version { epoch, version: version.into(), release: release.into() }
}

/// A text and the revision at its end: `1.2.4-r2` is 1.2.4 and 2.
pub(super) fn revision(text: &[u8]) -> (BString, BString) {
    let text = super::value(text);
    match text.rsplit_once_str("-r") {
        Some((rest, revision)) if !revision.is_empty() && revision.iter().all(u8::is_ascii_digit) => {
            (rest.into(), revision.into())
        }
        _ => (text, BString::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        for (text, epoch, version, release) in [
            ("1.2-3", 0, "1.2", "3"),
            ("2:1.2-3-4+b1", 2, "1.2", "3-4+b1"),
            ("1.36", 0, "1.36", ""),
            ("x:1", 0, "x:1", ""),
            ("99999999999:1", 0, "99999999999:1", ""),
            ("", 0, "", ""),
        ] {
            let want = Version { epoch, version: version.into(), release: release.into() };
            assert_eq!(parse(text.as_bytes()), want, "{text}");
        }
    }

    #[test]
    fn revisions() {
        for (text, rest, last) in
            [("1.2-r3", "1.2", "3"), ("1.0-rc1", "1.0-rc1", ""), ("1-r", "1-r", ""), ("1", "1", "")]
        {
            assert_eq!(revision(text.as_bytes()), (rest.into(), last.into()), "{text}");
        }
    }
}
