use super::*;
use crate::testing::Guest;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

fn errno<T: std::fmt::Debug>(result: Result<T>) -> Errno {
    result.unwrap_err().errno().unwrap()
}

/// 3 MB with holes, data and zeroes written out.
fn patchy() -> Vec<u8> {
    let mut data = vec![0u8; 3_000_001];
    data[..5].copy_from_slice(b"start");
    data[1_500_000..1_600_000].fill(7);
    data[2_999_990] = 9;
    data
}

#[test]
fn files_to_files() {
    let mut g = Guest::new();
    let data = patchy();
    g.write("/a", &data);
    let (a, b) = (g.path("/a"), g.path("/b"));
    for sparse in [false, true] {
        let opts = CopyFileToFileOpts { sparse: Some(sparse), ..Default::default() };
        copy_file_to_file(&mut g.ctx, &a, &b, &opts).unwrap();
        assert!(g.read("/b") == data, "sparse {sparse}");
    }
    assert!(fs::metadata(g.host("/b")).unwrap().blocks() * 512 < 1_000_000, "zeroes were written");
    let opts = CopyFileToFileOpts { srcoffset: Some(1), destoffset: Some(3), size: Some(4), ..Default::default() };
    copy_file_to_file(&mut g.ctx, &a, &b, &opts).unwrap();
    assert_eq!(g.read("/b"), b"\0\0\0tart");
    let append = CopyFileToFileOpts { append: Some(true), size: Some(5), ..Default::default() };
    copy_file_to_file(&mut g.ctx, &a, &b, &append).unwrap();
    assert_eq!(g.read("/b"), b"\0\0\0tartstart");
    // Past the end there is nothing, which is fine unless a size is wanted.
    let past = CopyFileToFileOpts { srcoffset: Some(10_000_000), ..Default::default() };
    copy_file_to_file(&mut g.ctx, &a, &b, &past).unwrap();
    assert_eq!(g.read("/b"), b"");
    let long = CopyFileToFileOpts { size: Some(10_000_000), ..Default::default() };
    assert_eq!(errno(copy_file_to_file(&mut g.ctx, &a, &b, &long)), Errno::INVAL);
    for (src, dest, size) in [(-1, 0, 1), (0, -1, 1), (0, 0, -1)] {
        let opts =
            CopyFileToFileOpts { srcoffset: Some(src), destoffset: Some(dest), size: Some(size), ..Default::default() };
        assert_eq!(errno(copy_file_to_file(&mut g.ctx, &a, &b, &opts)), Errno::INVAL);
    }
}

/// A file copied to itself must neither be lost nor grow for ever.
#[test]
fn onto_itself() {
    let mut g = Guest::new();
    g.write("/a", "text");
    let a = g.path("/a");
    copy_file_to_file(&mut g.ctx, &a, &a, &Default::default()).unwrap();
    assert_eq!(g.read("/a"), b"text");
    copy_file_to_file(&mut g.ctx, &a, &a, &CopyFileToFileOpts { append: Some(true), ..Default::default() }).unwrap();
    assert_eq!(g.read("/a"), b"texttext");
    assert_eq!(errno(cp(&mut g.ctx, &a, &a)), Errno::INVAL);
    assert_eq!(errno(cp_a(&mut g.ctx, &a, &a)), Errno::INVAL);
    assert_eq!(g.read("/a"), b"texttext");
    mv(&mut g.ctx, &a, &a).unwrap();
    assert_eq!(g.read("/a"), b"texttext");
}

#[test]
fn devices() {
    let mut g = Guest::new();
    let data = patchy();
    g.write("/a", &data);
    g.write("/dev1", vec![0u8; 4_000_000]);
    g.write("/dev2", vec![0u8; 4_000_000]);
    let (one, two) = (Device::from_real(g.host("/dev1")), Device::from_real(g.host("/dev2")));
    let a = g.path("/a");
    copy_file_to_device(&mut g.ctx, &a, &one, &Default::default()).unwrap();
    assert!(g.read("/dev1")[..data.len()] == data && g.read("/dev1").len() == 4_000_000);
    let opts = CopyDeviceToDeviceOpts { sparse: Some(true), ..Default::default() };
    copy_device_to_device(&mut g.ctx, &one, &two, &opts).unwrap();
    assert!(g.read("/dev1") == g.read("/dev2"));
    let opts = CopyFileToDeviceOpts { append: Some(true), ..Default::default() };
    assert_eq!(errno(copy_file_to_device(&mut g.ctx, &a, &one, &opts)), Errno::INVAL);
}

