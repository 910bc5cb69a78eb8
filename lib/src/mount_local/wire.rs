//! The kernel's side of FUSE as bytes (`linux/fuse.h`, protocol 7.23 and later).
//!
//! In: one request as read from `/dev/fuse`. Out: its header and a reader of its fields, and the layouts
//! of what is answered. All numbers are in the machine's own byte order.

use bstr::{BStr, ByteSlice};
use std::time::Duration;

/// Major version of the protocol, and the newest minor version whose layouts are used here.
pub(super) const VERSION: (u32, u32) = (7, 31);
/// The oldest minor version that is served (Linux 3.15).
pub(super) const OLDEST_MINOR: u32 = 23;
/// Length of a request's header.
const HEADER: usize = 40;

/// What is asked for; numbers that are not here are answered `ENOSYS`.
pub(super) mod op {
    pub const LOOKUP: u32 = 1;
    pub const FORGET: u32 = 2;
    pub const GETATTR: u32 = 3;
    pub const SETATTR: u32 = 4;
    pub const READLINK: u32 = 5;
    pub const SYMLINK: u32 = 6;
    pub const MKNOD: u32 = 8;
    pub const MKDIR: u32 = 9;
    pub const UNLINK: u32 = 10;
    pub const RMDIR: u32 = 11;
    pub const RENAME: u32 = 12;
    pub const LINK: u32 = 13;
    pub const OPEN: u32 = 14;
    pub const READ: u32 = 15;
    pub const WRITE: u32 = 16;
    pub const STATFS: u32 = 17;
    pub const RELEASE: u32 = 18;
    pub const FSYNC: u32 = 20;
    pub const SETXATTR: u32 = 21;
    pub const GETXATTR: u32 = 22;
    pub const LISTXATTR: u32 = 23;
    pub const REMOVEXATTR: u32 = 24;
    pub const INIT: u32 = 26;
    pub const OPENDIR: u32 = 27;
    pub const READDIR: u32 = 28;
    pub const RELEASEDIR: u32 = 29;
    pub const FSYNCDIR: u32 = 30;
    pub const ACCESS: u32 = 34;
    pub const CREATE: u32 = 35;
    pub const INTERRUPT: u32 = 36;
    pub const DESTROY: u32 = 38;
    pub const BATCH_FORGET: u32 = 42;
    pub const READDIRPLUS: u32 = 44;
    pub const RENAME2: u32 = 45;
}

/// Which fields of SETATTR count.
pub(super) mod set {
    pub const MODE: u32 = 1;
    pub const UID: u32 = 1 << 1;
    pub const GID: u32 = 1 << 2;
    pub const SIZE: u32 = 1 << 3;
    pub const ATIME: u32 = 1 << 4;
    pub const MTIME: u32 = 1 << 5;
    pub const ATIME_NOW: u32 = 1 << 7;
    pub const MTIME_NOW: u32 = 1 << 8;
}

/// What an opened file's pages are like.
pub(super) mod open {
    pub const DIRECT_IO: u32 = 1;
    pub const KEEP_CACHE: u32 = 1 << 1;
}

/// Abilities of both sides, agreed on in INIT.
mod ability {
    pub const ASYNC_READ: u32 = 1;
    pub const BIG_WRITES: u32 = 1 << 5;
    pub const AUTO_INVAL_DATA: u32 = 1 << 12;
    pub const DO_READDIRPLUS: u32 = 1 << 13;
    pub const READDIRPLUS_AUTO: u32 = 1 << 14;
    pub const PARALLEL_DIROPS: u32 = 1 << 18;
    pub const MAX_PAGES: u32 = 1 << 22;
    pub const WANTED: u32 =
        ASYNC_READ | BIG_WRITES | AUTO_INVAL_DATA | DO_READDIRPLUS | READDIRPLUS_AUTO | PARALLEL_DIROPS | MAX_PAGES;
}

/// Most bytes that one READ or WRITE moves: far below the limit of a message.
pub(super) const IO_MAX: u32 = 1 << 20;
/// Room for the largest request: data and what comes before it.
pub(super) const REQUEST_MAX: usize = IO_MAX as usize + 4096;
const MAX_PAGES: u16 = (IO_MAX / 4096) as u16;

/// An errno of the host, as an answer.
pub(super) type Errno = i32;

/// One request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'b> {
    pub opcode: u32,
    pub unique: u64,
    pub node: u64,
    pub uid: u32,
    pub gid: u32,
    pub body: Fields<'b>,
}

