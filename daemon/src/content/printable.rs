//! Text in binary files, as strings(1) finds it.
//!
//! In: any bytes. Out: runs of printable ASCII characters (and tabs) that are long enough. Nothing is
//! parsed: what kind of file it is does not matter.

use std::io::Read;

use bstr::BString;
use guestfs_protocol::xdr::MESSAGE_MAX;
use rustix::fs::OFlags;

use super::each_block;
use super::lines::{too_long, Lines};
use crate::ctx::Ctx;
use crate::error::{Context, Result};
use crate::files::open_file;
use crate::path::GuestPath;

/// Shorter runs are mostly chance.
const SHORTEST: usize = 4;

/// The printable strings in a file.
pub fn strings(ctx: &mut Ctx, path: &GuestPath) -> Result<Vec<BString>> {
    runs(open_file(ctx, path, OFlags::RDONLY)?).context(path)
}

fn runs(input: impl Read) -> Result<Vec<BString>> {
    let mut found = Lines::default();
    let mut run = BString::default();
    each_block(input, |block| {
        for byte in block {
            if matches!(byte, b' '..=b'~' | b'\t') {
                run.push(*byte);
            } else if run.len() >= SHORTEST {
                found.push(std::mem::take(&mut run))?;
            } else {
                run.clear();
            }
        }
        if run.len() > MESSAGE_MAX {
            return Err(too_long());
        }
        Ok(true)
    })?;
    if run.len() >= SHORTEST {
        found.push(run)?;
    }
    Ok(found.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Errno;

    #[test]
    fn which_runs() {
        let check = |bytes: &[u8], expected: &[&str]| {
            assert_eq!(runs(bytes).unwrap(), expected);
            let (a, b) = bytes.split_at(bytes.len() / 2);
            assert_eq!(runs(a.chain(b)).unwrap(), expected);
        };
        check(b"", &[]);
        check(b"abc", &[]);
        check(b"abcd", &["abcd"]);
        check(b"\0abc\0a\tb \x7fline one\nline two\r\n\xffx~~y\xc3\xa9", &["a\tb ", "line one", "line two", "x~~y"]);
    }

    #[test]
    fn limits() {
        assert_eq!(runs(&vec![b'x'; MESSAGE_MAX + 1][..]).unwrap_err().errno(), Some(Errno::TOOBIG));
        assert_eq!(runs(&b"xxxx\0".repeat(MESSAGE_MAX / 8 + 1)[..]).unwrap_err().errno(), Some(Errno::TOOBIG));
    }
}
