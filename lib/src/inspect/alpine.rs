//! The packages of Alpine Linux: `/lib/apk/db/installed`, a letter, a colon and a value in each line.
//!
//! In: the file's bytes. Out: the packages.

use super::{value, version};
use bstr::ByteSlice;
use guestfs_protocol::structs::Application2;

/// The installed packages, in the order of the file.
pub(super) fn packages(text: &[u8]) -> Vec<Application2> {
    let mut all = Vec::new();
    let mut package = Application2::default();
    for line in text.lines().chain([&b""[..]]) {
        match line {
            [] => {
                let done = std::mem::take(&mut package);
                all.extend(Some(done).filter(|p| !p.app2_name.is_empty()));
            }
            [b'P', b':', text @ ..] => package.app2_name = value(text),
            [b'V', b':', text @ ..] => (package.app2_version, package.app2_release) = version::revision(text),
            [b'A', b':', text @ ..] => package.app2_arch = value(text),
            // It is short, but all there is: programs have always got it as the description.
            [b'T', b':', text @ ..] => package.app2_description = value(text),
            [b'U', b':', text @ ..] => package.app2_url = value(text),
            [b'o', b':', text @ ..] => package.app2_source_package = value(text),
            _ => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installed() {
        let text = b"C:Q1abc=\nP:musl\nV:1.2.4-r2\nA:x86_64\nT:the C library\nU:https://musl\no:musl-src\nm:T <t@x>\nF:lib\nR:x\n\n\
            P:b\nV:1.0-rc1\n\nV:lost\n";
        let found = packages(text);
        let want = Application2 {
            app2_name: "musl".into(),
            app2_version: "1.2.4".into(),
            app2_release: "2".into(),
            app2_arch: "x86_64".into(),
            app2_description: "the C library".into(),
            app2_url: "https://musl".into(),
            app2_source_package: "musl-src".into(),
            ..Application2::default()
        };
        assert_eq!(found[0], want);
        assert_eq!((&found[1].app2_version, found.len()), (&"1.0-rc1".into(), 2));
    }

    proptest::proptest! {
        #[test]
        fn any_text(text: Vec<u8>, lines in "([PVATUom]:[ -~]{0,9}\n|\n){0,12}") {
            packages(&text);
            packages(lines.as_bytes());
        }
    }
}
