//! Layers of images: opened by the library and handed to qemu, contained or trusted.

use crate::drives::{add, failed, qemu_img, raw, read};
use crate::help::{handle, launch, serial};
use guestfs::protocol::opts::AddDriveOpts;
use guestfs::{Handle, LaunchFailure};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Files of qemu below `dir`, each with whether it is open for writing.
fn open_files(g: &Handle, dir: &Path) -> Vec<(String, bool)> {
    let proc = PathBuf::from(format!("/proc/{}", g.get_pid().unwrap()));
    let mut out = Vec::new();
    for entry in std::fs::read_dir(proc.join("fd")).unwrap().flatten() {
        let Ok(file) = std::fs::read_link(entry.path()) else { continue };
        let Ok(name) = file.strip_prefix(dir) else { continue };
        let info = std::fs::read_to_string(proc.join("fdinfo").join(entry.file_name())).unwrap();
        let flags = info.lines().find_map(|l| l.strip_prefix("flags:")).unwrap().trim();
        let writable = i32::from_str_radix(flags, 8).unwrap() & libc::O_ACCMODE != libc::O_RDONLY;
        out.push((name.to_str().unwrap().to_owned(), writable));
    }
    out.sort();
    out.dedup();
    out
}

/// `DIR/in` with images of several layers, all of which begin with `layered`.
fn layered(dir: &Path) -> PathBuf {
    let inside = dir.join("in");
    std::fs::create_dir(&inside).unwrap();
    raw(&inside, OsStr::new("base.img"), 5, "layered");
    qemu_img(&inside, &["create", "-q", "-f", "qcow2", "-b", "base.img", "-F", "raw", "mid.qcow2"]);
    qemu_img(&inside, &["create", "-q", "-f", "qcow2", "-b", "mid.qcow2", "-F", "qcow2", "top.qcow2"]);
    qemu_img(&inside, &["convert", "-O", "qcow2", "-o", "data_file=data", "base.img", "split.qcow2"]);
    qemu_img(&inside, &["convert", "-O", "vmdk", "-o", "subformat=monolithicFlat", "base.img", "flat.vmdk"]);
    qemu_img(&inside, &["convert", "-O", "vmdk", "-o", "subformat=twoGbMaxExtentSparse", "base.img", "two.vmdk"]);
    inside
}

#[test]
fn launch_with_contained_images() {
    let _serial = serial();
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().canonicalize().unwrap();
    let inside = layered(&dir);
    let names = ["top.qcow2", "split.qcow2", "flat.vmdk", "two.vmdk", "base.img"];
    let g = launch("contained images", |g| {
        g.set_image_trust("contained").unwrap();
        for name in names {
            add(g, &inside.join(name), AddDriveOpts::new().readonly(true));
        }
    });
    for device in g.list_devices().unwrap() {
        let device = device.to_string();
        assert_eq!(read(&g, &device, 7), "layered", "{device}");
        g.pwrite_device(&device, b"OVER", 0).unwrap();
        assert_eq!(read(&g, &device, 7), "OVERred", "{device}");
    }
    let open = open_files(&g, &dir);
    let layers: Vec<&str> = open.iter().map(|(name, _)| name.as_str()).collect();
    let all = ["base.img", "data", "flat-flat.vmdk", "mid.qcow2", "split.qcow2", "top.qcow2", "two-s001.vmdk"];
    for layer in all {
        assert!(layers.contains(&format!("in/{layer}").as_str()), "{layer}: {layers:?}");
    }
    assert!(open.iter().all(|(_, writable)| !writable), "{open:?}");

    // Added to the running machine, for writing, and taken away.
    let drive = || AddDriveOpts::new().label("late");
    std::fs::copy(inside.join("base.img"), inside.join("other.img")).unwrap();
    qemu_img(&inside, &["create", "-q", "-f", "qcow2", "-b", "other.img", "-F", "raw", "late.qcow2"]);
    for round in 0..2 {
        add(&g, &inside.join("late.qcow2"), drive());
        assert_eq!(read(&g, "/dev/disk/guestfs/late", 7), ["layered", "WRITred"][round]);
        g.pwrite_device("/dev/disk/guestfs/late", b"WRIT", 0).unwrap();
        let open = open_files(&g, &dir);
        assert!(open.contains(&("in/late.qcow2".into(), true)), "{open:?}");
        assert!(open.contains(&("in/other.img".into(), false)), "{open:?}");
        g.remove_drive("late").unwrap();
        let open = open_files(&g, &dir);
        assert!(!open.iter().any(|(name, _)| name.contains("late") || name.contains("other")), "{open:?}");
    }
    // What names something elsewhere is refused, and the machine goes on.
    qemu_img(&inside, &["create", "-q", "-f", "qcow2", "-u", "-b", "/etc/passwd", "-F", "raw", "late.qcow2", "1M"]);
    let e = g.add_drive(inside.join("late.qcow2").as_os_str().as_bytes(), drive()).unwrap_err();
    assert_eq!(e.errno(), libc::EPERM, "{e}");
    assert!(e.message().to_string().contains("names /etc/passwd, which lies outside its folder"), "{e}");
    assert_eq!(g.list_devices().unwrap().len(), names.len());
    g.set_image_trust("trusted").unwrap();
    add(&g, &inside.join("late.qcow2"), drive().readonly(true));
    assert_eq!(read(&g, "/dev/disk/guestfs/late", 5), "root:");
}

