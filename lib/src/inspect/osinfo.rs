//! The name of an operating system in the database of libosinfo.
//!
//! In: what inspection found. Out: the short identifier, as its entries are usually made.

use super::windows;
use crate::error::Result;
use crate::handle::Handle;
use bstr::{BStr, BString, ByteSlice};

/// See the module's description.
pub(crate) fn inspect_get_osinfo(g: &Handle, root: &BStr) -> Result<BString> {
    let kind = g.inspect_get_type(root)?;
    let distro = g.inspect_get_distro(root)?;
    let (major, minor) = (g.inspect_get_major_version(root)?, g.inspect_get_minor_version(root)?);
    let product = g.inspect_get_product_name(root)?;
    if kind == "windows" {
        let (variant, build) = (g.inspect_get_product_variant(root)?, g.inspect_get_build_id(root)?);
        return Ok(windows::osinfo(&product, &variant, &build, (major, minor)).unwrap_or("unknown").into());
    }
    Ok(identifier(&kind, &distro, &product, major, minor).map_or_else(|| "unknown".into(), BString::from))
}

fn identifier(kind: &[u8], distro: &[u8], product: &[u8], major: i32, minor: i32) -> Option<String> {
    let distro = distro.to_str().ok()?;
    match kind {
        b"linux" => linux(distro, product, major, minor),
        b"freebsd" | b"netbsd" | b"openbsd" => Some(format!("{distro}{major}.{minor}")),
        _ => None,
    }
}

fn linux(distro: &str, product: &[u8], major: i32, minor: i32) -> Option<String> {
    Some(match distro {
        "centos" if major >= 8 => format!("{distro}{major}"),
        "centos" if major == 7 => "centos7.0".into(),
        "debian" if major >= 4 => format!("{distro}{major}"),
        "fedora" | "mageia" => format!("{distro}{major}"),
        "rocky" if major >= 8 => format!("{distro}{major}"),
        "sles" => {
            // Since 15 the server and the desktop are one product.
            let base = match product.contains_str("Desktop") {
                _ if major >= 15 => "sle",
                true => "sled",
                false => "sles",
            };
            let pack = if minor > 0 { format!("sp{minor}") } else { String::new() };
            format!("{base}{major}{pack}")
        }
        "ubuntu" => format!("{distro}{major}.{minor:02}"),
        "archlinux" | "gentoo" | "voidlinux" => distro.into(),
        "unknown" => return None,
        _ if major > 0 || minor > 0 => format!("{distro}{major}.{minor}"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers() {
        for (distro, product, major, minor, want) in [
            ("debian", "", 12, 5, Some("debian12")),
            ("fedora", "", 38, 0, Some("fedora38")),
            ("ubuntu", "", 22, 4, Some("ubuntu22.04")),
            ("centos", "", 6, 10, Some("centos6.10")),
            ("centos", "", 7, 9, Some("centos7.0")),
            ("centos", "", 8, 4, Some("centos8")),
            ("rhel", "", 8, 4, Some("rhel8.4")),
            ("sles", "SUSE Linux Enterprise Server 15", 15, 0, Some("sle15")),
            ("sles", "SUSE Linux Enterprise Server 15 SP4", 15, 4, Some("sle15sp4")),
            ("sles", "SUSE Linux Enterprise Server 12 SP5", 12, 5, Some("sles12sp5")),
            ("sles", "SUSE Linux Enterprise Desktop 12", 12, 0, Some("sled12")),
            ("archlinux", "", 0, 0, Some("archlinux")),
            ("alpinelinux", "", 3, 18, Some("alpinelinux3.18")),
            ("slackware", "", 0, 0, None),
            ("unknown", "", 0, 0, None),
            ("unknown", "", 3, 0, None),
        ] {
            let got = identifier(b"linux", distro.as_bytes(), product.as_bytes(), major, minor);
            assert_eq!(got.as_deref(), want, "{distro} {major}.{minor}");
        }
        assert_eq!(identifier(b"openbsd", b"openbsd", b"", 7, 3).as_deref(), Some("openbsd7.3"));
        assert_eq!(identifier(b"hurd", b"debian", b"", 12, 0), None);
    }
}
