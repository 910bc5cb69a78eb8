use super::*;
use crate::names::Filename;
use crate::testing::Guest;
use guestfs_protocol::opts::{IsDirOpts, IsFileOpts, MktempOpts};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

fn errno<T: std::fmt::Debug>(result: Result<T>) -> Errno {
    result.unwrap_err().errno().unwrap()
}

#[test]
fn kinds_of_files() {
    let mut g = Guest::new();
    g.write("/d/f", "x");
    g.link("d", "/ld");
    g.link("/d/f", "/lf");
    g.link("/nowhere", "/dangling");
    let follow = |f| IsDirOpts { followsymlinks: f };
    let file = |f| IsFileOpts { followsymlinks: f };
    for (path, exists_, dir, file_, link, dir_follow, file_follow) in [
        ("/d", true, true, false, false, true, false),
        ("/d/f", true, false, true, false, false, true),
        ("/ld", true, false, false, true, true, false),
        ("/lf", true, false, false, true, false, true),
        ("/dangling", true, false, false, true, false, false),
        ("/nothing", false, false, false, false, false, false),
        ("/d/f/x", false, false, false, false, false, false),
        ("/../../../d", true, true, false, false, true, false),
    ] {
        let p = g.path(path);
        let ctx = &mut g.ctx;
        assert_eq!(exists(ctx, &p).unwrap(), exists_, "exists {path}");
        assert_eq!(is_dir(ctx, &p, &follow(None)).unwrap(), dir, "is_dir {path}");
        assert_eq!(is_file(ctx, &p, &file(Some(false))).unwrap(), file_, "is_file {path}");
        assert_eq!(is_symlink(ctx, &p).unwrap(), link, "is_symlink {path}");
        assert_eq!(is_dir(ctx, &p, &follow(Some(true))).unwrap(), dir_follow, "is_dir followsymlinks {path}");
        assert_eq!(is_file(ctx, &p, &file(Some(true))).unwrap(), file_follow, "is_file followsymlinks {path}");
    }
}

/// Links of the guest lead nowhere outside of it, whatever the call.
#[test]
fn nothing_leads_outside() {
    let mut g = Guest::new();
    g.link("../secret", "/up");
    g.link("../../../../../../../../etc", "/etc-up");
    let up = g.path("/up");
    let ctx = &mut g.ctx;
    assert_eq!(errno(chmod(ctx, 0o600, &up)), Errno::NOENT);
    assert_eq!(errno(truncate_size(ctx, &up, 0)), Errno::NOENT);
    assert_eq!(errno(filesize(ctx, &up)), Errno::NOENT);
    // The times are the link's own.
    utimens(ctx, &up, 1, 0, 1, 0).unwrap();
    assert_eq!(errno(realpath(ctx, &up)), Errno::NOENT);
    // Creating through the link creates inside.
    fallocate64(ctx, &up, 3).unwrap();
    let under = g.path("/etc-up/x");
    assert_eq!(errno(mkdir(&mut g.ctx, &under)), Errno::NOENT);
    assert_eq!(g.read("/secret"), [0; 3]);
    g.check_outside();
}

#[test]
fn modes_and_times() {
    let mut g = Guest::new();
    g.write("/f", "abc");
    g.link("f", "/l");
    let (f, l) = (g.path("/f"), g.path("/l"));
    let ctx = &mut g.ctx;
    chmod(ctx, 0o4751, &l).unwrap();
    assert_eq!(errno(chmod(ctx, -1, &l)), Errno::INVAL);
    utimens(ctx, &f, 5, 6, -7, 8).unwrap();
    utimens(ctx, &l, 1, 2, 3, 4).unwrap();
    let md = fs::symlink_metadata(g.host("/l")).unwrap();
    assert_eq!((md.atime(), md.atime_nsec(), md.mtime(), md.mtime_nsec()), (1, 2, 3, 4));
    let md = fs::metadata(g.host("/f")).unwrap();
    assert_eq!(md.permissions().mode(), 0o104_751);
    assert_eq!((md.atime(), md.atime_nsec(), md.mtime(), md.mtime_nsec()), (5, 6, -7, 8));
    utimens(&mut g.ctx, &f, 9, -1, 9, -2).unwrap();
    let md = fs::metadata(g.host("/f")).unwrap();
    assert!(md.atime() > 1_600_000_000, "-1 is now");
    assert_eq!(md.mtime(), -7, "-2 leaves it");
    assert_eq!(errno(utimens(&mut g.ctx, &f, 1, -3, 1, 1)), Errno::INVAL);
    assert_eq!(errno(utimens(&mut g.ctx, &f, 1, 1_000_000_000, 1, 1)), Errno::INVAL);
    // Nobody needs privileges to leave things as they are.
    chown(&mut g.ctx, -1, -1, &f).unwrap();
    if rustix::process::geteuid().is_root() {
        chown(&mut g.ctx, 12, -1, &l).unwrap();
        assert_eq!(fs::metadata(g.host("/f")).unwrap().uid(), 12);
    }
}

