use super::*;
use crate::error::Errno;
use crate::testing::Guest;
use bstr::ByteSlice;
use guestfs_protocol::opts::GlobExpandOpts;
use guestfs_protocol::structs::Dirent;
use guestfs_protocol::xdr::Decoder;

fn guest() -> Guest {
    let g = Guest::new();
    g.write("/dir/a", "x");
    g.write("/dir/b/c", "yy");
    g.write("/reg", "");
    g.write("/.hidden", "");
    g.link("/dir", "/ld");
    g.link("../../secret", "/up");
    g
}

fn split0(bytes: &[u8]) -> Vec<String> {
    let mut names: Vec<String> =
        bytes.split_str("\0").filter(|n| !n.is_empty()).map(|n| n.to_str().unwrap().into()).collect();
    names.sort();
    names
}

#[test]
fn streams() {
    let mut g = guest();
    let (root, dir, reg, missing) = (g.path("/"), g.path("/ld"), g.path("/reg"), g.path("/missing"));
    let names = g.download(|ctx, out| ls0(ctx, &root, out)).unwrap();
    assert_eq!(split0(&names), [".hidden", "dir", "ld", "reg", "up"]);
    let names = g.download(|ctx, out| find0(ctx, &dir, out)).unwrap();
    assert_eq!(split0(&names), ["/a", "/b", "/b/c"]);
    for (bad, errno) in [(&reg, Errno::NOTDIR), (&missing, Errno::NOENT)] {
        assert_eq!(g.download(|ctx, out| ls0(ctx, bad, out)).unwrap_err().errno(), Some(errno));
        assert_eq!(g.download(|ctx, out| find0(ctx, bad, out)).unwrap_err().errno(), Some(errno));
        assert_eq!(g.download(|ctx, out| internal_readdir(ctx, bad, out)).unwrap_err().errno(), Some(errno));
    }
}

#[test]
fn many_entries_take_many_chunks() {
    let mut g = Guest::new();
    for i in 0..3000 {
        g.write(&format!("/{i:0100}"), "");
    }
    let root = g.path("/");
    let names = g.download(|ctx, out| ls0(ctx, &root, out)).unwrap();
    assert_eq!(split0(&names).len(), 3000);
}

#[test]
fn dirents() {
    let mut g = guest();
    let root = g.path("/");
    let bytes = g.download(|ctx, out| internal_readdir(ctx, &root, out)).unwrap();
    let mut decoder = Decoder::new(&bytes);
    let mut seen = Vec::new();
    while decoder.remaining() > 0 {
        let d: Dirent = decoder.get().unwrap();
        seen.push(format!("{}{}", d.ftyp.0 as char, d.name));
    }
    seen.sort();
    assert_eq!(seen, ["d.", "d..", "ddir", "lld", "lup", "r.hidden", "rreg"]);
}

#[test]
fn usage() {
    let mut g = Guest::new();
    g.write("/d/f", vec![1u8; 100_000]);
    std::fs::hard_link(g.host("/d/f"), g.host("/d/second")).unwrap();
    g.write("/outside", vec![1u8; 1_000_000]);
    g.link("/outside", "/d/l");
    let expected = std::process::Command::new("du").args(["-sk"]).arg(g.host("/d")).output().unwrap().stdout;
    let expected: i64 = expected.fields().next().unwrap().to_str().unwrap().parse().unwrap();
    let (d, l, missing) = (g.path("/d"), g.path("/d/l"), g.path("/missing"));
    assert_eq!(du(&mut g.ctx, &d).unwrap(), expected);
    assert!(du(&mut g.ctx, &l).unwrap() <= 4);
    assert_eq!(du(&mut g.ctx, &missing).unwrap_err().errno(), Some(Errno::NOENT));
}

#[test]
fn globs() {
    let mut g = guest();
    let cases: &[(&str, &[&str])] = &[
        ("/d*", &["/dir/"]),
        ("/*", &["/dir/", "/ld/", "/reg", "/up"]),
        ("/.h*", &["/.hidden"]),
        ("/*/*", &["/dir/a", "/dir/b/", "/ld/a", "/ld/b/"]),
        ("/{reg,dir}", &["/reg", "/dir/"]),
        ("/{b,d,r}*", &["/dir/", "/reg"]),
        ("/[!d]*", &["/ld/", "/reg", "/up"]),
        ("/reg", &["/reg"]),
        ("/reg/", &[]),
        ("/dir/", &["/dir/"]),
        ("//dir//b", &["/dir/b/"]),
        ("/dir/../r*", &["/dir/../reg"]),
        ("/up", &["/up"]),
        ("/up*/", &[]),
        ("/../secret", &[]),
        ("/missing/*", &[]),
        ("/reg/*", &[]),
        ("/", &["/"]),
        ("/\\*", &[]),
        ("/{", &[]),
    ];
    for (pattern, expected) in cases {
        let p = g.path(pattern);
        assert_eq!(glob_expand(&mut g.ctx, &p, &GlobExpandOpts::default()).unwrap(), *expected, "{pattern}");
    }
    let plain = GlobExpandOpts { directoryslash: Some(false) };
    let p = g.path("/{dir,ld}");
    assert_eq!(glob_expand(&mut g.ctx, &p, &plain).unwrap(), ["/dir", "/ld"]);
}

#[test]
fn too_many_matches_are_refused() {
    let mut g = Guest::new();
    for i in 0..300 {
        g.write(&format!("/{i:0200}"), "");
    }
    let p = g.path("/{*,*}{*,*}{*,*}{*,*}{*,*}{*,*}{*,*}");
    let e = glob_expand(&mut g.ctx, &p, &GlobExpandOpts::default()).unwrap_err();
    assert_eq!(e.errno(), Some(Errno::TOOBIG), "{e}");
}

#[test]
fn listing() {
    let mut g = guest();
    let (dir, reg, missing) = (g.path("/"), g.path("/up/../reg"), g.path("/missing"));
    let text = ll(&mut g.ctx, &dir).unwrap();
    let lines: Vec<&str> = text.to_str().unwrap().lines().collect();
    assert!(lines[0].starts_with("total "), "{text}");
    assert_eq!(lines.len(), 8, "{text}");
    assert!(lines[1].starts_with("drwx") && lines[1].ends_with(" ."), "{text}");
    assert!(lines[3].ends_with(" .hidden"), "{text}");
    assert!(lines[5].starts_with("lrwxrwxrwx") && lines[5].ends_with(" ld -> /dir"), "{text}");
    assert_eq!(ll(&mut g.ctx, &missing).unwrap_err().errno(), Some(Errno::NOENT));
    // `up` leads nowhere, so neither does what is behind it.
    assert_eq!(ll(&mut g.ctx, &reg).unwrap_err().errno(), Some(Errno::NOENT));
    let reg = g.path("/dir/../reg");
    let text = ll(&mut g.ctx, &reg).unwrap();
    assert!(text.starts_with(b"-rw") && text.ends_with(b" /reg\n"), "{text}");
}

#[test]
fn a_listing_that_is_too_long_says_what_is_not() {
    let mut g = Guest::new();
    std::fs::create_dir(g.host("/d")).unwrap();
    for n in 0..14_500 {
        std::fs::File::create(g.host(&format!("/d/{n:0>250}"))).unwrap();
    }
    let d = g.path("/d");
    let e = ll(&mut g.ctx, &d).unwrap_err();
    assert_eq!(e.errno(), Some(Errno::TOOBIG));
    assert!(e.message().contains_str("lstatnslist"), "{e}");
}
