//! Searching a file with grep(1).

use std::process::Stdio;
use std::time::Duration;

use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::opts::GrepOpts;
use rustix::fs::OFlags;

use super::split_lines;
use crate::ctx::Ctx;
use crate::error::{Context, Error, Result};
use crate::files::open_file;
use crate::path::GuestPath;
use crate::run::Tool;

/// grep(1): some lines matched, or none did; everything above is trouble.
const NO_MATCH: i32 = 1;

/// A minute, and a second for each of so many bytes: nested counts and back references can take for ever.
const TIME: Duration = Duration::from_secs(60);
const SLOWEST: u64 = 256 * 1024;
/// What is compressed is up to a thousand times larger (deflate's limit).
const SLOWEST_COMPRESSED: u64 = 256;

/// The lines that match. grep gets the open file as its input, so it needs no path.
pub fn grep(ctx: &mut Ctx, regex: &BStr, path: &GuestPath, opts: &GrepOpts) -> Result<Vec<BString>> {
    let (extended, fixed) = (opts.extended.unwrap_or(false), opts.fixed.unwrap_or(false));
    if extended && fixed {
        return Err(Error::invalid("can't use 'extended' and 'fixed' flags at the same time"));
    }
    let file = open_file(ctx, path, OFlags::RDONLY)?;
    let mut tool = Tool::new("grep");
    for (wanted, flag) in [(extended, "-E"), (fixed, "-F"), (opts.insensitive.unwrap_or(false), "-i")] {
        if wanted {
            tool = tool.arg(flag);
        }
    }
    let compressed = opts.compressed.unwrap_or(false);
    let size = u64::try_from(rustix::fs::fstat(&file).context(path)?.st_size).unwrap_or(0);
    let time = TIME + Duration::from_secs(size / if compressed { SLOWEST_COMPRESSED } else { SLOWEST });
    let tool = tool.arg("-e").arg_bytes(regex).time_limit(time);
    let output = if compressed {
        // What zgrep(1) does, without its shell: gzip passes on what is not compressed.
        let gzip = Tool::new("gzip").arg("-cdfq").stdin_from(file);
        let mut unpacking = gzip.spawn_piped(ctx, false, true)?;
        let stdin = unpacking.stdout.take().map_or_else(Stdio::null, Stdio::from);
        let found = tool.stdin_from(stdin).run_status(ctx).context(path);
        match found {
            Ok(output) => {
                let gzip = unpacking.finish_status().context(path)?;
                // 2 is a warning, such as garbage behind the compressed data.
                if !matches!(gzip.status, 0 | 2) {
                    return Err(Error::msg(gzip.stderr.trim()).context(path));
                }
                output
            }
            Err(e) => {
                unpacking.abort();
                return Err(e);
            }
        }
    } else {
        tool.stdin_from(file).run_status(ctx).context(path)?
    };
    match output.status {
        0 => Ok(split_lines(&output.stdout).map(BString::from).collect()),
        NO_MATCH => Ok(Vec::new()),
        _ => Err(Error::msg(output.stderr.trim()).context(regex).context(path)),
    }
}

/// Older names for some sets of its options.
macro_rules! with_options {
    ($($(#[$doc:meta])* $name:ident: $($option:ident)+;)+) => {$(
        $(#[$doc])*
        pub fn $name(ctx: &mut Ctx, regex: &BStr, path: &GuestPath) -> Result<Vec<BString>> {
            grep(ctx, regex, path, &GrepOpts { $($option: Some(true),)+ ..GrepOpts::default() })
        }
    )+};
}

with_options! {
    /// Extended patterns.
    egrep: extended;
    /// Extended patterns in any case.
    egrepi: extended insensitive;
    /// Texts.
    fgrep: fixed;
    /// Texts in any case.
    fgrepi: fixed insensitive;
    /// Basic patterns in any case.
    grepi: insensitive;
    /// Extended patterns, even in compressed files.
    zegrep: extended compressed;
    /// Extended patterns in any case, even in compressed files.
    zegrepi: extended insensitive compressed;
    /// Texts, even in compressed files.
    zfgrep: fixed compressed;
    /// Texts in any case, even in compressed files.
    zfgrepi: fixed insensitive compressed;
    /// Basic patterns, even in compressed files.
    zgrep: compressed;
    /// Basic patterns in any case, even in compressed files.
    zgrepi: insensitive compressed;
}