#[test]
fn sizes() {
    let mut g = Guest::new();
    let f = g.path("/f");
    let missing = g.path("/missing");
    let ctx = &mut g.ctx;
    fallocate64(ctx, &f, 100_000).unwrap();
    assert_eq!(filesize(ctx, &f).unwrap(), 100_000);
    truncate_size(ctx, &f, 5).unwrap();
    assert_eq!(filesize(ctx, &f).unwrap(), 5);
    truncate_size(ctx, &f, 50).unwrap();
    assert_eq!(filesize(ctx, &f).unwrap(), 50);
    fallocate64(ctx, &f, 0).unwrap();
    assert_eq!(filesize(ctx, &f).unwrap(), 0);
    assert_eq!(errno(fallocate64(ctx, &f, -1)), Errno::INVAL);
    assert_eq!(errno(truncate_size(ctx, &f, -1)), Errno::INVAL);
    assert_eq!(errno(truncate_size(ctx, &missing, 1)), Errno::NOENT);
    // A disk that is too small is left as it was.
    assert!(matches!(errno(fallocate64(ctx, &f, i64::MAX)), Errno::NOSPC | Errno::FBIG));
    assert_eq!(filesize(ctx, &f).unwrap(), 0);
}

#[test]
fn directories() {
    let mut g = Guest::new();
    g.write("/f", "");
    g.link("/d", "/ld");
    g.link("/nowhere", "/dangling");
    let p = |path: &str| g.path(path);
    let (abc, through, file, below_file, dangling, up) =
        (p("/d/a/b//c/"), p("/ld/x/y"), p("/f"), p("/f/x"), p("/dangling"), p("/d/new/../other"));
    let (d, one, deep) = (p("/d"), p("/one"), p("/q/r"));
    let ctx = &mut g.ctx;
    mkdir_p(ctx, &abc).unwrap();
    mkdir_p(ctx, &abc).unwrap();
    mkdir_p(ctx, &through).unwrap();
    mkdir_p(ctx, &up).unwrap();
    for bad in [&file, &below_file, &dangling] {
        assert_eq!(errno(mkdir_p(ctx, bad)), Errno::NOTDIR, "{bad}");
    }
    assert_eq!(errno(mkdir(ctx, &d)), Errno::EXIST);
    assert_eq!(errno(mkdir(ctx, &deep)), Errno::NOENT);
    mkdir_mode(ctx, &one, 0o710).unwrap();
    assert_eq!(errno(mkdir_mode(ctx, &one, -1)), Errno::INVAL);
    assert_eq!(realpath(ctx, &through).unwrap(), "/d/x/y");
    for dir in ["/d/a/b/c", "/d/x/y", "/d/new", "/d/other"] {
        assert!(g.host(dir).is_dir(), "{dir}");
    }
    assert_eq!(fs::metadata(g.host("/one")).unwrap().permissions().mode() & 0o777, 0o710);
}

