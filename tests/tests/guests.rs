//! Real guests: a Debian made by debootstrap, put on disks in three ways, and what inspection says of it.
//!
//! In: debootstrap, root, and Debian's mirror that this machine's apt uses; the system is made once and
//! kept as an archive outside of the tree. Out: a line for each guest, or `not run: WHAT, WHY`.

#[path = "guests/rpm.rs"]
mod rpm;

use bstr::{BString, ByteSlice};
use guestfs::opts::{AddDriveOpts, MkfsOpts, MkswapOpts};
use guestfs::{structs::Application2, Handle};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Seconds that debootstrap may take.
const PATIENCE: &str = "400";
/// Not needed to recognise a system, and half of its files.
const LEFT_OUT: [&str; 10] = [
    "./dev/*",
    "./usr/share/doc",
    "./usr/share/i18n",
    "./usr/share/locale",
    "./usr/share/man",
    "./usr/share/zoneinfo",
    "./usr/lib/*/gconv",
    "./usr/lib/*/perl*",
    "./var/cache/*",
    "./var/lib/apt/lists/*",
];

// ── the system ──────────────────────────────────────────────────────────────────

/// Where archives are kept: nobody else's directory.
fn cache() -> PathBuf {
    // SAFETY: always succeeds, touches no memory.
    let uid = unsafe { libc::geteuid() };
    let dir = match std::env::var_os("XDG_CACHE_HOME").filter(|d| !d.is_empty()) {
        Some(dir) => Path::new(&dir).join("guestfs-rs-guests"),
        None => format!("/var/tmp/guestfs-rs-guests-{uid}").into(),
    };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir).unwrap();
    let found = std::fs::symlink_metadata(&dir).unwrap();
    assert!(found.is_dir() && found.uid() == uid && found.mode() & 0o022 == 0, "{} is not ours alone", dir.display());
    dir
}

/// The value of a line `KEY=value` in /etc/os-release.
fn os_release(key: &str) -> Option<String> {
    let text = std::fs::read_to_string("/etc/os-release").ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
    Some(value.trim_matches('"').to_owned())
}

/// The mirror that apt takes this distribution from: one line, or stanzas of fields (sources.list(5)).
fn mirror(suite: &str) -> Option<String> {
    let more = std::fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten().map(|e| e.path());
    for file in [PathBuf::from("/etc/apt/sources.list")].into_iter().chain(more) {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        for line in text.lines().filter(|l| l.starts_with("deb ")) {
            let words: Vec<&str> = line.split_whitespace().skip(1).filter(|w| !w.contains(['[', ']'])).collect();
            if words.get(1) == Some(&suite) && words.contains(&"main") {
                return Some(words[0].to_owned());
            }
        }
        for stanza in text.split("\n\n") {
            let field = |name: &str| {
                let line = stanza.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
                line.map(|l| l.split_whitespace().collect::<Vec<_>>()).unwrap_or_default()
            };
            if field("Suites").contains(&suite) && field("Components").contains(&"main") {
                return field("URIs").first().map(|uri| (*uri).to_owned());
            }
        }
    }
    None
}

/// The archive of the system, made when it is not there yet; or why that cannot be.
fn archive() -> Result<PathBuf, String> {
    let id = os_release("ID").filter(|id| id == "debian").ok_or("this machine is no Debian")?;
    let suite = os_release("VERSION_CODENAME").ok_or("/etc/os-release names no release")?;
    let dir = cache();
    let done = dir.join(format!("{id}-{suite}.tar"));
    if done.is_file() {
        return Ok(done);
    }
    let start = Instant::now();
    let found = Command::new("sh").args(["-c", "command -v debootstrap"]).stdout(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        return Err("debootstrap is not installed".into());
    }
    // SAFETY: always succeeds, touches no memory.
    if unsafe { libc::geteuid() } != 0 {
        return Err("debootstrap needs root".into());
    }
    let mirror = mirror(&suite).ok_or("apt has no mirror for this release")?;
    let work = tempfile::Builder::new().suffix(".partial").tempdir_in(&dir).unwrap();
    let (tree, tar, log) = (work.path().join("tree"), work.path().join("tar"), work.path().join("log"));
    let mut make = Command::new("timeout");
    make.args([PATIENCE, "debootstrap", "--variant=minbase", &suite]).arg(&tree).arg(&mirror);
    make.stdout(std::fs::File::create(&log).unwrap()).stderr(Stdio::inherit()).stdin(Stdio::null());
    let status = make.status().unwrap();
    if !status.success() {
        let log = std::fs::read_to_string(&log).unwrap_or_default();
        return Err(format!("debootstrap from {mirror}: {status}: {}", log.lines().last().unwrap_or_default()));
    }
    let mut pack = Command::new("tar");
    pack.arg("-C").arg(&tree).args(["--numeric-owner", "-cf"]).arg(&tar);
    pack.args(LEFT_OUT.map(|path| format!("--exclude={path}"))).arg(".");
    assert!(pack.status().unwrap().success());
    std::fs::rename(&tar, &done).unwrap();
    println!("made {} in {:.0?}", done.display(), start.elapsed());
    Ok(done)
}

