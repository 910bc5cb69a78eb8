//! Icons that operating systems have of themselves.
//!
//! In: files of the mounted guest. Out: the bytes of a PNG file, or nothing.

use super::if_any;
use crate::contents::read_at_most;
use crate::error::Result;
use crate::handle::Handle;
use bstr::BStr;
use guestfs_protocol::opts::InspectGetIconOpts;

/// Icons are some kilobytes; one that is larger is meant to do harm.
const ICON_MAX: usize = 1 << 20;
/// The PNG specification, 5.2.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const FAVICON: &str = "/etc/favicon.png";

/// A distribution's logo.
struct Logo {
    distros: &'static [&'static str],
    /// From this version on.
    since: i32,
    /// Large, and with transparency.
    good: bool,
    file: &'static str,
}

const fn logo(distros: &'static [&'static str], file: &'static str) -> Logo {
    Logo { distros, since: 0, good: true, file }
}

/// Tried in this order. Where the distributions' packages put them.
const LOGOS: &[Logo] = &[
    logo(&["debian"], "/usr/share/pixmaps/debian-logo.png"),
    logo(&["fedora"], "/usr/share/icons/hicolor/96x96/apps/fedora-logo-icon.png"),
    Logo {
        distros: &["rhel", "centos", "rocky", "scientificlinux", "redhat-based", "oraclelinux"],
        since: 7,
        good: true,
        file: "/usr/share/pixmaps/fedora-logo-sprite.png",
    },
    logo(
        &["rhel", "centos", "scientificlinux", "redhat-based", "oraclelinux"],
        "/usr/share/pixmaps/redhat/shadowman-transparent.png",
    ),
    logo(&["altlinux"], "/usr/share/icons/hicolor/48x48/apps/altlinux.png"),
    logo(&["mageia"], "/usr/share/icons/mageia.png"),
    logo(&["openmandriva"], "/usr/share/icons/large/mandriva.png"),
    logo(&["opensuse", "sles", "suse-based"], "/usr/share/icons/hicolor/48x48/apps/distributor.png"),
    logo(&["voidlinux"], "/usr/share/void-artwork/void-logo.png"),
    Logo { distros: &["ubuntu"], since: 0, good: false, file: "/usr/share/icons/gnome/24x24/places/ubuntu-logo.png" },
];

/// The icon, empty when there is none.
pub(crate) fn inspect_get_icon(g: &Handle, root: &BStr, opts: &InspectGetIconOpts) -> Result<Vec<u8>> {
    let distro = g.inspect_get_distro(root)?;
    let major = g.inspect_get_major_version(root)?;
    let good_only = opts.highquality.unwrap_or(false);
    let fits =
        |logo: &&Logo| logo.distros.iter().any(|d| distro == *d) && major >= logo.since && (logo.good || !good_only);
    let favicon = opts.favicon.unwrap_or(true).then_some(FAVICON);
    let logos = LOGOS.iter().filter(fits).map(|logo| logo.file);
    for file in favicon.into_iter().chain(logos) {
        if !g.is_file(file, guestfs_protocol::opts::IsFileOpts { followsymlinks: Some(true) })? {
            continue;
        }
        // One that cannot be read is as good as none.
        if let Some(icon) = if_any(g.quietly(|g| read_at_most(g, file.into(), ICON_MAX)))? {
            if icon.starts_with(PNG) {
                return Ok(icon);
            }
        }
    }
    Ok(Vec::new())
}
