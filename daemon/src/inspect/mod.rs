//! Family `inspect`: which operating systems are on the disks.
//!
//! In: file systems, each mounted read-only for a short look. Out: roots and what is known of each, kept
//! until the next inspection. Everything read is a hostile guest's: sizes are bounded, symlinks resolved
//! inside the guest, and what makes no sense counts as not there.

mod arch;
mod arrays;
mod bsd;
mod crypttab;
mod elf;
mod fstab;
mod guest;
mod hostname;
mod look;
mod packages;
mod rare;
mod release;
mod resolve;
mod rpm;
mod slices;
#[cfg(test)]
mod tests;
mod usr;
mod windows;

use crate::ctx::Ctx;
use crate::device::Mountable;
use crate::error::{Errno, Error, Result};
use crate::filesystems::{is_automatic, mountables, survey, Candidate};
use bstr::{BStr, BString, ByteSlice};
use look::Role;

pub use arch::file_architecture;
pub use rpm::internal_list_rpm_applications;
pub use windows::{
    inspect_get_drive_mappings, inspect_get_windows_current_control_set, inspect_get_windows_group_policy,
    inspect_get_windows_software_hive, inspect_get_windows_system_hive, inspect_get_windows_systemroot,
    internal_list_windows_applications,
};

/// File systems and subvolumes that are looked at. A disk can be made to have any number of subvolumes,
/// and each takes part of a second.
const LOOKS_MAX: usize = 1000;

/// What is known of an operating system.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Os {
    kind: Option<&'static str>,
    distro: Option<&'static str>,
    product: Option<BString>,
    /// Major and minor, 0 where unknown.
    version: release::Version,
    arch: Option<&'static str>,
    hostname: Option<BString>,
    /// What identifies its build.
    build: Option<BString>,
    /// What only Windows has.
    windows: Option<windows::Windows>,
    /// Whether dnf is installed.
    has_dnf: bool,
    /// File systems and swap, and where they belong.
    fstab: Vec<(Mountable, BString)>,
}

impl Os {
    /// What its fstab has on `/`.
    fn on_root(&self) -> Option<&Mountable> {
        self.fstab.iter().find(|(_, place)| place == "/").map(|(mountable, _)| mountable)
    }
}

/// What the last inspection found.
#[derive(Debug, Default)]
pub struct Inspection {
    done: bool,
    systems: Vec<(Mountable, Os)>,
    /// Devices with a file system that is mounted though nobody asked for it, as the API calls them.
    automatic: Vec<BString>,
}

/// Look at all file systems for roots of operating systems.
pub fn inspect_os(ctx: &mut Ctx) -> Result<Vec<Mountable>> {
    ctx.keep(Inspection::default());
    crate::mount::umount_all(ctx)?;
    let candidates = survey(ctx)?;
    let (mut systems, mut usrs) = (Vec::new(), Vec::new());
    let all = mountables(ctx, &candidates)?;
    let may_be_root = all.iter().filter(|(_, fstype)| is_automatic(fstype.as_bstr()));
    let may_be_root: Vec<_> = may_be_root.collect();
    if may_be_root.len() > LOOKS_MAX {
        let text = format!("{} file systems are too many to look at, {LOOKS_MAX} would do", may_be_root.len());
        return Err(Error::new(Errno::TOOBIG, text));
    }
    for (mountable, fstype) in may_be_root {
        match look_at(ctx, mountable, fstype.as_bstr(), &candidates)? {
            Role::Root(os) => systems.push((mountable.clone(), os)),
            Role::Usr(os) => usrs.push((mountable.clone(), os)),
            Role::Other => {}
        }
    }
    let copies: Vec<bool> = systems.iter().map(|(root, os)| is_snapshot(root, os, &systems)).collect();
    let mut copy = copies.into_iter();
    systems.retain(|_| copy.next() != Some(true));
    for (_, os) in &mut systems {
        usr::join(os, &usrs);
    }
    // Those that were cancelled have seen nothing, and say so nowhere else.
    ctx.channel().wanted()?;
    let automatic = automatic(ctx, &all);
    ctx.keep(Inspection { done: true, systems, automatic });
    inspect_get_roots(ctx)
}

