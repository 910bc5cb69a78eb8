//! Answers to requests about names and attributes.
//!
//! In: one request. Out: calls of the handle, what the caches say now, the answer.

use super::cache::Cache;
use super::dirs::Listing;
use super::nodes::{Nodes, Place, ROOT};
use super::options::Settings;
use super::serve::Answer;
use super::wire::{self, op, set, Attr, Errno, Fields, Out, Request};
use crate::error::ErrorKind;
use crate::handle::Handle;
use bstr::BString;
use guestfs_protocol::structs::Statns;
use std::collections::HashMap;

const S_IFMT: u32 = libc::S_IFMT;

/// What the mount is made of.
pub(super) struct Export<'s> {
    pub g: &'s Handle,
    pub settings: &'s Settings,
    pub nodes: Nodes,
    pub cache: Cache,
    /// Open directories.
    pub listings: HashMap<u64, Listing>,
    pub last_listing: u64,
    /// How many names were made up for removed files that are open.
    pub hidden: u32,
}

/// Bytes of an answer, or an errno.
pub(super) type Reply = Result<Vec<u8>, Errno>;

/// The errno of a failed call.
pub(super) fn ask<T>(result: crate::error::Result<T>) -> Result<T, Errno> {
    result.map_err(|e| match (e.kind(), e.errno()) {
        (ErrorKind::Daemon | ErrorKind::Usage | ErrorKind::Cancelled | ErrorKind::NotSupported, errno) if errno > 0 => {
            errno
        }
        _ => libc::EIO,
    })
}

