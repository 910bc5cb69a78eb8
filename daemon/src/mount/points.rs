//! Directories to mount on that nobody's file system has.
//!
//! In: absolute paths. Out: directories below the guest's root as it is now. While nothing is mounted
//! there, that is a file system in memory of the daemon's own, and several file systems can be mounted
//! beside each other in it.

use bstr::BStr;
use rustix::fs::{AtFlags, Mode};

use crate::ctx::Ctx;
use crate::error::{Context, Errno, Error, Result};
use crate::path::GuestPath;

/// Make a directory to mount on.
pub fn mkmountpoint(ctx: &mut Ctx, exemptpath: &BStr) -> Result<()> {
    let path = GuestPath::parse_exempt(exemptpath)?;
    let (dir, name) = path.parent(ctx)?;
    // The root itself has no name in its directory, but it exists.
    if name == "." {
        return Err(Error::from(Errno::EXIST).context(&path));
    }
    rustix::fs::mkdirat(&dir, name.as_slice(), Mode::from_raw_mode(0o777)).context(&path)
}

/// Remove an empty directory that nothing is mounted on.
pub fn rmmountpoint(ctx: &mut Ctx, exemptpath: &BStr) -> Result<()> {
    let path = GuestPath::parse_exempt(exemptpath)?;
    let (dir, name) = path.parent(ctx)?;
    if name == "." {
        return Err(Error::from(Errno::BUSY).context(&path));
    }
    rustix::fs::unlinkat(&dir, name.as_slice(), AtFlags::REMOVEDIR).context(&path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Guest;

    #[test]
    fn stay_inside() {
        let mut g = Guest::new();
        g.link("/", "/up");
        mkmountpoint(&mut g.ctx, "/a".into()).unwrap();
        mkmountpoint(&mut g.ctx, "/a/../up/b/".into()).unwrap();
        assert!(g.host("/b").is_dir());
        let failed = |r: Result<()>| r.unwrap_err().errno();
        assert_eq!(failed(mkmountpoint(&mut g.ctx, "/a".into())), Some(Errno::EXIST));
        assert_eq!(failed(mkmountpoint(&mut g.ctx, "/".into())), Some(Errno::EXIST));
        assert_eq!(failed(mkmountpoint(&mut g.ctx, "/x/y".into())), Some(Errno::NOENT));
        assert_eq!(failed(mkmountpoint(&mut g.ctx, "a".into())), Some(Errno::INVAL));
        assert_eq!(failed(mkmountpoint(&mut g.ctx, "/a\0".into())), Some(Errno::INVAL));
        mkmountpoint(&mut g.ctx, "/../../c".into()).unwrap();
        g.check_outside();
        assert_eq!(failed(rmmountpoint(&mut g.ctx, "/".into())), Some(Errno::BUSY));
        for name in ["/a", "/b", "/c"] {
            rmmountpoint(&mut g.ctx, name.into()).unwrap();
            assert_eq!(failed(rmmountpoint(&mut g.ctx, name.into())), Some(Errno::NOENT));
        }
        assert!(rmmountpoint(&mut g.ctx, "/up".into()).is_err());
        g.check_outside();
    }
}
