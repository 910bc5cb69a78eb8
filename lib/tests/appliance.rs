//! The appliance's cache: builders side by side, damage, caches that cannot be trusted or written.
//! Real builds with the host's tools, the fetched kernel and the static daemon; nothing is started.

use guestfs::appliance::build::{Request, Shape};
use guestfs::appliance::cache::{self, Cache};
use guestfs::appliance::manifest::Manifest;
use std::fs;
use std::os::unix::fs::{symlink, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

fn request() -> Request {
    Request::new(Shape::Own).unwrap_or_else(|e| panic!("{}: make daemon, guestfs-appliance fetch-kernel", e.message))
}

fn get(cachedir: &Path) -> (PathBuf, Manifest, Vec<String>) {
    let said = std::cell::RefCell::new(Vec::new());
    let cache = Cache::open(cachedir).unwrap();
    let (dir, manifest) = cache.get(&request(), &|line| said.borrow_mut().push(line.to_owned())).unwrap();
    (dir, manifest, said.into_inner())
}

fn was_built(said: &[String]) -> bool {
    said.iter().any(|l| l.contains("built in"))
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn built_once_then_found() {
    let tmp = tempfile::tempdir_in("/var/tmp").unwrap();
    let cachedir = tmp.path().join("a cache, with blanks");
    fs::create_dir(&cachedir).unwrap();
    let start = Instant::now();
    let (dir, manifest, said) = get(&cachedir);
    println!("built in {:.2} s", start.elapsed().as_secs_f64());
    assert!(was_built(&said), "{said:?}");
    assert_eq!(dir.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let total: u64 = manifest.files.values().map(|f| f.size).sum();
    assert!(total < 256 << 20, "{total}");
    for tool in ["mke2fs", "lvm", "sfdisk"] {
        assert!(manifest.tools.contains(tool), "{tool}");
    }
    assert_eq!(manifest.groups.get("lvm2"), Some(&None));

    let start = Instant::now();
    let (again, _, said) = get(&cachedir);
    println!("found in {:.4} s", start.elapsed().as_secs_f64());
    assert_eq!(again, dir);
    assert!(!was_built(&said), "{said:?}");

    // The initrd is what cpio and the daemon's init expect.
    let list = Command::new("cpio").args(["-t", "--quiet"]).stdin(fs::File::open(dir.join("initrd")).unwrap()).output();
    let list = String::from_utf8(list.unwrap().stdout).unwrap();
    for name in ["init", "modules/order", "dev/console", "modules/virtio_console.ko"] {
        assert!(list.lines().any(|l| l == name), "{name}: {list}");
    }
    // The root has the tools where their scripts and the loader look for them.
    let list = Command::new("unsquashfs").args(["-l", "-d", ""]).arg(dir.join("root")).output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    for name in [
        "/usr/sbin/mke2fs",
        "/usr/sbin/lvm",
        "/usr/lib64/ld-linux-x86-64.so.2",
        "/etc/guestfs-rs/appliance",
        "/sysroot",
    ] {
        assert!(list.lines().any(|l| l == name), "{name}");
    }
}

#[test]
fn eight_builders_at_once() {
    let tmp = tempfile::tempdir_in("/var/tmp").unwrap();
    // As processes: `build` neither looks at the cache nor takes its lock.
    let start = Instant::now();
    let children: Vec<_> = (0..8)
        .map(|_| {
            Command::new(env!("CARGO_BIN_EXE_guestfs-appliance"))
                .arg("build")
                .env("LIBGUESTFS_CACHEDIR", tmp.path())
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        let out = child.wait_with_output().unwrap();
        assert!(out.status.success(), "{out:?}");
    }
    println!("eight builds in {:.2} s", start.elapsed().as_secs_f64());
    let cache = Cache::open(tmp.path()).unwrap();
    let list = cache.list();
    assert_eq!(list.len(), 1, "the same appliance under several names: {list:?}");
    cache::verify_fully(&list[0]).unwrap();
    let left: Vec<String> = names(cache.path()).into_iter().filter(|n| n.starts_with("tmp-")).collect();
    assert!(left.is_empty(), "{left:?}");
    let (_, _, said) = get(tmp.path());
    assert!(!was_built(&said), "{said:?}");
}

#[test]
fn damage_is_noticed_and_repaired() {
    let tmp = tempfile::tempdir_in("/var/tmp").unwrap();
    let flip = |path: &Path| {
        let mut data = fs::read(path).unwrap();
        let middle = data.len() / 2;
        data[middle] ^= 1;
        fs::write(path, data).unwrap();
    };
    let cut = |path: &Path| fs::File::options().write(true).open(path).unwrap().set_len(1000).unwrap();
    let remove = |path: &Path| fs::remove_file(path).unwrap();
    type Damage<'a> = &'a dyn Fn(&Path);
    let damages: [(&str, Damage<'_>); 7] = [
        ("root", &flip),
        ("initrd", &flip),
        ("kernel", &cut),
        ("manifest.json", &cut),
        ("manifest.json", &remove),
        ("root", &remove),
        ("kernel", &flip),
    ];
    get(tmp.path());
    for (name, damage) in damages {
        let (dir, _, said) = get(tmp.path());
        assert!(!was_built(&said), "before damaging {name}: {said:?}");
        damage(&dir.join(name));
        let (dir, _, said) = get(tmp.path());
        assert!(was_built(&said), "{name}: {said:?}");
        cache::verify_fully(&dir).unwrap();
    }
    // An index that points somewhere else.
    let cache = Cache::open(tmp.path()).unwrap();
    for text in ["", "app-../../etc", "app-gone", "\u{0}\u{ff}"] {
        let index = names(cache.path()).into_iter().find(|n| n.starts_with("index-")).unwrap();
        fs::write(cache.path().join(index), text).unwrap();
        assert!(was_built(&get(tmp.path()).2), "{text:?}");
    }
}

#[test]
fn caches_that_cannot_be_trusted_are_refused() {
    let tmp = tempfile::tempdir().unwrap();
    let uid = tmp.path().metadata().unwrap().uid();
    let user = tmp.path().join(format!(".guestfs-{uid}"));
    let refused = |why: &str| {
        let e = Cache::open(tmp.path()).unwrap_err();
        assert!(e.contains(why), "{e}");
    };

    fs::write(&user, "").unwrap();
    refused("not a directory");
    fs::remove_file(&user).unwrap();

    // Somebody prepared a link to a place of his own.
    let elsewhere = tempfile::tempdir().unwrap();
    symlink(elsewhere.path(), &user).unwrap();
    refused("not a directory");
    fs::remove_file(&user).unwrap();

    // Ours but writable by others: repaired.
    fs::create_dir(&user).unwrap();
    fs::set_permissions(&user, fs::Permissions::from_mode(0o777)).unwrap();
    let cache = Cache::open(tmp.path()).unwrap();
    assert_eq!(user.metadata().unwrap().permissions().mode() & 0o022, 0);
    assert_eq!(cache.path().metadata().unwrap().permissions().mode() & 0o777, 0o700);

    if uid == 0 {
        std::os::unix::fs::chown(&user, Some(65534), None).unwrap();
        refused("belongs to user 65534");
    } else {
        println!("not run: a cache that belongs to another user (needs root)");
    }
    assert!(Cache::open(Path::new("/no/such/directory")).is_err());
}

#[test]
fn old_appliances_are_removed() {
    let tmp = tempfile::tempdir_in("/var/tmp").unwrap();
    get(tmp.path());
    let cache = Cache::open(tmp.path()).unwrap();
    let make = |name: &str, hours: u64| {
        let dir = cache.path().join(name);
        fs::create_dir(&dir).unwrap();
        let then = std::time::SystemTime::now() - std::time::Duration::from_secs(hours * 3600);
        fs::write(dir.join("used"), "").unwrap();
        fs::File::options().write(true).open(dir.join("used")).unwrap().set_modified(then).unwrap();
    };
    make("app-old", 2);
    make("app-new", 0);
    make("tmp-1-1-1", 2);
    cache.rebuild(&request(), &|_| {}).unwrap();
    let left = names(cache.path());
    assert!(!left.contains(&"app-old".to_owned()) && !left.contains(&"tmp-1-1-1".to_owned()), "{left:?}");
    assert!(left.contains(&"app-new".to_owned()), "{left:?}");
    assert!(!was_built(&get(tmp.path()).2));
}
