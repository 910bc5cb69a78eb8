//! For which processor a file of the guest is: programs, libraries, kernel modules, initrds, packed or
//! not.
//!
//! In: a guest file. Out: the API's name of the architecture. What is packed is streamed through its own
//! tool and read no further than needed.

use super::{elf, guest};
use crate::ctx::Ctx;
use crate::error::{Context, Error, Result};
use crate::files::open_file;
use crate::initrd::{cpio, packed::unpacker};
use crate::newc::{is_cpio, Member};
use crate::path::GuestPath;
use crate::run::{Running, Tool};
use bstr::BString;
use rustix::fs::{FileType, OFlags};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// What is read at the start; headers of Windows programs are some hundred bytes in.
const HEAD: u64 = 4096;
/// An initrd is smaller, unpacked too; something that unpacks to more means harm.
const UNPACKED_MAX: u64 = 2 << 30;
/// Archives in one initrd: processor microcode, then the programs, then what a boot loader added.
const ARCHIVES_MAX: usize = 8;
/// What an initrd has between its archives.
const PADDING_MAX: u64 = 1 << 20;

/// What is looked at of a program in an initrd.
const PROGRAM_HEAD: u64 = 64;

/// Programs that every system has, in `/bin` and, for a file system that belongs on `/usr`, there too.
const PROGRAMS: &[&str] = &["/bin/bash", "/bin/ls", "/bin/echo", "/bin/rm", "/bin/sh"];

/// The architecture of a program, library, kernel module or initrd.
pub fn file_architecture(ctx: &mut Ctx, filename: &GuestPath) -> Result<BString> {
    let mut file = open_file(ctx, filename, OFlags::RDONLY)?;
    let found = of_file(ctx, &mut file).context(filename)?;
    found.map(BString::from).ok_or_else(|| Error::invalid("unknown architecture").context(filename))
}

/// The architecture of the mounted guest, or of what is on its `/usr`, as its programs tell it.
pub fn of_guest(ctx: &Ctx) -> Option<&'static str> {
    PROGRAMS.iter().find_map(|name| {
        let file = open_file(ctx, &guest::path(ctx, name)?, OFlags::RDONLY).ok()?;
        elf::architecture(&head(file).ok()?)
    })
}

fn head(input: impl Read) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    input.take(HEAD).read_to_end(&mut head)?;
    Ok(head)
}

fn of_file(ctx: &Ctx, file: &mut File) -> Result<Option<&'static str>> {
    let mut at = 0;
    for _ in 0..ARCHIVES_MAX {
        file.seek(SeekFrom::Start(at))?;
        let head = head(&mut *file)?;
        if !is_cpio(&head) {
            file.seek(SeekFrom::Start(at))?;
            return match unpacker(&head) {
                Some(tool) => of_packed(ctx, tool.stdin_from(file.try_clone()?)),
                None if at > 0 => Ok(None),
                None => Ok(elf::architecture(&head)),
            };
        }
        file.seek(SeekFrom::Start(at))?;
        let mut counted = Counted { inner: std::io::BufReader::new(&mut *file).take(UNPACKED_MAX), count: at };
        match cpio::walk(&mut counted, &mut of_program)? {
            cpio::Walk::Found(architecture) => return Ok(Some(architecture)),
            cpio::Walk::End => match after_padding(&mut counted)? {
                Some(next) => at = next,
                None => return Ok(None),
            },
        }
    }
    Ok(None)
}

fn of_packed(ctx: &Ctx, tool: Tool) -> Result<Option<&'static str>> {
    let mut running = tool.spawn_piped(ctx, false, true)?;
    let Some(stdout) = running.stdout.take() else { return Ok(None) };
    let mut unpacked = std::io::BufReader::new(stdout).take(UNPACKED_MAX);
    let head = head(&mut unpacked)?;
    if head.is_empty() {
        // Nothing came: the tool knows why.
        running.finish()?;
        return Ok(None);
    }
    let found = if is_cpio(&head) { in_archives(&mut head.chain(unpacked)) } else { Ok(elf::architecture(&head)) };
    Running::abort(running);
    found
}

