//! Packing a directory of the guest into an archive.
//!
//! In: an open directory. Out: a stream in GNU's format, as tar(1) makes by default: `./` first, hard
//! links by the name that was seen first, sockets left out. Every file costs an open, a stat, a read and
//! a close.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bstr::{BStr, BString, ByteSlice};
use rustix::fs::{FileType, Mode, OFlags, Stat};

use super::header::BLOCK;
use crate::dirs::tree::{stat_entry, walk_fd, Descend, Visitor};
use crate::error::{Context, Error, Result};
use crate::transfer_io::FileOut;

/// Archives are a multiple of this (20 blocks, tar's record).
const RECORD: u64 = 20 * BLOCK as u64;

/// Most bytes of names remembered for files that have several; others are packed once for each name.
const MAX_NAMES: usize = 64 << 20;
/// What a name costs besides its bytes.
const EACH: usize = 100;

/// Names of users or groups, by number.
pub type Names = HashMap<u32, BString>;

struct Pack<'o> {
    out: &'o mut FileOut,
    users: Names,
    groups: Names,
    seen: HashMap<(u64, u64), BString>,
    seen_bytes: usize,
}

/// Pack everything below `dir` into `out`.
pub fn pack(dir: OwnedFd, out: &mut FileOut, users: Names, groups: Names) -> Result<()> {
    let stat = rustix::fs::fstat(&dir)?;
    let mut pack = Pack { out, users, groups, seen: HashMap::new(), seen_bytes: 0 };
    pack.header(b"./", b"", b'5', 0, &stat)?;
    walk_fd(dir, &mut pack)?;
    pack.out.write_all(&[0; 2 * BLOCK])?;
    let rest = pack.out.sent().next_multiple_of(RECORD) - pack.out.sent();
    pad(pack.out, rest)
}

/// Names by number, as a file like /etc/passwd has them.
pub fn names(file: &str) -> Names {
    let text = std::fs::read(file).unwrap_or_default();
    let entry = |line: &[u8]| {
        let mut fields = line.split_str(":");
        let name = fields.next()?;
        Some((fields.nth(1)?.to_str().ok()?.parse().ok()?, BString::from(name)))
    };
    text.lines().filter_map(entry).collect()
}

impl Visitor for Pack<'_> {
    fn entry(&mut self, dir: BorrowedFd<'_>, within: &BStr, name: &BStr, kind: FileType) -> Result<Descend> {
        let path: BString = match within.is_empty() {
            true => bstr::concat([b"./", name.as_bytes()]).into(),
            false => bstr::concat([b"./", within.as_bytes(), b"/", name.as_bytes()]).into(),
        };
        match kind {
            // Its header comes when it is entered.
            FileType::Directory => return Ok(Descend::Yes),
            FileType::RegularFile => self.file(dir, name, &path),
            // tar says that it leaves them out.
            FileType::Socket => Ok(()),
            _ => self.special(dir, name, &path),
        }
        .with_context(|| path.clone())?;
        Ok(Descend::No)
    }

    fn enter(&mut self, dir: BorrowedFd<'_>, path: &BStr) -> Result<()> {
        let name = bstr::concat([b"./", path.as_bytes(), b"/"]);
        self.header(&name, b"", b'5', 0, &rustix::fs::fstat(dir)?)
    }
}

