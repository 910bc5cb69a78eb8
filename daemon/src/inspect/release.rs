//! Which distribution a Linux system is: from `/etc/os-release` (os-release(5)) where there is one, from
//! lsb-release, or from the file that each distribution had of its own before that.
//!
//! In: files of the mounted guest. Out: distribution, name for people, version.

use super::guest;
use crate::ctx::Ctx;
use bstr::{BString, ByteSlice};

/// What the files say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Release {
    pub distro: Option<&'static str>,
    pub product: Option<BString>,
    pub version: Option<Version>,
}

/// Major and minor number.
pub type Version = (i32, i32);

/// Identifiers of os-release, and the API's names for them.
const OS_RELEASE_IDS: &[(&str, &str)] = &[
    ("alpine", "alpinelinux"),
    ("altlinux", "altlinux"),
    ("arch", "archlinux"),
    ("buildroot", "buildroot"),
    ("centos", "centos"),
    ("cirros", "cirros"),
    ("coreos", "coreos"),
    ("debian", "debian"),
    ("fedora", "fedora"),
    ("frugalware", "frugalware"),
    ("gentoo", "gentoo"),
    ("kali", "kalilinux"),
    ("kylin", "kylin"),
    ("linuxmint", "linuxmint"),
    ("mageia", "mageia"),
    ("meego", "meego"),
    ("neokylin", "neokylin"),
    ("ol", "oraclelinux"),
    ("openmandriva", "openmandriva"),
    ("opensuse", "opensuse"),
    ("pardus", "pardus"),
    ("pld", "pldlinux"),
    ("rhel", "rhel"),
    ("rocky", "rocky"),
    ("scientific", "scientificlinux"),
    ("slackware", "slackware"),
    ("sled", "sles"),
    ("sles", "sles"),
    ("sles_sap", "sles"),
    ("ubuntu", "ubuntu"),
    ("void", "voidlinux"),
];

/// Identifiers of lsb-release.
const LSB_IDS: &[(&str, &str)] = &[
    ("CentOS", "centos"),
    ("CoreOS", "coreos"),
    ("Debian", "debian"),
    ("Fedora", "fedora"),
    ("Kali", "kalilinux"),
    ("LinuxMint", "linuxmint"),
    ("Mageia", "mageia"),
    ("Mandriva Linux", "mandriva"),
    ("MandrivaLinux", "mandriva"),
    ("OpenMandrivaLinux", "openmandriva"),
    ("Ubuntu", "ubuntu"),
];

/// Files whose presence tells the distribution and whose first line is its name and version. Those of
/// Red Hat's family come first: they are there beside `redhat-release`.
const OWN_FILES: &[(&str, &str)] = &[
    ("/etc/oracle-release", "oraclelinux"),
    ("/etc/rocky-release", "rocky"),
    ("/etc/centos-release", "centos"),
    ("/etc/altlinux-release", "altlinux"),
    ("/etc/neokylin-release", "neokylin"),
    ("/etc/pld-release", "pldlinux"),
    ("/etc/mageia-release", "mageia"),
    ("/etc/mandriva-release", "mandriva"),
    ("/etc/redhat-release", ""),
    ("/etc/debian_version", "debian"),
    ("/etc/pardus-release", "pardus"),
    ("/etc/arch-release", "archlinux"),
    ("/etc/gentoo-release", "gentoo"),
    ("/etc/meego-release", "meego"),
    ("/etc/slackware-version", "slackware"),
    ("/etc/ttylinux-target", "ttylinux"),
    ("/etc/SuSE-release", "suse-based"),
    ("/etc/cirros/version", "cirros"),
    ("/etc/br-version", "buildroot"),
    ("/etc/alpine-release", "alpinelinux"),
    ("/etc/frugalware-release", "frugalware"),
];

/// What the files of a root say.
pub fn of_root(ctx: &Ctx) -> Release {
    let standard = guest::text(ctx, "/etc/os-release").map(|text| os_release(&text)).unwrap_or_default();
    if standard.distro.is_some() {
        return refined(ctx, standard);
    }
    let lsb = guest::text(ctx, "/etc/lsb-release").map(|text| lsb_release(&text)).unwrap_or_default();
    if lsb.distro.is_some() {
        return lsb;
    }
    let own = OWN_FILES.iter().find_map(|(file, distro)| {
        let release = own_file(distro, &guest::text(ctx, file)?);
        release.distro.is_some().then_some(release)
    });
    // A system nobody knows may still have told its name or version.
    own.unwrap_or(if standard == Release::default() { lsb } else { standard })
}

/// What the files of a file system say that is to be mounted on `/usr`.
pub fn of_usr(ctx: &Ctx) -> Release {
    guest::text(ctx, "/lib/os-release").map(|text| os_release(&text)).unwrap_or_default()
}

