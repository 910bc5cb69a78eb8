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
        build: None,
        windows: None,
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
    ctx.keep(Inspection { done: true, systems: vec![(here.clone(), os)], automatic: Vec::new() });
    assert_eq!(inspect_get_roots(ctx).unwrap(), std::slice::from_ref(&here));
    assert!(inspect_get_type(ctx, &device("/dev/sda1")).is_err());
    assert_eq!(inspect_get_type(ctx, &here).unwrap(), "linux");
    assert_eq!(inspect_get_package_format(ctx, &here).unwrap(), "deb");
    assert_eq!(inspect_get_package_management(ctx, &here).unwrap(), "apt");
    assert_eq!(
        (inspect_get_major_version(ctx, &here).unwrap(), inspect_get_minor_version(ctx, &here).unwrap()),
        (12, 7)
    );
    let places: Vec<BString> =
        inspect_get_mountpoints(ctx, &here).unwrap().into_iter().map(|(place, _)| place).collect();
    assert_eq!(places, ["/boot/efi", "/", "/home", "/srv"]);
    // What is here, but was not seen to be of a type that is mounted by itself, is still told of.
    let Some(last) = ctx.kept::<Inspection>() else { panic!("was kept") };
    let mut systems = last.systems.clone();
    for (_, os) in &mut systems {
        os.fstab[2].0 = device("/dev/null");
    }
    for (automatic, wanted) in [
        (vec!["/dev/null".into()], &["/boot/efi", "/", "/home", "/srv"][..]),
        (Vec::new(), &["/boot/efi", "/", "/srv"]),
    ] {
        ctx.keep(Inspection { done: true, systems: systems.clone(), automatic });
        let places: Vec<BString> =
            inspect_get_mountpoints(ctx, &here).unwrap().into_iter().map(|(place, _)| place).collect();
        assert_eq!(places, wanted);
    }
    let all: Vec<BString> = inspect_get_filesystems(ctx, &here).unwrap().iter().map(|m| m.api_name(ctx)).collect();
    assert_eq!(all, ["/dev/VG/none", "/dev/null", "/dev/sda1", "/dev/sda2", "/dev/sda3"]);
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
    // Unit tests have no such device.
    os.fstab = vec![(device("/dev/sda2"), "/usr".into())];
    usr::join(&mut os, &[(device("/dev/sda2"), part.clone())]);
    assert_eq!((os.product.unwrap(), packages::management(&part)), ("Fedora Linux 38".into(), Some("dnf")));
}

/// Type, distribution, name, version, host name, format of packages, program for them.
type Facts<'a> = (&'a str, &'a str, &'a str, (i32, i32), &'a str, &'a str, &'a str);

#[test]
fn systems_of_all_kinds() {
    let unix = [("/bin/sh", ""), ("/etc/fstab", "")];
    let hurd = [("/hurd/console", ""), ("/hurd/hello", ""), ("/hurd/null", ""), ("/etc/debian_version", "12.5\n")];
    let cases: &[(&[(&str, &str)], Facts)] = &[
        (
            &[("/etc/freebsd-update.conf", ""), ("/etc/motd", "FreeBSD 9.1-RELEASE (GENERIC)\n")],
            ("freebsd", "freebsd", "FreeBSD 9.1-RELEASE (GENERIC)", (9, 1), "unknown", "unknown", "unknown"),
        ),
        (
            &[
                ("/bin/freebsd-version", "USERLAND_VERSION=\"14.0-RELEASE\"\n"),
                ("/etc/rc.conf", "hostname=f.example\n"),
            ],
            ("freebsd", "freebsd", "FreeBSD 14.0-RELEASE", (14, 0), "f.example", "unknown", "unknown"),
        ),
        (
            &[("/netbsd", ""), ("/etc/release", "NetBSD 9.3/amd64\nBuild\n"), ("/etc/rc.conf", "hostname=\"n\"\n")],
            ("netbsd", "netbsd", "NetBSD 9.3/amd64", (9, 3), "n", "unknown", "unknown"),
        ),
        (
            &[("/bsd", ""), ("/etc/motd", "OpenBSD 6.8 (GENERIC) #1\n"), ("/etc/myname", "o.example\n")],
            ("openbsd", "openbsd", "OpenBSD 6.8 (GENERIC) #1", (6, 8), "o.example", "unknown", "unknown"),
        ),
        (&hurd, ("hurd", "debian", "12.5", (12, 5), "unknown", "deb", "apt")),
        (
            &[("/service/vm", ""), ("/etc/version", "3.3.0\n"), ("/etc/hostname.file", "m\n")],
            ("minix", "unknown", "3.3.0", (3, 3), "m", "unknown", "unknown"),
        ),
        (&[("/etc/hostname", "l\n")], ("linux", "unknown", "unknown", (0, 0), "l", "unknown", "unknown")),
    ];
    for (files, want) in cases {
        let g = Guest::new();
        unix.iter().chain(*files).for_each(|(path, text)| g.write(path, text));
        assert_eq!(facts(g), own(*want), "{files:?}");
    }
    let others: &[(&[&str], &str)] = &[
        (&["/FDOS/FREEDOS.BSS"], "freedos"),
        (&["/IO.SYS", "/MSDOS.SYS", "/COMMAND.COM"], "msdos"),
        (&["/etc/coreos/update.conf", "/root/x", "/home/x", "/usr/x"], "coreos"),
    ];
    for (files, distro) in others {
        let g = Guest::new();
        files.iter().for_each(|path| g.write(path, ""));
        assert_eq!(facts(g).1, *distro, "{files:?}");
    }
}