/// qemu, which as root's child is nobody, is given all layers: it could open none of them itself.
#[test]
fn launch_opens_the_layers_of_trusted_images() {
    let _serial = serial();
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().canonicalize().unwrap();
    let inside = layered(&dir);
    for entry in std::fs::read_dir(&inside).unwrap().flatten() {
        std::fs::set_permissions(entry.path(), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
    // One that does not say in which format its base is: an extension of the header that nobody knows.
    let unsaid = inside.join("unsaid.qcow2");
    std::fs::copy(inside.join("top.qcow2"), &unsaid).unwrap();
    let file = std::fs::File::options().write(true).open(&unsaid).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &0x1234_5678u32.to_be_bytes(), 112).unwrap();
    qemu_img(&inside, &["create", "-q", "-f", "qcow", "-b", "base.img", "-F", "raw", "old.qcow"]);
    qemu_img(&inside, &["convert", "-O", "vdi", "base.img", "other.vdi"]);
    let names = ["top.qcow2", "unsaid.qcow2", "old.qcow", "other.vdi", "flat.vmdk", "two.vmdk", "base.img"];
    let g = launch("trusted images", |g| {
        for name in names {
            add(g, &inside.join(name), AddDriveOpts::new().readonly(true));
        }
    });
    let status = std::fs::read_to_string(format!("/proc/{}/status", g.get_pid().unwrap())).unwrap();
    assert!(status.contains("CapEff:\t0000000000000000\n"), "{status}");
    assert!(!status.contains("Uid:\t0\t"), "{status}");
    for device in g.list_devices().unwrap() {
        let device = device.to_string();
        assert_eq!(read(&g, &device, 7), "layered", "{device}");
    }
    let open = open_files(&g, &dir);
    for layer in ["base.img", "mid.qcow2", "old.qcow", "flat-flat.vmdk", "two-s001.vmdk"] {
        assert!(open.contains(&(format!("in/{layer}"), false)), "{layer}: {open:?}");
    }
    assert!(open.iter().all(|(_, writable)| !writable), "{open:?}");

    // Added to the running machine, with a base of its own, and taken away.
    std::fs::copy(inside.join("base.img"), inside.join("other.img")).unwrap();
    qemu_img(&inside, &["create", "-q", "-f", "qcow2", "-b", "other.img", "-F", "raw", "late.qcow2"]);
    for round in 0..2 {
        add(&g, &inside.join("late.qcow2"), AddDriveOpts::new().label("late"));
        assert_eq!(read(&g, "/dev/disk/guestfs/late", 7), ["layered", "WRITred"][round]);
        g.pwrite_device("/dev/disk/guestfs/late", b"WRIT", 0).unwrap();
        let open = open_files(&g, &dir);
        assert!(open.contains(&("in/late.qcow2".into(), true)), "{open:?}");
        assert!(open.contains(&("in/other.img".into(), false)), "{open:?}");
        g.remove_drive("late").unwrap();
        let open = open_files(&g, &dir);
        assert!(!open.iter().any(|(name, _)| name.contains("late") || name.contains("other.img")), "{open:?}");
    }
    // What only qemu could open, it cannot any more.
    let late = |path: &Path, opts: AddDriveOpts| {
        let e = g.add_drive(path.as_os_str().as_bytes(), opts.label("late")).unwrap_err();
        assert_eq!(g.list_devices().unwrap().len(), names.len(), "{e}");
        e
    };
    let e = late(&inside.join("flat.vmdk"), AddDriveOpts::new());
    assert!(e.errno() == libc::ENOTSUP && e.help().unwrap().contains("before the launch"), "{e}");
    qemu_img(&inside, &["create", "-q", "-u", "-f", "qcow2", "-b", "nbd:127.0.0.1:9", "-F", "raw", "evil", "1M"]);
    let e = late(&inside.join("evil"), AddDriveOpts::new().readonly(true));
    assert!(e.errno() == libc::ENOTSUP && e.message().to_string().contains("nbd:127.0.0.1:9"), "{e}");
    qemu_img(&inside, &["create", "-q", "-u", "-f", "qcow2", "-b", "lost.img", "-F", "raw", "orphan", "1M"]);
    let e = late(&inside.join("orphan"), AddDriveOpts::new().readonly(true));
    assert_eq!((failed(&e), e.errno()), (&LaunchFailure::ImageMissing, libc::ENOENT), "{e}");
    assert!(e.message().to_string().contains("lost.img"), "{e}");
}

#[test]
fn launch_fails_for_images_that_are_not_contained() {
    let _serial = serial();
    let tmp = tempfile::tempdir().unwrap();
    let inside = layered(tmp.path());
    qemu_img(&inside, &["create", "-q", "-f", "qcow2", "-u", "-b", "nbd:127.0.0.1:9", "-F", "raw", "evil.qcow2", "1M"]);
    let refused = |opts: AddDriveOpts, name: &str, errno: i32, why: &str| {
        let g = handle();
        g.set_image_trust("contained").unwrap();
        g.add_drive(name, opts).unwrap();
        let e = g.launch().unwrap_err();
        assert_eq!(*failed(&e), LaunchFailure::ImageUnusable, "{e}");
        assert_eq!(e.errno(), errno, "{e}");
        assert!(e.message().to_string().contains(why), "{e}");
    };
    let at = |name: &str| inside.join(name).to_str().unwrap().to_owned();
    refused(AddDriveOpts::new(), &at("evil.qcow2"), libc::EPERM, "names nbd:127.0.0.1:9");
    refused(AddDriveOpts::new().format("vvfat"), &at("base.img"), libc::EPERM, "cannot be contained");
    refused(AddDriveOpts::new(), &at("flat.vmdk"), libc::ENOTSUP, "only when it is added read-only");
    let remote = AddDriveOpts::new().protocol("nbd").server(["127.0.0.1:9"]).format("qcow2");
    refused(remote, "", libc::EPERM, "only if its format is raw");
}

/// Programs hear of it, verbose or not.
#[test]
fn launch_tells_what_a_trusted_image_reaches() {
    let _serial = serial();
    let tmp = tempfile::tempdir().unwrap();
    let inside = layered(tmp.path());
    let top = tmp.path().join("top.qcow2");
    qemu_img(&inside, &["create", "-q", "-f", "qcow2", "-b", "base.img", "-F", "raw", "inner.qcow2"]);
    std::fs::create_dir(tmp.path().join("over")).unwrap();
    let over = tmp.path().join("over/over.qcow2");
    qemu_img(
        tmp.path(),
        &["create", "-q", "-f", "qcow2", "-b", "../in/inner.qcow2", "-F", "qcow2", over.to_str().unwrap()],
    );
    // Through a link: what the image names is looked for beside the image.
    std::os::unix::fs::symlink(&over, &top).unwrap();
    for readonly in [true, false] {
        let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let list = std::sync::Arc::clone(&told);
        let g = launch("a chain through a link", |g| {
            g.add_event_callback(guestfs::EventClass::Library.bit(), move |_, event| {
                list.lock().unwrap().push(String::from_utf8_lossy(event.data).into_owned());
            });
            add(g, &top, AddDriveOpts::new().readonly(readonly));
        });
        assert_eq!(read(&g, "/dev/sda", 7), "layered");
        let told: Vec<String> = told.lock().unwrap().iter().filter(|l| l.contains("reaches")).cloned().collect();
        let at = |name: &str| inside.canonicalize().unwrap().join(name).display().to_string();
        let outside =
            format!("{} reaches outside its folder: {}, {}", top.display(), at("inner.qcow2"), at("base.img"));
        assert_eq!(told, [outside]);
        let written = open_files(&g, &tmp.path().canonicalize().unwrap());
        let written: Vec<&str> = written.iter().filter(|(_, w)| *w).map(|(name, _)| name.as_str()).collect();
        assert_eq!(written, if readonly { vec![] } else { vec!["over/over.qcow2"] });
    }
}
