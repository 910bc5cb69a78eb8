//! Family `augeas`: the guest's configuration files as a tree that can be changed, see <https://augeas.net>.
//!
//! In: a directory of the guest, then path expressions. Out: nodes of the tree, and changed files. libaugeas works
//! in a process of its own (`worker`), which has the guest's tree as its root: links in there lead nowhere else.
//! A file that crashes it closes the handle and no more.

use crate::ctx::Ctx;
use crate::error::{Context, Errno, Error, Result};
use crate::path::GuestPath;
use crate::worker::{tree, Library, Worker};
use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::opts::AugTransformOpts;
use guestfs_protocol::structs::IntBool;
use rustix::fd::AsFd;
use std::time::Duration;

static AUGEAS: Library = Library { name: "augeas", thing: "Augeas handle", opener: "aug_init" };

/// Flags, as augeas.h has them. Those above are not in the API: 64 to 512 and more change how Augeas itself works.
const TYPE_CHECK: i32 = 4;
const NO_LOAD: i32 = 32;
const FLAGS: i32 = 63;

/// How long the appliance's own lenses may take, and when their types are checked, too.
const LENSES: Duration = Duration::from_secs(120);
const CHECKED: Duration = Duration::from_secs(1800);
/// How long the library may work on the guest's files.
const FILES: Duration = Duration::from_secs(120);

/// Open a handle in place of the one that is open, if one is.
pub fn aug_init(ctx: &mut Ctx, root: &GuestPath, flags: i32) -> Result<()> {
    let known = u32::try_from(flags).ok().filter(|_| flags & !FLAGS == 0);
    let known = known.ok_or_else(|| Error::invalid(format!("the flags {flags} are none of 1, 2, 4, 8, 16 and 32")))?;
    root.open_dir(ctx)?;
    let below = root.resolve(ctx)?;
    AUGEAS.forget(ctx);
    let tree = tree::live(ctx)?;
    let mut worker = Worker::start(ctx, &AUGEAS, root.as_bstr())?;
    worker.reads(&tree)?;
    worker.patience(if flags & TYPE_CHECK == 0 { LENSES } else { CHECKED });
    worker.call::<()>(ctx, "open", (tree.as_fd(), below.as_bstr(), known)).context(root)?;
    worker.patience(FILES);
    if flags & NO_LOAD == 0 {
        worker.call::<()>(ctx, "load", ()).context(root)?;
    }
    AUGEAS.keep(ctx, worker);
    Ok(())
}

/// Close the handle.
pub fn aug_close(ctx: &mut Ctx) -> Result<()> {
    AUGEAS.close(ctx)
}

/// Define a variable, or remove it. The number of nodes in it.
pub fn aug_defvar(ctx: &mut Ctx, name: &BStr, expr: Option<&BStr>) -> Result<i32> {
    AUGEAS.call(ctx, "defvar", (name, expr.map(BString::from))).context(expr.unwrap_or(name))
}

/// Define a variable as a node, which is made when it is not there.
pub fn aug_defnode(ctx: &mut Ctx, name: &BStr, expr: &BStr, val: &BStr) -> Result<IntBool> {
    let (i, created): (i32, bool) = AUGEAS.call(ctx, "defnode", (name, expr, val)).context(expr)?;
    Ok(IntBool { i, b: created.into() })
}

/// The value of a node. That it has none is an error.
pub fn aug_get(ctx: &mut Ctx, augpath: &BStr) -> Result<BString> {
    let value: Option<BString> = AUGEAS.call(ctx, "get", (augpath,)).context(augpath)?;
    value.ok_or_else(|| Error::new(Errno::NODATA, "the node has no value").context(augpath))
}

/// The label of a node.
pub fn aug_label(ctx: &mut Ctx, augpath: &BStr) -> Result<BString> {
    let label: Option<BString> = AUGEAS.call(ctx, "label", (augpath,)).context(augpath)?;
    Ok(label.unwrap_or_default())
}

/// Set the value of a node, which is made when it is not there.
pub fn aug_set(ctx: &mut Ctx, augpath: &BStr, val: &BStr) -> Result<()> {
    AUGEAS.call(ctx, "set", (augpath, Some(BString::from(val)))).context(augpath)
}

