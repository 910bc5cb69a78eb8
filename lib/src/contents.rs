//! File contents and directory listings through the daemon's streaming calls.
//!
//! In: paths in the guest. Out: whole contents or lists in memory, assembled from streams, so that no
//! message limit applies and no temporary file is needed.

mod lists;
mod streams;

pub(crate) use lists::{by_file, lstatlist, lstatnslist, lxattrlist, readlinklist};
pub(crate) use streams::{filesystem_walk, find_inode, journal_get, yara_scan};

use crate::client::info;
use crate::error::{Error, ErrorKind, Result};
use crate::handle::Handle;
use crate::rpc::{Sink, Source};
use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::args;
use guestfs_protocol::structs::{Dirent, Stat, Statns};
use guestfs_protocol::xdr;
use std::io::Write;

/// Most bytes a stream may bring into memory: the daemon is hostile, and 32-bit sizes end here too.
const MEMORY_MAX: usize = i32::MAX as usize;
/// Up to here a write is one message; above it is an upload. Upstream draws the line here too.
const ONE_MESSAGE_MAX: usize = 2 * 1024 * 1024;
/// `im_type` of the struct `internal_mountable`; 0 is a whole device.
const BTRFS_SUBVOLUME: i32 = 1;
/// Shown in traces where upstream shows the name of its temporary file.
const IN_MEMORY: &[u8] = b"<memory>";

/// A buffer that refuses to outgrow its limit.
struct Memory {
    bytes: Vec<u8>,
    limit: usize,
}

impl Write for Memory {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        if data.len() > self.limit.saturating_sub(self.bytes.len()) {
            return Err(std::io::Error::from_raw_os_error(libc::EFBIG));
        }
        self.bytes.try_reserve(data.len()).map_err(|_| std::io::Error::from_raw_os_error(libc::ENOMEM))?;
        self.bytes.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What the entries of a list may still cost. A stream of many tiny entries is short, but not as a list: each
/// is a struct and an allocation.
struct Budget {
    call: &'static str,
    left: usize,
}

impl Budget {
    /// What an allocation costs at least, with what the allocator needs and the list's free places.
    const OVERHEAD: usize = 40;

    fn new(call: &'static str) -> Budget {
        Budget { call, left: MEMORY_MAX }
    }

    /// One more entry of this type, with so many bytes of its own.
    fn charge<T>(&mut self, bytes: usize) -> Result<()> {
        let cost = bytes.saturating_add(size_of::<T>() + Self::OVERHEAD);
        self.left = self.left.checked_sub(cost).ok_or_else(|| {
            let text = format!("{}: the list is too long to be kept in memory", self.call);
            Error::new(ErrorKind::Protocol, text).with_errno(libc::EFBIG)
        })?;
        Ok(())
    }

    /// Copies of all these.
    fn copies<'a>(mut self, strings: impl Iterator<Item = &'a [u8]>) -> Result<Vec<BString>> {
        let mut copies = Vec::new();
        for string in strings {
            self.charge::<BString>(string.len())?;
            let no_memory = |_| Error::no_memory(self.call, string.len());
            let copy = xdr::copy(string).map_err(no_memory)?;
            xdr::push(&mut copies, BString::from(copy)).map_err(no_memory)?;
        }
        Ok(copies)
    }
}

