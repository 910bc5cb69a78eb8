//! The packages of Arch Linux: a directory for each below `/var/lib/pacman/local`, with a file `desc`
//! in which a line `%KEY%` comes before its value.
//!
//! In: the mounted guest. Out: the packages.

use super::{if_any, value, version};
use crate::contents::read_at_most;
use crate::error::Result;
use crate::handle::Handle;
use bstr::ByteSlice;
use guestfs_protocol::structs::Application2;

const LOCAL: &str = "/var/lib/pacman/local";
/// A description is a few hundred bytes.
const DESC_MAX: usize = 1 << 20;
/// More are not on any system; each is a call.
const PACKAGES_MAX: usize = 50_000;

/// The installed packages, by name.
pub(super) fn packages(g: &Handle) -> Result<Vec<Application2>> {
    let mut all = Vec::new();
    for name in g.ls(LOCAL)?.iter().take(PACKAGES_MAX) {
        let file = bstr::concat([LOCAL.as_bytes(), b"/", name, b"/desc"]);
        // Beside the packages there is a file with the version of the format.
        if let Some(text) = if_any(g.quietly(|g| read_at_most(g, file.as_bstr(), DESC_MAX)))? {
            all.extend(package(&text));
        }
    }
    Ok(all)
}

fn package(text: &[u8]) -> Option<Application2> {
    let mut package = Application2::default();
    let mut lines = text.lines();
    while let Some(key) = lines.next() {
        let mut take = || value(lines.next().unwrap_or_default());
        match key.trim() {
            b"%NAME%" => package.app2_name = take(),
            b"%VERSION%" => {
                let version = version::parse(&take());
                package.app2_epoch = version.epoch;
                package.app2_version = version.version;
                package.app2_release = version.release;
            }
            b"%ARCH%" => package.app2_arch = take(),
            b"%DESC%" => package.app2_description = take(),
            b"%URL%" => package.app2_url = take(),
            b"%BASE%" => package.app2_source_package = take(),
            _ => {}
        }
    }
    (!package.app2_name.is_empty()).then_some(package)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions() {
        let text = b"%NAME%\npacman\n\n%VERSION%\n1:6.0.2-7\n\n%BASE%\nsrc\n\n%DESC%\nmanager\n\n%ARCH%\nx86_64\n\n%DEPENDS%\na\nb\n";
        let want = Application2 {
            app2_name: "pacman".into(),
            app2_epoch: 1,
            app2_version: "6.0.2".into(),
            app2_release: "7".into(),
            app2_arch: "x86_64".into(),
            app2_description: "manager".into(),
            app2_source_package: "src".into(),
            ..Application2::default()
        };
        assert_eq!(package(text), Some(want));
        assert_eq!(package(b"%NAME%"), None);
        assert_eq!(package(b""), None);
    }

    proptest::proptest! {
        #[test]
        fn any_text(text: Vec<u8>, lines in "(%(NAME|VERSION|ARCH)%\n|[ -~]{0,9}\n){0,12}") {
            package(&text);
            package(lines.as_bytes());
        }
    }
}
