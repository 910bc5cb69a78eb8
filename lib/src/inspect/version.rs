//! Versions of packages taken apart: `EPOCH:VERSION-RELEASE`.
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
}