/// Collect what a call streams.
fn collect(call: impl FnOnce(Sink<'_>) -> Result<()>) -> Result<Vec<u8>> {
    collect_at_most(MEMORY_MAX, call)
}

/// Collect what a call streams; more than `limit` bytes are an error with EFBIG.
fn collect_at_most(limit: usize, call: impl FnOnce(Sink<'_>) -> Result<()>) -> Result<Vec<u8>> {
    let mut memory = Memory { bytes: Vec::new(), limit };
    call(Sink::Writer(&mut memory))?;
    Ok(memory.bytes)
}

pub(crate) fn read_file(g: &Handle, path: &BStr) -> Result<Vec<u8>> {
    read_at_most(g, path, MEMORY_MAX)
}

/// The contents of a file that a guest may have made far too large: then an error with EFBIG.
pub(crate) fn read_at_most(g: &Handle, path: &BStr, limit: usize) -> Result<Vec<u8>> {
    let args = args::DownloadArgs { remotefilename: path.into() };
    collect_at_most(limit, |sink| {
        g.wrapped(
            &info::DOWNLOAD,
            |t| {
                t.str("remotefilename", path);
                t.str("filename", IN_MEMORY);
            },
            |g| g.rpc_stream(&info::DOWNLOAD, 0, &args, None, Some(sink)),
        )
    })
}

/// The API's strings end at a NUL byte; so do files read as text.
fn text(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(end) = bytes.find_byte(0) {
        bytes.truncate(end);
    }
    bytes
}

pub(crate) fn cat(g: &Handle, path: &BStr) -> Result<BString> {
    g.read_file(path).map(|bytes| text(bytes).into())
}

pub(crate) fn read_lines(g: &Handle, path: &BStr) -> Result<Vec<BString>> {
    let bytes = text(g.read_file(path)?);
    Budget::new("read_lines").copies(bytes.lines())
}

/// Names that each end with a NUL byte.
fn names(budget: Budget, bytes: &[u8]) -> Result<Vec<BString>> {
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    budget.copies(bytes.split(|b| *b == 0))
}

pub(crate) fn ls(g: &Handle, directory: &BStr) -> Result<Vec<BString>> {
    let args = args::Ls0Args { dir: directory.into() };
    let bytes = collect(|sink| {
        g.wrapped(
            &info::LS0,
            |t| {
                t.str("dir", directory);
                t.str("filenames", IN_MEMORY);
            },
            |g| g.rpc_stream(&info::LS0, 0, &args, None, Some(sink)),
        )
    })?;
    let mut listing = names(Budget::new("ls"), &bytes)?;
    listing.sort_unstable();
    Ok(listing)
}

pub(crate) fn find(g: &Handle, directory: &BStr) -> Result<Vec<BString>> {
    let args = args::Find0Args { directory: directory.into() };
    let bytes = collect(|sink| {
        g.wrapped(
            &info::FIND0,
            |t| {
                t.str("directory", directory);
                t.str("files", IN_MEMORY);
            },
            |g| g.rpc_stream(&info::FIND0, 0, &args, None, Some(sink)),
        )
    })?;
    let mut found = names(Budget::new("find"), &bytes)?;
    found.sort_unstable();
    Ok(found)
}

pub(crate) fn readdir(g: &Handle, dir: &BStr) -> Result<Vec<Dirent>> {
    let args = args::InternalReaddirArgs { dir: dir.into() };
    let bytes = collect(|sink| {
        g.wrapped(
            &info::INTERNAL_READDIR,
            |t| {
                t.str("dir", dir);
                t.str("filename", IN_MEMORY);
            },
            |g| g.rpc_stream(&info::INTERNAL_READDIR, 0, &args, None, Some(sink)),
        )
    })?;
    streams::entries(Budget::new("readdir"), &bytes)
}

/// The fields of the older struct; its times are whole seconds.
fn without_nanoseconds(s: &Statns) -> Stat {
    Stat {
        dev: s.st_dev,
        ino: s.st_ino,
        mode: s.st_mode,
        nlink: s.st_nlink,
        uid: s.st_uid,
        gid: s.st_gid,
        rdev: s.st_rdev,
        size: s.st_size,
        blksize: s.st_blksize,
        blocks: s.st_blocks,
        atime: s.st_atime_sec,
        mtime: s.st_mtime_sec,
        ctime: s.st_ctime_sec,
    }
}

pub(crate) fn stat(g: &Handle, path: &BStr) -> Result<Stat> {
    g.statns(path).map(|s| without_nanoseconds(&s))
}

pub(crate) fn lstat(g: &Handle, path: &BStr) -> Result<Stat> {
    g.lstatns(path).map(|s| without_nanoseconds(&s))
}

pub(crate) fn mountable_device(g: &Handle, mountable: &BStr) -> Result<BString> {
    g.internal_parse_mountable(mountable).map(|m| m.im_device)
}

pub(crate) fn mountable_subvolume(g: &Handle, mountable: &BStr) -> Result<BString> {
    let parsed = g.internal_parse_mountable(mountable)?;
    if parsed.im_type != BTRFS_SUBVOLUME {
        return Err(Error::usage(format!("{mountable}: not a btrfs subvolume")));
    }
    Ok(parsed.im_volume)
}

pub(crate) fn write(g: &Handle, path: &BStr, content: &[u8]) -> Result<()> {
    if content.len() <= ONE_MESSAGE_MAX {
        return g.internal_write(path, content);
    }
    let args = args::UploadArgs { remotefilename: path.into() };
    g.wrapped(
        &info::UPLOAD,
        |t| {
            t.str("filename", IN_MEMORY);
            t.str("remotefilename", path);
        },
        |g| g.rpc_stream(&info::UPLOAD, 0, &args, Some(Source::Bytes(content)), None),
    )
}

pub(crate) fn write_append(g: &Handle, path: &BStr, content: &[u8]) -> Result<()> {
    if content.len() <= ONE_MESSAGE_MAX {
        return g.internal_write_append(path, content);
    }
    let offset = g.filesize(path)?;
    let args = args::UploadOffsetArgs { remotefilename: path.into(), offset };
    g.wrapped(
        &info::UPLOAD_OFFSET,
        |t| {
            t.str("filename", IN_MEMORY);
            t.str("remotefilename", path);
            t.int("offset", offset);
        },
        |g| g.rpc_stream(&info::UPLOAD_OFFSET, 0, &args, Some(Source::Bytes(content)), None),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_at_nul() {
        let names = |bytes: &[u8]| names(Budget::new("ls"), bytes).unwrap();
        assert!(names(b"").is_empty());
        assert_eq!(names(b"a\0"), ["a"]);
        assert_eq!(names(b"a\0b c\0\xff\0"), [b"a".as_bstr(), b"b c".as_bstr(), b"\xff".as_bstr()]);
    }

    #[test]
    fn many_tiny_entries_are_too_many() {
        let few = |left| Budget { call: "find", left };
        let e = names(few(100 * 64), &[0; 102]).unwrap_err();
        assert_eq!((e.errno(), e.message()), (libc::EFBIG, "find: the list is too long to be kept in memory".into()));
        assert_eq!(names(few(100 * 64), &[0; 100]).unwrap().len(), 100);
        assert_eq!(names(few(64), b"a\0").unwrap_err().errno(), libc::EFBIG);
        let dirents = vec![0; 16 * 100];
        assert_eq!(streams::entries::<Dirent>(few(100 * 60), &dirents).unwrap_err().errno(), libc::EFBIG);
        assert_eq!(streams::entries::<Dirent>(few(100 * 200), &dirents).unwrap().len(), 100);
    }

    #[test]
    fn memory_has_an_end() {
        let mut m = Memory { bytes: Vec::new(), limit: 10 };
        m.write_all(b"12345678").unwrap();
        assert_eq!(m.write_all(b"901").unwrap_err().raw_os_error(), Some(libc::EFBIG));
        m.write_all(b"90").unwrap();
    }

    #[test]
    fn dirents_are_parsed_strictly() {
        let entry = Dirent { ino: 7, ftyp: guestfs_protocol::xdr::Char(b'd'), name: "abc".into() };
        let one = guestfs_protocol::xdr::to_vec(&entry).unwrap();
        let two = [one.clone(), one.clone()].concat();
        let dirents = |bytes: &[u8]| streams::entries::<Dirent>(Budget::new("readdir"), bytes);
        assert_eq!(dirents(&two).unwrap(), [entry.clone(), entry]);
        for cut in 1..one.len() {
            assert!(dirents(&one[..cut]).is_err(), "{cut}");
        }
    }
}
