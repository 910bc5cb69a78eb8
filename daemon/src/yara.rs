//! Family `yara`: comparing files of the guest with YARA rules.
//!
//! In: rules from the library, guest files. Out: the names of rules that match. libyara works in a process of
//! its own (`worker`), which has the rules: compiled ones are programs, and not to be trusted.

use crate::ctx::Ctx;
use crate::error::{Context, Errno, Error, Result};
use crate::files::open_file;
use crate::path::GuestPath;
use crate::transfer_io::{FileIn, FileOut};
use crate::worker::{Library, Worker};
use bstr::BString;
use guestfs_protocol::structs::YaraDetection;
use guestfs_protocol::xdr::to_vec;
use rustix::fs::{MemfdFlags, OFlags};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;

static YARA: Library = Library { name: "yara", thing: "set of rules", opener: "yara_load" };

/// The largest sets that are published have some 10 MiB.
const RULES_MAX: u64 = 64 << 20;

/// Load rules in place of those that are loaded, if any are.
pub fn yara_load(ctx: &mut Ctx, filename: &mut FileIn) -> Result<()> {
    YARA.forget(ctx);
    let mut file = File::from(rustix::fs::memfd_create("rules", MemfdFlags::CLOEXEC)?);
    let size = std::io::copy(&mut filename.take(RULES_MAX + 1), &mut file)?;
    if size > RULES_MAX {
        return Err(Error::new(Errno::FBIG, format!("the rules are longer than {} MiB", RULES_MAX >> 20)));
    }
    let mut worker = Worker::start(ctx, &YARA, "the rules".into())?;
    worker.grant(size);
    worker.call::<()>(ctx, "load", (file.as_fd(),))?;
    YARA.keep(ctx, worker);
    Ok(())
}

/// Forget the rules.
pub fn yara_destroy(ctx: &mut Ctx) -> Result<()> {
    YARA.close(ctx)
}

/// The rules that a file matches, as one `yara_detection` after the other.
pub fn internal_yara_scan(ctx: &mut Ctx, path: &GuestPath, filename: &mut FileOut) -> Result<()> {
    let file = open_file(ctx, path, OFlags::RDONLY)?;
    let size = file.metadata().context(path)?.len();
    let name = path.as_bstr();
    YARA.with(ctx, |ctx, worker| {
        worker.grant(size);
        let each = |rule: BString| {
            let found = YaraDetection { yara_name: name.to_owned(), yara_rule: rule };
            Ok(filename.write_all(&to_vec(&found)?)?)
        };
        worker.stream::<_, ()>(ctx, "scan", (file.as_fd(),), each).context(name)
    })
}