// ── the guests ──────────────────────────────────────────────────────────────────

/// A guest: how its disk is made, and what must be found on it.
struct Guest {
    name: &'static str,
    format: &'static str,
    /// Makes the file systems, mounts them, and says what fstab is to be.
    make: fn(&Handle) -> String,
    root: &'static str,
    mountpoints: &'static [(&'static str, &'static str)],
    filesystems: &'static [&'static str],
}

const GUESTS: [Guest; 3] = [
    Guest {
        name: "partitions",
        format: "raw",
        make: partitions,
        root: "/dev/sda2",
        mountpoints: &[("/", "/dev/sda2"), ("/boot", "/dev/sda1")],
        filesystems: &["/dev/sda1", "/dev/sda2", "/dev/sda3"],
    },
    Guest {
        name: "volumes",
        format: "qcow2",
        make: volumes,
        root: "/dev/guest-vg/root",
        mountpoints: &[("/", "/dev/guest-vg/root"), ("/home", "/dev/guest-vg/home")],
        filesystems: &["/dev/guest-vg/home", "/dev/guest-vg/root", "/dev/guest-vg/swap"],
    },
    Guest {
        name: "subvolumes",
        format: "raw",
        make: subvolumes,
        root: "btrfsvol:/dev/sda2/@",
        mountpoints: &[("/", "btrfsvol:/dev/sda2/@"), ("/home", "btrfsvol:/dev/sda2/@home")],
        filesystems: &["btrfsvol:/dev/sda2/@", "btrfsvol:/dev/sda2/@home"],
    },
];

fn label(text: &str) -> MkfsOpts {
    MkfsOpts::new().label(text)
}

fn partitions(g: &Handle) -> String {
    g.part_init("/dev/sda", "mbr").unwrap();
    for (first, last) in [(2048, 133_119), (133_120, 2_027_519), (2_027_520, -2048)] {
        g.part_add("/dev/sda", "p", first, last).unwrap();
    }
    g.mkfs("ext2", "/dev/sda1", label("boot")).unwrap();
    g.mkfs("ext4", "/dev/sda2", MkfsOpts::default()).unwrap();
    g.mkswap("/dev/sda3", MkswapOpts::default()).unwrap();
    g.mount("/dev/sda2", "/").unwrap();
    g.mkdir("/boot").unwrap();
    g.mount("/dev/sda1", "/boot").unwrap();
    g.mkdir("/boot/grub").unwrap();
    g.write("/boot/grub/grub.cfg", b"# none\n").unwrap();
    let root = g.vfs_uuid("/dev/sda2").unwrap();
    format!(
        "UUID={root} / ext4 errors=remount-ro 0 1\nLABEL=boot /boot ext2 defaults 0 2\n/dev/vda3 none swap sw 0 0\n"
    )
}

