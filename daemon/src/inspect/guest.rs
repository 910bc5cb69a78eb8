//! Looking at the files of a guest whose file system is mounted.
//!
//! In: fixed paths, symlinks resolved inside the guest. Out: what is there. What is missing, of another
//! type, unreadable or far larger than such a file ever is counts as not there: a guest that is damaged
//! in one place can be recognised by another.

use crate::ctx::Ctx;
use crate::files::open_file;
use crate::path::GuestPath;
use bstr::{BStr, BString, ByteSlice};
use rustix::fs::{FileType, OFlags};
use std::io::Read;

/// Configuration files are smaller than this by far.
const TEXT_MAX: u64 = 1 << 20;
/// Longest text that is taken from a line of such a file.
const VALUE_MAX: usize = 1000;

/// The guest path of `path`.
pub fn path(ctx: &Ctx, path: &str) -> Option<GuestPath> {
    GuestPath::parse(ctx, path.into()).ok()
}

fn is(ctx: &Ctx, name: &str, kind: FileType) -> bool {
    path(ctx, name).and_then(|p| p.stat(ctx).ok()).is_some_and(|st| FileType::from_raw_mode(st.st_mode) == kind)
}

/// Is there a regular file, perhaps through symlinks?
pub fn is_file(ctx: &Ctx, name: &str) -> bool {
    is(ctx, name, FileType::RegularFile)
}

/// Is there a directory, perhaps through symlinks?
pub fn is_dir(ctx: &Ctx, name: &str) -> bool {
    is(ctx, name, FileType::Directory)
}

/// Is there anything, be it a dangling symlink?
pub fn exists(ctx: &Ctx, name: &str) -> bool {
    path(ctx, name).is_some_and(|p| p.lstat(ctx).is_ok())
}

/// Is it a symlink that says `target`, which may not be there?
pub fn is_link_to(ctx: &mut Ctx, name: &str, target: &str) -> bool {
    path(ctx, name).and_then(|p| crate::files::readlink(ctx, &p).ok()).is_some_and(|said| said == target)
}

/// The contents of a configuration file.
pub fn text(ctx: &Ctx, name: &str) -> Option<Vec<u8>> {
    let file = open_file(ctx, &path(ctx, name)?, OFlags::RDONLY).ok()?;
    let mut bytes = Vec::new();
    file.take(TEXT_MAX + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= TEXT_MAX).then_some(bytes)
}

/// The first bytes of a file, as many as tell what a program is for.
pub fn head(ctx: &Ctx, path: &GuestPath) -> Option<Vec<u8>> {
    const HEAD: u64 = 4096;
    let mut head = Vec::new();
    open_file(ctx, path, OFlags::RDONLY).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
    Some(head)
}

/// A value as it may be shown: trimmed, not empty, of sensible length, without control characters.
pub fn shown(value: &[u8]) -> Option<BString> {
    let value = value.trim();
    let sound = !value.is_empty() && value.len() <= VALUE_MAX && !value.iter().any(|b| *b < b' ' || *b == 0x7f);
    sound.then(|| value.into())
}

/// The value of the first line `KEY=value` of a file in the manner of a shell's assignments.
pub fn assigned(text: &[u8], key: &str) -> Option<BString> {
    let value = text.lines().find_map(|line| line.trim_start().strip_prefix(key.as_bytes())?.strip_prefix(b"="))?;
    shown(unquoted(value.trim()))
}

/// Without the quotes around it.
pub fn unquoted(value: &[u8]) -> &BStr {
    match value {
        [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] => inner.into(),
        plain => plain.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Guest;

    #[test]
    fn assignments() {
        let text = b"# X=0\n ID=debian\nNAME=\"A  B\"\nEMPTY=\nQ='x'\nBAD=a\x01b\nODD=\"\n";
        for (key, want) in [
            ("ID", Some("debian")),
            ("NAME", Some("A  B")),
            ("Q", Some("x")),
            ("EMPTY", None),
            ("BAD", None),
            ("NAM", None),
            ("ODD", Some("\"")),
        ] {
            assert_eq!(assigned(text, key), want.map(BString::from), "{key}");
        }
    }

    #[test]
    fn only_files_of_the_guest() {
        let mut g = Guest::new();
        g.write("/etc/a", "text");
        g.link("/etc/a", "/abs");
        g.link("../../../../secret", "/out");
        g.link("loop", "/loop");
        g.link("usr/bin", "/bin");
        std::fs::write(g.host("/big"), vec![b'x'; (TEXT_MAX + 1) as usize]).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, g.host("/fifo"), FileType::Fifo, 0o644.into(), 0).unwrap();
        assert_eq!(text(&g.ctx, "/abs").unwrap(), b"text");
        for bad in ["/out", "/loop", "/etc", "/big", "/fifo", "/missing"] {
            assert_eq!(text(&g.ctx, bad), None, "{bad}");
        }
        assert!(is_file(&g.ctx, "/abs") && is_dir(&g.ctx, "/etc") && !is_dir(&g.ctx, "/bin"));
        assert!(exists(&g.ctx, "/bin") && is_link_to(&mut g.ctx, "/bin", "usr/bin"));
        assert!(!is_link_to(&mut g.ctx, "/etc", "usr/bin"));
    }
}
