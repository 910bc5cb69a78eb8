//! Ranges of bytes from one open file or device to another.
//!
//! In: two [`Side`]s and a [`Range`]. Out: the bytes copied, with progress. The kernel copies by
//! itself where it can (between regular files); otherwise a large buffer goes round.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;

use bstr::BString;
use rustix::fs::{FileType, OFlags, SeekFrom, Stat};

use crate::channel::cancel;
use crate::ctx::Ctx;
use crate::device::Device;
use crate::direct::{self, Buffer};
use crate::error::{Context, Errno, Error, Result};
use crate::files::open_file;
use crate::path::GuestPath;

/// Read and written at once.
const BLOCK: usize = 1 << 20;
/// Zeroes are skipped in pieces of this size when the copy is sparse.
const PIECE: usize = 32 * 1024;
/// Handed to the kernel at once, so that progress moves.
const KERNEL_STEP: u64 = 16 << 20;

/// Where a copy comes from or goes to.
pub struct Side {
    pub file: File,
    /// The same once more for direct I/O: devices that do it.
    direct: Option<File>,
    /// For messages.
    pub name: BString,
}

impl Side {
    /// An open file.
    pub fn new(file: File, name: BString) -> Side {
        Side { file, direct: None, name }
    }

    /// A guest file.
    pub fn file(ctx: &Ctx, path: &GuestPath, flags: OFlags) -> Result<Side> {
        Ok(Side::new(open_file(ctx, path, flags)?, path.as_bstr().to_owned()))
    }

    /// A device.
    pub fn device(ctx: &Ctx, device: &Device, flags: OFlags) -> Result<Side> {
        let file = device.open(ctx, flags)?;
        Ok(Side { file, direct: direct::open(ctx, device, flags), name: device.api_name(ctx) })
    }

    /// The descriptor for `len` bytes at `at`: the direct one only takes whole sectors.
    fn at(&self, at: u64, len: usize) -> &File {
        let whole = at % direct::ALIGN == 0 && len as u64 % direct::ALIGN == 0;
        self.direct.as_ref().filter(|_| whole).unwrap_or(&self.file)
    }

    fn stat(&self) -> Result<Stat> {
        rustix::fs::fstat(&self.file).context(&self.name)
    }

    fn is_regular(&self) -> Result<bool> {
        Ok(FileType::from_raw_mode(self.stat()?.st_mode) == FileType::RegularFile)
    }

    /// Size in bytes, of a device too.
    pub fn size(&self) -> Result<u64> {
        rustix::fs::seek(&self.file, SeekFrom::End(0)).context(&self.name)
    }

    /// Cut a regular file to nothing; a device keeps what it has.
    pub fn empty(&self) -> Result<()> {
        if self.is_regular()? {
            rustix::fs::ftruncate(&self.file, 0).context(&self.name)?;
        }
        Ok(())
    }

    /// Is the file shorter on disk than its size says?
    pub fn has_holes(&self) -> Result<bool> {
        let st = self.stat()?;
        Ok((st.st_blocks as u64).saturating_mul(512) < st.st_size as u64)
    }

    /// Are both the same file or device?
    pub fn is_same(&self, other: &Side) -> Result<bool> {
        let (a, b) = (self.stat()?, other.stat()?);
        let same_device = FileType::from_raw_mode(a.st_mode) == FileType::BlockDevice && a.st_rdev == b.st_rdev;
        Ok((a.st_dev, a.st_ino) == (b.st_dev, b.st_ino) || (same_device && a.st_mode == b.st_mode))
    }
}

/// Which bytes.
#[derive(Debug)]
pub struct Range {
    /// Where to begin in the source, in bytes.
    pub src: u64,
    /// Where to begin in the destination, in bytes.
    pub dest: u64,
    /// How many bytes; `None` for all up to the end of the source.
    pub size: Option<u64>,
    /// Leave out blocks of zeroes.
    pub sparse: bool,
    /// Tell the library how far it is (calls of one range; those that copy many files do not).
    pub progress: bool,
}

impl Range {
    /// Everything, from start to start.
    pub fn whole(sparse: bool) -> Range {
        Range { src: 0, dest: 0, size: None, sparse, progress: false }
    }

    fn report(&self, ctx: &Ctx, done: u64, total: u64) -> Result<()> {
        match self.progress {
            true => ctx.progress(done, total),
            false => cancel::point(),
        }
    }

    /// From the optional arguments of a call.
    pub fn new(src: Option<i64>, dest: Option<i64>, size: Option<i64>, sparse: Option<bool>) -> Result<Range> {
        let positive = |n: i64, what: &str| u64::try_from(n).map_err(|_| Error::invalid(format!("{what} is negative")));
        Ok(Range {
            src: positive(src.unwrap_or(0), "srcoffset")?,
            dest: positive(dest.unwrap_or(0), "destoffset")?,
            size: size.map(|n| positive(n, "size")).transpose()?,
            sparse: sparse.unwrap_or(false),
            progress: true,
        })
    }
}

