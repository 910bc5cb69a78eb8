//! Packing a directory of the guest into a cpio archive.
//!
//! In: an open directory. Out: a stream in the "new" format of SVR4, with or without checksums, as
//! cpio(1) makes it of what find(1) lists; the kernel reads it as an initramfs. Files are numbered from
//! one on, because the format has room for 32 bits of an inode's number only. What has several names is
//! stored with the first of them; the others have its number and no data.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{BorrowedFd, OwnedFd};

use bstr::{BStr, ByteSlice};
use rustix::fs::{major, minor, FileType, Stat};

use super::pack::{open_regular, send_whole};
use crate::dirs::tree::{stat_entry, walk_fd, Descend, Visitor};
use crate::error::{Context, Errno, Error, Result};
use crate::newc::{Format, Member, TRAILER};
use crate::transfer_io::FileOut;

/// Archives are a multiple of this, in bytes.
const BLOCK: u64 = 512;

/// Most files with several names that are remembered; others are packed once for each name.
const MAX_LINKS: usize = 1 << 20;

/// Read at once for a checksum.
const READ: usize = 256 * 1024;

/// The format of that name; `newc` when nothing is said.
pub fn format(name: Option<&BStr>) -> Result<Format> {
    match name.map(|n| n.as_bytes()) {
        None | Some(b"newc") => Ok(Format::Newc),
        Some(b"crc") => Ok(Format::Crc),
        Some(other) => Err(Error::invalid(format!("{}: format must be 'newc' or 'crc'", other.as_bstr()))),
    }
}

/// Pack `dir` and everything below it into `out`.
pub fn pack(dir: OwnedFd, out: &mut FileOut, format: Format) -> Result<()> {
    let stat = rustix::fs::fstat(&dir)?;
    let mut cpio = Cpio { out, format, last: 0, links: HashMap::new() };
    let number = cpio.number();
    cpio.header(b".", &member(&stat, number))?;
    walk_fd(dir, &mut cpio)?;
    cpio.header(TRAILER, &Member { links: 1, ..Member::default() })?;
    cpio.pad(BLOCK)
}

/// Everything but size and checksum.
fn member(stat: &Stat, number: u32) -> Member {
    Member {
        number,
        mode: stat.st_mode,
        uid: stat.st_uid,
        gid: stat.st_gid,
        links: u32::try_from(stat.st_nlink).unwrap_or(u32::MAX),
        // Times before 1970 and after 2106 have no place.
        time: u32::try_from(stat.st_mtime.max(0)).unwrap_or(u32::MAX),
        on: (major(stat.st_dev), minor(stat.st_dev)),
        device: (major(stat.st_rdev), minor(stat.st_rdev)),
        ..Member::default()
    }
}

fn with_size(member: Member, size: u64) -> Result<Member> {
    let size = u32::try_from(size);
    let size = size.map_err(|_| Error::new(Errno::FBIG, "a cpio archive has no room for files of 4 GiB and more"))?;
    Ok(Member { size, ..member })
}

struct Cpio<'o> {
    out: &'o mut FileOut,
    format: Format,
    /// The number that was given last.
    last: u32,
    /// Numbers of files with several names.
    links: HashMap<(u64, u64), u32>,
}

impl Visitor for Cpio<'_> {
    fn entry(&mut self, dir: BorrowedFd<'_>, within: &BStr, name: &BStr, kind: FileType) -> Result<Descend> {
        // Its header comes when it is entered.
        if kind == FileType::Directory {
            return Ok(Descend::Yes);
        }
        let path = match within.is_empty() {
            // A reader would take it for the end; this is the same name.
            true if name == TRAILER => bstr::concat([b"./", TRAILER]),
            true => name.to_vec(),
            false => bstr::concat([within.as_bytes(), b"/", name.as_bytes()]),
        };
        match kind {
            FileType::RegularFile => self.file(dir, name, &path),
            _ => self.special(dir, name, &path),
        }
        .with_context(|| path.clone())?;
        Ok(Descend::No)
    }

    fn enter(&mut self, dir: BorrowedFd<'_>, path: &BStr) -> Result<()> {
        let stat = rustix::fs::fstat(dir)?;
        let number = self.number();
        let path = if path == TRAILER { bstr::concat([b"./", TRAILER]) } else { path.to_vec() };
        self.header(&path, &member(&stat, number))
    }
}

impl Cpio<'_> {
    fn file(&mut self, dir: BorrowedFd<'_>, name: &BStr, path: &[u8]) -> Result<()> {
        let (mut file, stat) = open_regular(dir, name)?;
        let (number, first) = self.number_of(&stat);
        let member = member(&stat, number);
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        if !first || size == 0 {
            return self.header(path, &member);
        }
        let mut member = with_size(member, size)?;
        if self.format == Format::Crc {
            member.checksum = checksum(self.out, &mut file, size)?;
        }
        self.header(path, &member)?;
        send_whole(self.out, &file, size)?;
        self.pad(4)
    }

    /// Links, devices, FIFOs, sockets.
    fn special(&mut self, dir: BorrowedFd<'_>, name: &BStr, path: &[u8]) -> Result<()> {
        let stat = stat_entry(dir, name)?;
        let (number, _) = self.number_of(&stat);
        let member = member(&stat, number);
        if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
            return self.header(path, &member);
        }
        let target = rustix::fs::readlinkat(dir, name.as_bytes(), Vec::new())?;
        self.header(path, &with_size(member, target.as_bytes().len() as u64)?)?;
        self.out.write_all(target.as_bytes())?;
        self.pad(4)
    }

    fn number(&mut self) -> u32 {
        // After 4 × 10⁹ files some would share a number; they are told apart by having one name each.
        self.last = self.last.wrapping_add(1);
        self.last
    }

    /// The number of a file, and whether this is the first of its names.
    fn number_of(&mut self, stat: &Stat) -> (u32, bool) {
        let id = (stat.st_dev, stat.st_ino);
        if let Some(known) = self.links.get(&id) {
            return (*known, false);
        }
        let number = self.number();
        if stat.st_nlink > 1 && self.links.len() < MAX_LINKS {
            self.links.insert(id, number);
        }
        (number, true)
    }

    fn header(&mut self, path: &[u8], m: &Member) -> Result<()> {
        // With the NUL.
        let name_size = u32::try_from(path.len() + 1).map_err(|_| Errno::NAMETOOLONG)?;
        self.out.write_all(&Member { name_size, ..*m }.encode(self.format))?;
        self.out.write_all(path)?;
        self.out.write_all(b"\0")?;
        self.pad(4)
    }

    fn pad(&mut self, to: u64) -> Result<()> {
        const ZEROES: [u8; BLOCK as usize] = [0; BLOCK as usize];
        let n = self.out.sent().next_multiple_of(to) - self.out.sent();
        Ok(self.out.write_all(ZEROES.get(..n as usize).unwrap_or(&ZEROES))?)
    }
}

/// The sum of all bytes of a file, which is at its beginning before and after.
fn checksum(out: &FileOut, file: &mut File, size: u64) -> Result<u32> {
    let mut block = vec![0u8; READ];
    let mut sum = 0u32;
    let mut input = (&*file).take(size);
    loop {
        out.stop_if_asked()?;
        match input.read(&mut block) {
            Ok(0) => break,
            Ok(n) => sum = block.iter().take(n).fold(sum, |sum, b| sum.wrapping_add(u32::from(*b))),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e.into()),
        }
    }
    file.rewind()?;
    Ok(sum)
}
