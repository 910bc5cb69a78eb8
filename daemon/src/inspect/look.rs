//! What a file system is in a guest: a root, one that belongs on `/usr`, or another.
//!
//! In: the file system, mounted on `/` of the guest. Out: its role, with all that its files tell.
//! A kind of system is a function here or in a module of its own; the first that knows it has it.

use super::resolve::Names;
use super::{arch, bsd, fstab, guest, hostname, rare, release, slices, usr, windows, Os};
use crate::ctx::Ctx;
use crate::device::Mountable;
use crate::filesystems::Candidate;
use bstr::{BString, ByteSlice};

/// See the module's description.
#[derive(Debug)]
pub enum Role {
    /// The root of an operating system.
    Root(Os),
    /// To be mounted on `/usr` of a Linux system.
    Usr(Os),
    /// Data, a boot partition, or unknown.
    Other,
}

/// Look at what is mounted; `here` is what it was mounted from.
pub fn look(ctx: &mut Ctx, here: &Mountable, candidates: &[Candidate]) -> Role {
    if is_boot(ctx) {
        return Role::Other;
    }
    let found = bsd::root(ctx).or_else(|| rare::hurd(ctx)).or_else(|| rare::minix(ctx)).or_else(|| linux_root(ctx));
    if let Some(os) = found {
        let fstab = mounted(ctx, here, candidates);
        return Role::Root(Os { fstab, ..os });
    }
    if usr::is_coreos_usr(ctx) {
        return Role::Usr(Os { distro: Some("coreos"), ..linux_usr(ctx) });
    }
    if usr::is_linux_usr(ctx) {
        return Role::Usr(linux_usr(ctx));
    }
    windows::root(ctx, candidates).or_else(|| rare::dos(ctx)).map_or(Role::Other, Role::Root)
}

/// A boot partition has the boot loader's files at its top.
fn is_boot(ctx: &Ctx) -> bool {
    ["/grub/menu.lst", "/grub/grub.conf", "/grub/grub.cfg", "/grub2/grub.cfg"].iter().any(|f| guest::is_file(ctx, f))
}

fn linux_root(ctx: &mut Ctx) -> Option<Os> {
    let coreos = usr::is_coreos_root(ctx);
    if !coreos && !is_linux_root(ctx) {
        return None;
    }
    let mut os = Os { kind: Some("linux"), hostname: hostname::of_linux(ctx), ..linux(release::of_root(ctx)) };
    if coreos {
        os.distro = Some("coreos");
    }
    os.arch = arch::of_guest(ctx);
    os.has_dnf = guest::is_file(ctx, "/usr/bin/dnf");
    os.build = guest::text(ctx, "/etc/os-release").and_then(|text| guest::assigned(&text, "BUILD_ID"));
    Some(os)
}

/// A root has the directory of programs, perhaps as a link to a `/usr` that is not mounted yet.
fn is_linux_root(ctx: &mut Ctx) -> bool {
    guest::is_dir(ctx, "/etc")
        && (guest::is_dir(ctx, "/bin") || ["usr/bin", "/usr/bin"].iter().any(|t| guest::is_link_to(ctx, "/bin", t)))
        && ["/etc/fstab", "/etc/hosts"].iter().any(|f| guest::exists(ctx, f))
        && !is_other(ctx)
}

/// Other systems have all that too, and these files: one of them that is damaged is no Linux.
fn is_other(ctx: &Ctx) -> bool {
    ["/etc/freebsd-update.conf", "/netbsd", "/bsd", "/hurd/console", "/service/vm"]
        .iter()
        .any(|f| guest::is_file(ctx, f))
}

fn linux_usr(ctx: &Ctx) -> Os {
    let mut os = linux(release::of_usr(ctx));
    os.arch = arch::of_guest(ctx);
    os.has_dnf = guest::is_file(ctx, "/bin/dnf");
    os
}

fn linux(release: release::Release) -> Os {
    let version = release.version.unwrap_or_default();
    Os { distro: release.distro, product: release.product, version, ..Os::default() }
}

/// What the guest's fstab means here.
fn mounted(ctx: &Ctx, here: &Mountable, candidates: &[Candidate]) -> Vec<(Mountable, BString)> {
    let entries = guest::text(ctx, "/etc/fstab").map(|text| fstab::parse(&text)).unwrap_or_default();
    if entries.is_empty() {
        return Vec::new();
    }
    let names = Names::new(ctx, candidates);
    entries.into_iter().filter_map(|entry| place(ctx, &names, here, entry)).collect()
}

fn place(ctx: &Ctx, names: &Names<'_>, here: &Mountable, entry: fstab::Entry) -> Option<(Mountable, BString)> {
    if entry.spec == "/dev/root" {
        return Some((here.clone(), entry.place));
    }
    let device = names.device(ctx, entry.spec.as_bstr())?;
    // The root of a BSD system without its disk label is still what its fstab was read from.
    if device.is_absent() && entry.place == "/" && slices::parse(entry.spec.as_bstr()).is_some() {
        return Some((here.clone(), entry.place));
    }
    let mountable = match entry.subvolume {
        Some(subvolume) => Mountable::BtrfsVol(device, subvolume),
        None => Mountable::Device(device),
    };
    Some((mountable, entry.place))
}
