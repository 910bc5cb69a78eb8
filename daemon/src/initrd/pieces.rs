//! An initrd from end to end: archives that follow each other, each plain or packed in its own way.
//!
//! In: a file of the guest. Out: every member of every archive, in order. What is packed is streamed
//! through its own tool. No tool tells where the packed data ended that it was given, so when more
//! follows the next beginning is looked for, and the right one is that in front of which everything is
//! that came out.

use super::cpio::{self, Look, Walk};
use super::packed::{may_begin, unpacker};
use crate::channel::cancel;
use crate::ctx::Ctx;
use crate::error::{Context, Error, Result};
use crate::files::open_file;
use crate::newc::{is_cpio, Member, HEADER};
use crate::path::GuestPath;
use crate::run::{Running, Tool};
use bstr::ByteSlice;
use rustix::fs::OFlags;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;

/// An initrd is smaller, unpacked too; something that unpacks to more means harm.
const UNPACKED_MAX: u64 = 4 << 30;
/// Archives in one file: processor microcode, then the programs, then what a boot loader added.
const ARCHIVES_MAX: usize = 64;
/// Places that look like the beginning of something packed, and are tried.
const TRIES_MAX: usize = 64;
/// gzip(1), DIAGNOSTICS: there was a warning, which is that of bytes behind its data.
const GZIP_WARNING: i32 = 2;
/// Read at once, in bytes.
const BLOCK: usize = 256 * 1024;

/// Show every member of the initrd at `path` to `look`.
pub fn each(ctx: &Ctx, path: &GuestPath, look: &mut Look<'_, ()>) -> Result<()> {
    let file = open_file(ctx, path, OFlags::RDONLY)?;
    Reader { ctx, file, archives: 0, spent: 0 }.read(look).context(path)
}

struct Reader<'c> {
    ctx: &'c Ctx,
    file: File,
    /// Read to their ends.
    archives: usize,
    /// Bytes that were unpacked to find out where something ends.
    spent: u64,
}

impl Reader<'_> {
    fn read(&mut self, look: &mut Look<'_, ()>) -> Result<()> {
        let mut at = 0;
        loop {
            // Whatever lies between archives is zero.
            let (start, head) = self.from(at)?.content()?;
            at = at.saturating_add(start);
            if head.is_empty() && self.archives > 0 {
                return Ok(());
            }
            let next = if is_cpio(&head) {
                let mut input = self.from(at)?;
                self.archive(&mut input, look)?;
                Some(at.saturating_add(input.count))
            } else if let Some(tool) = unpacker(&head) {
                self.packed(at, tool, look)?
            } else if self.archives > 0 {
                // As a boot loader leaves it behind (#BOOTCONFIG): the kernel passes over it, too.
                None
            } else {
                return Err(Error::invalid(
                    "not an initrd: neither an archive in the new format of cpio nor packed in a known way",
                ));
            };
            match next {
                Some(next) => at = next,
                None => return Ok(()),
            }
        }
    }

    /// The file from this place on.
    fn from(&mut self, at: u64) -> Result<Counted<BufReader<File>>> {
        self.file.seek(SeekFrom::Start(at))?;
        Ok(Counted { inner: BufReader::with_capacity(BLOCK, self.file.try_clone()?), count: 0 })
    }

    fn archive(&mut self, input: &mut impl Read, look: &mut Look<'_, ()>) -> std::result::Result<(), Ending> {
        if self.archives == ARCHIVES_MAX {
            return Err(Error::invalid(format!("has more than {ARCHIVES_MAX} archives, which no initrd has")).into());
        }
        match cpio::walk(input, look)? {
            Walk::Found(()) | Walk::End => self.archives += 1,
        }
        Ok(())
    }

    /// Archives that are packed together, and where the next thing begins behind them.
    fn packed(&mut self, at: u64, tool: Tool, look: &mut Look<'_, ()>) -> Result<Option<u64>> {
        self.file.seek(SeekFrom::Start(at))?;
        let mut running = tool.stdin_from(self.file.try_clone()?).spawn_piped(self.ctx, false, true)?;
        let Some(stdout) = running.stdout.take() else { return Ok(None) };
        let before = self.archives;
        let mut unpacked = Counted { inner: BufReader::with_capacity(BLOCK, stdout), count: 0 };
        let read = self.unpacked(&mut unpacked, look);
        // Cut short: the tool knows why. Everything else is ours to say.
        if read.as_ref().is_err_and(|e| !matches!(e, Ending::CutShort)) {
            Running::abort(running);
            return read.map(|()| None).map_err(Error::from);
        }
        let output = running.finish_status()?;
        let said = output.stderr.trim();
        if read.is_err() || self.archives == before {
            return Err(if said.is_empty() { Ending::CutShort.into() } else { Error::invalid(said.to_vec()) });
        }
        // bzip2 is content with what follows, and only says so.
        if output.status == 0 && said.is_empty() {
            return Ok(None);
        }
        match self.behind(at, unpacked.count)? {
            // Nothing of ours follows, so it is about the data.
            None if output.status != 0 && output.status != GZIP_WARNING => Err(Error::invalid(said.to_vec())),
            next => Ok(next),
        }
    }

    fn unpacked(&mut self, input: &mut Counted<impl Read>, look: &mut Look<'_, ()>) -> std::result::Result<(), Ending> {
        let before = self.archives;
        loop {
            let (_, head) = input.content()?;
            if head.is_empty() {
                return Ok(());
            }
            if !is_cpio(&head) {
                if self.archives > before {
                    return Ok(input.drain()?);
                }
                return Err(Ending::Error(Error::invalid("not an initrd: what is packed is no archive of cpio")));
            }
            self.archive(&mut head.chain(&mut *input), look)?;
        }
    }

    /// Where something begins behind the packed data that lies at `at` and unpacks to `size` bytes.
    fn behind(&mut self, at: u64, size: u64) -> Result<Option<u64>> {
        let length = self.file.metadata()?.len();
        let mut block = vec![0; BLOCK];
        let mut tries = 0;
        let mut start = at.saturating_add(1);
        while start < length && tries < TRIES_MAX && self.spent < UNPACKED_MAX {
            cancel::point()?;
            let n = self.file.read_at(&mut block, start)?;
            let bytes = block.get(..n).unwrap_or_default();
            // The last ones are looked at again with what follows them.
            let looked = if start.saturating_add(n as u64) >= length { n } else { n.saturating_sub(HEADER) };
            if looked == 0 {
                break;
            }
            for i in 0..looked {
                let (head, place) = (bytes.get(i..).unwrap_or_default(), start.saturating_add(i as u64));
                if (may_begin(head) || begins_archive(head)) && tries < TRIES_MAX && self.spent < UNPACKED_MAX {
                    tries += 1;
                    if self.unpacks_to(at, place, size)? {
                        return Ok(Some(place));
                    }
                }
            }
            start = start.saturating_add(looked as u64);
        }
        Ok(None)
    }

    /// Whether the bytes from `at` to `end` unpack to `size` bytes.
    fn unpacks_to(&mut self, at: u64, end: u64, size: u64) -> Result<bool> {
        let mut head = [0; 16];
        let n = self.file.read_at(&mut head, at)?;
        let Some(tool) = head.get(..n).and_then(unpacker) else { return Ok(false) };
        self.file.seek(SeekFrom::Start(at))?;
        let length = end.saturating_sub(at).to_string();
        let cut = Tool::new("head").args(["-c", &length]).stdin_from(self.file.try_clone()?);
        let mut cut = cut.spawn_piped(self.ctx, false, true)?;
        let Some(piece) = cut.stdout.take() else { return Ok(false) };
        let mut running = tool.stdin_from(piece).spawn_piped(self.ctx, false, true)?;
        let Some(stdout) = running.stdout.take() else { return Ok(false) };
        let mut unpacked = Counted { inner: stdout, count: 0 };
        let mut block = vec![0; BLOCK];
        // More than it must be is as wrong as less.
        while unpacked.count <= size && unpacked.read(&mut block)? > 0 {
            cancel::point()?;
        }
        Running::abort(running);
        Running::abort(cut);
        self.spent = self.spent.saturating_add(unpacked.count);
        Ok(unpacked.count == size)
    }
}