/// What has a file system of a type that is mounted though nobody asked for it.
fn automatic(ctx: &Ctx, all: &[(Mountable, BString)]) -> Vec<BString> {
    let automatic = all.iter().filter(|(_, fstype)| is_automatic(fstype.as_bstr()));
    automatic.map(|(mountable, _)| mountable.device().api_name(ctx)).collect()
}

/// Whether a root is a snapshot of another one, kept to go back to, and no system of its own: a subvolume
/// whose fstab, a copy of the other's, has the other on `/`. The other may be the default subvolume, which is
/// listed as its device.
fn is_snapshot(root: &Mountable, os: &Os, systems: &[(Mountable, Os)]) -> bool {
    let (Mountable::BtrfsVol(device, _), Some(original)) = (root, os.on_root()) else { return false };
    let default = Mountable::Device(device.clone());
    let is_original =
        |(other, os): &(Mountable, Os)| (other == original || *other == default) && os.on_root() == Some(original);
    original.device() == device && original != root && systems.iter().any(is_original)
}

/// Mount, look, unmount. What cannot be mounted is no root.
fn look_at(ctx: &mut Ctx, mountable: &Mountable, fstype: &BStr, candidates: &[Candidate]) -> Result<Role> {
    // By its type: mount(8) must not try others.
    let mounted = crate::mount::mount_vfs(ctx, "ro".into(), fstype, mountable, "/".into());
    let role = match &mounted {
        Ok(()) => look::look(ctx, mountable, candidates),
        Err(e) => {
            if ctx.verbose() {
                eprintln!("guestfsd: inspection: {}: not looked at: {e}", mountable.api_name(ctx));
            }
            Role::Other
        }
    };
    crate::mount::umount_all(ctx)?;
    Ok(role)
}

/// The roots that the last inspection found.
pub fn inspect_get_roots(ctx: &mut Ctx) -> Result<Vec<Mountable>> {
    let found = ctx.kept::<Inspection>().map(|last| last.systems.as_slice()).unwrap_or_default();
    Ok(found.iter().map(|(root, _)| root.clone()).collect())
}

fn system<'c>(ctx: &'c Ctx, root: &Mountable) -> Result<&'c Os> {
    let Some(inspection) = ctx.kept::<Inspection>().filter(|last| last.done) else {
        return Err(Error::invalid("nothing is known yet: call inspect_os first"));
    };
    let found = inspection.systems.iter().find(|(known, _)| known == root).map(|(_, os)| os);
    found.ok_or_else(|| Error::invalid("not a root that inspect_os returned").context(root.api_name(ctx)))
}

fn or_unknown(text: Option<impl Into<BString>>) -> BString {
    text.map_or_else(|| "unknown".into(), Into::into)
}

/// Processor architecture.
pub fn inspect_get_arch(ctx: &mut Ctx, root: &Mountable) -> Result<BString> {
    system(ctx, root).map(|os| or_unknown(os.arch))
}

/// Distribution.
pub fn inspect_get_distro(ctx: &mut Ctx, root: &Mountable) -> Result<BString> {
    system(ctx, root).map(|os| or_unknown(os.distro))
}

/// File systems and swap that belong to it.
pub fn inspect_get_filesystems(ctx: &mut Ctx, root: &Mountable) -> Result<Vec<Mountable>> {
    let mut all: Vec<Mountable> =
        places(system(ctx, root)?, root).into_iter().map(|(mountable, _)| mountable).collect();
    all.sort_by_cached_key(|mountable| mountable.api_name(ctx));
    all.dedup();
    Ok(all)
}

