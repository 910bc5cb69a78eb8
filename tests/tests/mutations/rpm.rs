//! Databases of RPM.
//!
//! In: nothing. Out: a database of each kind; the list of packages of a damaged one.

#[path = "../guests/rpm.rs"]
mod databases;

use super::Calls;
use guestfs::Handle;

/// A database, or nothing where none can be made.
fn sound(name: &str) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    match databases::make(dir.path()) {
        Ok(()) => std::fs::read(dir.path().join(name)).unwrap(),
        Err(why) => {
            println!("not run: mutations of {name}, {why}");
            Vec::new()
        }
    }
}

pub fn sqlite(_: &Handle) -> Vec<u8> {
    sound("rpmdb.sqlite")
}

pub fn berkeley(_: &Handle) -> Vec<u8> {
    sound("Packages")
}

pub fn ndb(_: &Handle) -> Vec<u8> {
    sound("Packages.db")
}

/// Only headers have checksums, and nobody looks at them.
pub fn mend(_: &mut [u8]) {}

/// The database goes where the guest would have it; its kind is the beginning of the file's name.
pub fn calls(calls: &mut Calls<'_>, path: &str) {
    let mut kinds = databases::DATABASES.iter().map(|(files, folder)| (files[0], folder));
    let (name, folder) = kinds.find(|(name, _)| path.contains(&format!("{name}-"))).unwrap();
    calls.g.mkdir_p(folder).unwrap();
    let place = format!("{folder}/{name}");
    calls.g.cp(path, &place).unwrap();
    calls.make(|g| g.internal_list_rpm_applications());
    calls.g.rm(&place).unwrap();
}