/// Copy the range. When a size is given, a source that ends before is an error.
pub fn copy(ctx: &Ctx, from: &Side, to: &Side, range: &Range) -> Result<()> {
    // "Up to the end" means the end as it is now: a file that is appended to itself has no other.
    let total = range.size.map_or_else(|| from.size().map(|s| s.saturating_sub(range.src)), Ok)?;
    let by_kernel = !range.sparse && from.is_regular()? && to.is_regular()? && !from.is_same(to)?;
    let mut done = 0;
    if by_kernel {
        done = by_the_kernel(ctx, from, to, range, total)?;
    }
    done = by_buffer(ctx, from, to, range, done, total)?;
    if range.size.is_some_and(|size| done < size) {
        return Err(Error::invalid("input too short").context(&from.name));
    }
    if range.sparse && to.is_regular()? {
        // Zeroes at the end were left out, but count for the length.
        let end = range.dest.saturating_add(done);
        if to.size()? < end {
            rustix::fs::ftruncate(&to.file, end).context(&to.name)?;
        }
    }
    Ok(())
}

/// Copy all `size` bytes of a regular file into a new one. Small files should not cost more than they
/// must, so nothing is asked about the two that is known.
pub fn copy_new(ctx: &Ctx, from: &Side, to: &Side, size: u64, holes: bool) -> Result<()> {
    let range = Range::whole(holes);
    // For a small file, setting up the kernel's copy costs more than one read and one write.
    let done = if holes || size < BLOCK as u64 { 0 } else { by_the_kernel(ctx, from, to, &range, size)? };
    let done = by_buffer(ctx, from, to, &range, done, size)?;
    if holes && done > 0 {
        rustix::fs::ftruncate(&to.file, done).context(&to.name)?;
    }
    Ok(())
}

/// As far as the kernel gets with copy_file_range; the rest is for the buffer.
fn by_the_kernel(ctx: &Ctx, from: &Side, to: &Side, range: &Range, total: u64) -> Result<u64> {
    let mut done = 0u64;
    while done < total {
        let step = (total - done).min(KERNEL_STEP) as usize;
        let (mut src, mut dest) = (range.src.saturating_add(done), range.dest.saturating_add(done));
        match rustix::fs::copy_file_range(&from.file, Some(&mut src), &to.file, Some(&mut dest), step) {
            Ok(0) => break,
            Ok(n) => done += n as u64,
            Err(Errno::INTR) => {}
            // A full disk stays full. Anything else (other file system, no such operation) is left to
            // the buffer, which says what is wrong if something is.
            Err(e @ (Errno::NOSPC | Errno::DQUOT)) => return Err(e).with_context(|| format!("{}: write", to.name)),
            Err(_) => break,
        }
        range.report(ctx, done, total)?;
    }
    Ok(done)
}

fn by_buffer(ctx: &Ctx, from: &Side, to: &Side, range: &Range, done: u64, total: u64) -> Result<u64> {
    let mut done = done;
    // What a hole is need not be read to be known.
    let holes = range.sparse && from.is_regular()?;
    let mut block = Buffer::new(total.saturating_sub(done).min(BLOCK as u64) as usize);
    while done < total {
        if holes {
            done = skip_hole(from, range.src, done, total)?;
            if done >= total {
                break;
            }
        }
        let want = (total - done).min(BLOCK as u64) as usize;
        let buffer = block.get(want);
        let src = range.src.saturating_add(done);
        let n = match from.at(src, want).read_at(buffer, src) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) => return Err(e).with_context(|| format!("{}: read", from.name)),
        };
        let data = buffer.get(..n).unwrap_or_default();
        let at = range.dest.saturating_add(done);
        write(to, data, at, range.sparse).with_context(|| format!("{}: write", to.name))?;
        done += n as u64;
        range.report(ctx, done, total)?;
    }
    Ok(done)
}

/// How much is done when the source's next data is reached, or its end.
fn skip_hole(from: &Side, start: u64, done: u64, total: u64) -> Result<u64> {
    let data = match rustix::fs::seek(&from.file, SeekFrom::Data(start.saturating_add(done))) {
        Ok(data) => data,
        // No data up to the end, or already behind it.
        Err(Errno::NXIO) => from.size()?,
        // A file system that does not know holes.
        Err(_) => return Ok(done),
    };
    Ok(data.saturating_sub(start).clamp(done, total))
}

fn write(to: &Side, data: &[u8], at: u64, sparse: bool) -> Result<()> {
    if !sparse {
        return Ok(to.at(at, data.len()).write_all_at(data, at)?);
    }
    // Runs of pieces that hold something are written at once.
    let mut offset = 0;
    while offset < data.len() {
        let rest = data.get(offset..).unwrap_or_default();
        let zeroes = run(rest, true);
        offset += zeroes;
        let rest = data.get(offset..).unwrap_or_default();
        let other = run(rest, false);
        let at = at.saturating_add(offset as u64);
        to.at(at, other).write_all_at(rest.get(..other).unwrap_or_default(), at)?;
        offset += other;
    }
    Ok(())
}

/// Bytes of the pieces at the start of `data` that are all zero, or all not.
fn run(data: &[u8], zero: bool) -> usize {
    data.chunks(PIECE).take_while(|piece| is_zero(piece) == zero).map(<[u8]>::len).sum()
}

/// Is every byte zero? Whole pages are or-ed together, which the compiler does with wide registers.
pub fn is_zero(data: &[u8]) -> bool {
    data.chunks(4096).all(|page| page.iter().fold(0, |or, b| or | b) == 0)
}