fn volumes(g: &Handle) -> String {
    g.part_disk("/dev/sda", "gpt").unwrap();
    g.pvcreate("/dev/sda1").unwrap();
    g.vgcreate("guest-vg", &["/dev/sda1"]).unwrap();
    for (name, megabytes) in [("root", 600), ("home", 40), ("swap", 40)] {
        g.lvcreate(name, "guest-vg", megabytes).unwrap();
    }
    g.mkfs("ext4", "/dev/guest-vg/root", MkfsOpts::default()).unwrap();
    g.mkfs("ext4", "/dev/guest-vg/home", MkfsOpts::default()).unwrap();
    g.mkswap("/dev/guest-vg/swap", MkswapOpts::default()).unwrap();
    g.mount("/dev/guest-vg/root", "/").unwrap();
    g.mkdir("/home").unwrap();
    g.mount("/dev/guest-vg/home", "/home").unwrap();
    "/dev/mapper/guest--vg-root / ext4 errors=remount-ro 0 1\n/dev/guest-vg/home /home auto defaults 0 2\n\
     /dev/mapper/guest--vg-swap none swap sw 0 0\n/dev/sr0 /media/cdrom0 udf,iso9660 user,noauto 0 0\n"
        .into()
}

fn subvolumes(g: &Handle) -> String {
    g.part_init("/dev/sda", "gpt").unwrap();
    g.part_add("/dev/sda", "p", 2048, 4095).unwrap();
    g.part_add("/dev/sda", "p", 4096, -2048).unwrap();
    g.mkfs("btrfs", "/dev/sda2", MkfsOpts::default()).unwrap();
    g.mount("/dev/sda2", "/").unwrap();
    g.debug("sh", &["btrfs subvolume create /sysroot/@ && btrfs subvolume create /sysroot/@home"]).unwrap();
    g.umount_all().unwrap();
    g.mount("btrfsvol:/dev/sda2/@", "/").unwrap();
    g.mkdir("/home").unwrap();
    g.mount("btrfsvol:/dev/sda2/@home", "/home").unwrap();
    let uuid = g.vfs_uuid("/dev/sda2").unwrap();
    format!("UUID={uuid} / btrfs defaults,subvol=@ 0 0\nUUID=\"{uuid}\" /home btrfs subvol=/@home 0 0\nUUID=none /gone ext4\n")
}

/// All that inspection says of a root, to be compared.
fn answers(g: &Handle, root: &BString) -> Vec<BString> {
    let mut all = vec![
        g.inspect_get_type(root).unwrap(),
        g.inspect_get_distro(root).unwrap(),
        g.inspect_get_product_name(root).unwrap(),
        g.inspect_get_major_version(root).unwrap().to_string().into(),
        g.inspect_get_minor_version(root).unwrap().to_string().into(),
        g.inspect_get_arch(root).unwrap(),
        g.inspect_get_hostname(root).unwrap(),
        g.inspect_get_package_format(root).unwrap(),
        g.inspect_get_package_management(root).unwrap(),
        g.inspect_get_osinfo(root).unwrap(),
    ];
    all.extend(g.inspect_get_filesystems(root).unwrap());
    all.extend(g.inspect_get_mountpoints(root).unwrap().into_iter().flat_map(|(place, device)| [place, device]));
    all
}