/// The name that it gives itself.
pub fn inspect_get_hostname(ctx: &mut Ctx, root: &Mountable) -> Result<BString> {
    system(ctx, root).map(|os| or_unknown(os.hostname.clone()))
}

/// First number of the version.
pub fn inspect_get_major_version(ctx: &mut Ctx, root: &Mountable) -> Result<i32> {
    system(ctx, root).map(|os| os.version.0)
}

/// Second number of the version.
pub fn inspect_get_minor_version(ctx: &mut Ctx, root: &Mountable) -> Result<i32> {
    system(ctx, root).map(|os| os.version.1)
}

/// Where its file systems belong.
pub fn inspect_get_mountpoints(ctx: &mut Ctx, root: &Mountable) -> Result<Vec<(BString, Mountable)>> {
    let mut all: Vec<(BString, Mountable)> = Vec::new();
    let automatic = ctx.kept::<Inspection>().map(|last| last.automatic.as_slice()).unwrap_or_default();
    for (mountable, place) in places(system(ctx, root)?, root) {
        // One that is not here has its place all the same; what is here was looked at, and is of a known type.
        let device = mountable.device();
        if device.path().exists() && !automatic.contains(&device.api_name(ctx)) {
            continue;
        }
        // A second one would hide the first; the answer is a table with one for each.
        if place.starts_with(b"/") && !all.iter().any(|(known, _)| *known == place) {
            all.push((place, mountable));
        }
    }
    Ok(all)
}

/// What fstab says, and the root, which it need not name.
fn places(os: &Os, root: &Mountable) -> Vec<(Mountable, BString)> {
    let named = os.fstab.iter().any(|(_, place)| place == "/");
    let own = (!named).then(|| (root.clone(), BString::from("/")));
    own.into_iter().chain(os.fstab.iter().cloned()).collect()
}

/// Format of its packages.
pub fn inspect_get_package_format(ctx: &mut Ctx, root: &Mountable) -> Result<BString> {
    system(ctx, root).map(|os| or_unknown(os.distro.and_then(packages::format)))
}

/// Program that manages its packages.
pub fn inspect_get_package_management(ctx: &mut Ctx, root: &Mountable) -> Result<BString> {
    system(ctx, root).map(|os| or_unknown(packages::management(os)))
}

/// Its name for people.
pub fn inspect_get_product_name(ctx: &mut Ctx, root: &Mountable) -> Result<BString> {
    system(ctx, root).map(|os| or_unknown(os.product.clone()))
}

/// `linux`, `windows` and the like.
pub fn inspect_get_type(ctx: &mut Ctx, root: &Mountable) -> Result<BString> {
    system(ctx, root).map(|os| or_unknown(os.kind))
}

/// Client or server: only Windows tells.
pub fn inspect_get_product_variant(ctx: &mut Ctx, root: &Mountable) -> Result<BString> {
    system(ctx, root).map(|os| or_unknown(os.windows.as_ref().and_then(|w| w.variant.clone())))
}

/// What identifies its build.
pub fn inspect_get_build_id(ctx: &mut Ctx, root: &Mountable) -> Result<BString> {
    system(ctx, root).map(|os| or_unknown(os.build.clone()))
}

/// Installation media are not looked for any more: what is found is installed.
pub fn inspect_get_format(ctx: &mut Ctx, root: &Mountable) -> Result<BString> {
    system(ctx, root).map(|_| "installed".into())
}

/// Always false, see [`inspect_get_format`].
pub fn inspect_is_live(ctx: &mut Ctx, root: &Mountable) -> Result<bool> {
    system(ctx, root).map(|_| false)
}

/// Always false, see [`inspect_get_format`].
pub fn inspect_is_multipart(ctx: &mut Ctx, root: &Mountable) -> Result<bool> {
    system(ctx, root).map(|_| false)
}

/// Always false, see [`inspect_get_format`].
pub fn inspect_is_netinst(ctx: &mut Ctx, root: &Mountable) -> Result<bool> {
    system(ctx, root).map(|_| false)
}
