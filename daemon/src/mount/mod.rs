//! Family `mount`: putting file systems of the disks together to the guest's tree, and taking it
//! apart again.
//!
//! In: mountables and places in the guest. Out: mounts below the sysroot, and what there is of them.
//! mount(8) does the mounting: it knows types, helpers (ntfs-3g) and option words. What the kernel can do without any of
//! that, `direct` has it do.

mod direct;
mod flush;
mod image;
mod points;
mod table;
mod ufs;

pub use image::{list_9p, mount_9p, mount_loop};
pub use points::{mkmountpoint, rmmountpoint};
pub(crate) use table::TREE;

use crate::ctx::{Ctx, Role};
use crate::device::{Device, DeviceOrPath, Mountable};
use crate::error::{Context, Errno, Error, Result};
use crate::path::GuestPath;
use crate::run::{apart, Tool};
use crate::{words, worker};
use bstr::{BStr, BString, ByteSlice};
use guestfs_protocol::opts;
use rustix::fs::FileType;
use rustix::mount::{unmount, UnmountFlags};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What to say of a file system that a hibernated Windows goes on with, and what to do.
pub(crate) const ASLEEP: &str = "Windows is hibernated on this file system or was shut down with Fast Startup, and \
    keeps changes that are not on the disk: writing to it would destroy data. Mount it read-only (mount_ro), or \
    start Windows and shut it down fully (shutdown /s /t 0); the mount option remove_hiberfile gives up what it keeps";

/// The same of one whose journal was not emptied, which mounting does unless it must not.
const UNCLEAN: &str = "this file system was not unmounted cleanly, and the mount option norecover forbids to empty \
    its journal: mount it without that, or read-only (mount_ro)";

/// Mount with the file system's default options.
pub fn mount(ctx: &mut Ctx, mountable: &Mountable, mountpoint: &BStr) -> Result<()> {
    attach(ctx, b"", b"", mountable, mountpoint)
}

/// Mount read-only.
pub fn mount_ro(ctx: &mut Ctx, mountable: &Mountable, mountpoint: &BStr) -> Result<()> {
    attach(ctx, b"ro", b"", mountable, mountpoint)
}

/// Mount with options in mount(8)'s notation.
pub fn mount_options(ctx: &mut Ctx, options: &BStr, mountable: &Mountable, mountpoint: &BStr) -> Result<()> {
    attach(ctx, options, b"", mountable, mountpoint)
}

/// Mount with options in mount(8)'s notation, as a file system of this type. Both may be empty.
pub fn mount_vfs(
    ctx: &mut Ctx,
    options: &BStr,
    vfstype: &BStr,
    mountable: &Mountable,
    mountpoint: &BStr,
) -> Result<()> {
    attach(ctx, options, vfstype, mountable, mountpoint)
}

fn attach(ctx: &mut Ctx, options: &[u8], fstype: &[u8], mountable: &Mountable, mountpoint: &BStr) -> Result<()> {
    if ctx.role() == Role::Directory {
        return Err(Error::not_supported("this daemon serves a plain directory, nothing can be mounted in it"));
    }
    let on_root = !mountpoint.is_empty() && mountpoint.iter().all(|b| *b == b'/');
    let target = if on_root { ctx.sysroot().to_owned() } else { place(ctx, mountpoint)? };
    // No device of ours hides behind a node of the guest's. The user's own words come later and win.
    let mut words = b"nodev".to_vec();
    if !options.is_empty() {
        words.push(b',');
        words.extend_from_slice(options);
    }
    if let Some(option) = ufs::option(ctx, mountable.device(), options, fstype) {
        words.push(b',');
        words.extend_from_slice(option.as_bytes());
    }
    if let Some(subvolume) = mountable.subvolume() {
        // A comma would start another option.
        if subvolume.contains(&b',') {
            return Err(Error::invalid("btrfs subvolume with a comma in its name cannot be mounted").context(subvolume));
        }
        words = bstr::concat([&b"subvol="[..], subvolume, b",", &words]);
    }
    if direct::mount(ctx, &words, fstype, mountable.device(), &target)? {
        return ctx.root_changed(true);
    }
    let mut tool = Tool::new("mount");
    for (option, value) in [("-t", fstype), ("-o", &words)] {
        if !value.is_empty() {
            tool = tool.arg(option).arg_bytes(value);
        }
    }
    let done = tool.arg("--").arg(mountable.device()).arg(&target).run(ctx);
    let mounted = table::any_mounted(ctx)?;
    ctx.root_changed(mounted)?;
    let output = done.map_err(|e| plain(ctx, &e))?;
    // ntfs-3g mounts what a hibernated Windows goes on with read-only, whatever it was asked for.
    if output.stderr.contains_str("Falling back to read-only mount because the NTFS partition is in an") {
        if let Some(entry) = table::mounted(ctx)?.iter().rev().find(|e| e.target == target) {
            detach(ctx, entry, UnmountFlags::NOFOLLOW)?;
        }
        let says = |words: &str| output.stderr.contains_str(words);
        let why = if says("unclean file system") && !says("refused to mount") { UNCLEAN } else { ASLEEP };
        return Err(Error::new(Errno::ROFS, why).context(mountable.api_name(ctx)));
    }
    Ok(())
}