#[test]
fn single_files() {
    let mut g = Guest::new();
    g.write("/a", "text");
    g.write("/long", "a longer text");
    g.write("/dir/x", "");
    g.link("/dir", "/ld");
    g.link("a", "/la");
    fs::set_permissions(g.host("/a"), fs::Permissions::from_mode(0o741)).unwrap();
    let p = |path: &str| g.path(path);
    let (a, la, long, dir, ld, b, missing, no) =
        (p("/a"), p("/la"), p("/long"), p("/dir"), p("/ld/"), p("/b"), p("/missing"), p("/no/b"));
    let ctx = &mut g.ctx;
    cp(ctx, &la, &b).unwrap();
    cp(ctx, &a, &long).unwrap();
    cp(ctx, &a, &ld).unwrap();
    assert_eq!(errno(cp(ctx, &dir, &missing)), Errno::ISDIR);
    assert_eq!(errno(cp(ctx, &missing, &b)), Errno::NOENT);
    assert_eq!(errno(cp(ctx, &a, &no)), Errno::NOENT);
    for copy in ["/b", "/long", "/dir/a"] {
        assert_eq!(g.read(copy), b"text", "{copy}");
    }
    assert_eq!(fs::metadata(g.host("/b")).unwrap().permissions().mode() & 0o100, 0o100);
    assert!(fs::symlink_metadata(g.host("/b")).unwrap().is_file());
}

#[test]
fn moving() {
    let mut g = Guest::new();
    g.write("/a", "text");
    g.write("/d1/x", "");
    g.write("/d2/y", "");
    let p = |path: &str| g.path(path);
    let (a, b, d1, d2, inner, missing, no) =
        (p("/a"), p("/b"), p("/d1/"), p("/d2"), p("/d2/d1/new"), p("/missing"), p("/no/b"));
    let ctx = &mut g.ctx;
    mv(ctx, &a, &b).unwrap();
    mv(ctx, &d1, &d2).unwrap();
    mv(ctx, &b, &d2).unwrap();
    assert_eq!(errno(mv(ctx, &missing, &d2)), Errno::NOENT);
    assert_eq!(errno(mv(ctx, &d2, &inner)), Errno::INVAL);
    assert_eq!(errno(mv(ctx, &d2, &no)), Errno::NOENT);
    assert_eq!(g.read("/d2/b"), b"text");
    assert!(g.host("/d2/d1/x").exists() && !g.host("/d1").exists() && !g.host("/a").exists());
}