impl Pack<'_> {
    fn file(&mut self, dir: BorrowedFd<'_>, name: &BStr, path: &BString) -> Result<()> {
        let (file, stat) = open_regular(dir, name)?;
        if self.other_name(path, &stat)? {
            return Ok(());
        }
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        self.header(path, b"", b'0', size, &stat)?;
        if size == 0 {
            return Ok(());
        }
        send_whole(self.out, &file, size)?;
        pad(self.out, size.next_multiple_of(BLOCK as u64) - size)
    }

    /// Links, devices, FIFOs.
    fn special(&mut self, dir: BorrowedFd<'_>, name: &BStr, path: &BString) -> Result<()> {
        let stat = stat_entry(dir.as_fd(), name)?;
        if self.other_name(path, &stat)? {
            return Ok(());
        }
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(dir, name.as_bytes(), Vec::new())?;
                self.header(path, target.as_bytes(), b'2', 0, &stat)
            }
            FileType::CharacterDevice => self.header(path, b"", b'3', 0, &stat),
            FileType::BlockDevice => self.header(path, b"", b'4', 0, &stat),
            FileType::Fifo => self.header(path, b"", b'6', 0, &stat),
            _ => Ok(()),
        }
    }

    /// Was the file packed already, by another name? Then it is a hard link.
    fn other_name(&mut self, path: &BString, stat: &Stat) -> Result<bool> {
        if stat.st_nlink < 2 {
            return Ok(false);
        }
        let id = (stat.st_dev, stat.st_ino);
        if let Some(first) = self.seen.get(&id).cloned() {
            self.header(path, &first, b'1', 0, stat)?;
            return Ok(true);
        }
        if self.seen_bytes < MAX_NAMES {
            self.seen_bytes += path.len() + EACH;
            self.seen.insert(id, path.clone());
        }
        Ok(false)
    }

    fn header(&mut self, path: &[u8], link: &[u8], kind: u8, size: u64, stat: &Stat) -> Result<()> {
        for (text, kind) in [(link, b'K'), (path, b'L')] {
            if text.len() > 100 {
                let data = bstr::concat([text, b"\0"]);
                let length = data.len() as u64;
                self.out.write_all(&block(b"././@LongLink", b"", kind, length, &Fields::default()))?;
                self.out.write_all(&data)?;
                pad(self.out, length.next_multiple_of(BLOCK as u64) - length)?;
            }
        }
        let device =
            matches!(kind, b'3' | b'4').then(|| (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev)));
        let fields = Fields {
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            mtime: stat.st_mtime,
            user: self.users.get(&stat.st_uid).map(|n| n.as_slice()).unwrap_or_default(),
            group: self.groups.get(&stat.st_gid).map(|n| n.as_slice()).unwrap_or_default(),
            device,
        };
        Ok(self.out.write_all(&block(path, link, kind, size, &fields))?)
    }
}

/// The attributes in a header.
#[derive(Default)]
struct Fields<'n> {
    mode: u32,
    uid: u32,
    gid: u32,
    mtime: i64,
    user: &'n [u8],
    group: &'n [u8],
    device: Option<(u32, u32)>,
}

fn block(path: &[u8], link: &[u8], kind: u8, size: u64, fields: &Fields<'_>) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, len: usize, text: &[u8]| {
        for (to, from) in header.iter_mut().skip(at).take(len).zip(text) {
            *to = *from;
        }
    };
    put(0, 100, path);
    put(100, 8, &number::<8>(i128::from(fields.mode)));
    put(108, 8, &number::<8>(i128::from(fields.uid)));
    put(116, 8, &number::<8>(i128::from(fields.gid)));
    put(124, 12, &number::<12>(i128::from(size)));
    put(136, 12, &number::<12>(i128::from(fields.mtime)));
    put(148, 8, b"        ");
    put(156, 1, &[kind]);
    put(157, 100, link);
    put(257, 8, b"ustar  \0");
    put(265, 31, fields.user);
    put(297, 31, fields.group);
    if let Some((major, minor)) = fields.device {
        put(329, 8, &number::<8>(i128::from(major)));
        put(337, 8, &number::<8>(i128::from(minor)));
    }
    let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
    for (to, from) in header.iter_mut().skip(148).zip(format!("{sum:06o}\0").bytes()) {
        *to = from;
    }
    header
}

/// Open a file that the listing of `dir` says is a regular one.
pub(super) fn open_regular(dir: BorrowedFd<'_>, name: &BStr) -> Result<(File, Stat)> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(dir, name.as_bytes(), flags, Mode::empty())?);
    let stat = rustix::fs::fstat(&file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Error::msg("was replaced while it was read"));
    }
    Ok((file, stat))
}

/// Send the `size` bytes that the header has announced.
pub(super) fn send_whole(out: &mut FileOut, file: &File, size: u64) -> Result<()> {
    let sent = out.copy_part(file, size)?;
    if sent < size {
        return Err(Error::msg(format!("shrank by {} bytes while it was read", size - sent)));
    }
    Ok(())
}

/// Octal digits and a NUL where they fit, else GNU's base 256.
fn number<const N: usize>(value: i128) -> [u8; N] {
    let mut field = [0; N];
    let digits = N.saturating_sub(1);
    if value >= 0 && value < 1i128 << (3 * digits) {
        for (to, from) in field.iter_mut().zip(format!("{value:0digits$o}").bytes()) {
            *to = from;
        }
        return field;
    }
    for (to, from) in field.iter_mut().rev().zip(value.to_le_bytes()) {
        *to = from;
    }
    if let Some(first) = field.first_mut() {
        *first = if value < 0 { 0xff } else { 0x80 };
    }
    field
}

fn pad(out: &mut FileOut, n: u64) -> Result<()> {
    const ZEROES: [u8; RECORD as usize] = [0; RECORD as usize];
    let n = usize::try_from(n).unwrap_or(ZEROES.len());
    Ok(out.write_all(ZEROES.get(..n).unwrap_or(&ZEROES))?)
}