/// Take the value of a node away.
pub fn aug_clear(ctx: &mut Ctx, augpath: &BStr) -> Result<()> {
    AUGEAS.call(ctx, "set", (augpath, None::<BString>)).context(augpath)
}

/// Set the values of many nodes. How many these are.
pub fn aug_setm(ctx: &mut Ctx, base: &BStr, sub: Option<&BStr>, val: &BStr) -> Result<i32> {
    AUGEAS.call(ctx, "setm", (base, sub.map(BString::from), val)).context(base)
}

/// Make a node beside another.
pub fn aug_insert(ctx: &mut Ctx, augpath: &BStr, label: &BStr, before: bool) -> Result<()> {
    // Augeas does not say so, or makes a node without a name.
    if label.is_empty() || label.contains(&b'/') {
        return Err(Error::invalid("the label must not be empty or have a slash").context(augpath));
    }
    AUGEAS.call(ctx, "insert", (augpath, label, before)).context(augpath)
}

/// Remove nodes. How many these are, with all below them.
pub fn aug_rm(ctx: &mut Ctx, augpath: &BStr) -> Result<i32> {
    AUGEAS.call(ctx, "rm", (augpath,)).context(augpath)
}

/// Move a node.
pub fn aug_mv(ctx: &mut Ctx, src: &BStr, dest: &BStr) -> Result<()> {
    AUGEAS.call(ctx, "mv", (src, dest)).with_context(|| format!("{src} to {dest}"))
}

/// The paths of all nodes that match.
pub fn aug_match(ctx: &mut Ctx, augpath: &BStr) -> Result<Vec<BString>> {
    AUGEAS.call(ctx, "match", (augpath,)).context(augpath)
}

/// The paths of all nodes right below one, sorted.
pub fn aug_ls(ctx: &mut Ctx, augpath: &BStr) -> Result<Vec<BString>> {
    let all = below(augpath)?;
    let mut paths = aug_match(ctx, all.as_bstr())?;
    paths.sort();
    Ok(paths)
}

/// The expression for what is right below a path.
fn below(augpath: &BStr) -> Result<BString> {
    match augpath.as_bytes() {
        b"/" | b"" => Ok("/*".into()),
        path @ [.., b'/' | b']' | b'*'] => {
            Err(Error::invalid("a path to be listed must not end in / ] or *, see aug_match").context(path))
        }
        path => Ok(bstr::concat([path, b"/*"]).into()),
    }
}

/// Write what has changed to the files.
pub fn aug_save(ctx: &mut Ctx) -> Result<()> {
    AUGEAS.call(ctx, "save", ())
}

/// Read the files.
pub fn aug_load(ctx: &mut Ctx) -> Result<()> {
    AUGEAS.call(ctx, "load", ())
}

/// Have a lens used for a file, or not any more.
pub fn aug_transform(ctx: &mut Ctx, lens: &BStr, file: &BStr, opts: &AugTransformOpts) -> Result<()> {
    AUGEAS.call(ctx, "transform", (lens, file, opts.remove.unwrap_or(false))).context(lens)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Guest;

    #[test]
    fn right_below() {
        for (path, expected) in
            [("/", Some("/*")), ("", Some("/*")), ("/files/etc", Some("/files/etc/*")), ("$v", Some("$v/*"))]
        {
            assert_eq!(below(path.into()).ok(), expected.map(Into::into), "{path}");
        }
        for bad in ["/files/", "//", "/files/*", "/files/etc/hosts/*[1]"] {
            assert_eq!(below(bad.into()).unwrap_err().errno(), Some(Errno::INVAL), "{bad}");
        }
    }

    #[test]
    fn flags_that_are_not_in_the_api_are_refused() {
        let mut g = Guest::new();
        let root = g.path("/");
        for flags in [64, 128, 256, -1, i32::MIN] {
            assert_eq!(aug_init(&mut g.ctx, &root, flags).unwrap_err().errno(), Some(Errno::INVAL), "{flags}");
        }
    }
}
