//! `alloc` and `sparse`: make a disk image and add it.

use super::Call;
use crate::command::About;
use crate::error::{Error, Result};
use crate::generated::builtins as about;
use crate::number;
use crate::session::Session;
use guestfs::protocol::opts::{AddDriveOpts, DiskCreateOpts};

pub(super) fn alloc(session: &mut Session, call: &Call<'_>) -> Result<()> {
    make(session, call, &about::ALLOC, "full")
}

pub(super) fn sparse(session: &mut Session, call: &Call<'_>) -> Result<()> {
    make(session, call, &about::SPARSE, "sparse")
}

fn make(session: &mut Session, call: &Call<'_>, about: &About, preallocation: &str) -> Result<()> {
    let [file, size] = call.words else { return Err(call.usage(about)) };
    let bytes = number::size(size).map_err(|e| Error::new(format!("{}: size '{size}' {}", about.name, e.text())))?;
    let handle = session.handle();
    handle.disk_create(file, "raw", bytes, DiskCreateOpts::default().preallocation(preallocation))?;
    // What we made is raw: no need to guess, and a guess could be fooled later.
    Ok(handle.add_drive(file, AddDriveOpts::default().format("raw"))?)
}
