mod confined;
mod hostile;
mod put_off;

use super::*;
use crate::error::Errno;
use crate::testing::Guest;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

fn guest() -> Guest {
    let g = Guest::new();
    g.write("/src/d/f", "x".repeat(100_000));
    g.write("/src/skip.o", "");
    g.link("d/f", "/src/l");
    fs::set_permissions(g.host("/src/d/f"), fs::Permissions::from_mode(0o640)).unwrap();
    fs::create_dir(g.host("/dst")).unwrap();
    g
}

#[test]
fn there_and_back() {
    let mut g = guest();
    for compress in [None, Some("gzip"), Some("bzip2"), Some("xz"), Some("zstd")] {
        let compress = compress.map(BString::from);
        let out = TarOutOpts {
            compress: compress.clone(),
            excludes: Some(vec!["*.o".into()]),
            numericowner: Some(true),
            ..Default::default()
        };
        let tar = g.download(|ctx, f| tar_out(ctx, "/src".into(), f, &out)).unwrap();
        let dst = g.path("/dst");
        let back = TarInOpts {
            compress: compress.clone(),
            xattrs: Some(true),
            acls: Some(true),
            selinux: Some(true),
            ..Default::default()
        };
        g.upload(&tar, |ctx, f| tar_in(ctx, f, &dst, &back)).unwrap();
        assert_eq!(g.read("/dst/d/f").len(), 100_000, "{compress:?}");
        assert_eq!(fs::metadata(g.host("/dst/d/f")).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_link(g.host("/dst/l")).unwrap().to_str(), Some("d/f"));
        assert!(!g.host("/dst/skip.o").exists());
        crate::files::rm_rf(&mut g.ctx, &dst).unwrap();
        fs::create_dir(g.host("/dst")).unwrap();
    }
}

#[test]
fn errors() {
    let mut g = guest();
    let (dst, reg, missing) = (g.path("/dst"), g.path("/src/skip.o"), g.path("/missing"));
    let none = TarInOpts::default();
    let junk = vec![b'j'; 50_000];
    let e = g.upload(&junk, |ctx, f| tar_in(ctx, f, &dst, &none)).unwrap_err();
    assert!(e.to_string().starts_with("/dst: tar: "), "{e}");
    let e = g
        .upload(&junk, |ctx, f| tar_in(ctx, f, &dst, &TarInOpts { compress: Some("xz".into()), ..Default::default() }))
        .unwrap_err();
    assert!(e.to_string().contains("xz"), "{e}");
    for (dir, errno) in [(&reg, Errno::NOTDIR), (&missing, Errno::NOENT)] {
        assert_eq!(g.upload(b"", |ctx, f| tar_in(ctx, f, dir, &none)).unwrap_err().errno(), Some(errno));
        let name = dir.as_bstr().to_owned();
        assert_eq!(
            g.download(|ctx, f| tar_out(ctx, name.as_bstr(), f, &Default::default())).unwrap_err().errno(),
            Some(errno)
        );
    }
    let odd = TarInOpts { compress: Some("rar".into()), ..Default::default() };
    assert_eq!(g.upload(b"", |ctx, f| tar_in(ctx, f, &dst, &odd)).unwrap_err().errno(), Some(Errno::INVAL));
    assert_eq!(
        g.download(|ctx, f| tar_out(ctx, "relative".into(), f, &Default::default())).unwrap_err().errno(),
        Some(Errno::INVAL)
    );
}

/// tar leaves members that would climb out where they cannot do harm.
#[test]
fn members_do_not_climb_out() {
    let mut g = guest();
    let tar = std::process::Command::new("tar")
        .args(["-cPf", "-", "--transform=s,^src/skip.o$,../../secret,", "src/skip.o"])
        .current_dir(g.host("/"))
        .output()
        .unwrap();
    assert!(tar.status.success());
    let dst = g.path("/dst");
    let e = g.upload(&tar.stdout, |ctx, f| tar_in(ctx, f, &dst, &TarInOpts::default())).unwrap_err();
    assert!(e.to_string().contains(".."), "{e}");
    g.check_outside();
}

