//! How a distribution packs its software.
//!
//! In: the distribution and its version. Out: the format of its packages, and the program that manages
//! them; `None` where there is no such thing, or nothing that is known here.

use super::Os;

/// The format of packages.
pub fn format(distro: &str) -> Option<&'static str> {
    Some(match distro {
        "altlinux" | "centos" | "fedora" | "mageia" | "mandriva" | "meego" | "neokylin" | "openmandriva"
        | "opensuse" | "oraclelinux" | "pldlinux" | "redhat-based" | "rhel" | "rocky" | "scientificlinux" | "sles"
        | "suse-based" => "rpm",
        "debian" | "kalilinux" | "kylin" | "linuxmint" | "ubuntu" => "deb",
        "archlinux" | "frugalware" => "pacman",
        "gentoo" => "ebuild",
        "pardus" => "pisi",
        "alpinelinux" => "apk",
        "voidlinux" => "xbps",
        _ => return None,
    })
}

/// The program that manages packages.
pub fn management(os: &Os) -> Option<&'static str> {
    let (major, _) = os.version;
    Some(match os.distro? {
        "fedora" if major >= 22 && os.has_dnf => "dnf",
        "fedora" if major >= 1 => "yum",
        "centos" | "oraclelinux" | "redhat-based" | "rhel" | "rocky" | "scientificlinux" => match major {
            8.. => "dnf",
            5.. => "yum",
            2.. => "up2date",
            _ => return None,
        },
        "meego" | "neokylin" => "yum",
        "openmandriva" => "dnf",
        "mageia" | "mandriva" => "urpmi",
        "opensuse" | "sles" | "suse-based" => "zypper",
        "altlinux" | "debian" | "kalilinux" | "kylin" | "linuxmint" | "ubuntu" => "apt",
        "archlinux" | "frugalware" => "pacman",
        "gentoo" => "portage",
        "pardus" => "pisi",
        "alpinelinux" => "apk",
        "voidlinux" => "xbps",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn managers() {
        for (distro, major, has_dnf, want) in [
            ("fedora", 38, true, Some("dnf")),
            ("fedora", 38, false, Some("yum")),
            ("fedora", 14, true, Some("yum")),
            ("fedora", 0, true, None),
            ("rhel", 9, true, Some("dnf")),
            ("rhel", 7, true, Some("yum")),
            ("centos", 4, false, Some("up2date")),
            ("debian", 12, false, Some("apt")),
            ("slackware", 13, false, None),
        ] {
            let os = Os { distro: Some(distro), version: (major, 0), has_dnf, ..Os::default() };
            assert_eq!(management(&os), want, "{distro} {major}");
        }
    }
}