/// Look through archives that follow each other in one stream.
fn in_archives(input: &mut impl Read) -> Result<Option<&'static str>> {
    match cpio::walk(input, &mut of_program)? {
        cpio::Walk::Found(architecture) => Ok(Some(architecture)),
        cpio::Walk::End => Ok(None),
    }
}

/// The architecture of a member of an initrd that tells it. Firmware may be ELF too, for processors of its
/// own: only programs and modules tell.
fn of_program(member: &Member, name: &[u8], data: &mut dyn Read) -> std::io::Result<Option<&'static str>> {
    let mut parts = name.split(|b| *b == b'/').rev();
    let file = parts.next().unwrap_or_default();
    let is_program = parts.next().is_some_and(|dir| dir == b"bin" || dir == b"sbin")
        || file.ends_with(b".ko")
        || file.starts_with(b"libc.so");
    if !is_program || FileType::from_raw_mode(member.mode) != FileType::RegularFile {
        return Ok(None);
    }
    let mut head = Vec::new();
    data.take(PROGRAM_HEAD).read_to_end(&mut head)?;
    Ok(elf::architecture(&head))
}

/// Where the next archive begins behind the zeroes at the end of one.
fn after_padding<R: Read>(input: &mut Counted<R>) -> std::io::Result<Option<u64>> {
    let mut byte = [0];
    for _ in 0..PADDING_MAX {
        if input.read(&mut byte)? == 0 {
            return Ok(None);
        }
        if byte != [0] {
            return Ok(Some(input.count.saturating_sub(1)));
        }
    }
    Ok(None)
}

/// Knows how far it has read.
struct Counted<R> {
    inner: R,
    count: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(out)?;
        self.count = self.count.saturating_add(n as u64);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Guest;
    use std::io::Write;
    use std::process::{Command, Stdio};

    fn program(machine: u8) -> Vec<u8> {
        let mut head = vec![0; 64];
        head[..6].copy_from_slice(b"\x7fELF\x02\x01");
        head[18] = machine;
        head
    }

    fn packed(tool: &str, content: &[u8]) -> Vec<u8> {
        let mut child = Command::new(tool).arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(content).unwrap();
        drop(stdin);
        child.wait_with_output().unwrap().stdout
    }

    #[test]
    fn files() {
        let mut g = Guest::new();
        let initrd = [
            cpio::entry("lib/firmware/dsp.elf", 0o100_644, &program(62)),
            cpio::entry("bin/sh", 0o100_755, &program(183)),
            cpio::entry("TRAILER!!!", 0, b""),
        ];
        let initrd = initrd.concat();
        let microcode =
            [cpio::entry("kernel/x86/microcode/x.bin", 0o100_644, b"code"), cpio::entry("TRAILER!!!", 0, b"")];
        let mut early = microcode.concat();
        early.resize(early.len().next_multiple_of(512), 0);
        let cases = [
            ("/plain", program(62), Some("x86_64")),
            ("/gzip", packed("gzip", &program(62)), Some("x86_64")),
            ("/xz", packed("xz", &program(40)), Some("arm")),
            ("/initrd", initrd.clone(), Some("aarch64")),
            ("/initrd.gz", packed("gzip", &initrd), Some("aarch64")),
            ("/initrd.early", [&early[..], &initrd].concat(), Some("aarch64")),
            ("/initrd.early.gz", [early.clone(), packed("gzip", &initrd)].concat(), Some("aarch64")),
            ("/only-microcode", early.clone(), None),
            ("/microcode-and-elf", [early, program(62)].concat(), None),
            ("/text", b"hello".to_vec(), None),
            ("/empty", Vec::new(), None),
            ("/broken.gz", b"\x1f\x8b\x08nonsense".to_vec(), None),
            ("/broken.cpio", initrd[..100].to_vec(), None),
        ];
        for (path, content, want) in cases {
            g.write(path, content);
            let path = g.path(path);
            assert_eq!(file_architecture(&mut g.ctx, &path).ok(), want.map(BString::from), "{path}");
        }
        let dir = g.path("/");
        assert!(file_architecture(&mut g.ctx, &dir).is_err());
    }
}