#[test]
fn compressed_copies() {
    let mut g = guest();
    let (f, missing, dir) = (g.path("/src/d/f"), g.path("/missing"), g.path("/src"));
    let level = |n| CompressOutOpts { level: n };
    for (ctype, magic) in [("gzip", &b"\x1f\x8b"[..]), ("bzip2", b"BZh"), ("xz", b"\xfd7zXZ")] {
        for n in [None, Some(1), Some(9)] {
            let out = g.download(|ctx, z| compress_out(ctx, ctype.into(), &f, z, &level(n))).unwrap();
            assert!(out.starts_with(magic), "{ctype} {n:?}");
        }
    }
    for (ctype, path, n, errno) in [
        ("gzip", &f, Some(10), Errno::INVAL),
        ("gzip", &f, Some(0), Errno::INVAL),
        ("xz", &f, Some(-1), Errno::INVAL),
        ("zstd", &f, None, Errno::INVAL),
        ("rar", &f, None, Errno::INVAL),
        ("gzip", &missing, None, Errno::NOENT),
        ("gzip", &dir, None, Errno::ISDIR),
    ] {
        let e = g.download(|ctx, z| compress_out(ctx, ctype.into(), path, z, &level(n))).unwrap_err();
        assert_eq!(e.errno(), Some(errno), "{ctype} {path}: {e}");
    }
}

/// A member as its writer likes it: checksum and padding are right, the rest may be anything.
fn member(kind: u8, name: &[u8], link: &[u8], data: &[u8]) -> Vec<u8> {
    let mut h = [0u8; 512];
    h[..name.len()].copy_from_slice(name);
    h[100..107].copy_from_slice(b"0000644");
    h[108..115].copy_from_slice(b"0000000");
    h[116..123].copy_from_slice(b"0000000");
    h[124..135].copy_from_slice(format!("{:011o}", data.len()).as_bytes());
    h[136..147].copy_from_slice(b"07346545000");
    h[156] = kind;
    h[157..157 + link.len()].copy_from_slice(link);
    h[257..263].copy_from_slice(b"ustar\0");
    seal(&mut h);
    let mut all = h.to_vec();
    all.extend_from_slice(data);
    all.resize(all.len().next_multiple_of(512), 0);
    all
}