fn check(guest: &Guest, archive: &Path, dir: &Path) {
    let start = Instant::now();
    let image = dir.join(guest.name);
    let image = image.to_str().unwrap();
    let g = Handle::new().unwrap();
    g.disk_create(image, guest.format, 1 << 30, Default::default()).unwrap();
    g.add_drive(image, AddDriveOpts::new().format(guest.format)).unwrap();
    g.launch().unwrap();
    let fstab = (guest.make)(&g);
    g.tar_in(archive.to_str().unwrap(), "/", Default::default()).unwrap();
    g.write("/etc/fstab", fstab.as_bytes()).unwrap();
    g.write("/etc/hostname", format!("{}.example\n", guest.name).as_bytes()).unwrap();
    g.shutdown().unwrap();
    drop(g);
    let made = start.elapsed();

    let g = Handle::new().unwrap();
    g.add_drive(image, AddDriveOpts::new().format(guest.format).readonly(true)).unwrap();
    g.launch().unwrap();
    let start = Instant::now();
    let roots = g.inspect_os().unwrap();
    let inspected = start.elapsed();
    assert_eq!(roots, [guest.root], "{}: roots", guest.name);
    assert_eq!(g.inspect_get_roots().unwrap(), roots);
    assert!(g.mounts().unwrap().is_empty(), "{}: something is left mounted", guest.name);
    let root = &roots[0];
    let first = answers(&g, root);
    assert_eq!(g.inspect_get_filesystems(root).unwrap(), guest.filesystems, "{}: file systems", guest.name);
    let mut mountpoints = g.inspect_get_mountpoints(root).unwrap();
    mountpoints.sort();
    let want: Vec<(BString, BString)> = guest.mountpoints.iter().map(|(p, d)| ((*p).into(), (*d).into())).collect();
    assert_eq!(mountpoints, want, "{}: mount points", guest.name);

    for (place, mountable) in &mountpoints {
        g.mount_ro(mountable, place).unwrap();
    }
    let version = g.cat("/etc/debian_version").unwrap();
    let version = version.trim().to_str().unwrap();
    let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
    let hostname = format!("{}.example", guest.name);
    let osinfo = format!("debian{major}");
    let arch = std::env::consts::ARCH;
    let want = ["linux", "debian", version, major, minor, arch, &hostname, "deb", "apt", &osinfo];
    assert_eq!(first[..want.len()], want, "{}", guest.name);
    assert_eq!(g.file_architecture("/bin/sh").unwrap(), arch);
    // base-files brings the logo.
    assert!(g.inspect_get_icon(root, Default::default()).unwrap().starts_with(b"\x89PNG"), "{}: no icon", guest.name);

    let packages = g.inspect_list_applications2(root).unwrap();
    let listed = g.grep("^Status: install ok installed$", "/var/lib/dpkg/status", Default::default()).unwrap();
    assert_eq!(packages.len(), listed.len(), "{}: packages", guest.name);
    let named = |name: &str| packages.iter().find(|p| p.app2_name == name).unwrap_or_else(|| panic!("no {name}"));
    let dpkg: &Application2 = named("dpkg");
    assert!(!dpkg.app2_version.is_empty() && !dpkg.app2_summary.is_empty() && !dpkg.app2_arch.is_empty(), "{dpkg:?}");
    assert_eq!(named("libc6").app2_source_package, "glibc");
    assert_eq!(g.inspect_list_applications(root).unwrap().len(), packages.len());

    // A process that the guest's programs leave behind keeps its file system: that is said, not passed over.
    let service = g.sh("sleep 1000 </dev/null >/dev/null 2>&1 & echo $!").unwrap();
    let busy = g.umount_all().unwrap_err();
    let said = busy.message().to_string();
    assert_eq!(busy.errno(), libc::EBUSY, "{said}");
    // Its name is still the shell's for a moment.
    assert!(said.contains(&format!("process {} (s", service.trim().as_bstr())), "{said}");
    g.sh(format!("kill -9 {}", service.trim().as_bstr())).unwrap();
    // It ends a moment after it was told to.
    let patience = Instant::now() + Duration::from_secs(30);
    while g.umount_all().is_err() {
        assert!(Instant::now() < patience, "{}: what was killed does not end", guest.name);
        std::thread::sleep(Duration::from_millis(50));
    }

    // Mounted or not, a second look gives the same.
    assert_eq!(g.inspect_os().unwrap(), roots);
    assert_eq!(answers(&g, root), first, "{}: second inspection", guest.name);
    // One that still runs at the end does not keep the machine from ending in order.
    g.mount_ro(root, "/").unwrap();
    g.sh("sleep 1000 </dev/null >/dev/null 2>&1 &").unwrap();
    g.shutdown().unwrap();
    println!(
        "{}: made in {made:.1?}, inspected in {inspected:.2?}, {} packages of Debian {version}",
        guest.name,
        packages.len()
    );
}

#[test]
fn a_debian_is_recognised_on_any_disk() {
    let archive = match archive() {
        Ok(archive) => archive,
        Err(why) => return println!("not run: inspection of real guests, {why}"),
    };
    let dir = tempfile::Builder::new().prefix("guests").tempdir_in("/var/tmp").unwrap();
    for guest in &GUESTS {
        check(guest, &archive, dir.path());
    }
}

