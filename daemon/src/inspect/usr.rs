//! Systems that have `/usr` on a file system of its own.
//!
//! In: roots, and the file systems that belong on `/usr`. Out: roots that know what is on theirs: there are
//! os-release and all programs of a system today. CoreOS has two, one in use and one for the next update, and
//! nothing on its root says which: the newer one is taken.

use super::{guest, Os};
use crate::ctx::Ctx;
use crate::device::Mountable;
use bstr::BString;

/// The root of CoreOS: empty directories, and how updates are to be made.
pub fn is_coreos_root(ctx: &Ctx) -> bool {
    ["/etc", "/root", "/home", "/usr"].iter().all(|dir| guest::is_dir(ctx, dir))
        && guest::is_file(ctx, "/etc/coreos/update.conf")
}

/// What belongs on `/usr` of CoreOS.
pub fn is_coreos_usr(ctx: &Ctx) -> bool {
    ["/bin", "/share", "/local"].iter().all(|dir| guest::is_dir(ctx, dir))
        && guest::is_file(ctx, "/share/coreos/update.conf")
}

/// What belongs on `/usr` of any other Linux.
pub fn is_linux_usr(ctx: &Ctx) -> bool {
    ["/bin", "/lib", "/share"].iter().all(|dir| guest::is_dir(ctx, dir)) && !guest::exists(ctx, "/etc/fstab")
}

/// Give a root what its `/usr` tells.
pub fn join(os: &mut Os, usrs: &[(Mountable, Os)]) {
    let place = BString::from("/usr");
    let named = os.fstab.iter().find(|(_, at)| *at == place).map(|(mountable, _)| mountable);
    if let Some((_, usr)) = usrs.iter().find(|(mountable, _)| Some(mountable) == named) {
        add(os, usr);
    } else if os.distro == Some("coreos") && named.is_none() {
        let of_coreos = usrs.iter().filter(|(_, usr)| usr.distro == Some("coreos"));
        if let Some((mountable, usr)) = of_coreos.max_by_key(|(_, usr)| usr.version) {
            add(os, usr);
            os.fstab.push((mountable.clone(), place));
        }
    }
}

fn add(os: &mut Os, usr: &Os) {
    if usr.distro.is_some() {
        os.distro = usr.distro;
        os.product = usr.product.clone().or(os.product.take());
        // Debian has its minor number only in /etc.
        if os.version.0 != usr.version.0 && usr.version != (0, 0) {
            os.version = usr.version;
        }
    }
    os.arch = os.arch.or(usr.arch);
    os.has_dnf |= usr.has_dnf;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Device;

    fn device(node: &str) -> Mountable {
        Mountable::Device(Device::from_real(node))
    }

    fn coreos(version: i32) -> Os {
        let product = Some(format!("CoreOS {version}.0.0").into());
        Os { distro: Some("coreos"), product, version: (version, 0), arch: Some("x86_64"), ..Os::default() }
    }

    #[test]
    fn coreos_takes_the_newer_one() {
        let usrs = [
            (device("/dev/sda2"), Os { distro: Some("fedora"), version: (5000, 0), ..Os::default() }),
            (device("/dev/sda3"), coreos(1068)),
            (device("/dev/sda4"), coreos(899)),
        ];
        let root = Os { distro: Some("coreos"), ..Os::default() };
        let mut os = root.clone();
        join(&mut os, &usrs);
        assert_eq!((os.product.unwrap(), os.version, os.arch), ("CoreOS 1068.0.0".into(), (1068, 0), Some("x86_64")));
        assert_eq!(os.fstab, [(device("/dev/sda3"), "/usr".into())]);
        // What its fstab says counts more.
        let mut os = Os { fstab: vec![(device("/dev/sda4"), "/usr".into())], ..root.clone() };
        join(&mut os, &usrs);
        assert_eq!((os.version, os.fstab.len()), ((899, 0), 1));
        let mut os = root.clone();
        join(&mut os, &usrs[..1]);
        assert_eq!(os, root);
    }

    #[test]
    fn programs_are_there() {
        let mut os = Os {
            distro: Some("debian"),
            version: (12, 5),
            fstab: vec![(device("/dev/sda2"), "/usr".into())],
            ..Os::default()
        };
        let usr = Os { distro: Some("debian"), version: (12, 0), arch: Some("i386"), has_dnf: true, ..Os::default() };
        join(&mut os, &[(device("/dev/sda1"), coreos(1)), (device("/dev/sda2"), usr)]);
        assert_eq!((os.version, os.arch, os.has_dnf), ((12, 5), Some("i386"), true));
    }
}