/// Make a mounted file system read-only or writable.
pub fn remount(ctx: &mut Ctx, mountpoint: &GuestPath, opts: &opts::RemountOpts) -> Result<()> {
    let Some(rw) = opts.rw else {
        return Err(Error::invalid("the option 'rw' must be given"));
    };
    if ctx.role() == Role::Directory {
        return Err(Error::not_supported("this daemon serves a plain directory, nothing is mounted in it"));
    }
    let target = mountpoint.host_path(ctx)?;
    if !table::mounted(ctx)?.iter().any(|e| e.target == target) {
        return Err(Error::invalid("not a mount point").context(mountpoint));
    }
    let tool = Tool::new("mount").args(["-o", if rw { "remount,rw" } else { "remount,ro" }, "--"]);
    tool.arg(&target).run(ctx).map(drop).map_err(|e| plain(ctx, &e))
}

/// The directory in our tree behind a mount point that is not `/`.
fn place(ctx: &Ctx, mountpoint: &BStr) -> Result<PathBuf> {
    let path = GuestPath::parse_exempt(mountpoint)?;
    let stat = path.stat(ctx)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        return Err(Error::new(Errno::NOTDIR, "mount point is not a directory").context(mountpoint));
    }
    path.host_path(ctx)
}

/// mount(8) speaks of our nodes and of the sysroot, and advises to read dmesg: say it in the
/// client's terms.
fn plain(ctx: &Ctx, error: &Error) -> Error {
    let lines: Vec<&[u8]> = error.message().lines().filter(|l| !l.contains_str("dmesg(1)")).collect();
    let text = bstr::join("\n", lines);
    // Its own name is the call's name too, which the library puts in front.
    let text = text.strip_prefix(b"mount: ").unwrap_or(&text);
    error.reworded(words::plain(ctx, text))
}

/// Unmount a mount point or a device, wherever that is mounted last.
pub fn umount(ctx: &mut Ctx, pathordevice: &DeviceOrPath, opts: &opts::UmountOpts) -> Result<()> {
    let name = pathordevice.api_name(ctx);
    let not_mounted = || Error::invalid("not mounted").context(&name);
    let mounted = table::mounted(ctx)?;
    let entry = match pathordevice {
        DeviceOrPath::Device(device) => mounted.iter().rev().find(|e| is_from(e, device)),
        DeviceOrPath::Path(path) => {
            let target = path.host_path(ctx)?;
            mounted.iter().rev().find(|e| e.target == target)
        }
    };
    let entry = entry.ok_or_else(not_mounted)?.clone();
    let mut flags = UnmountFlags::NOFOLLOW;
    flags.set(UnmountFlags::FORCE, opts.force == Some(true));
    flags.set(UnmountFlags::DETACH, opts.lazyunmount == Some(true));
    detach(ctx, &entry, flags).with_context(|| name.clone())
}

/// Unmount it, letting go of the guest's root before when it is that.
fn detach(ctx: &mut Ctx, entry: &table::Entry, flags: UnmountFlags) -> Result<()> {
    if !flags.contains(UnmountFlags::DETACH) {
        if let Some((pid, name)) = crate::command::orphans::user_of(entry.number.as_bstr()) {
            let text =
                format!("in use: process {pid} ({name}), which a program of the guest left behind, still has it");
            return Err(Error::new(Errno::BUSY, text));
        }
    }
    let target = entry.target.as_path();
    if !flags.contains(UnmountFlags::DETACH) && table::mounted(ctx)?.iter().any(|e| e.parent == entry.id) {
        // The kernel would say so too, but the handles of libraries that read it would be gone by then.
        return busy(Err(Errno::BUSY));
    }
    worker::release(ctx, entry.id);
    if target == ctx.sysroot() {
        if ctx.role() != Role::Appliance {
            return Err(Error::not_supported("the guest's root is this machine's own"));
        }
        ctx.release_root()?;
    }
    // It takes as long as writing what is left does.
    let path = target.to_owned();
    let done = apart(ctx.channel(), || {}, move || unmount(path, flags));
    let mounted = table::any_mounted(ctx)?;
    ctx.root_changed(mounted)?;
    busy(done?)
}

fn busy(done: rustix::io::Result<()>) -> Result<()> {
    done.map_err(|e| match e {
        Errno::BUSY => Error::new(Errno::BUSY, "in use: something is mounted below it, or a process still runs in it"),
        e => e.into(),
    })
}