/// Some distributions give only the major number in os-release, and the whole in a file of their own.
/// Then that is what counts, for the name too: so it was before os-release, and programs expect it.
fn refined(ctx: &Ctx, standard: Release) -> Release {
    let Some(distro @ ("debian" | "centos")) = standard.distro else { return standard };
    if standard.version.is_some_and(|(_, minor)| minor > 0) {
        return standard;
    }
    let file = OWN_FILES.iter().find(|(_, owner)| *owner == distro).map(|(file, _)| *file);
    let own = file.and_then(|file| guest::text(ctx, file)).map(|text| own_file(distro, &text));
    own.filter(|own| own.version.is_some()).unwrap_or(standard)
}

fn os_release(text: &[u8]) -> Release {
    let id = guest::assigned(text, "ID");
    let known = |id: &BString| {
        let whole = OS_RELEASE_IDS.iter().find(|(known, _)| *id == *known).map(|(_, distro)| *distro);
        whole.or_else(|| id.starts_with(b"opensuse-").then_some("opensuse"))
    };
    Release {
        distro: id.as_ref().and_then(known),
        product: guest::assigned(text, "PRETTY_NAME").or_else(|| guest::assigned(text, "NAME")),
        version: guest::assigned(text, "VERSION_ID").and_then(|v| version(&v)),
    }
}

fn lsb_release(text: &[u8]) -> Release {
    let known = |id: BString| LSB_IDS.iter().find(|(known, _)| id == *known).map(|(_, distro)| *distro);
    Release {
        distro: guest::assigned(text, "DISTRIB_ID").and_then(known),
        product: guest::assigned(text, "DISTRIB_DESCRIPTION"),
        version: guest::assigned(text, "DISTRIB_RELEASE").and_then(|v| version(&v)),
    }
}

/// A distribution's own file.
fn own_file(distro: &'static str, text: &[u8]) -> Release {
    let first = text.lines().next().unwrap_or_default();
    let mut release = Release { distro: Some(distro), product: guest::shown(first), version: version(first) };
    match distro {
        "" => {
            release.distro = red_hat(first);
            // Older ones have the minor number as `release 4 (Nahant Update 8)`.
            if let (Some((major, 0)), Some((_, update))) = (release.version, first.split_once_str("Update ")) {
                release.version = Some((major, version(update).map_or(0, |(n, _)| n)));
            }
        }
        "suse-based" => suse(text, &mut release),
        _ => {}
    }
    release
}

/// Whose `redhat-release` it is.
fn red_hat(line: &[u8]) -> Option<&'static str> {
    let heads = [
        ("Fedora", "fedora"),
        ("Red Hat", "rhel"),
        ("CentOS", "centos"),
        ("Scientific Linux", "scientificlinux"),
        ("Rocky Linux", "rocky"),
        ("Oracle Linux", "oraclelinux"),
    ];
    let known = heads.iter().find(|(head, _)| line.starts_with(head.as_bytes())).map(|(_, distro)| *distro);
    known.or_else(|| line.contains_str("release ").then_some("redhat-based"))
}

/// `SuSE-release`: the name, then `VERSION = 11` and perhaps `PATCHLEVEL = 4`.
fn suse(text: &[u8], release: &mut Release) {
    let heads = [("openSUSE", "opensuse"), ("SUSE Linux Enterprise", "sles")];
    if let Some((_, distro)) = heads.iter().find(|(head, _)| text.starts_with(head.as_bytes())) {
        release.distro = Some(distro);
    }
    let number = |key: &[u8]| {
        let value = text.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix(b"="))?;
        version(value)
    };
    if let Some((major, minor)) = number(b"VERSION") {
        release.version = Some((major, number(b"PATCHLEVEL").map_or(minor, |(level, _)| level)));
    }
}

/// The first number of a text, and the one behind its dot.
pub fn version(text: &[u8]) -> Option<Version> {
    let start = text.iter().position(u8::is_ascii_digit)?;
    let (major, rest) = number(text.get(start..)?)?;
    let minor = rest.strip_prefix(b".").and_then(number).map_or(0, |(minor, _)| minor);
    Some((major, minor))
}

