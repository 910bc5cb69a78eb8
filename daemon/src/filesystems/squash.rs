//! Packing a directory into a squashfs image.
//!
//! In: a path of the guest. Out: the image, to the library. The program must go back in what it has written, so
//! the image is made in the appliance first.

use std::fs::File;

use bstr::ByteSlice;
use guestfs_protocol::opts::MksquashfsOpts;
use rustix::fs::{FileType, Mode, OFlags};

use crate::ctx::Ctx;
use crate::error::{strerror, Context, Errno, Error, Result};
use crate::path::{our_fd, GuestPath};
use crate::run::Tool;
use crate::transfer_io::FileOut;

/// See the module's description.
pub fn mksquashfs(ctx: &mut Ctx, path: &GuestPath, filename: &mut FileOut, opts: &MksquashfsOpts) -> Result<()> {
    let mut words: Vec<Vec<u8>> = vec![b"-noappend".into(), b"-no-progress".into(), b"-quiet".into()];
    if let Some(name) = &opts.compress {
        if name.is_empty() || !name.iter().all(u8::is_ascii_alphanumeric) {
            return Err(Error::invalid(format!("'{name}' is not the name of a compression")));
        }
        words.extend([b"-comp".into(), name.to_vec()]);
    }
    // The patterns must come last: all words behind this one are some.
    let excludes = opts.excludes.as_deref().filter(|patterns| !patterns.is_empty());
    if let Some(patterns) = excludes {
        words.extend([b"-wildcards".into(), b"-e".into()]);
        words.extend(patterns.iter().map(|pattern| pattern.to_vec()));
    }
    // A directory's content is the root of the image; a file lies in the root, by its own name.
    let is_dir = FileType::from_raw_mode(path.stat(ctx)?.st_mode) == FileType::Directory;
    let (dir, source) = if is_dir {
        (path.open_dir(ctx)?, b".".to_vec())
    } else {
        let (dir, name) = path.parent(ctx)?;
        (dir, bstr::concat([&b"./"[..], &name]))
    };
    let image = temporary().context(TEMPORARY)?;
    let mut tool = Tool::new("mksquashfs").dir(our_fd(&dir)).arg_bytes(source).arg(our_fd(&image));
    for word in words {
        tool = tool.arg_bytes(word);
    }
    tool.pulse().run(ctx).map_err(|e| where_it_lies(&e)).context(path)?;
    let size = rustix::fs::fstat(&image).context(TEMPORARY)?.st_size;
    filename.copy_from_file(&image, 0, None, u64::try_from(size).unwrap_or_default()).context(path)?;
    Ok(())
}

const TEMPORARY: &str = "/tmp";

/// That room is short is about the appliance, not about the guest.
fn where_it_lies(error: &Error) -> Error {
    if !error.message().contains_str(strerror(Errno::NOSPC)) {
        return error.clone();
    }
    let text = "the image does not fit into the appliance's memory, where it is made: more of it helps (memsize)";
    Error::new(Errno::NOSPC, text)
}

/// A file without a name, that is gone when it is closed.
fn temporary() -> Result<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    Ok(rustix::fs::open(TEMPORARY, flags, Mode::RUSR | Mode::WUSR)?.into())
}
