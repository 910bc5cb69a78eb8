//! Searching a file with grep(1).

use std::process::Stdio;

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
    let tool = tool.arg("-e").arg_bytes(regex);
    let output = if opts.compressed.unwrap_or(false) {
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