/// Unmount everything, inner mounts first.
pub fn umount_all(ctx: &mut Ctx) -> Result<()> {
    if ctx.role() != Role::Appliance {
        return Err(Error::not_supported("the guest is this machine itself: its file systems stay mounted"));
    }
    for entry in table::mounted(ctx)?.iter().rev() {
        detach(ctx, entry, UnmountFlags::NOFOLLOW).with_context(|| entry.guest.clone())?;
    }
    Ok(())
}

/// The devices that are mounted.
pub fn mounts(ctx: &mut Ctx) -> Result<Vec<Mountable>> {
    Ok(mountpoints(ctx)?.into_iter().map(|(mountable, _)| mountable).collect())
}

/// The devices that are mounted, and where.
pub fn mountpoints(ctx: &mut Ctx) -> Result<Vec<(Mountable, BString)>> {
    let entries = table::mounted(ctx)?.into_iter();
    let devices = entries.filter(|e| e.source.starts_with(b"/dev/"));
    Ok(devices.map(|e| (Mountable::Device(Device::from_real(OsStr::from_bytes(&e.source))), e.guest)).collect())
}

/// What df(1) says of the guest's file systems, as a text for people.
pub fn df(ctx: &mut Ctx) -> Result<BString> {
    free_space(ctx, Tool::new("df"))
}

/// The same in handy units.
pub fn df_h(ctx: &mut Ctx) -> Result<BString> {
    free_space(ctx, Tool::new("df").arg("-h"))
}

fn free_space(ctx: &Ctx, df: Tool) -> Result<BString> {
    ctx.require_root()?;
    let mut tool = df.arg("--");
    match ctx.role() {
        Role::Appliance => {
            for entry in table::mounted(ctx)? {
                tool = tool.arg(&entry.target);
            }
        }
        Role::Live | Role::Directory => tool = tool.arg(ctx.sysroot()),
    }
    let output = tool.run(ctx)?;
    let lines = output.stdout.lines_with_terminator().map(|line| df_line(ctx, line));
    Ok(bstr::concat(lines).into())
}

/// A line of df in the client's terms, its columns kept where they are as far as the names allow.
fn df_line(ctx: &Ctx, line: &[u8]) -> Vec<u8> {
    let end = line.find_byte(b' ').unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    if !name.starts_with(b"/dev/") {
        return line.to_vec();
    }
    let blanks = rest.iter().take_while(|b| **b == b' ').count();
    let api = ctx.api_device_name(name.as_bstr());
    let pad = name.len().saturating_add(blanks).saturating_sub(api.len()).max(1);
    let mut columns = rest.get(blanks..).unwrap_or_default().to_vec();
    if let Some(at) = columns.find(b"% /") {
        let (numbers, place) = columns.split_at(at.saturating_add(2));
        let place = place.trim_end_with(|c| c == '\n');
        if let Some(guest) = ctx.guest_path(Path::new(OsStr::from_bytes(place))) {
            columns = bstr::concat([numbers, &guest, b"\n"]);
        }
    }
    bstr::concat([&api[..], &b" ".repeat(pad), &columns])
}

/// Bring everything written so far to the disks, perhaps only to what they keep in mind themselves.
pub(crate) fn write_out(ctx: &Ctx) -> Result<()> {
    flush::all(ctx)
}

/// Bring everything written so far to the disks.
pub fn sync(ctx: &mut Ctx) -> Result<()> {
    flush::through(ctx)
}

/// What the library asks for before it lets the machine go.
pub fn internal_autosync(ctx: &mut Ctx) -> Result<()> {
    if ctx.role() != Role::Appliance {
        return flush::through(ctx);
    }
    // Nothing may be written behind what counts as the end.
    worker::end_all(ctx);
    crate::command::orphans::end();
    let mut unmounted = Ok(());
    if table::any_mounted(ctx)? {
        // This shows how far it is; unmounting then has little left to write.
        let flushed = flush::all(ctx);
        unmounted = umount_all(ctx).and(flushed);
    }
    flush::through(ctx).inspect_err(|_| {
        // It is done also when the library has gone and cannot be told.
        rustix::fs::sync();
    })?;
    unmounted
}

/// Whether a device is mounted somewhere in the guest.
pub fn is_mounted(ctx: &Ctx, device: &Device) -> Result<bool> {
    Ok(table::mounted(ctx)?.iter().any(|e| is_from(e, device)))
}

/// One device can have many names.
fn is_from(entry: &table::Entry, device: &Device) -> bool {
    let wanted = number(device.path());
    wanted.is_some() && number(Path::new(OsStr::from_bytes(&entry.source))) == wanted
}

fn number(node: &Path) -> Option<u64> {
    let stat = rustix::fs::stat(node).ok()?;
    (FileType::from_raw_mode(stat.st_mode) == FileType::BlockDevice).then_some(stat.st_rdev)
}
