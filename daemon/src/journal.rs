//! Family `journal`: the systemd journal of a guest.
//!
//! In: a directory with journal files, then moves through their entries. Out: times and fields of entries.
//! libsystemd works in a process of its own (`worker`) that sees the directory and nothing else of the guest.

use crate::ctx::Ctx;
use crate::error::{Context, Error, Result};
use crate::path::GuestPath;
use crate::transfer_io::FileOut;
use crate::worker::{tree, Library, Worker};
use bstr::BString;
use rustix::fd::AsFd;
use std::io::Write;

static JOURNAL: Library = Library { name: "journal", thing: "journal", opener: "journal_open" };

/// Open the journal in a directory in place of the one that is open, if one is.
pub fn journal_open(ctx: &mut Ctx, directory: &GuestPath) -> Result<()> {
    JOURNAL.forget(ctx);
    let dir = directory.open_dir(ctx)?;
    let seen = tree::copy_of(ctx, &dir).context(directory)?;
    let mut worker = Worker::start(ctx, &JOURNAL, directory.as_bstr())?;
    worker.reads(&dir).context(directory)?;
    worker.call::<()>(ctx, "open", (seen.as_fd(),)).context(directory)?;
    JOURNAL.keep(ctx, worker);
    Ok(())
}

/// Close it.
pub fn journal_close(ctx: &mut Ctx) -> Result<()> {
    JOURNAL.close(ctx)
}

/// Go to the next entry; whether there is one.
pub fn journal_next(ctx: &mut Ctx) -> Result<bool> {
    Ok(skip(ctx, 1)? > 0)
}

/// Go forward or back; by how many entries it was.
pub fn journal_skip(ctx: &mut Ctx, by: i64) -> Result<i64> {
    if by.unsigned_abs() > i32::MAX.unsigned_abs().into() {
        return Err(Error::invalid(format!("{by}: more entries than can be skipped at once, which is {}", i32::MAX)));
    }
    skip(ctx, by)
}

fn skip(ctx: &mut Ctx, by: i64) -> Result<i64> {
    JOURNAL.call(ctx, "skip", (by,))
}

/// When the current entry was received.
pub fn journal_get_realtime_usec(ctx: &mut Ctx) -> Result<i64> {
    JOURNAL.call(ctx, "realtime", ()).map_err(no_entry)
}

/// The size to which fields may be cut.
pub fn journal_get_data_threshold(ctx: &mut Ctx) -> Result<i64> {
    JOURNAL.call(ctx, "threshold", ())
}

/// Set it.
pub fn journal_set_data_threshold(ctx: &mut Ctx, threshold: i64) -> Result<()> {
    if threshold < 0 {
        return Err(Error::invalid(format!("{threshold}: a size is not negative")));
    }
    JOURNAL.call(ctx, "set_threshold", (threshold,))
}

/// Send the fields of the current entry, each with its length in front.
pub fn internal_journal_get(ctx: &mut Ctx, file: &mut FileOut) -> Result<()> {
    JOURNAL
        .with(ctx, |ctx, worker| {
            worker.stream(ctx, "fields", (), |(begins, bytes): (Option<i64>, BString)| {
                if let Some(length) = begins {
                    file.write_all(&length.to_be_bytes())?;
                }
                Ok(file.write_all(&bytes)?)
            })
        })
        .map_err(no_entry)
}

/// What the library means by EADDRNOTAVAIL.
fn no_entry(e: Error) -> Error {
    match e.errno() {
        Some(crate::error::Errno::ADDRNOTAVAIL) => {
            Error::new(crate::error::Errno::ADDRNOTAVAIL, "no entry is current: call journal_next first")
        }
        _ => e,
    }
}
