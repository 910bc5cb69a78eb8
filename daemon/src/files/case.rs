//! Paths written by a system that does not tell upper from lower case, found on one that does.

use bstr::{BStr, BString, ByteSlice};
use rustix::fs::{Dir, FileType, Mode, OFlags};

use crate::channel::cancel;
use crate::ctx::Ctx;
use crate::error::{Context, Errno, Error, Result};
use crate::path::GuestPath;

/// The path with each name as it is on disk. The last one may be missing: then it stays as it is
/// written. A name that is there exactly so wins over others that differ in case. A slash at the end says
/// that it is a directory, which must be there.
pub fn case_sensitive_path(ctx: &mut Ctx, path: &GuestPath) -> Result<BString> {
    let names: Vec<&[u8]> = path.as_bstr().split_str("/").filter(|name| !name.is_empty()).collect();
    if names.iter().any(|name| matches!(*name, b"." | b"..")) {
        return Err(Error::invalid("path contains . or .. elements").context(path));
    }
    let mut found = GuestPath::parse(ctx, "/".into())?;
    for (n, name) in names.iter().enumerate() {
        let here = on_disk(ctx, &found, name.as_bstr()).context(path)?;
        let last = n + 1 == names.len();
        match here {
            Some(real) => found = found.join(real.as_bstr()),
            None if last => found = found.join(name.as_bstr()),
            None => {
                return Err(
                    Error::new(Errno::NOENT, format!("no directory {} in {found}", name.as_bstr())).context(path)
                )
            }
        }
    }
    if path.as_bstr().ends_with(b"/") {
        found.open_dir(ctx)?;
    }
    Ok(found.as_bstr().to_owned())
}

/// The name in a directory that is the same but for case: of several the first in byte order.
fn on_disk(ctx: &Ctx, dir: &GuestPath, wanted: &BStr) -> Result<Option<BString>> {
    let fd = dir.open(ctx, OFlags::RDONLY, Mode::empty())?;
    if FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode) != FileType::Directory {
        return Err(Errno::NOTDIR.into());
    }
    let mut best: Option<BString> = None;
    for entry in Dir::read_from(&fd)? {
        cancel::point()?;
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == wanted {
            return Ok(Some(name.into()));
        }
        if same(name, wanted) && best.as_ref().is_none_or(|best| name < best.as_slice()) {
            best = Some(name.into());
        }
    }
    Ok(best)
}

/// Whether two names differ in case only.
fn same(a: &[u8], b: &[u8]) -> bool {
    match (a.to_str(), b.to_str()) {
        (Ok(a), Ok(b)) => a.chars().flat_map(char::to_lowercase).eq(b.chars().flat_map(char::to_lowercase)),
        _ => a.eq_ignore_ascii_case(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Guest;

    #[test]
    fn names_on_disk() {
        let mut g = Guest::new();
        g.write("/Windows/System32/NetKVM.sys", "");
        g.write("/Windows/Größe", "");
        g.write("/a/x", "");
        g.write("/A/y", "");
        g.link("Windows", "/Link");
        g.link("../../..", "/out");
        for (path, want) in [
            ("/windows/SYSTEM32/netkvm.SYS", Some("/Windows/System32/NetKVM.sys")),
            ("/windows//system32/", Some("/Windows/System32")),
            ("/windows/GRÖSSE", Some("/Windows/GRÖSSE")),
            ("/windows/grÖße", Some("/Windows/Größe")),
            ("/windows/system32/nosuchfile", Some("/Windows/System32/nosuchfile")),
            ("/windows/system32/nosuchfile/", None),
            ("/nosuchfile/", None),
            ("/windows/system33/nosuchfile", None),
            ("/windows/system32/netkvm.sys/", None),
            ("/windows/system32/netkvm.sys//", None),
            ("/link/", Some("/Link")),
            ("//", Some("/")),
            ("/windows/system32/netkvm.sys/x", None),
            ("/a/X", Some("/a/x")),
            ("/A/X", Some("/A/X")),
            ("/link/system32", Some("/Link/System32")),
            ("/out/SECRET", Some("/out/SECRET")),
            ("/windows/../a", None),
            ("/", Some("/")),
        ] {
            let path = g.path(path);
            assert_eq!(case_sensitive_path(&mut g.ctx, &path).ok(), want.map(BString::from), "{path}");
        }
        for (path, errno) in [("/windows/system32/netkvm.sys/", Errno::NOTDIR), ("/nosuchfile/", Errno::NOENT)] {
            let path = g.path(path);
            assert_eq!(case_sensitive_path(&mut g.ctx, &path).unwrap_err().errno(), Some(errno), "{path}");
        }
    }
}