/// What inspection says of a guest in a directory.
fn facts(mut g: Guest) -> (BString, BString, BString, (i32, i32), BString, BString, BString) {
    let here = device("/dev/sda1");
    let Role::Root(os) = look(&mut g.ctx, &here, &[]) else { panic!("not a root") };
    let ctx = &mut g.ctx;
    ctx.keep(Inspection { done: true, systems: vec![(here.clone(), os)], automatic: Vec::new() });
    (
        inspect_get_type(ctx, &here).unwrap(),
        inspect_get_distro(ctx, &here).unwrap(),
        inspect_get_product_name(ctx, &here).unwrap(),
        (inspect_get_major_version(ctx, &here).unwrap(), inspect_get_minor_version(ctx, &here).unwrap()),
        inspect_get_hostname(ctx, &here).unwrap(),
        inspect_get_package_format(ctx, &here).unwrap(),
        inspect_get_package_management(ctx, &here).unwrap(),
    )
}

fn own(facts: Facts) -> (BString, BString, BString, (i32, i32), BString, BString, BString) {
    let (kind, distro, product, version, hostname, format, manager) = facts;
    (kind.into(), distro.into(), product.into(), version, hostname.into(), format.into(), manager.into())
}

#[test]
fn what_belongs_on_usr_of_coreos() {
    let mut g = Guest::new();
    for file in ["/bin/sh", "/share/coreos/update.conf", "/local/x"] {
        g.write(file, "");
    }
    g.write("/lib/os-release", "ID=coreos\nVERSION_ID=1068.8.0\nPRETTY_NAME=\"CoreOS 1068.8.0\"\n");
    let Role::Usr(os) = look(&mut g.ctx, &device("/dev/sda3"), &[]) else { panic!("not for /usr") };
    assert_eq!((os.distro, os.version), (Some("coreos"), (1068, 8)));
}

#[test]
fn damaged_systems_say_what_they_can() {
    let mut g = Guest::new();
    g.write("/bin/sh", b"\x7fEL");
    g.write("/etc/fstab", (0..=255).collect::<Vec<u8>>());
    g.write("/etc/os-release", b"ID=\0\xff\nVERSION_ID=9\nPRETTY_NAME=\"Debian\x01\"\n");
    g.link("hostname", "/etc/hostname");
    g.link("/nowhere", "/etc/crypttab");
    g.write("/etc/debian_version", "12.5\n");
    let here = device("/dev/sda1");
    let Role::Root(os) = look(&mut g.ctx, &here, &[]) else { panic!("not a root") };
    assert_eq!((os.distro, os.version, os.arch, os.hostname, os.fstab), (Some("debian"), (12, 5), None, None, vec![]));
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

#[test]
fn snapshots_are_no_systems() {
    let volume = |path: &str| Mountable::BtrfsVol(Device::from_real("/dev/sda2"), path.into());
    let os = |root: Option<&Mountable>| Os {
        fstab: root.map(|root| (root.clone(), "/".into())).into_iter().collect(),
        ..Os::default()
    };
    let kept = |systems: &[(Mountable, Option<&Mountable>)]| {
        let all: Vec<_> = systems.iter().map(|(place, root)| (place.clone(), os(*root))).collect();
        let kept = all.iter().filter(|(place, os)| !is_snapshot(place, os, &all));
        kept.map(|(place, _)| place.clone()).collect::<Vec<_>>()
    };
    let (whole, main, old) = (device("/dev/sda2"), volume("@"), volume("snapshots/1/@"));
    // As Ubuntu has it: a subvolume by name.
    assert_eq!(kept(&[(main.clone(), Some(&main)), (old.clone(), Some(&main))]), std::slice::from_ref(&main));
    // The same, and it is the default one.
    assert_eq!(kept(&[(whole.clone(), Some(&main)), (old.clone(), Some(&main))]), std::slice::from_ref(&whole));
    // As SUSE has it: the default one, whichever that is.
    assert_eq!(kept(&[(whole.clone(), Some(&whole)), (old.clone(), Some(&whole))]), std::slice::from_ref(&whole));
    // Two systems on one file system; a copy whose original is gone or no root; what says nothing.
    let other = volume("other");
    for systems in [
        &[(main.clone(), Some(&main)), (other.clone(), Some(&other))][..],
        &[(old.clone(), Some(&main))],
        &[(whole.clone(), Some(&whole)), (old.clone(), Some(&main))],
        &[(main.clone(), Some(&other)), (other.clone(), Some(&main))],
        &[(main.clone(), None), (old.clone(), None)],
        &[(device("/dev/sdb"), Some(&whole)), (whole.clone(), Some(&whole))],
        &[(Mountable::BtrfsVol(Device::from_real("/dev/sdb"), "@".into()), Some(&main)), (main.clone(), Some(&main))],
    ] {
        assert_eq!(kept(systems).len(), systems.len(), "{systems:?}");
    }
}