impl<'b> Request<'b> {
    /// `None` for bytes that are no request.
    pub fn parse(bytes: &'b [u8]) -> Option<Request<'b>> {
        let (header, body) = bytes.split_at_checked(HEADER)?;
        let mut head = Fields(header);
        let length = head.u32().ok()?;
        if usize::try_from(length).ok()? != bytes.len() {
            return None;
        }
        let (opcode, unique, node) = (head.u32().ok()?, head.u64().ok()?, head.u64().ok()?);
        let (uid, gid) = (head.u32().ok()?, head.u32().ok()?);
        Some(Request { opcode, unique, node, uid, gid, body: Fields(body) })
    }
}

/// The fields of a request, taken from its front. What is too short is answered `EINVAL`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'b>(&'b [u8]);

impl<'b> Fields<'b> {
    #[cfg(test)]
    pub fn new(bytes: &'b [u8]) -> Self {
        Fields(bytes)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Errno> {
        let (field, rest) = self.0.split_first_chunk::<N>().ok_or(libc::EINVAL)?;
        self.0 = rest;
        Ok(*field)
    }

    pub fn u32(&mut self) -> Result<u32, Errno> {
        self.take().map(u32::from_ne_bytes)
    }

    pub fn u64(&mut self) -> Result<u64, Errno> {
        self.take().map(u64::from_ne_bytes)
    }

    /// Pass over `n` bytes.
    pub fn skip(&mut self, n: usize) -> Result<(), Errno> {
        self.0 = self.0.get(n..).ok_or(libc::EINVAL)?;
        Ok(())
    }

    /// A string that ends with a NUL byte.
    pub fn text(&mut self) -> Result<&'b BStr, Errno> {
        let end = self.0.find_byte(0).ok_or(libc::EINVAL)?;
        let (text, rest) = self.0.split_at_checked(end).ok_or(libc::EINVAL)?;
        self.0 = rest.get(1..).unwrap_or_default();
        Ok(text.as_bstr())
    }

    /// The name of a directory's entry.
    pub fn name(&mut self) -> Result<&'b BStr, Errno> {
        let name = self.text()?;
        match name.is_empty() || name.contains(&b'/') || *name == "." || *name == ".." {
            true => Err(libc::EINVAL),
            false => Ok(name),
        }
    }

    /// Exactly `n` bytes.
    pub fn bytes(&mut self, n: u32) -> Result<&'b [u8], Errno> {
        let n = usize::try_from(n).map_err(|_| libc::EINVAL)?;
        let (bytes, rest) = self.0.split_at_checked(n).ok_or(libc::EINVAL)?;
        self.0 = rest;
        Ok(bytes)
    }
}

/// A reply's fields, one after the other.
#[derive(Debug, Default)]
pub(super) struct Out(Vec<u8>);

impl Out {
    pub fn u16(mut self, n: u16) -> Self {
        self.0.extend_from_slice(&n.to_ne_bytes());
        self
    }

    pub fn u32(mut self, n: u32) -> Self {
        self.0.extend_from_slice(&n.to_ne_bytes());
        self
    }

    pub fn u64(mut self, n: u64) -> Self {
        self.0.extend_from_slice(&n.to_ne_bytes());
        self
    }

    pub fn zeroes(mut self, n: usize) -> Self {
        self.0.resize(self.0.len().saturating_add(n), 0);
        self
    }

    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn attr(self, a: &Attr) -> Self {
        let out = self.u64(a.ino).u64(a.size).u64(a.blocks);
        let out = a.times.iter().fold(out, |out, (seconds, _)| out.u64(*seconds));
        let out = a.times.iter().fold(out, |out, (_, nanoseconds)| out.u32(*nanoseconds));
        out.u32(a.mode).u32(a.nlink).u32(a.uid).u32(a.gid).u32(a.rdev).u32(a.blksize).u32(0)
    }

    /// What a name stands for, and how long the kernel may believe it.
    pub fn entry(self, node: u64, attr: &Attr, entry_valid: Duration, attr_valid: Duration) -> Self {
        self.u64(node)
            .u64(0)
            .u64(entry_valid.as_secs())
            .u64(attr_valid.as_secs())
            .u32(entry_valid.subsec_nanos())
            .u32(attr_valid.subsec_nanos())
            .attr(attr)
    }

    /// One entry of a directory; `next` is the offset after it.
    pub fn dirent(self, ino: u64, next: u64, kind: u8, name: &[u8]) -> Self {
        let length = u32::try_from(name.len()).unwrap_or(0);
        self.u64(ino).u64(next).u32(length).u32(kind.into()).bytes(name).zeroes(padding(name.len()))
    }

    pub fn into_vec(self) -> Vec<u8> {
        self.0
    }
}

const fn padding(length: usize) -> usize {
    length.wrapping_neg() % 8
}

/// Length of what [`Out::entry`] appends.
pub(super) const ENTRY: usize = 128;

/// Length of what [`Out::dirent`] appends.
pub(super) fn dirent_size(name: &[u8]) -> usize {
    24usize.saturating_add(name.len()).saturating_add(padding(name.len()))
}