impl<'s> Export<'s> {
    pub fn new(g: &'s Handle, settings: &'s Settings) -> Export<'s> {
        Export {
            g,
            settings,
            nodes: Nodes::new(),
            cache: Cache::new(settings.cache),
            listings: HashMap::new(),
            last_listing: 0,
            hidden: 0,
        }
    }

    /// Answer one request.
    pub fn answer(&mut self, r: &Request<'_>) -> Answer {
        if self.settings.debug {
            self.g.note(format!("mount_local: request {} on {:?}", r.opcode, self.nodes.path(r.node)).as_bytes());
        }
        let reply = match r.opcode {
            op::FORGET | op::BATCH_FORGET => {
                // There is nobody to tell about a mistake.
                let _ = self.forget(r);
                return None;
            }
            op::INTERRUPT => return None,
            _ if self.settings.readonly && changes(r) => Err(libc::EROFS),
            _ => self.reply(r),
        };
        if self.settings.debug {
            self.g.note(format!("mount_local: = {:?}", reply.as_ref().map(Vec::len)).as_bytes());
        }
        Some(reply)
    }

    fn reply(&mut self, r: &Request<'_>) -> Reply {
        let mut body = r.body;
        match r.opcode {
            op::INIT => wire::init(body, self.settings.max_readahead),
            op::DESTROY => Ok(Vec::new()),
            op::LOOKUP => {
                let place = (r.node, body.name()?.into());
                self.look_up(place)
            }
            op::GETATTR => self.getattr(r.node),
            op::SETATTR => self.setattr(r.node, body),
            op::READLINK => self.readlink(r.node),
            op::SYMLINK => self.symlink(r.node, body),
            op::MKNOD => self.mknod(r.node, body),
            op::MKDIR => self.mkdir(r.node, body),
            op::UNLINK => self.unlink((r.node, body.name()?.into())),
            op::RMDIR => self.rmdir((r.node, body.name()?.into())),
            op::RENAME => {
                let to = body.u64()?;
                self.rename(r.node, to, 0, body)
            }
            op::RENAME2 => {
                let (to, flags, _) = (body.u64()?, body.u32()?, body.u32()?);
                self.rename(r.node, to, flags, body)
            }
            op::LINK => self.link(r.node, body),
            op::CREATE => self.create(r.node, body),
            op::OPEN => self.open(r.node),
            op::READ => self.read(r.node, body),
            op::WRITE => self.write(r.node, body),
            op::RELEASE => self.release(r.node),
            op::FSYNC | op::FSYNCDIR => ask(self.g.sync()).map(|()| Vec::new()),
            op::STATFS => self.statfs(r.node),
            op::SETXATTR => self.setxattr(r.node, body),
            op::GETXATTR => self.getxattr(r.node, body),
            op::LISTXATTR => self.listxattr(r.node, body),
            op::REMOVEXATTR => self.removexattr(r.node, body),
            op::ACCESS => self.access(r, body.u32()?),
            op::OPENDIR => Ok(self.opendir()),
            op::READDIR => self.readdir(r.node, body, false),
            op::READDIRPLUS => self.readdir(r.node, body, true),
            op::RELEASEDIR => self.releasedir(body.u64()?),
            _ => Err(libc::ENOSYS),
        }
    }

    fn forget(&mut self, r: &Request<'_>) -> Result<(), Errno> {
        let mut body = r.body;
        if r.opcode == op::FORGET {
            self.nodes.forget(r.node, body.u64()?);
            return Ok(());
        }
        let (count, _) = (body.u32()?, body.u32()?);
        for _ in 0..count {
            let (node, lookups) = (body.u64()?, body.u64()?);
            self.nodes.forget(node, lookups);
        }
        Ok(())
    }

    pub fn place(&self, node: u64) -> Result<Place, Errno> {
        self.nodes.place(node).ok_or(libc::ESTALE)
    }

    pub fn path(&self, node: u64) -> Result<BString, Errno> {
        self.nodes.path(node).ok_or(libc::ESTALE)
    }

    pub fn path_of(&self, place: &Place) -> Result<BString, Errno> {
        self.nodes.path_of(place).ok_or(libc::ESTALE)
    }

    /// Something was made, removed or replaced there.
    pub fn replaced(&mut self, place: &Place) {
        let directory = self.nodes.place(place.0);
        self.cache.replaced(place, directory.as_ref());
    }

    /// Attributes, from the cache or the guest.
    pub fn stat(&mut self, place: &Place) -> Result<Statns, Errno> {
        if let Some(stat) = self.cache.stat(place) {
            return Ok(stat);
        }
        let stat = ask(self.g.lstatns(self.path_of(place)?))?;
        self.cache.put_stat(place.clone(), &stat);
        Ok(stat)
    }

    /// Attributes as the kernel gets them.
    pub fn attr(&self, node: u64, s: &Statns) -> Attr {
        // What the guest says may be nonsense; the kernel is told something that has the right shape.
        let unsigned = |n: i64| u64::try_from(n).unwrap_or(0);
        let id = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
        let time = |seconds: i64, ns: i64| {
            // Times before 1970 are two's complement on the wire.
            (seconds as u64, u32::try_from(ns).ok().filter(|n| *n < 1_000_000_000).unwrap_or(0))
        };
        let mode = s.st_mode as u32;
        Attr {
            ino: if self.settings.use_ino { unsigned(s.st_ino) } else { node },
            size: unsigned(s.st_size),
            blocks: unsigned(s.st_blocks),
            times: [
                time(s.st_atime_sec, s.st_atime_nsec),
                time(s.st_mtime_sec, s.st_mtime_nsec),
                time(s.st_ctime_sec, s.st_ctime_nsec),
            ],
            mode: match self.settings.umask {
                Some(umask) => (mode & S_IFMT) | (0o777 & !umask),
                None => mode,
            },
            nlink: id(s.st_nlink),
            uid: self.settings.uid.unwrap_or(id(s.st_uid)),
            gid: self.settings.gid.unwrap_or(id(s.st_gid)),
            // The low half of the C library's dev_t is the kernel's.
            rdev: s.st_rdev as u32,
            blksize: u32::try_from(s.st_blksize).unwrap_or(4096),
        }
    }

    fn look_up(&mut self, place: Place) -> Reply {
        match self.stat(&place) {
            Ok(stat) => Ok(self.entry(Out::default(), &place, &stat).into_vec()),
            Err(libc::ENOENT) if !self.settings.negative_timeout.is_zero() => {
                let nothing =
                    Out::default().entry(0, &Attr::default(), self.settings.negative_timeout, Default::default());
                Ok(nothing.into_vec())
            }
            Err(errno) => Err(errno),
        }
    }

    /// A name's entry; the kernel knows its number once more.
    pub fn entry(&mut self, out: Out, place: &Place, stat: &Statns) -> Out {
        let node = self.nodes.look_up(place);
        let attr = self.attr(node, stat);
        out.entry(node, &attr, self.settings.entry_timeout, self.settings.attr_timeout)
    }

    fn getattr(&mut self, node: u64) -> Reply {
        let stat = self.stat(&self.place(node)?)?;
        let valid = self.settings.attr_timeout;
        let out = Out::default().u64(valid.as_secs()).u32(valid.subsec_nanos()).u32(0);
        Ok(out.attr(&self.attr(node, &stat)).into_vec())
    }

    fn setattr(&mut self, node: u64, mut body: Fields<'_>) -> Reply {
        let (valid, _) = (body.u32()?, body.u32()?);
        body.skip(8)?;
        let size = body.u64()?;
        body.skip(8)?;
        let seconds = [body.u64()?, body.u64()?];
        body.skip(8)?;
        let nanoseconds = [body.u32()?, body.u32()?];
        body.skip(4)?;
        let (mode, _, uid, gid) = (body.u32()?, body.u32()?, body.u32()?, body.u32()?);
        let has = |bit: u32| valid & bit != 0;
        let place = self.place(node)?;
        let path = self.path_of(&place)?;
        self.cache.changed(&place);
        if has(set::UID | set::GID) {
            // Both are numbers of 32 bits; all ones leaves one as it is.
            let id = |bit, n: u32| if has(bit) { n as i32 } else { -1 };
            ask(self.g.lchown(id(set::UID, uid), id(set::GID, gid), &path))?;
        }
        if has(set::MODE) {
            ask(self.g.chmod(permissions(mode), &path))?;
        }
        if has(set::SIZE) {
            ask(self.g.truncate_size(&path, i64::try_from(size).map_err(|_| libc::EFBIG)?))?;
        }
        if has(set::ATIME | set::MTIME) {
            let time = |bit, now, seconds: u64, nanoseconds: u32| match (has(bit), has(now)) {
                // The call's words for "leave it" and "now".
                (false, _) => (0, -2),
                (true, true) => (0, -1),
                (true, false) => (seconds as i64, i64::from(nanoseconds)),
            };
            let [access, modification] = seconds;
            let [access_ns, modification_ns] = nanoseconds;
            let (access, access_ns) = time(set::ATIME, set::ATIME_NOW, access, access_ns);
            let (modification, modification_ns) = time(set::MTIME, set::MTIME_NOW, modification, modification_ns);
            ask(self.g.utimens(&path, access, access_ns, modification, modification_ns))?;
        }
        self.getattr(node)
    }

    fn readlink(&mut self, node: u64) -> Reply {
        let place = self.place(node)?;
        if let Some(target) = self.cache.link(&place) {
            return Ok(target.into());
        }
        let target = ask(self.g.readlink(self.path_of(&place)?))?;
        self.cache.put_link(place, target.clone());
        Ok(target.into())
    }

    /// A new name, and what is behind it.
    pub fn made(&mut self, place: &Place) -> Reply {
        self.replaced(place);
        let stat = self.stat(place)?;
        Ok(self.entry(Out::default(), place, &stat).into_vec())
    }

    fn symlink(&mut self, dir: u64, mut body: Fields<'_>) -> Reply {
        let place = (dir, body.name()?.into());
        let target = body.text()?;
        ask(self.g.ln_s(target, self.path_of(&place)?))?;
        self.made(&place)
    }

    /// Undo what the appliance's umask, which must not count here, took from the mode of something new: the
    /// kernel has used the caller's. What else was decided in the guest stays, as a directory's group.
    fn exact_mode(&mut self, mode: u32, place: &Place) -> Result<(), Errno> {
        self.replaced(place);
        let given = self.stat(place)?.st_mode as u32;
        let lacking = mode & !given & 0o777;
        if lacking == 0 {
            return Ok(());
        }
        // Asked for now, since the program may change it at any time.
        let umask = ask(self.g.get_umask())? as u32;
        match lacking & umask {
            0 => Ok(()),
            taken => {
                self.cache.changed(place);
                ask(self.g.chmod(permissions(given | taken), self.path_of(place)?))
            }
        }
    }

    /// Make something that is neither directory nor link.
    pub fn make(&mut self, place: &Place, mode: u32, rdev: u32) -> Result<(), Errno> {
        let path = self.path_of(place)?;
        let major = (rdev >> 8) & 0xfff;
        let minor = (rdev & 0xff) | ((rdev >> 12) & 0xf_ff00);
        ask(self.g.mknod(mode as i32, major as i32, minor as i32, &path))?;
        self.exact_mode(mode, place)
    }

    fn mknod(&mut self, dir: u64, mut body: Fields<'_>) -> Reply {
        let (mode, rdev, _, _) = (body.u32()?, body.u32()?, body.u32()?, body.u32()?);
        let place = (dir, body.name()?.into());
        self.make(&place, mode, rdev)?;
        self.made(&place)
    }

    fn mkdir(&mut self, dir: u64, mut body: Fields<'_>) -> Reply {
        let (mode, _) = (body.u32()?, body.u32()?);
        let place = (dir, body.name()?.into());
        let path = self.path_of(&place)?;
        ask(self.g.mkdir_mode(&path, permissions(mode)))?;
        self.exact_mode(mode, &place)?;
        self.made(&place)
    }

    fn unlink(&mut self, place: Place) -> Reply {
        if self.hide(&place)?.is_none() {
            ask(self.g.rm(self.path_of(&place)?))?;
            self.nodes.removed(&place);
        }
        self.replaced(&place);
        Ok(Vec::new())
    }

    fn rmdir(&mut self, place: Place) -> Reply {
        ask(self.g.rmdir(self.path_of(&place)?))?;
        self.nodes.removed(&place);
        self.replaced(&place);
        Ok(Vec::new())
    }

    fn rename(&mut self, from: u64, to: u64, flags: u32, mut body: Fields<'_>) -> Reply {
        let from: Place = (from, body.name()?.into());
        let to: Place = (to, body.name()?.into());
        let (old, new) = (self.path_of(&from)?, self.path_of(&to)?);
        match flags {
            0 => {}
            libc::RENAME_NOREPLACE if ask(self.g.exists(&new))? => return Err(libc::EEXIST),
            libc::RENAME_NOREPLACE => {}
            _ => return Err(libc::EINVAL),
        }
        let hidden = self.hide(&to)?;
        if let Err(errno) = ask(self.g.rename(&old, &new)) {
            // What is there stays there: as a hidden file it would go with its last close.
            if let Some(hidden) = hidden {
                self.show(&hidden, &to);
            }
            return Err(errno);
        }
        self.nodes.moved(&from, &to);
        self.replaced(&from);
        self.replaced(&to);
        Ok(Vec::new())
    }

    fn link(&mut self, dir: u64, mut body: Fields<'_>) -> Reply {
        let source = self.place(body.u64()?)?;
        let place = (dir, body.name()?.into());
        ask(self.g.ln(self.path_of(&source)?, self.path_of(&place)?))?;
        self.cache.changed(&source);
        self.made(&place)
    }

    fn statfs(&mut self, node: u64) -> Reply {
        let path = self.path(node).or_else(|_| self.path(ROOT))?;
        let s = ask(self.g.statvfs(path))?;
        let large = |n: i64| u64::try_from(n).unwrap_or(0);
        let small = |n: i64| u32::try_from(n).unwrap_or(0);
        let out = Out::default().u64(large(s.blocks)).u64(large(s.bfree)).u64(large(s.bavail));
        let out = out.u64(large(s.files)).u64(large(s.ffree));
        Ok(out.u32(small(s.bsize)).u32(small(s.namemax)).u32(small(s.frsize)).zeroes(28).into_vec())
    }

    /// access(2). Root may do everything; the kernel checks itself when `default_permissions` was given.
    fn access(&mut self, r: &Request<'_>, mask: u32) -> Reply {
        let place = self.place(r.node)?;
        let stat = self.stat(&place)?;
        let attr = self.attr(r.node, &stat);
        if self.settings.readonly && mask & 2 != 0 {
            return Err(libc::EROFS);
        }
        let shift = match () {
            _ if r.uid == 0 => return Ok(Vec::new()),
            _ if r.uid == attr.uid => 6,
            _ if r.gid == attr.gid => 3,
            _ => 0,
        };
        match mask & 7 & !(attr.mode >> shift) {
            0 => Ok(Vec::new()),
            _ => Err(libc::EACCES),
        }
    }
}

/// The permission bits of a mode, as calls take them.
fn permissions(mode: u32) -> i32 {
    (mode & 0o7777) as i32
}

/// Does a request change anything?
fn changes(r: &Request<'_>) -> bool {
    matches!(
        r.opcode,
        op::SETATTR
            | op::SYMLINK
            | op::MKNOD
            | op::MKDIR
            | op::UNLINK
            | op::RMDIR
            | op::RENAME
            | op::RENAME2
            | op::LINK
            | op::CREATE
            | op::WRITE
            | op::SETXATTR
            | op::REMOVEXATTR
    ) || r.opcode == op::OPEN && opens_for_writing(r.body)
}

fn opens_for_writing(mut body: Fields<'_>) -> bool {
    body.u32().is_ok_and(|flags| flags as i32 & libc::O_ACCMODE != libc::O_RDONLY)
}
