//! The whole of a look at a guest, in a plain directory.

use super::look::{look, Role};
use super::*;
use crate::device::Device;
use crate::testing::Guest;

fn candidate(node: &str, tags: &[(&str, &str)]) -> Candidate {
    let tags = tags.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    Candidate { device: Device::from_real(node), tags }
}

fn device(node: &str) -> Mountable {
    Mountable::Device(Device::from_real(node))
}

fn absent(name: &str) -> Mountable {
    Mountable::Device(Device::absent(name.into()))
}

fn debian(g: &Guest) {
    g.write("/usr/lib/os-release", "ID=debian\nPRETTY_NAME=\"Debian\"\nVERSION_ID=\"12\"\n");
    g.write("/etc/debian_version", "12.7\n");
    g.link("../usr/lib/os-release", "/etc/os-release");
    g.link("usr/bin", "/bin");
    let mut sh = vec![0; 64];
    sh[..6].copy_from_slice(b"\x7fELF\x02\x01");
    sh[18] = 62;
    g.write("/usr/bin/dash", sh);
    g.link("dash", "/usr/bin/sh");
    g.write("/etc/hostname", "box\n");
    g.write(
        "/etc/fstab",
        "# made by hand\nUUID=AB-12 /boot/efi vfat umask=0077\n/dev/root / ext4\nLABEL=home /home btrfs subvol=@home\n\
         /dev/VG/none /srv ext4\nUUID=unknown /gone ext4\nPARTUUID=77 none swap sw\n",
    );
}

#[test]
fn a_linux_root() {
    let mut g = Guest::new();
    debian(&g);
    let here = device("/dev/sda2");
    let candidates = [
        candidate("/dev/sda1", &[("UUID", "ab-12"), ("TYPE", "vfat")]),
        candidate("/dev/sda2", &[("UUID", "cd"), ("LABEL", "root")]),
        candidate("/dev/sda3", &[("PART_ENTRY_UUID", "77")]),
        candidate("/dev/sdb", &[("LABEL", "home")]),
    ];
    let Role::Root(os) = look(&mut g.ctx, &here, &candidates) else { panic!("not a root") };
    let want = Os {
        kind: Some("linux"),
        distro: Some("debian"),
        product: Some("12.7".into()),
        version: (12, 7),
        arch: Some("x86_64"),
        hostname: Some("box".into()),
        has_dnf: false,
        fstab: vec![
            (device("/dev/sda1"), "/boot/efi".into()),
            (here.clone(), "/".into()),
            (Mountable::BtrfsVol(Device::from_real("/dev/sdb"), "@home".into()), "/home".into()),
            (absent("/dev/VG/none"), "/srv".into()),
            (device("/dev/sda3"), "none".into()),
        ],
    };
    assert_eq!(os, want);
    let ctx = &mut g.ctx;
    assert!(inspect_get_type(ctx, &here).unwrap_err().to_string().contains("inspect_os"));
    ctx.set_inspection(Inspection { done: true, systems: vec![(here.clone(), os)] });
    assert_eq!(inspect_get_roots(ctx).unwrap(), [here.clone()]);
    assert!(inspect_get_type(ctx, &device("/dev/sda1")).is_err());
    assert_eq!(inspect_get_type(ctx, &here).unwrap(), "linux");
    assert_eq!(inspect_get_package_format(ctx, &here).unwrap(), "deb");
    assert_eq!(inspect_get_package_management(ctx, &here).unwrap(), "apt");
    assert_eq!((inspect_get_major_version(ctx, &here).unwrap(), inspect_get_minor_version(ctx, &here).unwrap()), (12, 7));
    let places: Vec<BString> = inspect_get_mountpoints(ctx, &here).unwrap().into_iter().map(|(place, _)| place).collect();
    assert_eq!(places, ["/boot/efi", "/", "/home", "/srv"]);
    let all: Vec<BString> = inspect_get_filesystems(ctx, &here).unwrap().iter().map(|m| m.api_name(ctx)).collect();
    assert_eq!(all, ["/dev/VG/none", "/dev/sda1", "/dev/sda2", "/dev/sda3", "btrfsvol:/dev/sdb/@home"]);
}

#[test]
fn a_root_without_its_usr() {
    let mut root = Guest::new();
    root.link("usr/bin", "/bin");
    root.write("/etc/fstab", "/dev/sda2 /usr ext4\n");
    root.link("../usr/lib/os-release", "/etc/os-release");
    root.write("/etc/redhat-release", "Fedora release 38\n");
    let Role::Root(mut os) = look(&mut root.ctx, &device("/dev/sda1"), &[]) else { panic!("not a root") };
    assert_eq!((os.distro, os.version, packages::management(&os)), (Some("fedora"), (38, 0), Some("yum")));
    let mut usr = Guest::new();
    usr.write("/lib/os-release", "ID=fedora\nPRETTY_NAME=\"Fedora Linux 38\"\nVERSION_ID=38\n");
    usr.write("/bin/dnf", "");
    usr.write("/share/x", "");
    let Role::Usr(part) = look(&mut usr.ctx, &device("/dev/sda2"), &[]) else { panic!("not for /usr") };
    os.add_usr(&part);
    assert_eq!((os.product.unwrap(), packages::management(&part)), ("Fedora Linux 38".into(), Some("dnf")));
}

#[test]
fn no_roots() {
    let check = |files: &[&str]| {
        let mut g = Guest::new();
        files.iter().for_each(|f| g.write(f, ""));
        let role = look(&mut g.ctx, &device("/dev/sda1"), &[]);
        assert!(matches!(role, Role::Other), "{files:?}: {role:?}");
    };
    check(&[]);
    check(&["/grub/grub.cfg", "/etc/fstab", "/bin/sh"]);
    check(&["/etc/fstab"]);
    check(&["/bin/sh", "/etc/passwd"]);
    check(&["/bin/sh", "/etc/fstab", "/netbsd"]);
    check(&["/home/me/bin/x"]);
}