/// Drivers that nobody looks after read a disk only for those who mount it themselves.
#[test]
fn a_file_system_that_is_mounted_by_request() {
    let Ok(dir) = tempfile::tempdir() else { panic!("no temporary directory") };
    let images: [PathBuf; 3] = ["ext4", "minix", "parts"].map(|name| dir.path().join(name));
    for (image, mib) in images.iter().zip([64, 32, 64]) {
        std::fs::File::create(image).unwrap().set_len(mib << 20).unwrap();
    }
    let Ok(made) = Command::new("/sbin/mkfs.minix").arg(&images[1]).output() else {
        println!("not run: a file system that is mounted by request: there is no mkfs.minix here");
        return;
    };
    assert!(made.status.success(), "{made:?}");
    let launched = || {
        let g = Handle::new().unwrap();
        for image in &images {
            g.add_drive(image.to_str().unwrap(), AddDriveOpts::new().format("raw")).unwrap();
        }
        g.launch().unwrap();
        g
    };
    let g = launched();
    g.mkfs("ext4", "/dev/sda", MkfsOpts::default()).unwrap();
    // Both look like systems.
    for (device, fstype) in [("/dev/sda", "ext4"), ("/dev/sdb", "minix")] {
        g.mount_vfs("", fstype, device, "/").unwrap();
        for place in ["/etc", "/bin", "/data"] {
            g.mkdir(place).unwrap();
        }
        g.write("/etc/fstab", b"/dev/sda / auto\n/dev/sdb /data auto\n/dev/sdc1 /more auto\n").unwrap();
        g.umount_all().unwrap();
    }
    // A partition of a type that has no files is not listed, but fstab finds it all the same.
    g.part_disk("/dev/sdc", "gpt").unwrap();
    g.copy_device_to_device("/dev/sdb", "/dev/sdc1", Default::default()).unwrap();
    g.part_set_gpt_type("/dev/sdc", 1, "E3C9E316-0B5C-4DB8-817D-F92DF00215AE").unwrap();
    g.shutdown().unwrap();

    let g = launched();
    let drivers = || g.debug("sh", &["cat /proc/filesystems"]).unwrap().to_string();
    assert_eq!(g.list_filesystems().unwrap()[1], ("/dev/sdb".into(), "minix".into()));
    assert_eq!(g.inspect_os().unwrap(), ["/dev/sda"]);
    assert_eq!(g.inspect_get_mountpoints("/dev/sda").unwrap(), [("/".into(), "/dev/sda".into())]);
    assert_eq!(g.inspect_get_filesystems("/dev/sda").unwrap(), ["/dev/sda", "/dev/sdb", "/dev/sdc1"]);
    assert!(!drivers().contains("minix"), "{}", drivers());
    g.mount("/dev/sdb", "/").unwrap();
    assert!(g.exists("/data").unwrap() && drivers().contains("minix"));
    g.shutdown().unwrap();
}

/// The packages of RPM, from a database of each kind, also on a file system that cannot be written to.
#[test]
fn packages_of_rpm() {
    let dir = tempfile::tempdir().unwrap();
    if let Err(why) = rpm::make(dir.path()) {
        return println!("not run: packages of RPM, {why}");
    }
    let g = Handle::new().unwrap();
    g.add_drive_scratch(64 << 20, Default::default()).unwrap();
    g.launch().unwrap();
    let want = Application2 {
        app2_name: "first".into(),
        app2_epoch: 2,
        app2_version: "1.4".into(),
        app2_release: "3.el9".into(),
        app2_arch: std::env::consts::ARCH.into(),
        app2_url: "https://first.example/".into(),
        app2_summary: "The first of them".into(),
        app2_description: "It does one thing.\nAnd another.".into(),
        ..Application2::default()
    };
    for (files, folder) in rpm::DATABASES {
        g.mkfs("ext4", "/dev/sda", Default::default()).unwrap();
        g.mount("/dev/sda", "/").unwrap();
        for place in ["/etc", "/bin", "/var/lib", folder] {
            g.mkdir_p(place).unwrap();
        }
        if folder != "/var/lib/rpm" {
            // As Fedora has it, and with a target that is outside of the guest if taken at its word.
            g.ln_s(folder, "/var/lib/rpm").unwrap();
        }
        g.write("/etc/fstab", b"# none\n").unwrap();
        g.write("/etc/os-release", b"ID=fedora\nVERSION_ID=38\n").unwrap();
        for file in files {
            let path = dir.path().join(file);
            let name = path.file_name().unwrap().to_str().unwrap();
            g.upload(path.to_str().unwrap(), format!("{folder}/{name}")).unwrap();
        }
        g.umount_all().unwrap();
        assert_eq!(g.inspect_os().unwrap(), ["/dev/sda"]);
        for readonly in [true, false] {
            if readonly { g.mount_ro("/dev/sda", "/") } else { g.mount("/dev/sda", "/") }.unwrap();
            let packages = g.inspect_list_applications2("/dev/sda").unwrap();
            assert_eq!(packages[0], want, "{files:?}");
            let second = (packages[1].app2_name.to_str().unwrap(), packages[1].app2_arch.to_str().unwrap());
            assert_eq!((packages.len(), second), (2, ("first-sub", "noarch")), "{files:?}");
            if (files[0], readonly) == ("Packages", false) {
                short_lists(&g, &std::fs::read(dir.path().join("Packages")).unwrap());
            }
            g.umount_all().unwrap();
        }
    }
    g.shutdown().unwrap();
}