/// A file's attributes as the kernel sees them; times are access, modification, change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Attr {
    pub ino: u64,
    pub size: u64,
    pub blocks: u64,
    pub times: [(u64, u32); 3],
    pub mode: u32,
    pub nlink: u32,
    pub uid: u32,
    pub gid: u32,
    pub rdev: u32,
    pub blksize: u32,
}

/// The header of a reply to `unique` with `payload` bytes after it.
pub(super) fn reply_header(unique: u64, error: Errno, payload: usize) -> Vec<u8> {
    let length = u32::try_from(payload.saturating_add(16)).unwrap_or(u32::MAX);
    Out::default().u32(length).bytes(&error.wrapping_neg().to_ne_bytes()).u64(unique).into_vec()
}

/// Answer INIT: version, abilities, sizes.
pub(super) fn init(mut request: Fields<'_>, max_readahead: Option<u32>) -> Result<Vec<u8>, Errno> {
    let (major, minor) = (request.u32()?, request.u32()?);
    let (readahead, offered) = (request.u32()?, request.u32()?);
    if major > VERSION.0 {
        // The kernel asks again in our version.
        return Ok(Out::default().u32(VERSION.0).u32(VERSION.1).zeroes(56).into_vec());
    }
    if major < VERSION.0 || minor < OLDEST_MINOR {
        return Err(libc::EPROTO);
    }
    let readahead = readahead.min(max_readahead.unwrap_or(u32::MAX));
    let out = Out::default().u32(VERSION.0).u32(minor.min(VERSION.1)).u32(readahead).u32(offered & ability::WANTED);
    // Background limits as the kernel likes; times are exact to the nanosecond.
    Ok(out.u16(0).u16(0).u32(IO_MAX).u32(1).u16(MAX_PAGES).u16(0).zeroes(32).into_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(opcode: u32, body: &[u8]) -> Vec<u8> {
        let length = 40 + body.len() as u32;
        Out::default().u32(length).u32(opcode).u64(7).u64(1).u32(1000).u32(100).zeroes(8).bytes(body).into_vec()
    }

    #[test]
    fn requests_are_checked() {
        let bytes = request(op::LOOKUP, b"name\0");
        let r = Request::parse(&bytes).unwrap();
        assert_eq!((r.opcode, r.unique, r.node, r.uid, r.gid), (op::LOOKUP, 7, 1, 1000, 100));
        assert_eq!(r.body.clone().name(), Ok("name".into()));
        for cut in 0..bytes.len() {
            assert!(Request::parse(&bytes[..cut]).is_none(), "{cut}");
        }
        for bad in [&b"\0"[..], b"no end", b"a/b\0", b".\0", b"..\0", b""] {
            assert_eq!(Fields::new(bad).name(), Err(libc::EINVAL), "{bad:?}");
        }
        let mut fields = Fields::new(b"abc\0\x01\x02");
        assert_eq!(fields.text().unwrap(), "abc");
        assert_eq!(fields.u32(), Err(libc::EINVAL));
        assert_eq!(fields.bytes(3), Err(libc::EINVAL));
        assert_eq!(fields.bytes(2), Ok(&b"\x01\x02"[..]));
        assert_eq!(fields.skip(1), Err(libc::EINVAL));
    }

    #[test]
    fn layouts_have_the_lengths_of_the_header_file() {
        let attr = Attr::default();
        assert_eq!(Out::default().attr(&attr).into_vec().len(), 88);
        assert_eq!(Out::default().entry(1, &attr, Duration::ZERO, Duration::ZERO).into_vec().len(), ENTRY);
        for name in [&b"a"[..], b"12345678", b"123456789"] {
            let bytes = Out::default().dirent(1, 2, 8, name).into_vec();
            assert_eq!(bytes.len(), dirent_size(name));
            assert_eq!(bytes.len() % 8, 0);
        }
        assert_eq!(
            reply_header(1, libc::ENOENT, 0),
            [&16u32.to_ne_bytes()[..], &(-2i32).to_ne_bytes(), &1u64.to_ne_bytes()].concat()
        );
    }

    #[test]
    fn init_takes_what_both_can() {
        let ask = |major: u32, minor: u32| {
            Out::default().u32(major).u32(minor).u32(131_072).u32(u32::MAX).zeroes(48).into_vec()
        };
        let answer = init(Fields::new(&ask(7, 38)), None).unwrap();
        assert_eq!(answer.len(), 64);
        let mut f = Fields::new(&answer);
        assert_eq!([f.u32(), f.u32(), f.u32(), f.u32()], [Ok(7), Ok(31), Ok(131_072), Ok(ability::WANTED)]);
        assert_eq!(init(Fields::new(&ask(7, 22)), None), Err(libc::EPROTO));
        assert_eq!(init(Fields::new(&ask(6, 99)), None), Err(libc::EPROTO));
        assert_eq!(init(Fields::new(&ask(8, 0)), None).unwrap().len(), 64);
        assert_eq!(init(Fields::new(b"\x07"), None), Err(libc::EINVAL));
    }
}
