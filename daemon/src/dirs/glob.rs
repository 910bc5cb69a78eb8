//! Finding paths by shell patterns, inside the guest's root.
//!
//! In: an absolute pattern. Out: the paths that exist, sorted for each alternative of its braces.
//! Directories are opened inside the guest's root, so a symbolic link on the way leads where it
//! would lead in the guest, and the host's own glob(3) never sees the pattern.

use std::os::fd::AsFd;

use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::opts::GlobExpandOpts;
use guestfs_protocol::xdr::MESSAGE_MAX;
use rustix::fs::{FileType, Mode, OFlags, Stat};

use super::tree;
use crate::channel::cancel;
use crate::ctx::Ctx;
use crate::error::{Context, Errno, Error, Result};
use crate::path::{open_in, GuestPath};
use crate::pattern;

/// All paths that match; none is no error.
pub fn glob_expand(ctx: &mut Ctx, pattern: &GuestPath, opts: &GlobExpandOpts) -> Result<Vec<BString>> {
    let mut search = Search { ctx, mark: opts.directoryslash.unwrap_or(true), found: Vec::new(), bytes: 0 };
    for alternative in pattern::alternatives(pattern.as_bstr())? {
        let from = search.found.len();
        search.expand(alternative.as_bstr()).context(pattern)?;
        if let Some(new) = search.found.get_mut(from..) {
            new.sort();
        }
    }
    Ok(search.found)
}

struct Search<'a> {
    ctx: &'a Ctx,
    /// Put a slash behind directories.
    mark: bool,
    found: Vec<BString>,
    /// Bytes held in candidates and results.
    bytes: usize,
}

impl Search<'_> {
    fn expand(&mut self, pattern: &BStr) -> Result<()> {
        let pattern = pattern.trim_start_with(|c| c == '/');
        // Slashes at the end ask for directories.
        let components = pattern.trim_end_with(|c| c == '/');
        let only_dirs = components.len() < pattern.len();
        let mut candidates = vec![BString::from("/")];
        if !components.is_empty() {
            for component in components.split_str("/") {
                candidates = self.next(candidates, component.as_bstr())?;
            }
        }
        for path in candidates {
            cancel::point()?;
            self.bytes = self.bytes.saturating_sub(path.len());
            self.accept(path, only_dirs)?;
        }
        Ok(())
    }

    /// Each of `paths` with one more component.
    fn next(&mut self, paths: Vec<BString>, component: &BStr) -> Result<Vec<BString>> {
        let mut out = Vec::new();
        for path in paths {
            self.bytes = self.bytes.saturating_sub(path.len());
            if pattern::is_magic(component) {
                self.matching(&path, component, &mut out)?;
            } else {
                self.push(&path, pattern::unescape(component).as_bstr(), &mut out)?;
            }
        }
        Ok(out)
    }

    /// The entries of the directory `path` that match; none when it is no directory.
    fn matching(&mut self, path: &BString, component: &BStr, out: &mut Vec<BString>) -> Result<()> {
        let dir = match open_in(self.ctx.root(), path.as_bstr(), OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()) {
            Ok(dir) => dir,
            Err(e) if is_absent(e) => return Ok(()),
            Err(e) => return Err(e).with_context(|| path.as_slice()),
        };
        let mut names = Vec::new();
        tree::for_each_entry(dir.as_fd(), |entry| {
            // A long pattern with many stars takes long for each.
            cancel::point()?;
            if pattern::matches(component, entry.name) {
                names.push(entry.name.to_owned());
                self.bytes += entry.name.len();
                self.check()?;
            }
            Ok(())
        })?;
        for name in names {
            self.bytes = self.bytes.saturating_sub(name.len());
            self.push(path, name.as_bstr(), out)?;
        }
        Ok(())
    }

    fn push(&mut self, path: &BString, name: &BStr, out: &mut Vec<BString>) -> Result<()> {
        let mut longer = path.clone();
        if !longer.ends_with(b"/") || name.is_empty() {
            longer.push(b'/');
        }
        longer.extend_from_slice(name);
        self.bytes += longer.len();
        out.push(longer);
        self.check()
    }

    /// Results and candidates together stay within what a reply can carry.
    fn check(&self) -> Result<()> {
        if self.bytes > MESSAGE_MAX {
            return Err(Error::new(
                Errno::TOOBIG,
                "more paths match than a reply can hold (4 MiB): ls and find have no such limit",
            ));
        }
        Ok(())
    }

    /// Keep the path if something is there.
    fn accept(&mut self, mut path: BString, only_dirs: bool) -> Result<()> {
        let Some(link) = self.stat(&path, OFlags::NOFOLLOW)? else { return Ok(()) };
        let is_dir = match FileType::from_raw_mode(link.st_mode) {
            FileType::Directory => true,
            FileType::Symlink if self.mark || only_dirs => self
                .stat(&path, OFlags::empty())?
                .is_some_and(|st| FileType::from_raw_mode(st.st_mode) == FileType::Directory),
            _ => false,
        };
        if only_dirs && !is_dir {
            return Ok(());
        }
        if is_dir && (self.mark || only_dirs) && !path.ends_with(b"/") {
            path.push(b'/');
        }
        self.bytes += path.len();
        self.check()?;
        self.found.push(path);
        Ok(())
    }

    fn stat(&self, path: &BString, follow: OFlags) -> Result<Option<Stat>> {
        match open_in(self.ctx.root(), path.as_bstr(), OFlags::PATH | follow, Mode::empty()) {
            Ok(fd) => Ok(Some(rustix::fs::fstat(&fd)?)),
            Err(e) if is_absent(e) => Ok(None),
            Err(e) => Err(e).with_context(|| path.as_slice()),
        }
    }
}

/// Errors that mean "nothing matches here", as for glob(3).
fn is_absent(e: Errno) -> bool {
    matches!(e, Errno::NOENT | Errno::NOTDIR | Errno::ACCESS | Errno::LOOP | Errno::NAMETOOLONG)
}