/// The digits at the start, and what follows.
fn number(text: &[u8]) -> Option<(i32, &[u8])> {
    let end = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(end)?;
    Some((digits.to_str().ok()?.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Guest;

    /// Files, and what they mean: distribution, name, version.
    type Case<'a> = (&'a [(&'a str, &'a str)], Option<&'a str>, Option<&'a str>, Option<Version>);

    #[test]
    fn distributions() {
        let cases: &[Case] = &[
            (
                &[
                    (
                        "/etc/os-release",
                        "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nID=debian\n",
                    ),
                    ("/etc/debian_version", "12.11\n"),
                ],
                Some("debian"),
                Some("12.11"),
                Some((12, 11)),
            ),
            (
                &[(
                    "/etc/os-release",
                    "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nID=debian\n",
                )],
                Some("debian"),
                Some("Debian GNU/Linux 12 (bookworm)"),
                Some((12, 0)),
            ),
            (
                &[
                    ("/etc/os-release", "PRETTY_NAME=\"Debian GNU/Linux forky/sid\"\nID=debian\n"),
                    ("/etc/debian_version", "forky/sid\n"),
                ],
                Some("debian"),
                Some("Debian GNU/Linux forky/sid"),
                None,
            ),
            (
                &[(
                    "/etc/os-release",
                    "ID=ubuntu\nID_LIKE=debian\nPRETTY_NAME='Ubuntu 22.04.1 LTS'\nVERSION_ID=\"22.04\"\n",
                )],
                Some("ubuntu"),
                Some("Ubuntu 22.04.1 LTS"),
                Some((22, 4)),
            ),
            (
                &[("/etc/os-release", "ID=\"opensuse-leap\"\nPRETTY_NAME=\"openSUSE Leap 15.5\"\nVERSION_ID=\"15.5\"")],
                Some("opensuse"),
                Some("openSUSE Leap 15.5"),
                Some((15, 5)),
            ),
            (
                &[
                    ("/etc/os-release", "ID=\"centos\"\nPRETTY_NAME=\"CentOS Linux 7 (Core)\"\nVERSION_ID=\"7\""),
                    ("/etc/centos-release", "CentOS Linux release 7.9.2009 (Core)\n"),
                ],
                Some("centos"),
                Some("CentOS Linux release 7.9.2009 (Core)"),
                Some((7, 9)),
            ),
            (
                &[(
                    "/etc/lsb-release",
                    "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=10.10\nDISTRIB_DESCRIPTION=\"Ubuntu 10.10\"\n",
                )],
                Some("ubuntu"),
                Some("Ubuntu 10.10"),
                Some((10, 10)),
            ),
            (
                &[("/etc/redhat-release", "Red Hat Enterprise Linux AS release 4 (Nahant Update 8)\n")],
                Some("rhel"),
                Some("Red Hat Enterprise Linux AS release 4 (Nahant Update 8)"),
                Some((4, 8)),
            ),
            (
                &[("/etc/redhat-release", "Fedora release 14 (Phony)\n")],
                Some("fedora"),
                Some("Fedora release 14 (Phony)"),
                Some((14, 0)),
            ),
            (
                &[("/etc/redhat-release", "Other Linux release 8.4\n")],
                Some("redhat-based"),
                Some("Other Linux release 8.4"),
                Some((8, 4)),
            ),
            (&[("/etc/redhat-release", "nothing at all\n")], None, None, None),
            (
                &[("/etc/SuSE-release", "SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\nPATCHLEVEL = 4\n")],
                Some("sles"),
                Some("SUSE Linux Enterprise Server 11 (x86_64)"),
                Some((11, 4)),
            ),
            (
                &[("/etc/SuSE-release", "openSUSE 11.1 (i586)\nVERSION = 11.1\n")],
                Some("opensuse"),
                Some("openSUSE 11.1 (i586)"),
                Some((11, 1)),
            ),
            (&[("/etc/alpine-release", "3.2.0\n")], Some("alpinelinux"), Some("3.2.0"), Some((3, 2))),
            (&[("/etc/arch-release", "")], Some("archlinux"), None, None),
            (&[("/etc/os-release", "ID=nobodys\nPRETTY_NAME=\"My own\"\n")], None, Some("My own"), None),
            (&[("/etc/os-release", "ID=\u{1}\nVERSION_ID=9.1\n")], None, None, Some((9, 1))),
            (&[], None, None, None),
        ];
        for (files, distro, product, version) in cases {
            let g = Guest::new();
            for (path, text) in *files {
                g.write(path, text);
            }
            let want = Release { distro: distro.map(leak), product: product.map(BString::from), version: *version };
            assert_eq!(of_root(&g.ctx), want, "{files:?}");
        }
    }

    fn leak(text: &str) -> &'static str {
        Box::leak(text.to_owned().into_boxed_str())
    }

    #[test]
    fn versions() {
        for (text, want) in [
            ("12", Some((12, 0))),
            ("12.5\n", Some((12, 5))),
            ("release 7.9.2009 (Core)", Some((7, 9))),
            ("bookworm/sid", None),
            ("99999999999.1", None),
            ("1.99999999999", Some((1, 0))),
            ("15-SP3", Some((15, 0))),
            ("", None),
        ] {
            assert_eq!(version(text.as_bytes()), want, "{text}");
        }
    }

    proptest::proptest! {
        /// Files of a hostile guest: whatever is in them, an answer comes.
        #[test]
        fn any_text(text: Vec<u8>, own in "(Fedora |Red Hat |VERSION = |Update |release |[0-9.]){0,8}") {
            for text in [&text[..], own.as_bytes()] {
                os_release(text);
                lsb_release(text);
                OWN_FILES.iter().for_each(|(_, distro)| drop(own_file(distro, text)));
            }
        }
    }
}