fn seal(h: &mut [u8; 512]) {
    h[148..156].copy_from_slice(b"        ");
    let sum: u32 = h.iter().map(|b| u32::from(*b)).sum();
    h[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

fn put(g: &mut Guest, members: &[Vec<u8>]) -> Result<()> {
    let mut tar = members.concat();
    tar.resize(tar.len() + 1024, 0);
    put_raw(g, &tar)
}

fn put_raw(g: &mut Guest, tar: &[u8]) -> Result<()> {
    let dst = g.path("/dst");
    g.upload(tar, |ctx, f| tar_in(ctx, f, &dst, &TarInOpts::default()))
}

#[test]
fn a_hard_link_to_itself_by_another_path_changes_nothing() {
    let mut g = guest();
    g.link("usr", "/dst/alias");
    for target in ["alias/f", "usr/f"] {
        let file = member(b'0', b"usr/f", b"", b"content");
        let opts = TarInOpts::default();
        let dst = g.path("/dst");
        let mut tar = [file, member(b'1', b"usr/f", target.as_bytes(), b"")].concat();
        tar.resize(tar.len() + 1024, 0);
        g.upload(&tar, |ctx, f| tar_in(ctx, f, &dst, &opts)).unwrap();
        assert_eq!(g.read("/dst/usr/f"), b"content", "{target}");
    }
    // The same for what stands in for a link.
    put(&mut g, &[member(b'2', b"usr/l", b"/etc", b""), member(b'1', b"usr/l", b"alias/l", b"")]).unwrap();
    assert_eq!(fs::read_link(g.host("/dst/usr/l")).unwrap().to_str(), Some("/etc"));
}

#[test]
fn nobody_has_the_owner_that_means_no_change() {
    let mut g = guest();
    for key in ["uid", "gid"] {
        let length = format!("18 {key}=4294967295\n").len();
        let record = format!("{length} {key}=4294967295\n");
        let e = put(&mut g, &[member(b'x', b"x", b"", record.as_bytes()), member(b'0', b"f", b"", b"x")]).unwrap_err();
        assert!(e.to_string().contains("a header's"), "{e}");
    }
}

#[test]
fn what_is_no_archive_is_told_though_it_was_compressed() {
    let mut g = guest();
    let mut gzip = std::process::Command::new("gzip")
        .arg("-c")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = gzip.stdin.take().unwrap();
    let writer =
        std::thread::spawn(move || std::io::Write::write_all(&mut stdin, &b"no archive, ".repeat(1 << 20)).unwrap());
    let packed = gzip.wait_with_output().unwrap().stdout;
    writer.join().unwrap();
    let dst = g.path("/dst");
    let opts = TarInOpts { compress: Some("gzip".into()), ..TarInOpts::default() };
    let e = g.upload(&packed, |ctx, f| tar_in(ctx, f, &dst, &opts)).unwrap_err();
    assert!(e.to_string().contains("no tar archive"), "{e}");
    // But what the tool knows better is told by the tool.
    let e = g.upload(&packed[..packed.len() / 2], |ctx, f| tar_in(ctx, f, &dst, &opts)).unwrap_err();
    assert!(e.to_string().contains("tar") || e.to_string().contains("gzip"), "{e}");
}

#[test]
fn links_stay_in_the_guest() {
    let mut g = guest();
    let outside = g.host("/").parent().unwrap().join("secret");
    let outside = outside.to_str().unwrap().as_bytes();
    // A link of the guest's that is absolute means the guest's own tree.
    fs::create_dir(g.host("/real")).unwrap();
    g.link("/real", "/dst/usr");
    put(&mut g, &[member(b'0', b"usr/f", b"", b"x")]).unwrap();
    assert_eq!(g.read("/real/f"), b"x");
    // A member is not written through a link of the archive, wherever it leads.
    for (link, through) in [(&b"../../.."[..], &b"up/secret"[..]), (b"/", b"up/tmp"), (b"/real", b"up/g")] {
        let _ = put(&mut g, &[member(b'2', b"up", link, b""), member(b'0', through, b"", b"evil")]);
        assert!(!g.host("/real/g").exists());
        g.check_outside();
        let _ = fs::remove_file(g.host("/dst/up"));
        let _ = fs::remove_dir_all(g.host("/dst/up"));
    }
    // Hard links: neither up nor by an absolute name.
    assert!(put(&mut g, &[member(b'1', b"h", b"../../secret", b"")]).is_err());
    assert!(put(&mut g, &[member(b'1', b"h", outside, b"")]).is_err());
    assert!(!g.host("/dst/h").exists());
    // Absolute names lose their slash.
    put(&mut g, &[member(b'0', b"///dst/deep/f", b"", b"y")]).unwrap();
    assert_eq!(g.read("/dst/dst/deep/f"), b"y");
    // Absolute links are made in the end, also under a second name.
    put(&mut g, &[member(b'2', b"abs", b"/etc/x", b""), member(b'1', b"abs2", b"abs", b"")]).unwrap();
    for name in ["/dst/abs", "/dst/abs2"] {
        assert_eq!(fs::read_link(g.host(name)).unwrap().to_str(), Some("/etc/x"));
    }
    g.check_outside();
}

#[test]
fn one_bad_member_does_not_keep_the_others() {
    let mut g = guest();
    fs::create_dir_all(g.host("/dst/full/x")).unwrap();
    let e = put(
        &mut g,
        &[
            member(b'0', b"../up", b"", b"1"),
            member(b'0', b"full", b"", b"2"),
            member(b'1', b"h", b"missing", b""),
            member(b'0', b"good", b"", b"3"),
        ],
    )
    .unwrap_err();
    assert!(e.to_string().starts_with("/dst: tar: ../up: "), "{e}");
    assert_eq!(g.read("/dst/good"), b"3");
    assert!(g.host("/dst/full/x").exists());
    g.check_outside();
}

#[test]
fn what_was_there_is_replaced() {
    let mut g = guest();
    g.write("/dst/f", "old, and longer");
    g.write("/other", "kept");
    fs::hard_link(g.host("/other"), g.host("/dst/hard")).unwrap();
    g.link("../other", "/dst/soft");
    fs::create_dir(g.host("/dst/empty")).unwrap();
    let files = ["f", "hard", "soft", "empty"];
    put(&mut g, &files.map(|name| member(b'0', name.as_bytes(), b"", b"new"))).unwrap();
    for name in files {
        assert_eq!(g.read(&format!("/dst/{name}")), b"new", "{name}");
    }
    assert_eq!(g.read("/other"), b"kept");
    let time = fs::metadata(g.host("/dst/f")).unwrap().modified().unwrap();
    assert_eq!(time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs(), 0o7346545000);
}

#[test]
fn sizes_around_direct_io() {
    let mut g = guest();
    for size in [0usize, 1, 511, 512, 4095, 4096, 4097, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (4 << 20) + 4097] {
        let data: Vec<u8> = (0..size).map(|i| (i * 7 + i / 4096) as u8).collect();
        put(&mut g, &[member(b'0', b"f", b"", &data), member(b'0', b"after", b"", b"z")]).unwrap();
        assert!(g.read("/dst/f") == data, "{size}");
        assert_eq!(g.read("/dst/after"), b"z");
    }
}

/// Extensions: long names of both kinds, times with fractions, and a size above what is there.
#[test]
fn extensions() {
    let mut g = guest();
    let long = ["n"; 60].join("/");
    let pax = |records: &[u8]| member(b'x', b"pax", b"", records);
    let fits = |key: &str, value: &str| {
        let rest = format!(" {key}={value}\n");
        let mut n = rest.len() + 1;
        while n.to_string().len() + rest.len() != n {
            n += 1;
        }
        format!("{n}{rest}").into_bytes()
    };
    let mut both = fits("path", "a/b/c");
    both.extend(fits("mtime", "1000000000.123456789"));
    put(
        &mut g,
        &[
            member(b'L', b"././@LongLink", b"", format!("{long}\0").as_bytes()),
            member(b'0', b"short", b"", b"1"),
            pax(&both),
            member(b'0', b"short", b"", b"2"),
            pax(&fits("linkpath", "somewhere")),
            member(b'2', b"l", b"x", b""),
        ],
    )
    .unwrap();
    assert_eq!(g.read(&format!("/dst/{long}")), b"1");
    assert_eq!(g.read("/dst/a/b/c"), b"2");
    let time = fs::metadata(g.host("/dst/a/b/c")).unwrap().modified().unwrap();
    assert_eq!(time.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos(), 1_000_000_000_123_456_789);
    assert_eq!(fs::read_link(g.host("/dst/l")).unwrap().to_str(), Some("somewhere"));
    // Not even a gigabyte of name is read.
    let mut huge = [0u8; 512];
    huge.copy_from_slice(&member(b'x', b"pax", b"", b""));
    huge[124..135].copy_from_slice(b"77777777777");
    seal(&mut huge);
    let e = put(&mut g, &[huge.to_vec()]).unwrap_err();
    assert!(e.to_string().contains("longer than"), "{e}");
    // A file that claims more than the archive has.
    let mut short = [0u8; 512];
    short.copy_from_slice(&member(b'0', b"cut", b"", b""));
    short[124..135].copy_from_slice(b"00000100000");
    seal(&mut short);
    let e = put(&mut g, &[short.to_vec()]).unwrap_err();
    assert!(e.to_string().contains("in the middle"), "{e}");
}

/// What only tar knows is left to it, in the middle of the stream.
#[test]
fn sparse_members_go_to_tar() {
    let mut g = guest();
    fs::create_dir(g.host("/holes")).unwrap();
    g.write("/holes/a", "first");
    let file = fs::File::create(g.host("/holes/b")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"end", 3 << 20).unwrap();
    for format in ["gnu", "posix"] {
        let tar = std::process::Command::new("tar")
            .args(["-cS", &format!("--format={format}"), "-f", "-", "a", "b", "a"])
            .current_dir(g.host("/holes"))
            .output()
            .unwrap();
        assert!(tar.status.success());
        assert!(tar.stdout.len() < 100_000, "it is sparse");
        let dst = g.path("/dst");
        g.upload(&tar.stdout, |ctx, f| tar_in(ctx, f, &dst, &TarInOpts::default())).unwrap();
        assert_eq!(g.read("/dst/a"), b"first");
        assert!(g.read("/dst/b") == g.read("/holes/b"), "{format}");
        fs::remove_file(g.host("/dst/b")).unwrap();
    }
}

/// Whatever comes: an error or not, but never anything outside, and never a panic.
#[test]
fn damaged_archives() {
    let mut g = guest();
    let good = [
        member(b'5', b"d/", b"", b""),
        member(b'0', b"d/f", b"", b"data"),
        member(b'2', b"d/l", b"../x", b""),
        member(b'1', b"d/h", b"d/f", b""),
    ]
    .concat();
    for at in (0..good.len()).step_by(7) {
        let mut bad = good.clone();
        bad[at] ^= 0x81;
        let _ = put(&mut g, &[bad]);
        let dst = g.path("/dst");
        let _ = g.upload(&good[..at], |ctx, f| tar_in(ctx, f, &dst, &TarInOpts::default()));
    }
    g.check_outside();
}

/// What we pack, tar reads: every kind of file, names of every length, and the sizes around a page.
#[test]
fn tar_reads_what_is_packed() {
    let mut g = guest();
    let long = format!("/src/{}", ["directory"; 15].join("/"));
    g.write(&format!("{long}/file"), "deep");
    g.link(&long, "/src/longlink");
    for size in [0usize, 1, 511, 512, 513, 4096, (1 << 20) + 1] {
        g.write(&format!("/src/size{size}"), vec![b'z'; size]);
    }
    fs::hard_link(g.host("/src/size1"), g.host("/src/other")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, g.host("/src/fifo"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(g.host("/src/sock")).unwrap();
    let tar = g.download(|ctx, f| tar_out(ctx, "/src".into(), f, &Default::default())).unwrap();
    assert_eq!(tar.len() % 10240, 0);
    fs::write(g.host("/tar"), &tar).unwrap();
    let list = std::process::Command::new("tar")
        .args(["-d", "-f"])
        .arg(g.host("/tar"))
        .current_dir(g.host("/src"))
        .output()
        .unwrap();
    assert!(list.status.success(), "{}{}", list.stdout.as_bstr(), list.stderr.as_bstr());
    let dst = g.path("/dst");
    g.upload(&tar, |ctx, f| tar_in(ctx, f, &dst, &TarInOpts::default())).unwrap();
    assert_eq!(g.read(&format!("{}/file", long.replace("/src", "/dst"))), b"deep");
    assert_eq!(fs::read_link(g.host("/dst/longlink")).unwrap().to_str(), Some(long.as_str()));
    assert!(!g.host("/dst/sock").exists());
    use std::os::unix::fs::MetadataExt;
    let inode = |name: &str| fs::metadata(g.host(name)).unwrap().ino();
    assert_eq!(inode("/dst/other"), inode("/dst/size1"));
}

/// cpio(1) reads what we pack.
#[test]
fn cpio_archives() {
    let mut g = guest();
    fs::hard_link(g.host("/src/d/f"), g.host("/src/d/name")).unwrap();
    g.write("/src/TRAILER!!!", "not the end");
    g.write("/src/TRAILER!!!d/x", "odd");
    for format in [None, Some("newc"), Some("crc")] {
        let opts = CpioOutOpts { format: format.map(BString::from) };
        let cpio = g.download(|ctx, f| cpio_out(ctx, "/src".into(), f, &opts)).unwrap();
        assert_eq!(cpio.len() % 512, 0);
        let dst = tempfile::tempdir().unwrap();
        let archive = dst.path().join("archive");
        fs::write(&archive, &cpio).unwrap();
        let tool = std::process::Command::new("cpio")
            .args(["-idm", "--quiet", "--no-absolute-filenames"])
            .current_dir(dst.path())
            .stdin(fs::File::open(&archive).unwrap())
            .output()
            .unwrap();
        assert!(tool.status.success() && tool.stderr.is_empty(), "{format:?}: {}", tool.stderr.as_bstr());
        let md = fs::metadata(dst.path().join("d/f")).unwrap();
        assert_eq!((md.len(), md.permissions().mode(), md.nlink()), (100_000, 0o100_640, 2), "{format:?}");
        assert_eq!(fs::metadata(dst.path().join("d/name")).unwrap().ino(), md.ino());
        assert_eq!(fs::read_link(dst.path().join("l")).unwrap().to_str(), Some("d/f"));
        assert_eq!(fs::read(dst.path().join("TRAILER!!!")).unwrap(), b"not the end");
        assert_eq!(fs::read(dst.path().join("TRAILER!!!d/x")).unwrap(), b"odd");
    }
    let wrong = CpioOutOpts { format: Some("tar".into()) };
    let e = g.download(|ctx, f| cpio_out(ctx, "/src".into(), f, &wrong)).unwrap_err();
    assert_eq!(e.errno(), Some(Errno::INVAL));
}

#[test]
fn cpio_has_no_room_for_large_files() {
    let mut g = Guest::new();
    g.write("/d/f", "");
    fs::File::options().write(true).open(g.host("/d/f")).unwrap().set_len(1 << 32).unwrap();
    let opts = CpioOutOpts::default();
    let e = g.download(|ctx, f| cpio_out(ctx, "/d".into(), f, &opts)).unwrap_err();
    assert_eq!(e.errno(), Some(Errno::FBIG));
    assert!(e.to_string().starts_with("/d: f: "), "{e}");
}
