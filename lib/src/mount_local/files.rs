//! Answers to requests about contents.
//!
//! In: reads and writes at offsets. Out: `pread` and `pwrite` by path, since the daemon keeps no files
//! open; a file that is removed while it is open therefore stays under a name of ours until it is closed.

use super::export::{ask, Export, Reply};
use super::nodes::Place;
use super::wire::{self, Errno, Fields, Out, IO_MAX};
use bstr::BString;

/// How hidden files are called, as libfuse calls them.
const HIDDEN: &str = ".fuse_hidden";
/// How many names are tried.
const NAMES_MAX: u32 = 100;

impl Export<'_> {
    fn opened(&mut self, node: u64, out: Out) -> Vec<u8> {
        self.nodes.opened(node);
        let mut flags = 0;
        if self.settings.direct_io {
            flags |= wire::open::DIRECT_IO;
        }
        if self.settings.kernel_cache {
            flags |= wire::open::KEEP_CACHE;
        }
        // Files are known by their number, not by a handle.
        out.u64(0).u32(flags).u32(0).into_vec()
    }

    pub(super) fn open(&mut self, node: u64) -> Reply {
        self.path(node)?;
        Ok(self.opened(node, Out::default()))
    }

    pub(super) fn create(&mut self, dir: u64, mut body: Fields<'_>) -> Reply {
        let (flags, mode, _, _) = (body.u32()?, body.u32()?, body.u32()?, body.u32()?);
        let place: Place = (dir, body.name()?.into());
        match self.make(&place, libc::S_IFREG | (mode & 0o7777), 0) {
            // Another call made it after the kernel had looked.
            Err(libc::EEXIST) if flags as i32 & libc::O_EXCL == 0 => self.replaced(&place),
            made => made?,
        }
        let stat = self.stat(&place)?;
        let node = self.nodes.look_up(&place);
        let attr = self.attr(node, &stat);
        let out = Out::default().entry(node, &attr, self.settings.entry_timeout, self.settings.attr_timeout);
        Ok(self.opened(node, out))
    }

    pub(super) fn read(&mut self, node: u64, mut body: Fields<'_>) -> Reply {
        let (_, offset, size) = (body.u64()?, body.u64()?, body.u32()?);
        let offset = i64::try_from(offset).map_err(|_| libc::EINVAL)?;
        let size = i32::try_from(size.min(IO_MAX)).map_err(|_| libc::EINVAL)?;
        let data = ask(self.g.pread(self.path(node)?, size, offset))?;
        // More than was asked for would be a lie, and the kernel would refuse the answer.
        match usize::try_from(size) {
            Ok(size) if data.len() <= size => Ok(data),
            _ => Err(libc::EIO),
        }
    }

    pub(super) fn write(&mut self, node: u64, mut body: Fields<'_>) -> Reply {
        let (_, offset, size) = (body.u64()?, body.u64()?, body.u32()?);
        body.skip(20)?;
        let data = body.bytes(size)?;
        let place = self.place(node)?;
        let path = self.path_of(&place)?;
        self.cache.written(&place);
        let mut rest = data;
        while !rest.is_empty() {
            let done = data.len().saturating_sub(rest.len());
            let at = offset.checked_add(done as u64).and_then(|at| i64::try_from(at).ok()).ok_or(libc::EFBIG)?;
            let written = ask(self.g.pwrite(&path, rest, at)).and_then(|n| match usize::try_from(n) {
                Ok(n) if (1..=rest.len()).contains(&n) => Ok(n),
                _ => Err(libc::EIO),
            });
            match written {
                Ok(n) => rest = rest.get(n..).unwrap_or_default(),
                // What was written is written; the next attempt tells why no more.
                Err(_) if done > 0 => {
                    return Ok(Out::default().u32(u32::try_from(done).unwrap_or(0)).u32(0).into_vec())
                }
                Err(errno) => return Err(errno),
            }
        }
        Ok(Out::default().u32(size).u32(0).into_vec())
    }

    pub(super) fn release(&mut self, node: u64) -> Reply {
        let removed = match self.nodes.closed(node) {
            Some(place) => {
                let removed = self.path_of(&place).and_then(|path| ask(self.g.rm_f(path)));
                self.nodes.removed(&place);
                self.replaced(&place);
                removed
            }
            None => Ok(()),
        };
        // Not before: where it was is known by its directories, which may hang on nothing else any more.
        self.nodes.drop_unused(node);
        removed.map(|()| Vec::new())
    }

    /// If the file there is open, move it out of sight: it must stay until it is closed. Where to is told.
    pub(super) fn hide(&mut self, place: &Place) -> Result<Option<Place>, Errno> {
        let Some(node) = self.nodes.open_at(place).filter(|_| !self.settings.hard_remove) else { return Ok(None) };
        let old = self.path_of(place)?;
        for _ in 0..NAMES_MAX {
            self.hidden = self.hidden.wrapping_add(1);
            let hidden: Place = (place.0, BString::from(format!("{HIDDEN}{node:08x}{:08x}", self.hidden)));
            let new = self.path_of(&hidden)?;
            if ask(self.g.exists(&new))? {
                continue;
            }
            ask(self.g.rename(&old, &new))?;
            self.nodes.moved(place, &hidden);
            self.nodes.hide(node, true);
            self.replaced(place);
            self.replaced(&hidden);
            return Ok(Some(hidden));
        }
        Err(libc::EBUSY)
    }

    /// Take [`Export::hide`] back.
    pub(super) fn show(&mut self, hidden: &Place, place: &Place) {
        // Whatever happens, nobody has asked for its end: at worst it keeps our name.
        if let Some(node) = self.nodes.open_at(hidden) {
            self.nodes.hide(node, false);
        }
        let (Ok(from), Ok(to)) = (self.path_of(hidden), self.path_of(place)) else { return };
        if let Err(e) = self.g.rename(&from, &to) {
            let text: [&[u8]; 5] = [b"mount_local_run: ", &to, b" is left as ", &from, b": "];
            self.g.warn(&[&text.concat(), e.message() as &[u8]].concat());
            return;
        }
        self.nodes.moved(hidden, place);
        self.replaced(hidden);
        self.replaced(place);
    }

    /// Nothing is mounted any more: what is still hidden was open when a lazy unmount cut it off.
    pub(super) fn finish(&mut self) {
        for place in self.nodes.hidden() {
            if let Ok(path) = self.path_of(&place) {
                if let Err(e) = self.g.rm_f(&path) {
                    self.g.warn(&[b"mount_local_run: ", e.message() as &[u8]].concat());
                }
            }
        }
    }
}