#[test]
fn removal() {
    let mut g = Guest::new();
    g.write("/d/a/b/f", "");
    g.write("/keep/f", "");
    g.write("/f", "");
    g.link("/keep", "/d/a/link");
    g.link("/keep", "/top");
    for i in 0..2000 {
        g.write(&format!("/d/many/{i}"), "");
    }
    let p = |path: &str| g.path(path);
    let (root, dots, d, f, top, missing, below_file, below_missing) =
        (p("/"), p("/d/.."), p("/d"), p("/f"), p("/top"), p("/missing"), p("/f/x"), p("/missing/x"));
    let ctx = &mut g.ctx;
    assert_eq!(errno(rm_rf(ctx, &root)), Errno::INVAL);
    assert_eq!(errno(rm_rf(ctx, &dots)), Errno::INVAL);
    assert_eq!(errno(rm(ctx, &d)), Errno::ISDIR);
    assert_eq!(errno(rm_f(ctx, &d)), Errno::ISDIR);
    assert_eq!(errno(rmdir(ctx, &d)), Errno::NOTEMPTY);
    assert_eq!(errno(rm_f(ctx, &below_file)), Errno::NOTDIR);
    rm_f(ctx, &below_missing).unwrap();
    rm_f(ctx, &missing).unwrap();
    rm_rf(ctx, &missing).unwrap();
    assert_eq!(errno(rm(ctx, &missing)), Errno::NOENT);
    rm_rf(ctx, &d).unwrap();
    rm_rf(ctx, &top).unwrap();
    rm(ctx, &f).unwrap();
    assert_eq!(errno(rmdir(ctx, &f)), Errno::NOENT);
    assert!(g.host("/keep/f").exists(), "a link in a removed tree was followed");
    assert_eq!(fs::read_dir(g.host("/")).unwrap().count(), 1);
}

#[test]
fn links_and_touch() {
    let mut g = Guest::new();
    g.write("/f", "");
    let p = |path: &str| g.path(path);
    let (l, f, new, root, missing) = (p("/l"), p("/f"), p("/new"), p("/"), p("/no/l"));
    let ctx = &mut g.ctx;
    ln_s(ctx, "../any thing".into(), &l).unwrap();
    assert_eq!(readlink(ctx, &l).unwrap(), "../any thing");
    assert_eq!(errno(readlink(ctx, &f)), Errno::INVAL);
    assert_eq!(errno(ln_s(ctx, "x".into(), &l)), Errno::EXIST);
    assert_eq!(errno(ln_s(ctx, "x".into(), &missing)), Errno::NOENT);
    utimens(ctx, &f, 1, 0, 1, 0).unwrap();
    touch(ctx, &f).unwrap();
    touch(ctx, &new).unwrap();
    for bad in [&l, &root] {
        assert_eq!(errno(touch(ctx, bad)), Errno::INVAL, "{bad}");
    }
    assert_eq!(realpath(ctx, &root).unwrap(), "/");
    assert!(fs::metadata(g.host("/f")).unwrap().mtime() > 1_600_000_000);
    assert_eq!(fs::metadata(g.host("/new")).unwrap().len(), 0);
}

