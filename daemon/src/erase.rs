//! Making devices and files empty, or finding out whether they are; and files of a pattern.
//!
//! In: devices and guest files. Out: zeroes, patterns. [`clear`] is also what makes room for a new file
//! system.

mod discard;
mod free;

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::FileExt;

use bstr::BStr;
use rustix::fs::OFlags;

use crate::blockdev::{self, require_unused};
use crate::channel::cancel;
use crate::copy;
use crate::ctx::Ctx;
use crate::device::Device;
use crate::error::{Context, Error, Result};
use crate::files::{open_file, open_new};
use crate::path::GuestPath;
use crate::run::Tool;

pub use discard::{blkdiscard, blkdiscardzeroes, fstrim};
pub use free::{zero_free_space, zerofree};

/// Read and written at once.
const BLOCK: usize = 1 << 20;
/// What `zero` makes zero at the start of a device, piece by piece, in bytes.
const HEAD: u64 = 128 * 1024;
const PIECE: usize = 4096;

/// Make sure that nothing uses the device, and remove the marks of what was on it: a new file system
/// does not overwrite all of an old one's, and then two would be recognised.
pub fn clear(ctx: &Ctx, device: &Device) -> Result<()> {
    require_unused(ctx, device)?;
    let tool = Tool::new("wipefs").args(["--all", "--force", "--"]).arg(device);
    tool.run(ctx).with_context(|| device.api_name(ctx))?;
    // The kernel forgets the partitions of a table that is gone. Most devices cannot have any.
    let _ = crate::sys::reread_partitions(&device.open(ctx, OFlags::RDONLY)?);
    Ok(())
}

/// Remove the signatures of file systems, arrays and partition tables, nothing else.
pub fn wipefs(ctx: &mut Ctx, device: &Device) -> Result<()> {
    clear(ctx, device)
}

/// Make the start of a device zero, and remove what would be recognised elsewhere on it.
pub fn zero(ctx: &mut Ctx, device: &Device) -> Result<()> {
    clear(ctx, device)?;
    let file = device.open(ctx, OFlags::RDWR)?;
    let name = || device.api_name(ctx);
    let total = blockdev::size(&file).with_context(name)?.min(HEAD);
    zero_head(ctx, &file, total).with_context(name)
}

/// What is zero already is left alone: that keeps a thin image thin.
fn zero_head(ctx: &Ctx, file: &File, total: u64) -> Result<()> {
    let mut piece = [0u8; PIECE];
    let mut at = 0;
    while at < total {
        let length = usize::try_from(total - at).unwrap_or(PIECE).min(PIECE);
        let piece = piece.get_mut(..length).unwrap_or_default();
        file.read_exact_at(piece, at)?;
        if !copy::is_zero(piece) {
            piece.fill(0);
            file.write_all_at(piece, at)?;
        }
        at += length as u64;
        ctx.progress(at, total)?;
    }
    Ok(())
}

/// Is every byte of a file zero? An empty one has no others.
pub fn is_zero(ctx: &mut Ctx, path: &GuestPath) -> Result<bool> {
    let mut file = open_file(ctx, path, OFlags::RDONLY)?;
    let mut block = vec![0u8; BLOCK];
    loop {
        cancel::point()?;
        match file.read(&mut block) {
            Ok(0) => return Ok(true),
            Ok(n) if !copy::is_zero(block.get(..n).unwrap_or_default()) => return Ok(false),
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e).context(path),
        }
    }
}

/// Make a file of `len` bytes: the pattern again and again, the last one cut where the file ends.
pub fn fill_pattern(ctx: &mut Ctx, pattern: &BStr, len: i32, path: &GuestPath) -> Result<()> {
    let len = usize::try_from(len).map_err(|_| Error::invalid(format!("{path}: the length {len} is negative")))?;
    if pattern.is_empty() {
        return Err(Error::invalid(format!("{path}: the pattern is empty")));
    }
    let mut file = open_new(ctx, path)?;
    // Whole patterns, as many as make a block worth writing.
    let times = (BLOCK / pattern.len()).max(1);
    let mut block = Vec::new();
    block.try_reserve_exact(pattern.len().saturating_mul(times))?;
    (0..times).for_each(|_| block.extend_from_slice(pattern));
    let mut done = 0;
    while done < len {
        let piece = block.get(..block.len().min(len - done)).unwrap_or_default();
        file.write_all(piece).context(path)?;
        done += piece.len();
        ctx.progress(done as u64, len as u64)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Errno;
    use crate::testing::Guest;

    #[test]
    fn patterns() {
        let mut g = Guest::new();
        let f = g.path("/f");
        for (pattern, len) in [("abc", 0), ("abc", 8), ("x", 3), ("long pattern", 4), ("seven b", (2 << 20) + 5)] {
            fill_pattern(&mut g.ctx, pattern.into(), len, &f).unwrap();
            let wanted: Vec<u8> = pattern.bytes().cycle().take(len as usize).collect();
            assert!(g.read("/f") == wanted, "{pattern} {len}");
        }
        let failed = |r: Result<()>| assert_eq!(r.unwrap_err().errno(), Some(Errno::INVAL));
        failed(fill_pattern(&mut g.ctx, "".into(), 8, &f));
        failed(fill_pattern(&mut g.ctx, "x".into(), -1, &f));
        assert!(!g.read("/f").is_empty(), "a refused wish leaves the old file");
    }

    #[test]
    fn zero_files() {
        let mut g = Guest::new();
        for (contents, zero) in
            [(vec![], true), (vec![0; 3 << 20], true), ([vec![0; 1 << 20], vec![1]].concat(), false)]
        {
            g.write("/f", &contents);
            let f = g.path("/f");
            assert_eq!(is_zero(&mut g.ctx, &f).unwrap(), zero, "{}", contents.len());
        }
        let root = g.path("/");
        assert_eq!(is_zero(&mut g.ctx, &root).unwrap_err().errno(), Some(Errno::ISDIR));
    }

    #[test]
    fn heads() {
        let mut g = Guest::new();
        for size in [0, 1000, HEAD - 1, HEAD + 1, 1 << 20] {
            g.write("/d", vec![7; size as usize]);
            let d = Device::from_real(g.host("/d"));
            zero(&mut g.ctx, &d).unwrap();
            let after = g.read("/d");
            assert!(after.iter().take(HEAD as usize).all(|b| *b == 0), "{size}");
            assert!(after.iter().skip(HEAD as usize).all(|b| *b == 7), "{size}");
            assert_eq!(after.len() as u64, size);
        }
    }
}
