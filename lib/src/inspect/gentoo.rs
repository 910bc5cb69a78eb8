//! The packages of Gentoo: a directory `/var/db/pkg/CATEGORY/NAME-VERSION` for each, with a file for each fact.
//!
//! In: the mounted guest. Out: the packages.

use super::{if_any, value, version};
use crate::contents::read_at_most;
use crate::error::Result;
use crate::handle::Handle;
use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::structs::Application2;

const DATABASE: &str = "/var/db/pkg";
/// A fact is a line.
const FACT_MAX: usize = 1 << 16;
/// More are not on any system; each is some calls.
const PACKAGES_MAX: usize = 20_000;

/// The installed packages; none where there is no database.
pub(super) fn packages(g: &Handle) -> Result<Vec<Application2>> {
    let mut all = Vec::new();
    if !g.is_dir(DATABASE, Default::default())? {
        return Ok(all);
    }
    for category in g.ls(DATABASE)? {
        // A file between the directories is no category.
        let dir: BString = bstr::concat([DATABASE.as_bytes(), b"/", &category]).into();
        let names = if_any(g.quietly(|g| g.ls(&dir)))?.unwrap_or_default();
        for name in names.iter().take(PACKAGES_MAX.saturating_sub(all.len())) {
            let fact = |file: &str| fact(g, &[&dir, name, file.as_bytes()]);
            all.extend(package(category.as_bstr(), name.as_bstr(), fact)?);
        }
    }
    Ok(all)
}

fn fact(g: &Handle, parts: &[&[u8]]) -> Result<BString> {
    let path: BString = bstr::join("/", parts).into();
    let text = if_any(g.quietly(|g| read_at_most(g, path.as_bstr(), FACT_MAX)))?;
    Ok(text.map(|text| value(&text)).unwrap_or_default())
}

fn package(category: &BStr, directory: &BStr, fact: impl Fn(&str) -> Result<BString>) -> Result<Option<Application2>> {
    // While a package is installed or replaced there is also `-MERGING-NAME-VERSION`.
    let named = split(directory).filter(|(name, ..)| !name.starts_with(b"-"));
    let Some((name, version, release)) = named else { return Ok(None) };
    Ok(Some(Application2 {
        app2_name: bstr::concat([category.as_bytes(), b"/", &name]).into(),
        app2_version: version,
        app2_release: release,
        app2_arch: fact("CHOST")?.split_once_str("-").map(|(arch, _)| value(arch)).unwrap_or_default(),
        app2_summary: fact("DESCRIPTION")?,
        // Several are separated by blanks.
        app2_url: fact("HOMEPAGE")?.fields().next().map(value).unwrap_or_default(),
        ..Application2::default()
    }))
}

/// Name, version and revision of `NAME-VERSION-rREVISION`; the version begins with a digit.
fn split(directory: &[u8]) -> Option<(BString, BString, BString)> {
    let (rest, release) = version::revision(directory);
    let (name, version) = rest.rsplit_once_str("-")?;
    (version.first()?.is_ascii_digit() && !name.is_empty()).then(|| (name.into(), version.into(), release))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, ErrorKind};

    #[test]
    fn names() {
        for (directory, want) in [
            ("portage-3.0.44", Some(("portage", "3.0.44", ""))),
            ("gcc-config-2.8-r1", Some(("gcc-config", "2.8", "1"))),
            ("font-misc-1.0.3_p1", Some(("font-misc", "1.0.3_p1", ""))),
            ("no-version", None),
            ("-1", None),
            ("", None),
        ] {
            let want = want.map(|(n, v, r)| (n.into(), v.into(), r.into()));
            assert_eq!(split(directory.as_bytes()), want, "{directory}");
        }
    }

    #[test]
    fn facts() {
        let fact = |file: &str| {
            Ok(match file {
                "CHOST" => "x86_64-pc-linux-gnu".into(),
                "DESCRIPTION" => "The package manager".into(),
                "HOMEPAGE" => "https://a https://b".into(),
                _ => BString::default(),
            })
        };
        let want = Application2 {
            app2_name: "sys-apps/portage".into(),
            app2_version: "3.0.44".into(),
            app2_release: "2".into(),
            app2_arch: "x86_64".into(),
            app2_summary: "The package manager".into(),
            app2_url: "https://a".into(),
            ..Application2::default()
        };
        assert_eq!(package("sys-apps".into(), "portage-3.0.44-r2".into(), fact).unwrap(), Some(want));
        assert_eq!(package("sys-apps".into(), "-MERGING-portage-3.0.44".into(), fact).unwrap(), None);
        let gone = |_: &str| Err(Error::new(ErrorKind::ApplianceDied, "gone"));
        assert!(package("sys-apps".into(), "portage-3.0.44".into(), gone).is_err());
    }
}
