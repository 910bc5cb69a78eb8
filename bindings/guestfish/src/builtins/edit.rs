//! `edit`: change a file of the guest with an editor of the host.
//!
//! The new content is uploaded beside the old file, gets its owner, group, mode and extended attributes,
//! and takes its place in one step: whatever fails before leaves the old file as it was.

use super::guest_file::{fetch, host_path, program, read, run_program};
use super::Call;
use crate::error::{Error, Result};
use crate::generated::builtins as about;
use crate::session::Session;
use bstr::{BString, ByteSlice, ByteVec};
use guestfs::protocol::opts::CopyAttributesOpts;
use guestfs::Handle;

pub(super) fn edit(session: &mut Session, call: &Call<'_>) -> Result<()> {
    let [path] = call.words else { return Err(call.usage(&about::EDIT)) };
    let editor = match call.name.to_ascii_lowercase().as_slice() {
        b"vi" => "vi".into(),
        // In the terminal: a window may not be there.
        b"emacs" => "emacs -nw".into(),
        _ => program("EDITOR", "vi"),
    };
    let copy = fetch(session, path)?;
    let before = read(copy.path())?;
    run_program(session, &editor, copy.path())?;
    if read(copy.path())? == before {
        return Ok(());
    }
    let handle = session.handle();
    // Through a symbolic link the file itself is replaced, not the link.
    let target = handle.realpath(path)?;
    let beside = beside(&handle, &target)?;
    let done = put(&handle, host_path(copy.path()), &target, &beside);
    if done.is_err() {
        // The first error is the one to tell; the half-made file goes when it can.
        let _ = handle.rm_f(&beside);
    }
    done
}

fn put(handle: &Handle, content: &[u8], target: &BString, beside: &BString) -> Result<()> {
    handle.upload(content, beside)?;
    // Some attributes are lost by a change of others: the library knows the order.
    handle.copy_attributes(target, beside, CopyAttributesOpts::new().all(true))?;
    Ok(handle.mv(beside, target)?)
}

/// A name in the same directory that nothing has.
fn beside(handle: &Handle, target: &BString) -> Result<BString> {
    let directory = target.get(..target.rfind_byte(b'/').map_or(0, |at| at + 1)).unwrap_or_default();
    for number in 0..1000 {
        let mut name = BString::from(directory);
        name.push_str(format!(".guestfish-{}-{number}", std::process::id()));
        if !handle.exists(&name)? {
            return Ok(name);
        }
    }
    Err(Error::new(format!("{target}: no free name for the new content in its directory")))
}
