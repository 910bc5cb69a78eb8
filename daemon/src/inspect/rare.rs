//! The Hurd, Minix, and DOS.
//!
//! In: the mounted file system. Out: what its files tell, when it is the root of one of them.

use super::{arch, guest, hostname, release, Os};
use crate::ctx::Ctx;
use bstr::{BString, ByteSlice};

/// GNU/Hurd: a distribution of Linux with other things below it.
pub fn hurd(ctx: &Ctx) -> Option<Os> {
    let servers = ["/hurd/console", "/hurd/hello", "/hurd/null"];
    if !servers.iter().all(|file| guest::is_file(ctx, file)) {
        return None;
    }
    let release = release::of_root(ctx);
    Some(Os {
        kind: Some("hurd"),
        distro: release.distro,
        product: release.product,
        version: release.version.unwrap_or_default(),
        arch: arch::of_guest(ctx),
        hostname: hostname::of_linux(ctx),
        ..Os::default()
    })
}

/// Minix 3.
pub fn minix(ctx: &Ctx) -> Option<Os> {
    let dirs = ["/etc", "/bin"].iter().all(|dir| guest::is_dir(ctx, dir));
    let files = ["/service/vm", "/etc/fstab", "/etc/version"].iter().all(|file| guest::is_file(ctx, file));
    if !dirs || !files {
        return None;
    }
    let product = first_line(ctx, "/etc/version");
    Some(Os {
        kind: Some("minix"),
        version: product.as_ref().and_then(|text| release::version(text)).unwrap_or_default(),
        product,
        arch: arch::of_guest(ctx),
        hostname: hostname::of_minix(ctx),
        ..Os::default()
    })
}

fn first_line(ctx: &Ctx, file: &str) -> Option<BString> {
    guest::text(ctx, file).and_then(|text| guest::shown(text.lines().next()?))
}

/// FreeDOS, by the boot sector that its installer keeps, and Microsoft's, by the files that it starts from. DOS
/// is for one kind of processor. Windows 95 and its like start from these files too, and are looked for before.
pub fn dos(ctx: &Ctx) -> Option<Os> {
    let all = |files: &[&str]| files.iter().all(|file| guest::is_file(ctx, file));
    let dos = Os { kind: Some("dos"), arch: Some("i386"), ..Os::default() };
    if all(&["/FDOS/FREEDOS.BSS"]) {
        Some(Os { distro: Some("freedos"), ..dos })
    } else if all(&["/IO.SYS", "/MSDOS.SYS", "/COMMAND.COM"]) {
        Some(Os { distro: Some("msdos"), ..dos })
    } else {
        None
    }
}
