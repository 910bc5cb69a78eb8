//! Family `selinux`: the daemon's own context, and the labels of the guest's files.
//!
//! In: a specification of the guest's, and paths. Out: labels, set by setfiles(8) as the attribute
//! `security.selinux`, for which the appliance's kernel needs no SELinux. The tool can write below the
//! guest's root and nowhere else.

use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::opts::{SelinuxRelabelOpts, SetfilesOpts};

use crate::ctx::Ctx;
use crate::error::{Context, Errno, Error, Result};
use crate::path::GuestPath;
use crate::run::Tool;

/// The context of the running thread, as SELinux or another security module has it.
const CURRENT: &str = "/proc/thread-self/attr/current";

/// The context that the daemon runs in.
pub fn getcon(_: &mut Ctx) -> Result<BString> {
    require_selinux()?;
    let context = std::fs::read(CURRENT).context(CURRENT)?;
    Ok(context.trim_end_with(|c| c == '\0' || c == '\n').into())
}

/// Change the context that the daemon runs in.
pub fn setcon(_: &mut Ctx, context: &BStr) -> Result<()> {
    require_selinux()?;
    std::fs::write(CURRENT, bstr::concat([context.as_bytes(), b"\0"])).context(context)
}

/// What another security module says in the same file is no context.
fn require_selinux() -> Result<()> {
    let known = std::fs::read("/proc/filesystems").context("/proc/filesystems")?;
    if known.lines().any(|line| line.ends_with(b"\tselinuxfs")) {
        return Ok(());
    }
    Err(Error::not_supported(
        "SELinux does not run in the appliance's kernel; set_selinux before launch asks for it. Files of a guest \
         are labelled without: see setfiles",
    ))
}

/// Label `path` and all below it.
pub fn selinux_relabel(ctx: &mut Ctx, specfile: &BStr, path: &GuestPath, opts: &SelinuxRelabelOpts) -> Result<()> {
    let opts = SetfilesOpts { force: opts.force, ..SetfilesOpts::default() };
    setfiles(ctx, specfile, std::slice::from_ref(path), &opts)
}

/// Label files and all below them.
pub fn setfiles(ctx: &mut Ctx, specfile: &BStr, paths: &[GuestPath], opts: &SetfilesOpts) -> Result<()> {
    if paths.is_empty() {
        return Err(Error::invalid("the list of paths is empty; / is all of the guest"));
    }
    let specfile = GuestPath::parse(ctx, specfile)?;
    // A missing one is said in the guest's words. The tool is given its place and not a descriptor, because it
    // looks for others beside it (file_contexts.homedirs, file_contexts.local).
    crate::files::open_file(ctx, &specfile, rustix::fs::OFlags::RDONLY)?;
    // -m: the kernel's list of mounts says nothing of labels where SELinux does not run.
    let mut tool = Tool::new("setfiles").args(["-q", "-m"]);
    if opts.force.unwrap_or(false) {
        tool = tool.arg("-F");
    }
    if ctx.sysroot() != std::path::Path::new("/") {
        tool = tool.arg("-r").arg(ctx.sysroot());
    }
    for exclude in opts.excludes.iter().flatten() {
        let exclude = GuestPath::parse(ctx, exclude.as_bstr())?;
        match exclude.lstat(ctx) {
            Ok(_) => tool = tool.arg("-e").arg(exclude.host_path_nofollow(ctx)?),
            // There is nothing to be left out.
            Err(e) if matches!(e.errno(), Some(Errno::NOENT | Errno::NOTDIR)) => {}
            Err(e) => return Err(e),
        }
    }
    tool = tool.arg(specfile.host_path(ctx)?);
    for path in paths {
        path.lstat(ctx)?;
        tool = tool.arg(path.host_path_nofollow(ctx)?);
    }
    // It must stay open until the tool has started.
    let root = ctx.root().try_clone_to_owned()?;
    tool.confine(ctx, &root)?;
    tool.run(ctx).context(&specfile)?;
    Ok(())
}
