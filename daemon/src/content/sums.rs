//! Checksums of all files of a tree.
//!
//! In: a guest directory. Out: a stream of lines as md5sum(1), its relatives and cksum(1) print them
//! when they are given `./NAME` for every file, so that those programs can check the list.

use std::fs::File;
use std::io::Write;
use std::os::fd::BorrowedFd;

use bstr::{BStr, ByteSlice};
use rustix::fs::{FileType, Mode, OFlags};

use super::each_block;
use super::sum::Sum;
use crate::ctx::Ctx;
use crate::dirs::tree::{walk_fd, Descend, Visitor};
use crate::error::{Context, Result};
use crate::path::GuestPath;
use crate::transfer_io::FileOut;

/// Send the checksums of all regular files below a directory.
pub fn checksums_out(ctx: &mut Ctx, csumtype: &BStr, directory: &GuestPath, sumsfile: &mut FileOut) -> Result<()> {
    // A wrong name is said before anything is sent.
    Sum::new(csumtype)?;
    let dir = directory.open_dir(ctx)?;
    walk_fd(dir, &mut Sums { csumtype, out: sumsfile }).context(directory)
}

struct Sums<'a> {
    csumtype: &'a BStr,
    out: &'a mut FileOut,
}

impl Visitor for Sums<'_> {
    fn entry(&mut self, dir: BorrowedFd<'_>, within: &BStr, name: &BStr, kind: FileType) -> Result<Descend> {
        match kind {
            FileType::Directory => return Ok(Descend::Yes),
            FileType::RegularFile => {}
            _ => return Ok(Descend::No),
        }
        let path = match within.is_empty() {
            true => bstr::concat([b"./", name.as_bytes()]),
            false => bstr::concat([b"./", within.as_bytes(), b"/", name.as_bytes()]),
        };
        let (sum, size) = self.sum(dir, name).with_context(|| path.clone())?;
        let line = match self.csumtype.as_bytes() {
            b"crc" => bstr::concat([sum.as_slice(), format!(" {size} ").as_bytes(), &path, b"\n"]),
            _ => line(&sum, &path),
        };
        self.out.write_all(&line)?;
        Ok(Descend::No)
    }
}

impl Sums<'_> {
    /// The sum of a file, and how many bytes it had.
    fn sum(&self, dir: BorrowedFd<'_>, name: &BStr) -> Result<(Vec<u8>, u64)> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(dir, name.as_bytes(), flags, Mode::empty())?);
        let mut sum = Sum::new(self.csumtype)?;
        let mut size = 0u64;
        each_block(file, |block| {
            // A file may take minutes in which nothing is sent.
            self.out.stop_if_asked()?;
            sum.update(block);
            size += block.len() as u64;
            Ok(true)
        })?;
        Ok((sum.finish().into(), size))
    }
}

/// A line of md5sum(1): names with a line break or a backslash are escaped, which a backslash in front
/// of the line says.
fn line(sum: &[u8], path: &[u8]) -> Vec<u8> {
    if path.find_byteset(b"\\\n\r").is_none() {
        return bstr::concat([sum, b"  ", path, b"\n"]);
    }
    let mut line = bstr::concat([b"\\", sum, b"  "]);
    for byte in path {
        match byte {
            b'\\' => line.extend_from_slice(b"\\\\"),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            other => line.push(*other),
        }
    }
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Errno;
    use crate::testing::Guest;

    #[test]
    fn as_the_tools_print_them() {
        let mut g = Guest::new();
        g.write("/t/a/f", "hello\n");
        g.write("/t/b\\c\nd\re", "");
        g.link("a/f", "/t/l");
        g.link("../../secret", "/t/up");
        let t = g.path("/t");
        let mut sums = |kind: &str| {
            let out = g.download(|ctx, f| checksums_out(ctx, kind.into(), &t, f)).unwrap();
            let mut lines: Vec<String> = out.lines().map(|l| l.to_str_lossy().into_owned()).collect();
            lines.sort();
            lines
        };
        assert_eq!(
            sums("md5"),
            ["\\d41d8cd98f00b204e9800998ecf8427e  ./b\\\\c\\nd\\re", "b1946ac92492d2347c6235b4d2611184  ./a/f"]
        );
        assert_eq!(sums("crc").last().unwrap(), "d\re");
        assert_eq!(sums("crc").first().unwrap(), "3015617425 6 ./a/f");
    }

    #[test]
    fn nothing_and_wrong_arguments() {
        let mut g = Guest::new();
        g.write("/d/f", "");
        g.link("f", "/d/l");
        let (d, f, missing) = (g.path("/d"), g.path("/d/f"), g.path("/missing"));
        crate::files::rm(&mut g.ctx, &f).unwrap();
        assert_eq!(g.download(|ctx, out| checksums_out(ctx, "md5".into(), &d, out)).unwrap(), b"");
        g.write("/d/f", "");
        for (kind, dir, errno) in [("md5", &f, Errno::NOTDIR), ("md5", &missing, Errno::NOENT), ("x", &d, Errno::INVAL)]
        {
            let e = g.download(|ctx, out| checksums_out(ctx, kind.into(), dir, out)).unwrap_err();
            assert_eq!(e.errno(), Some(errno));
        }
    }
}
