//! `-i`: find the operating system on the disks and mount its file systems where it would mount them.
//!
//! In: a launched handle. Out: everything mounted, and what there is to tell at a prompt.

use crate::error::{Error, Result};
use crate::keys::Selector;
use crate::print::Output;
use crate::unlock;
use crate::words::Ask;
use bstr::BString;
use guestfs::Handle;

/// What inspection found.
#[derive(Debug)]
pub struct Guest {
    product: BString,
    /// Mount point and device, in the order of mounting.
    mounts: Vec<(BString, BString)>,
}

/// Open what is encrypted, inspect and mount. `keys` are those of the command line; `ask` knows others.
pub fn mount(handle: &Handle, readonly: bool, keys: &[Selector], ask: &mut dyn Ask) -> Result<Guest> {
    unlock::all(handle, keys, ask)?;
    let roots = handle.inspect_os()?;
    let root = match roots.as_slice() {
        [only] => only,
        [] => return Err(nothing()),
        many => return Err(several(handle, many)),
    };
    let mut mounts = handle.inspect_get_mountpoints(root)?;
    // What is mounted on must be there first; a path is longer than every path that it is below.
    mounts.sort_by_key(|(point, _)| point.len());
    let mut failed = 0;
    for (point, device) in &mounts {
        let done = if readonly { handle.mount_ro(device, point) } else { handle.mount(device, point) };
        match done {
            Err(e) if point == "/" => return Err(Error::from(e).context(format!("-i: {device}"))),
            Err(_) => failed += 1,
            Ok(()) => {}
        }
    }
    if failed > 0 {
        eprintln!("guestfish: some filesystems could not be mounted (ignored)");
    }
    Ok(Guest { product: handle.inspect_get_product_name(root)?, mounts })
}

impl Guest {
    /// What stands above the first prompt.
    pub fn show(&self, out: &mut Output) -> Result<()> {
        if self.product != "unknown" {
            out.line(format!("Operating system: {}", self.product))?;
        }
        for (point, device) in &self.mounts {
            out.line(format!("{device} mounted on {point}"))?;
        }
        out.line("")?;
        out.flush()
    }
}

fn nothing() -> Error {
    Error::new("-i: no operating system was found on these disks")
        .note("help: leave -i out, and use 'run', 'list-filesystems' and 'mount' or 'mount-ro'")
}

fn several(handle: &Handle, roots: &[BString]) -> Error {
    let error = Error::new("-i: more than one operating system was found on these disks:");
    let error = roots.iter().fold(error, |error, root| {
        let product = handle.inspect_get_product_name(root).unwrap_or_default();
        error.note(format!("  {root} ({product})"))
    });
    error.note("help: leave -i out, and mount the one that you mean with -m")
}