/// Where a page of Berkeley DB is not what it was, nobody knows what is missing: no list is better than a short one.
fn short_lists(g: &Handle, sound: &[u8]) {
    const PAGE: usize = 4096;
    let pages = sound.len() / PAGE;
    // The least are two buckets, and a long item.
    assert!(pages > 3, "{pages} pages");
    for page in 1..pages {
        for kind in [0, 5, 255] {
            let mut bad = sound.to_vec();
            bad[page * PAGE + 25] = kind;
            g.write("/var/lib/rpm/Packages", &bad).unwrap();
            let refused = g.inspect_list_applications2("/dev/sda").unwrap_err();
            let said = refused.message().to_string();
            assert!(said.contains(&format!("Packages is damaged: page {page} ")), "{said}");
        }
        g.write("/var/lib/rpm/Packages", &sound[..page * PAGE]).unwrap();
        let refused = g.inspect_list_applications2("/dev/sda").unwrap_err();
        assert_eq!(refused.errno(), libc::EINVAL, "{}", refused.message());
    }
    g.write("/var/lib/rpm/Packages", sound).unwrap();
    assert_eq!(g.inspect_list_applications2("/dev/sda").unwrap().len(), 2);
}

/// FreeBSD in a slice: which partitions its letters mean is in the disk label.
#[test]
fn a_disk_label() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("systems");
    std::fs::create_dir(&folder).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/systems.py").canonicalize().unwrap();
    let made = Command::new("python3").arg("-B").arg(script).arg("make").current_dir(&folder).output();
    let made = made.map(|made| made.status.success().then_some(()).ok_or(made.stderr.as_bstr().to_string()));
    if let Err(why) = made.map_err(|e| e.to_string()).and_then(|made| made) {
        return println!("not run: a disk label, the image could not be made: {}", why.trim());
    }
    let g = Handle::new().unwrap();
    let image = dir.path().join("slices");
    g.add_drive(image.to_str().unwrap(), AddDriveOpts::new().format("raw").readonly(true)).unwrap();
    g.launch().unwrap();
    let roots = g.inspect_os().unwrap();
    assert_eq!(roots, ["/dev/sda5"]);
    let root = &roots[0];
    assert_eq!(g.inspect_get_type(root).unwrap(), "freebsd");
    assert_eq!(g.inspect_get_osinfo(root).unwrap(), "freebsd12.4");
    let mut mountpoints = g.inspect_get_mountpoints(root).unwrap();
    mountpoints.sort();
    // Its entry for the whole slice has no number here, and the fifth letter no entry.
    let want = [("/", "/dev/sda5"), ("/usr", "/dev/sda7"), ("/x", "/dev/ada0s1e")];
    assert_eq!(mountpoints, want.map(|(place, device)| (place.into(), device.into())));
    assert_eq!(g.inspect_get_filesystems(root).unwrap(), ["/dev/ada0s1e", "/dev/sda5", "/dev/sda6", "/dev/sda7"]);
    // Without a word of which kind of UFS it is.
    g.mount_ro("/dev/sda7", "/").unwrap();
    assert_eq!(g.cat("/home/me/notes").unwrap(), "x");
    g.shutdown().unwrap();
}