/// What waits for ever, never ends or is no file at all is not opened as one.
#[test]
fn special_files() {
    let mut g = Guest::new();
    rustix::fs::mknodat(g.ctx.root(), "fifo", FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let fifo = g.path("/fifo");
    assert_eq!(errno(open_file(&g.ctx, &fifo, OFlags::RDONLY)), Errno::INVAL);
    assert_eq!(errno(fallocate64(&mut g.ctx, &fifo, 1)), Errno::NXIO);
    assert_eq!(errno(touch(&mut g.ctx, &fifo)), Errno::INVAL);
    chmod(&mut g.ctx, 0o600, &fifo).unwrap();
}

#[test]
fn umask_is_checked() {
    // Setting it would disturb the other tests: it belongs to the whole process.
    let mut g = Guest::new();
    assert_eq!(errno(umask(&mut g.ctx, -1)), Errno::INVAL);
    assert_eq!(errno(umask(&mut g.ctx, 0o1000)), Errno::INVAL);
}

#[test]
fn links_that_replace() {
    let mut g = Guest::new();
    g.write("/f", "text");
    g.write("/old", "old");
    g.write("/d/x/y", "");
    g.link("d", "/ld");
    let at = |path: &str| g.path(path);
    let (f, old, d, ld, sub, missing) = (at("/f"), at("/old"), at("/d"), at("/ld"), at("/ld/z"), at("/m/l"));
    let ctx = &mut g.ctx;
    ln_f(ctx, "/f".into(), &old).unwrap();
    // Once more, and onto itself: neither loses a name nor leaves one behind.
    ln_f(ctx, "/f".into(), &old).unwrap();
    ln_f(ctx, "/f".into(), &f).unwrap();
    assert_eq!(errno(ln(ctx, "/f".into(), &old)), Errno::EXIST);
    assert_eq!(errno(ln_f(ctx, "/nothing".into(), &old)), Errno::NOENT);
    assert_eq!(errno(ln_f(ctx, "f".into(), &old)), Errno::INVAL);
    // What is in the way in the directory is one, too.
    assert_eq!(errno(ln_f(ctx, "/any/x".into(), &d)), Errno::NOENT);
    assert_eq!(errno(ln(ctx, "..".into(), &d)), Errno::ISDIR);
    ln_sf(ctx, "one".into(), &sub).unwrap();
    ln_sf(ctx, "two".into(), &sub).unwrap();
    ln_sf(ctx, "a/three//".into(), &ld).unwrap();
    assert_eq!(errno(ln_sf(ctx, "x".into(), &d)), Errno::ISDIR);
    assert_eq!(errno(ln_sf(ctx, "x".into(), &missing)), Errno::NOENT);
    for nameless in ["", "/", "..", "a/."] {
        assert_eq!(errno(ln_sf(ctx, nameless.into(), &d)), Errno::ISDIR, "{nameless}");
    }
    let names = ["z", "three", "x", "nothing"].map(|name| Filename::parse(name.into()).unwrap());
    assert_eq!(internal_readlinklist(ctx, &d, &names).unwrap(), ["two", "a/three//", "", ""]);
    assert_eq!(fs::metadata(g.host("/f")).unwrap().nlink(), 2);
    assert_eq!(g.read("/old"), b"text");
    for (dir, count) in [("/", 4), ("/d", 3)] {
        assert_eq!(fs::read_dir(g.host(dir)).unwrap().count(), count, "{dir}");
    }
}

#[test]
fn temporary_names() {
    let mut g = Guest::new();
    g.write("/d/x", "");
    let (tmpl, short, missing) = (g.path("/d/../d/aXXXXXX"), g.path("/XXXXX"), g.path("/m/XXXXXX"));
    let ctx = &mut g.ctx;
    let suffix = |s: &str| MktempOpts { suffix: Some(s.into()) };
    let dir = mkdtemp(ctx, &tmpl).unwrap().to_string();
    let file = mktemp(ctx, &tmpl, &suffix(".txt")).unwrap().to_string();
    assert_ne!(mktemp(ctx, &tmpl, &suffix(".txt")).unwrap(), file);
    for (made, length) in [(&dir, 14), (&file, 18)] {
        assert!(made.starts_with("/d/../d/a") && made.len() == length + 1 && !made.contains('X'), "{made}");
    }
    assert_eq!(errno(mkdtemp(ctx, &short)), Errno::INVAL);
    assert_eq!(errno(mkdtemp(ctx, &missing)), Errno::NOENT);
    assert_eq!(errno(mktemp(ctx, &tmpl, &suffix("/x"))), Errno::INVAL);
    assert_eq!(fs::metadata(g.host(&dir)).unwrap().permissions().mode(), 0o40700);
    assert_eq!(fs::metadata(g.host(&file)).unwrap().permissions().mode(), 0o100_600);
}

#[test]
fn nodes_of_every_kind() {
    let mut g = Guest::new();
    let (p, s, b) = (g.path("/p"), g.path("/s"), g.path("/b"));
    let ctx = &mut g.ctx;
    mkfifo(ctx, 0o600, &p).unwrap();
    assert!(is_fifo(ctx, &p, &Default::default()).unwrap());
    mknod(ctx, 0o140_600, 0, 0, &s).unwrap();
    assert!(is_socket(ctx, &s, &Default::default()).unwrap());
    assert_eq!(errno(mkfifo(ctx, 0o10_600, &b)), Errno::INVAL);
    for (mode, major, minor) in [
        (-1, 0, 0),
        (0o40_755, 0, 0),
        (0o120_777, 0, 0),
        (0o170_600, 0, 0),
        (0o60_600, 4096, 0),
        (0o60_600, 1, 1 << 20),
        (0o20_600, -1, 0),
        (0o20_600, 1, -1),
    ] {
        assert_eq!(errno(mknod(ctx, mode, major, minor, &b)), Errno::INVAL, "{mode:o} {major} {minor}");
    }
}
