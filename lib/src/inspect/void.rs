//! The packages of Void Linux: `/var/db/xbps/pkgdb-0.38.plist`, a property list in XML with a dictionary for
//! each package.
//!
//! In: the mounted guest. Out: the packages that are installed.

use super::{value, PACKAGES_MAX};
use crate::contents::read_at_most;
use crate::error::Result;
use crate::handle::Handle;
use bstr::{BString, ByteSlice};
use guestfs_protocol::structs::Application2;

/// The file; its number is that of the version of xbps that began with this format.
const DATABASE: &str = "/var/db/xbps/pkgdb-0.38.plist";
/// Dictionaries of one package are not deeper than two or three.
const DEPTH_MAX: usize = 100;

/// A package as far as it was read.
#[derive(Default)]
struct Package {
    found: Application2,
    installed: bool,
}

/// The installed packages; none where there is no database.
pub(super) fn packages(g: &Handle) -> Result<Vec<Application2>> {
    if !g.is_file(DATABASE, Default::default())? {
        return Ok(Vec::new());
    }
    read_at_most(g, DATABASE.into(), PACKAGES_MAX).map(|text| in_list(&text))
}

/// The installed packages, in the order of the file.
fn in_list(text: &[u8]) -> Vec<Application2> {
    let (mut all, mut package, mut depth) = (Vec::new(), Package::default(), 0_usize);
    let mut key = BString::default();
    for part in text.split(|b| *b == b'<') {
        let Some((tag, content)) = part.split_once_str(">") else { continue };
        match tag {
            b"dict" => {
                // The first one holds all packages.
                if depth == 1 {
                    package = Package::default();
                }
                depth = depth.saturating_add(1).min(DEPTH_MAX);
            }
            b"/dict" => {
                if depth == 2 {
                    all.extend(std::mem::take(&mut package).finish());
                }
                depth = depth.saturating_sub(1);
            }
            b"key" => key = unescaped(content),
            b"string" if depth == 2 => package.field(&key, &unescaped(content)),
            _ => {}
        }
    }
    all
}

impl Package {
    fn field(&mut self, key: &[u8], text: &[u8]) {
        let app = &mut self.found;
        match key {
            // Name, version and revision in one: `xbps-0.59.1_8`.
            b"pkgver" => {
                let (name, rest) = text.rsplit_once_str("-").unwrap_or((text, b""));
                let (version, revision) = rest.rsplit_once_str("_").unwrap_or((rest, b""));
                (app.app2_name, app.app2_version, app.app2_release) = (value(name), value(version), value(revision));
            }
            b"architecture" => app.app2_arch = value(text),
            b"short_desc" => app.app2_summary = value(text),
            b"long_desc" => app.app2_description = value(text),
            b"homepage" => app.app2_url = value(text),
            // The package it was built with, and a digest.
            b"source-revisions" => {
                app.app2_source_package = value(text.split_once_str(":").map_or(text, |(name, _)| name));
            }
            b"state" => self.installed = text == b"installed",
            _ => {}
        }
    }

    fn finish(self) -> Option<Application2> {
        (self.installed && !self.found.app2_name.is_empty()).then_some(self.found)
    }
}

/// Without the entities that stand for what has a meaning in XML.
fn unescaped(text: &[u8]) -> BString {
    let mut plain = BString::default();
    for (nth, part) in text.split(|b| *b == b'&').enumerate() {
        const ENTITIES: [(&[u8], u8); 5] =
            [(b"amp;", b'&'), (b"lt;", b'<'), (b"gt;", b'>'), (b"quot;", b'"'), (b"apos;", b'\'')];
        let entity = ENTITIES.iter().find_map(|(name, stands)| Some((*stands, part.strip_prefix(*name)?)));
        match entity.filter(|_| nth > 0) {
            Some((stands, rest)) => {
                plain.push(stands);
                plain.extend_from_slice(rest);
            }
            None => {
                if nth > 0 {
                    plain.push(b'&');
                }
                plain.extend_from_slice(part);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn property_list() {
        let text = b"<?xml version=\"1.0\"?>\n<!DOCTYPE plist PUBLIC \"x\" \"y\">\n<plist version=\"1.0\">\n<dict>\n\
            <key>_XBPS_ALTERNATIVES_</key>\n<dict>\n<key>sh</key>\n<array>\n<string>dash</string>\n</array>\n</dict>\n\
            <key>base-files</key>\n<dict>\n<key>alternatives</key>\n<dict>\n<key>state</key>\n<string>no</string>\n</dict>\n\
            <key>architecture</key>\n<string>x86_64</string>\n<key>pkgver</key>\n<string>base-files-0.142_12</string>\n\
            <key>short_desc</key>\n<string>Files &amp; &lt;dirs&gt; &x</string>\n<key>homepage</key>\n<string>https://x</string>\n\
            <key>source-revisions</key>\n<string>base:0123abcd</string>\n<key>state</key>\n<string>installed</string>\n</dict>\n\
            <key>half</key>\n<dict>\n<key>pkgver</key>\n<string>half-1_1</string>\n<key>state</key>\n<string>half-unpacked</string>\n\
            </dict>\n<key>odd</key>\n<dict>\n<key>pkgver</key><string>odd</string><key>state</key><string>installed</string></dict>\n\
            </dict>\n</plist>\n";
        let found = in_list(text);
        let want = Application2 {
            app2_name: "base-files".into(),
            app2_version: "0.142".into(),
            app2_release: "12".into(),
            app2_arch: "x86_64".into(),
            app2_summary: "Files & <dirs> &x".into(),
            app2_url: "https://x".into(),
            app2_source_package: "base".into(),
            ..Application2::default()
        };
        assert_eq!(found[0], want);
        assert_eq!((found.len(), &found[1].app2_name), (2, &"odd".into()));
    }

    proptest::proptest! {
        #[test]
        fn any_text(text: Vec<u8>, tags in "(</?(dict|key|string|array)>|pkgver|state|[ -~]{0,4}){0,20}") {
            in_list(&text);
            in_list(tags.as_bytes());
        }
    }
}
