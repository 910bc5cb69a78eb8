//! What a child gets of the program's environment: names, and why.
//!
//! In: the environment of the program, the names of a tool. Out: the variables of its child. All else
//! stays here: a program's environment holds passwords, and settings that were never meant for a tool.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// For every tool: where programs, the user's files, temporary files and libraries outside the usual places
/// are, and who the user is.
const COMMON: [&str; 6] = ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "USER", "LOGNAME"];

/// Tools that read nothing but their arguments.
pub(crate) const PLAIN: &[&str] = &[];

/// qemu and qemu-img, and the libraries by which they reach a server. A name that ends in `*` stands for
/// all that begin so.
pub(crate) const QEMU: &[&str] = &[
    // qemu's own (QEMU_MODULE_DIR), and what wrapper scripts take for themselves.
    "QEMU_*",
    "LIBGUESTFS_*",
    // ssh: keys come from an agent. Ceph: its configuration. iSCSI: names and passwords.
    "SSH_AUTH_SOCK",
    "CEPH_*",
    "LIBISCSI_*",
    // curl: proxies and certificates. Upper and lower case are both in use.
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "ftp_proxy",
    "FTP_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// supermin: the kernel it is to take, and its own switches (supermin(1)).
pub(crate) const SUPERMIN: &[&str] = &["SUPERMIN_*"];

/// apt and dpkg: their configuration, and how packages are reached.
pub(crate) const APT: &[&str] =
    &["APT_CONFIG", "DPKG_*", "http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"];

fn is_named(name: &OsStr, list: &[OsString]) -> bool {
    let matches = |pattern: &OsStr| match pattern.as_bytes().split_last() {
        Some((b'*', prefix)) => name.as_bytes().starts_with(prefix),
        _ => name == pattern,
    };
    COMMON.iter().any(|n| matches(OsStr::new(n))) || list.iter().any(|n| matches(n))
}

/// The environment of a child that `inherits` these besides the common ones, with `variables` set.
pub(crate) fn of(inherits: &[OsString], variables: &[(&'static str, OsString)]) -> Vec<(OsString, OsString)> {
    // Messages are read and matched, so they are in English whatever the user's language is.
    let fixed = variables.iter().map(|(n, v)| (OsString::from(n), v.clone()));
    let fixed: Vec<_> = fixed.chain([(OsString::from("LC_ALL"), OsString::from("C"))]).collect();
    let ours = std::env::vars_os().filter(|(n, _)| is_named(n, inherits) && fixed.iter().all(|(f, _)| f != n));
    ours.chain(fixed.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_beginnings_of_names() {
        let list: Vec<OsString> = QEMU.iter().map(OsString::from).collect();
        for (name, passed) in [
            ("PATH", true),
            ("HOME", true),
            ("QEMU_MODULE_DIR", true),
            ("LIBGUESTFS_HV", true),
            ("SSH_AUTH_SOCK", true),
            ("PATHS", false),
            ("AWS_SECRET_ACCESS_KEY", false),
            ("LD_PRELOAD", false),
            ("LANG", false),
        ] {
            assert_eq!(is_named(OsStr::new(name), &list), passed, "{name}");
        }
        assert!(!is_named(OsStr::new("SSH_AUTH_SOCK"), &[]));
    }

    #[test]
    fn what_is_set_wins() {
        let made = of(&[], &[("PATH", "/here".into())]);
        let values = |name: &str| made.iter().filter(|(n, _)| n == name).map(|(_, v)| v.clone()).collect::<Vec<_>>();
        assert_eq!(values("PATH"), ["/here"]);
        assert_eq!(values("LC_ALL"), ["C"]);
    }
}