/// Why an archive could not be read to its end.
enum Ending {
    CutShort,
    Error(Error),
}

impl From<io::Error> for Ending {
    fn from(e: io::Error) -> Ending {
        match e.kind() {
            ErrorKind::UnexpectedEof => Ending::CutShort,
            _ => Ending::Error(e.into()),
        }
    }
}

impl From<Error> for Ending {
    fn from(e: Error) -> Ending {
        Ending::Error(e)
    }
}

impl From<Ending> for Error {
    fn from(ending: Ending) -> Error {
        match ending {
            Ending::CutShort => Error::invalid("the archive ends too early"),
            Ending::Error(e) => e,
        }
    }
}

fn begins_archive(head: &[u8]) -> bool {
    head.first_chunk::<HEADER>().is_some_and(|header| Member::decode(header).is_ok())
}

/// Knows how far it has read, and reads no further than what makes sense.
struct Counted<R> {
    inner: R,
    count: u64,
}

impl<R: Read> Counted<R> {
    /// Pass over zeroes; how many they were, and the first bytes behind them, none at the end.
    fn content(&mut self) -> io::Result<(u64, Vec<u8>)> {
        let mut zeroes = 0u64;
        let mut byte = [0];
        loop {
            if zeroes % BLOCK as u64 == 0 {
                cancel::point().map_err(io::Error::from)?;
            }
            match self.read(&mut byte)? {
                0 => return Ok((zeroes, Vec::new())),
                _ if byte == [0] => zeroes = zeroes.saturating_add(1),
                _ => break,
            }
        }
        let mut head = byte.to_vec();
        self.take(15).read_to_end(&mut head)?;
        Ok((zeroes, head))
    }

    fn drain(&mut self) -> io::Result<()> {
        let mut block = vec![0; BLOCK];
        while self.read(&mut block)? > 0 {
            cancel::point().map_err(io::Error::from)?;
        }
        Ok(())
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.count >= UNPACKED_MAX {
            return Err(Error::invalid(format!("is longer than {} GiB, which no initrd is", UNPACKED_MAX >> 30)).into());
        }
        let n = io::Read::read(&mut self.inner, out)?;
        self.count = self.count.saturating_add(n as u64);
        Ok(n)
    }
}
