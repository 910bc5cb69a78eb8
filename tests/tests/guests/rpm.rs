//! Databases of RPM, and a guest that has one.
//!
//! In: rpmbuild, rpm, db_load and Python. Out: the files, or which program is not there.

use std::path::Path;
use std::process::Command;

/// The files of each, and where they are in a guest.
pub const DATABASES: [(&[&str], &str); 4] = [
    (&["rpmdb.sqlite"], "/usr/lib/sysimage/rpm"),
    (&["unclean/rpmdb.sqlite", "unclean/rpmdb.sqlite-wal"], "/usr/lib/sysimage/rpm"),
    (&["Packages"], "/var/lib/rpm"),
    (&["Packages.db"], "/usr/lib/sysimage/rpm"),
];

/// Make them in `dir`.
pub fn make(dir: &Path) -> Result<(), String> {
    for (program, package) in [("rpmbuild", "rpm"), ("db_load", "db-util"), ("python3", "python3")] {
        let found = Command::new("sh").args(["-c", &format!("command -v {program} >/dev/null")]).status();
        if !found.is_ok_and(|status| status.success()) {
            return Err(format!("there is no {program}: install {package}"));
        }
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests/rpmdb.py").canonicalize().unwrap();
    let mut python = Command::new("python3");
    let status = python.arg("-B").arg(script).current_dir(dir).env("HOME", dir).status().unwrap();
    assert!(status.success(), "the databases of RPM could not be made");
    Ok(())
}
