//! Direct I/O: large amounts pass through our buffer only, not also through the page cache.
//!
//! In: open files and devices. Out: buffers that the kernel accepts for it, and reads and writes that
//! use it where it is possible. Reading is three times, writing five times as fast as through the
//! cache under TCG (boot-lab.md, section 4), and the machine's memory does not fill up with pages that
//! nobody wants again. What does not do it (a file system, the last bytes of a file) is used the
//! ordinary way.

use std::fs::File;
use std::os::fd::AsFd;

use rustix::fs::OFlags;
use rustix::pipe::{splice, SpliceFlags};

use crate::ctx::Ctx;
use crate::device::Device;
use crate::error::{Errno, Result};

/// Offsets, lengths and addresses are multiples of this: no disk has larger sectors.
pub const ALIGN: u64 = 4096;

/// A device opened for direct I/O, when it does that.
pub fn open(ctx: &Ctx, device: &Device, flags: OFlags) -> Option<File> {
    device.open(ctx, flags | OFlags::DIRECT).ok()
}

/// Memory for one transfer.
pub struct Buffer {
    memory: Vec<u8>,
    /// Where the aligned data begins.
    start: usize,
}

impl Buffer {
    /// `size` bytes.
    pub fn new(size: usize) -> Buffer {
        let align = ALIGN as usize;
        let memory = vec![0; size.next_multiple_of(align).saturating_add(align)];
        let start = memory.as_ptr().align_offset(align);
        Buffer { memory, start }
    }

    /// The first `len` bytes (less when there are not so many), at an aligned address.
    pub fn get(&mut self, len: usize) -> &mut [u8] {
        let end = self.start.saturating_add(len).min(self.memory.len());
        self.memory.get_mut(self.start..end).unwrap_or_default()
    }
}

/// An open file that is read or written directly wherever place, length and file system allow it.
/// Its flags are its own again when this is dropped.
pub struct Direct<'f> {
    file: &'f File,
    on: bool,
    possible: bool,
}

impl<'f> Direct<'f> {
    /// For a file opened without `O_DIRECT`.
    pub fn new(file: &'f File) -> Self {
        Direct { file, on: false, possible: true }
    }

    /// Set or clear the flag; whether it is now as wanted.
    fn switch(&mut self, on: bool) -> bool {
        if self.on == on {
            return true;
        }
        if on && !self.possible {
            return false;
        }
        let set = rustix::fs::fcntl_getfl(self.file).and_then(|mut flags| {
            flags.set(OFlags::DIRECT, on);
            rustix::fs::fcntl_setfl(self.file, flags)
        });
        match set {
            Ok(()) => self.on = on,
            Err(_) => self.possible = false,
        }
        set.is_ok()
    }

    /// Go on without; whether that is possible.
    fn give_up(&mut self) -> bool {
        self.possible = false;
        self.switch(false)
    }

    /// How many of `len` bytes at `at` can go directly from or to a buffer's start.
    fn whole(at: u64, len: usize) -> usize {
        let page = ALIGN as usize;
        if at % ALIGN == 0 {
            len - len % page
        } else {
            0
        }
    }

    /// Read some bytes, 0 at the end of the file.
    pub fn read_at(&mut self, buf: &mut [u8], at: u64) -> Result<usize> {
        loop {
            let direct = buf.len() == Self::whole(at, buf.len()) && self.switch(true);
            if !direct {
                self.switch(false);
            }
            match rustix::io::pread(self.file, &mut *buf, at) {
                Ok(n) => return Ok(n),
                Err(Errno::INTR) => {}
                Err(Errno::INVAL) if direct && self.give_up() => {}
                Err(e) => return Err(e.into()),
            }
        }
    }

    /// Move up to `len` bytes into an empty pipe that has room for them, 0 at the end of the file.
    pub fn splice_at(&mut self, pipe: impl AsFd, len: usize, at: u64) -> Result<usize> {
        loop {
            let direct = len == Self::whole(at, len) && self.switch(true);
            if !direct {
                self.switch(false);
            }
            let mut from = at;
            match splice(self.file, Some(&mut from), &pipe, None, len, SpliceFlags::empty()) {
                Ok(n) => return Ok(n),
                Err(Errno::INTR) => {}
                Err(Errno::INVAL) if direct && self.give_up() => {}
                Err(e) => return Err(e.into()),
            }
        }
    }

    /// Write all of `data`.
    pub fn write_all_at(&mut self, mut data: &[u8], mut at: u64) -> Result<()> {
        while !data.is_empty() {
            let whole = Self::whole(at, data.len());
            let direct = whole > 0 && self.switch(true);
            let (now, _) = data.split_at(if direct {
                whole
            } else {
                self.switch(false);
                data.len()
            });
            match rustix::io::pwrite(self.file, now, at) {
                Ok(0) => return Err(Errno::NOSPC.into()),
                Ok(n) => {
                    data = data.get(n..).unwrap_or_default();
                    at = at.saturating_add(n as u64);
                }
                Err(Errno::INTR) => {}
                // This file system wants more than we know of, or nothing of the kind.
                Err(Errno::INVAL) if direct && self.give_up() => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }
}

impl Drop for Direct<'_> {
    fn drop(&mut self) {
        self.switch(false);
    }
}
