//! Where the sockets are: `/tmp/.guestfish-UID/socket-PID`.
//!
//! In: a process id. Out: the path, in a directory that nobody else can write to or look into. Everybody can
//! make a directory of that name first: one that is not ours alone is refused (CVE-2013-4419).

use crate::error::{Error, Result};
use std::fs::{DirBuilder, Metadata};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Permissions of the directory, all of them.
const PRIVATE: u32 = 0o700;

/// Path of the socket of process `pid`. The directory is made when it is not there.
pub fn socket(pid: u32) -> Result<PathBuf> {
    let user = rustix::process::geteuid().as_raw();
    let directory = PathBuf::from(format!("/tmp/.guestfish-{user}"));
    let failed = |e: &std::io::Error| Error::io(directory.to_string_lossy().as_bytes(), e);
    match DirBuilder::new().mode(PRIVATE).create(&directory) {
        Ok(()) => {}
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(e) => return Err(failed(&e)),
    }
    // Of the name itself: a link to a directory of ours is somebody else's as well.
    check(&directory, &std::fs::symlink_metadata(&directory).map_err(|e| failed(&e))?, user)?;
    Ok(directory.join(format!("socket-{pid}")))
}

fn check(directory: &Path, found: &Metadata, user: u32) -> Result<()> {
    let why = match () {
        () if !found.is_dir() => "is no directory".to_owned(),
        () if found.uid() != user => format!("belongs to user {}, not to {user}", found.uid()),
        () if found.mode() & 0o7777 & !PRIVATE != 0 => {
            format!("can be used by others (mode {:o})", found.mode() & 0o7777)
        }
        () => return Ok(()),
    };
    Err(Error::new(format!("{} {why}: remote control is not safe", directory.display()))
        .note("help: somebody may have prepared it to listen in; remove it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{symlink, PermissionsExt};

    #[test]
    fn only_a_private_directory_will_do() {
        let top = tempfile::tempdir().unwrap();
        let user = rustix::process::geteuid().as_raw();
        let dir = top.path().join("d");
        DirBuilder::new().mode(PRIVATE).create(&dir).unwrap();
        let verdict = |path: &Path, user| check(path, &std::fs::symlink_metadata(path).unwrap(), user);
        assert!(verdict(&dir, user).is_ok());
        let foreign = verdict(&dir, user + 1).unwrap_err();
        assert!(foreign.message().to_string().contains("belongs to user"), "{foreign:?}");
        for mode in [0o701, 0o770, 0o1700] {
            std::fs::set_permissions(&dir, PermissionsExt::from_mode(mode)).unwrap();
            assert!(verdict(&dir, user).is_err(), "{mode:o}");
        }
        std::fs::set_permissions(&dir, PermissionsExt::from_mode(PRIVATE)).unwrap();
        let link = top.path().join("l");
        symlink(&dir, &link).unwrap();
        assert!(verdict(&link, user).is_err());
    }
}