fn tree(g: &Guest) {
    g.write("/t/sub/f", patchy());
    g.write("/t/run", "#!");
    g.link("../../secret", "/t/up");
    fs::hard_link(g.host("/t/run"), g.host("/t/sub/second")).unwrap();
    rustix::fs::mknodat(g.ctx.root(), "t/fifo", FileType::Fifo, Mode::RUSR, 0).unwrap();
    fs::set_permissions(g.host("/t/run"), fs::Permissions::from_mode(0o4755)).unwrap();
    fs::set_permissions(g.host("/t/sub"), fs::Permissions::from_mode(0o1710)).unwrap();
    for path in ["t/run", "t/sub", "t/up"] {
        let at = |s| rustix::fs::Timespec { tv_sec: s, tv_nsec: 5 };
        let times = rustix::fs::Timestamps { last_access: at(1), last_modification: at(2) };
        rustix::fs::utimensat(g.ctx.root(), path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
    }
}

#[test]
fn trees() {
    let mut g = Guest::new();
    tree(&g);
    let (t, copy, into) = (g.path("/t"), g.path("/copy"), g.path("/copy"));
    cp_a(&mut g.ctx, &t, &copy).unwrap();
    let md = |path: &str| fs::symlink_metadata(g.host(path)).unwrap();
    assert!(g.read("/copy/sub/f") == patchy());
    assert_eq!(md("/copy/run").permissions().mode(), 0o104_755);
    assert_eq!(md("/copy/sub").permissions().mode() & 0o7777, 0o1710);
    assert_eq!((md("/copy/run").mtime(), md("/copy/run").mtime_nsec()), (2, 5));
    assert_eq!((md("/copy/sub").mtime(), md("/copy/up").mtime()), (2, 2));
    assert_eq!(md("/copy/run").ino(), md("/copy/sub/second").ino(), "two names became two files");
    assert_eq!(fs::read_link(g.host("/copy/up")).unwrap().to_str(), Some("../../secret"));
    assert_eq!(md("/copy/fifo").mode() & 0o170_000, 0o010_000);
    // Again: now it goes into the directory, and a second time over what is there.
    cp_a(&mut g.ctx, &t, &into).unwrap();
    cp_a(&mut g.ctx, &t, &into).unwrap();
    assert!(g.host("/copy/t/sub/f").exists());
    let (inner, missing, run, linked) =
        (g.path("/t/sub/inner"), g.path("/missing"), g.path("/copy/up"), g.path("/t/up"));
    assert_eq!(errno(cp_a(&mut g.ctx, &t, &inner)), Errno::INVAL);
    assert_eq!(errno(cp_a(&mut g.ctx, &missing, &inner)), Errno::NOENT);
    // A link that is in the way is replaced, not followed.
    cp_a(&mut g.ctx, &linked, &run).unwrap();
    g.check_outside();
}

#[test]
fn a_file_does_not_replace_a_directory() {
    let mut g = Guest::new();
    g.write("/d/f", "");
    g.write("/e/f/x", "");
    let (f, e) = (g.path("/d/f"), g.path("/e"));
    assert!(matches!(errno(cp_a(&mut g.ctx, &f, &e)), Errno::ISDIR | Errno::PERM));
    assert!(g.host("/e/f/x").exists());
}

/// As between two mounted file systems: rename says EXDEV, so it is copied and removed.
#[test]
fn moving_by_copying() {
    let mut g = Guest::new();
    tree(&g);
    let (t, dest) = (g.path("/t"), g.path("/moved"));
    super::tree::copy(&g.ctx, &t, &dest, Keep::All).unwrap();
    crate::files::rm_rf(&mut g.ctx, &t).unwrap();
    assert!(g.read("/moved/sub/f") == patchy());
    assert!(!g.host("/t").exists());
    g.check_outside();
}

#[test]
fn trees_without_attributes() {
    let mut g = Guest::new();
    g.write("/a/d/f", "text");
    g.write("/old", "old");
    fs::set_permissions(g.host("/a/d/f"), fs::Permissions::from_mode(0o4755)).unwrap();
    fs::hard_link(g.host("/a/d/f"), g.host("/a/g")).unwrap();
    fs::hard_link(g.host("/old"), g.host("/name")).unwrap();
    g.link("../secret", "/a/l");
    fs::set_permissions(g.host("/a/d"), fs::Permissions::from_mode(0o500)).unwrap();
    let (a, b, f, old) = (g.path("/a"), g.path("/b"), g.path("/a/d/f"), g.path("/old"));
    cp_r(&mut g.ctx, &a, &b).unwrap();
    let mode = |path: &str| fs::symlink_metadata(g.host(path)).unwrap().permissions().mode();
    assert_eq!((mode("/b/d"), mode("/b/d/f")), (0o40_500, 0o100_755));
    assert_eq!(fs::metadata(g.host("/b/g")).unwrap().nlink(), 1);
    assert_eq!(fs::read_link(g.host("/b/l")).unwrap().to_str(), Some("../secret"));
    // What is there stays the same file; a link in the way is not followed.
    cp_r(&mut g.ctx, &f, &old).unwrap();
    assert_eq!(g.read("/name"), b"text");
    fs::remove_file(g.host("/b/g")).unwrap();
    g.link("../../secret", "/b/g");
    fs::create_dir(g.host("/c")).unwrap();
    fs::rename(g.host("/a"), g.host("/c/b")).unwrap();
    let (from, to) = (g.path("/c/b"), g.path("/"));
    cp_r(&mut g.ctx, &from, &to).unwrap();
    assert_eq!(g.read("/b/g"), b"text");
    let inside = g.path("/c/b/inside");
    assert_eq!(errno(cp_r(&mut g.ctx, &from, &inside)), Errno::INVAL);
    g.check_outside();
}
