//! Family `rsync`: making directories alike by rsync(1), which transfers only what differs.
//!
//! In: guest paths, and places on other computers in the words of rsync. Out: files on either side.

use crate::ctx::Ctx;
use crate::error::{Context, Error, Result};
use crate::path::GuestPath;
use crate::run::Tool;
use bstr::{BStr, ByteSlice};
use guestfs_protocol::opts::{RsyncInOpts, RsyncOpts, RsyncOutOpts};
use std::ffi::OsString;

/// Between two directories of the guest.
pub fn rsync(ctx: &mut Ctx, src: &GuestPath, dest: &GuestPath, opts: &RsyncOpts) -> Result<()> {
    let tool = tool(opts.archive, opts.deletedest)?;
    let tool = tool.arg(source(ctx, src)?).arg(local(ctx, dest)?);
    run(ctx, tool).context(dest)
}

/// From a server.
pub fn rsync_in(ctx: &mut Ctx, remote: &BStr, dest: &GuestPath, opts: &RsyncInOpts) -> Result<()> {
    check_remote(remote)?;
    let tool = tool(opts.archive, opts.deletedest)?.arg_bytes(remote).arg(local(ctx, dest)?);
    run(ctx, tool).context(remote)
}

/// To a server.
pub fn rsync_out(ctx: &mut Ctx, src: &GuestPath, remote: &BStr, opts: &RsyncOutOpts) -> Result<()> {
    check_remote(remote)?;
    let tool = tool(opts.archive, opts.deletedest)?.arg(source(ctx, src)?).arg_bytes(remote);
    run(ctx, tool).context(remote)
}

fn tool(archive: Option<bool>, delete: Option<bool>) -> Result<Tool> {
    let (archive, delete) = (archive == Some(true), delete == Some(true));
    if delete && !archive {
        // rsync would say that it needs a recursive mode, of which the API has only this.
        return Err(Error::invalid("the option 'deletedest' needs 'archive': directories are passed over without it"));
    }
    let mut tool = Tool::new("rsync");
    if archive {
        // Users and groups of the guest, whose names mean nothing here.
        tool = tool.args(["--archive", "--numeric-ids"]);
    }
    if delete {
        tool = tool.arg("--delete");
    }
    Ok(tool.pulse().arg("--"))
}

/// A path of the guest that must exist.
fn source(ctx: &Ctx, path: &GuestPath) -> Result<OsString> {
    path.stat(ctx)?;
    local(ctx, path)
}

/// A path of the guest as rsync is to see it. A slash at its end has a meaning: what is in the directory.
fn local(ctx: &Ctx, path: &GuestPath) -> Result<OsString> {
    let mut host = path.host_path(ctx)?.into_os_string();
    if path.as_bstr().ends_with(b"/") && host != "/" {
        host.push("/");
    }
    Ok(host)
}

/// Without a server it would be a path of the appliance's own.
fn check_remote(remote: &BStr) -> Result<()> {
    let server = remote.split_str("/").next().unwrap_or_default();
    let named = match server.find_byte(b':') {
        Some(at) => at > 0,
        None => false,
    };
    if !named || remote.starts_with(b"-") {
        let text = "names no server: use rsync://SERVER/MODULE/PATH, SERVER::MODULE/PATH or USER@SERVER:PATH";
        return Err(Error::invalid(text).context(format!("'{remote}'")));
    }
    Ok(())
}

fn run(ctx: &Ctx, tool: Tool) -> Result<()> {
    tool.run(ctx).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Errno;
    use crate::testing::Guest;

    #[test]
    fn remotes() {
        for good in ["rsync://h/m/p", "h::m/p", "u@h:/p", "h:p"] {
            assert!(check_remote(good.into()).is_ok(), "{good}");
        }
        for bad in ["", "/etc", "etc", "./a:b", "a/b:c", ":p", "::m", "-e:x", "--rsh=a:b"] {
            assert_eq!(check_remote(bad.into()).unwrap_err().errno(), Some(Errno::INVAL), "{bad}");
        }
    }

    #[test]
    fn in_the_guest() {
        let mut g = Guest::new();
        g.write("/src/a", "1");
        g.write("/src/sub/b", "2");
        g.write("/dest/old", "3");
        g.link("/etc/passwd", "/src/link");
        let (src, inside, dest, missing) = (g.path("/src"), g.path("/src/"), g.path("/dest"), g.path("/missing"));
        let archive = RsyncOpts { archive: Some(true), ..Default::default() };
        rsync(&mut g.ctx, &src, &dest, &archive).unwrap();
        assert_eq!(g.read("/dest/src/sub/b"), b"2");
        assert_eq!(std::fs::read_link(g.host("/dest/src/link")).unwrap().to_str(), Some("/etc/passwd"));
        let both = RsyncOpts { deletedest: Some(true), ..archive.clone() };
        rsync(&mut g.ctx, &inside, &dest, &both).unwrap();
        assert_eq!(g.read("/dest/a"), b"1");
        assert!(!g.host("/dest/old").exists() && !g.host("/dest/src").exists());
        // Without the option only plain files are copied.
        let file = g.path("/src/a");
        let new = g.path("/new");
        rsync(&mut g.ctx, &file, &new, &RsyncOpts::default()).unwrap();
        assert_eq!(g.read("/new"), b"1");
        let e = rsync(&mut g.ctx, &missing, &dest, &archive).unwrap_err();
        assert_eq!(e.errno(), Some(Errno::NOENT), "{e}");
        let only = RsyncOpts { deletedest: Some(true), ..Default::default() };
        assert_eq!(rsync(&mut g.ctx, &src, &dest, &only).unwrap_err().errno(), Some(Errno::INVAL));
    }
}
