//! Initrds of all kinds, packed by the host's tools.

use super::cpio::entry;
use super::*;
use crate::newc::{Format, Member};
use crate::testing::Guest;
use std::io::Write;
use std::process::{Command, Stdio};

fn archive(name: &str, content: &[u8]) -> Vec<u8> {
    [entry("dir", 0o40755, b""), entry(name, 0o100_644, content), entry("TRAILER!!!", 0, b"")].concat()
}

fn packed(tool: &[&str], content: &[u8]) -> Vec<u8> {
    let mut command = Command::new(tool[0]);
    let mut child = command.args(&tool[1..]).arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let content = content.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&content).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output.stdout
}

/// What does not get shorter by packing, so that an archive inside lies there as it is.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 7u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..size).map(next).collect()
}

fn padded(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

const TOOLS: &[&[&str]] = &[&["gzip"], &["xz"], &["zstd", "-q"], &["lz4", "-q"], &["lz4", "-q", "-l"], &["bzip2"]];

#[test]
fn joined_in_all_ways() {
    let mut g = Guest::new();
    let path = g.path("/initrd");
    let (early, main) = (archive("early", b"1"), archive("main", &noise(300_000)));
    for tool in TOOLS {
        for (content, expected) in [
            (packed(tool, &main), &["dir", "main"][..]),
            ([padded(early.clone()), packed(tool, &main)].concat(), &["dir", "early", "dir", "main"]),
            (packed(tool, &[padded(early.clone()), main.clone()].concat()), &["dir", "early", "dir", "main"]),
            ([packed(tool, &main), packed(tool, &early)].concat(), &["dir", "main", "dir", "early"]),
            ([padded(packed(tool, &main)), early.clone()].concat(), &["dir", "main", "dir", "early"]),
            ([padded(packed(tool, &main)), packed(&["xz"], &early)].concat(), &["dir", "main", "dir", "early"]),
        ] {
            // An old format has no mark of its end, so that its tool takes what follows for data.
            if tool.contains(&"-l") && expected[1] == "main" && content.len() != packed(tool, &main).len() {
                continue;
            }
            g.write("/initrd", content);
            assert_eq!(initrd_list(&mut g.ctx, &path).unwrap(), expected, "{tool:?}");
            assert_eq!(initrd_cat(&mut g.ctx, &path, "main".into()).unwrap(), noise(300_000));
        }
    }
}

#[test]
fn an_initrd_inside() {
    let mut g = Guest::new();
    let path = g.path("/initrd");
    let inner = archive("inner", b"2");
    let inside = [noise(100), packed(&["gzip"], &inner), noise(100), inner].concat();
    let outer = packed(&["gzip"], &archive("outer", &inside));
    g.write("/initrd", [outer, archive("last", b"3")].concat());
    assert_eq!(initrd_list(&mut g.ctx, &path).unwrap(), ["dir", "outer", "dir", "last"]);
}

#[test]
fn members() {
    let mut g = Guest::new();
    let path = g.path("/initrd");
    let linked = |name: &str, content: &[u8]| {
        let mut bytes = entry(name, 0o100_644, content);
        let (size, name_size) = (content.len() as u32, name.len() as u32 + 1);
        let head = Member { number: 5, links: 2, mode: 0o100_644, size, name_size, ..Member::default() };
        bytes.splice(..crate::newc::HEADER, head.encode(Format::Newc));
        bytes
    };
    let parts = [
        entry(".", 0o40755, b""),
        entry("./a", 0o100_644, b"old"),
        entry("/etc", 0o40755, b""),
        entry("l", 0o120_777, b"a"),
        linked("h1", b""),
        linked("h2", b"same"),
        entry("a", 0o100_644, b"new"),
        entry("empty", 0o100_644, b""),
        entry("TRAILER!!!", 0, b""),
    ];
    g.write("/initrd", parts.concat());
    let names = initrd_list(&mut g.ctx, &path).unwrap();
    assert_eq!(names, [".", "a", "etc", "l", "h1", "h2", "a", "empty"]);
    let mut cat = |name: &str| initrd_cat(&mut g.ctx, &path, name.into());
    for (name, content) in [("a", "new"), ("/a", "new"), ("./a", "new"), ("h1", "same"), ("h2", "same"), ("empty", "")]
    {
        assert_eq!(cat(name).unwrap(), content.as_bytes(), "{name}");
    }
    for (name, errno) in [("b", Errno::NOENT), ("", Errno::NOENT), ("etc", Errno::ISDIR), ("l", Errno::INVAL)] {
        assert_eq!(cat(name).unwrap_err().errno(), Some(errno), "{name}");
    }
}

#[test]
fn what_is_none() {
    let mut g = Guest::new();
    let whole = archive("main", &noise(50_000));
    let gzip = packed(&["gzip"], &whole);
    let mut flipped = gzip.clone();
    let end = flipped.len() - 6;
    flipped[end] ^= 1;
    let bad = [
        Vec::new(),
        vec![0; 5000],
        b"hello".to_vec(),
        whole[..whole.len() - 200].to_vec(),
        packed(&["gzip"], b"hello"),
        packed(&["gzip"], &whole[..40_000]),
        gzip[..gzip.len() / 2].to_vec(),
        flipped,
        packed(&["xz"], &whole)[..2000].to_vec(),
    ];
    for (n, content) in bad.into_iter().enumerate() {
        let path = g.path(&format!("/{n}"));
        g.write(&format!("/{n}"), content);
        assert!(initrd_list(&mut g.ctx, &path).is_err(), "{n}");
        assert!(initrd_cat(&mut g.ctx, &path, "main".into()).is_err(), "{n}");
    }
    // What boot loaders leave at the end is not looked at.
    for whole in [whole, gzip] {
        g.write("/tail", [&whole[..], b"\0\0key=value #BOOTCONFIG\n"].concat());
        let path = g.path("/tail");
        assert_eq!(initrd_list(&mut g.ctx, &path).unwrap(), ["dir", "main"]);
    }
    let dir = g.path("/");
    assert_eq!(initrd_list(&mut g.ctx, &dir).unwrap_err().errno(), Some(Errno::ISDIR));
}
