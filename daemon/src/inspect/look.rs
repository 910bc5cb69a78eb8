//! What a file system is in a guest: a root, one that belongs on `/usr`, or another.
//!
//! In: the file system, mounted on `/` of the guest. Out: its role, with all that its files tell.
//! Systems other than Linux will be recognised here, each by a function of its own.

use super::resolve::Names;
use super::{arch, fstab, guest, hostname, release, Os};
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
        Role::Other
    } else if is_linux_root(ctx) {
        Role::Root(linux_root(ctx, here, candidates))
    } else if is_linux_usr(ctx) {
        Role::Usr(linux_usr(ctx))
    } else {
        Role::Other
    }
}

/// A boot partition has the boot loader's files at its top.
fn is_boot(ctx: &Ctx) -> bool {
    ["/grub/menu.lst", "/grub/grub.conf", "/grub/grub.cfg", "/grub2/grub.cfg"].iter().any(|f| guest::is_file(ctx, f))
}

/// A root has the directory of programs, perhaps as a link to a `/usr` that is not mounted yet.
fn is_linux_root(ctx: &mut Ctx) -> bool {
    guest::is_dir(ctx, "/etc")
        && (guest::is_dir(ctx, "/bin") || ["usr/bin", "/usr/bin"].iter().any(|t| guest::is_link_to(ctx, "/bin", t)))
        && ["/etc/fstab", "/etc/hosts"].iter().any(|f| guest::exists(ctx, f))
        && !is_bsd(ctx)
}

/// Other systems have all that too, and these files.
fn is_bsd(ctx: &Ctx) -> bool {
    ["/etc/freebsd-update.conf", "/netbsd", "/bsd", "/hurd/console", "/service/vm"].iter().any(|f| guest::is_file(ctx, f))
}

fn is_linux_usr(ctx: &Ctx) -> bool {
    ["/bin", "/lib", "/share"].iter().all(|d| guest::is_dir(ctx, d)) && !guest::exists(ctx, "/etc/fstab")
}

fn linux_root(ctx: &Ctx, here: &Mountable, candidates: &[Candidate]) -> Os {
    let mut os = Os { kind: Some("linux"), hostname: hostname::of_linux(ctx), ..linux(release::of_root(ctx)) };
    os.arch = arch::of_guest(ctx);
    os.has_dnf = guest::is_file(ctx, "/usr/bin/dnf");
    let entries = guest::text(ctx, "/etc/fstab").map(|text| fstab::parse(&text)).unwrap_or_default();
    if !entries.is_empty() {
        let names = Names::new(ctx, candidates);
        os.fstab = entries.into_iter().filter_map(|entry| mounted(ctx, &names, here, entry)).collect();
    }
    os
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

/// What an entry of fstab means here.
fn mounted(ctx: &Ctx, names: &Names<'_>, here: &Mountable, entry: fstab::Entry) -> Option<(Mountable, BString)> {
    if entry.spec == "/dev/root" {
        return Some((here.clone(), entry.place));
    }
    let device = names.device(ctx, entry.spec.as_bstr())?;
    let mountable = match entry.subvolume {
        Some(subvolume) => Mountable::BtrfsVol(device, subvolume),
        None => Mountable::Device(device),
    };
    Some((mountable, entry.place))
}
