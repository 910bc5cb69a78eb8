//! Headers that lie or are damaged: numbers, checksums, pax records, and streams that end too soon or too late.

use super::make::{archive, dir, entry, file, hardlink, long_name, open_archive, pax, raw_pax, symlink, Block};
use super::{bytes, makes, refused, Case, Expect};

pub fn cases() -> Vec<Case> {
    [sizes(), numbers(), checksums(), malformed_pax(), sound_pax(), cut(), behind()].into_iter().flatten().collect()
}

const BROKEN: &str = "broken";

fn sizes() -> Vec<Case> {
    let f = |size: &[u8]| [file("f", "data").size(size), file("g", "x")];
    const EXBI8: &[u8] = b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff";
    vec![
        refused("size -1 in base 256", BROKEN, f(&[0xff; 12])),
        refused("size -512 in base 256", BROKEN, f(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\0")),
        refused("size of 8 EiB", BROKEN, f(EXBI8)),
        refused("size of 16 EiB less a block", BROKEN, f(b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xfe\0")),
        refused("size beyond 64 bits", BROKEN, f(b"\x80\x01\0\0\0\0\0\0\0\0\x20\0")),
        refused("size of 8 GiB", BROKEN, f(b"77777777777")),
        refused("size of 1 TiB", BROKEN, f(b"\x80\0\0\0\0\0\x01\0\0\0\0\0")),
        makes("size that takes in the entry behind it", &["f=[2048]"], f(b"00000004000")),
        refused("size that takes in the end marker", "ends in the middle", f(b"00000005000")),
        refused("size one byte more than there is", BROKEN, f(b"00000005001")),
        refused("negative size in octal", BROKEN, f(b"-0000000001")),
        refused("size that is no number", BROKEN, f(b"many bytes!")),
        refused("size not UTF-8", BROKEN, f(b"\x7f\xff\xfe")),
        refused("no size", BROKEN, f(b"")),
        refused("directory of 8 EiB", BROKEN, [dir("d").size(EXBI8)]),
        refused("symbolic link of 8 EiB", BROKEN, [symlink("l", "x").size(EXBI8)]),
        refused("hard link of 8 EiB", BROKEN, [file("f", "x"), hardlink("h", "f").size(EXBI8)]),
        refused("device of 8 EiB", BROKEN, [entry(b'4', "sda").size(EXBI8)]),
        refused("long name of 8 EiB", "too long", [long_name([b'n'; 5000]).size(EXBI8), file("f", "x")]),
        refused("pax header of 8 EiB", "malformed", [raw_pax("10 path=f\n").size(EXBI8), file("f", "x")]),
        refused(
            "pax size larger than the header's",
            "sizes above",
            [pax(&[("size", b"9223372036854775807")]), file("f", "x")],
        ),
        refused(
            "pax size smaller, to show a hidden entry",
            "sizes above",
            [pax(&[("size", b"0")]), file("f", file("../escaped", "x").bytes())],
        ),
        refused("pax size -1", "malformed", [pax(&[("size", b"-1")]), file("f", "x")]),
        refused("pax size beyond 64 bits", "malformed", [pax(&[("size", b"99999999999999999999")]), file("f", "x")]),
        refused("pax size that is no number", "malformed", [pax(&[("size", b"0x10")]), file("f", "x")]),
        makes("pax size that is right", &["f=x"], [pax(&[("size", b"1")]), file("f", "x")]),
    ]
}

fn numbers() -> Vec<Case> {
    let f = || file("f", "x");
    vec![
        makes("time before 1970, in base 256", &["f=x"], [f().put(136, &[0xff; 12])]),
        makes("time at the end of 64 bits", &["f=x"], [f().put(136, b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff")]),
        refused("time that is no number", "copy_out: f", [f().put(136, b"yesterday!!")]),
        refused("owner that is no number", "copy_out: f", [f().put(108, b"root\0\0\0\0")]),
        refused("group not UTF-8", "copy_out: f", [f().put(116, b"\x7f\xff\xff\xff\xff\xff\xff\xff")]),
        makes("owner beyond 32 bits", &["d/", "f=x"], [f().put(108, &[0xff; 8]), dir("d").put(116, &[0xff; 8])]),
        makes(
            "pax time at the end of 64 bits",
            &["f=x"],
            [pax(&[("mtime", b"9223372036854775807.999999999999")]), f()],
        ),
        makes("pax time at the beginning of 64 bits", &["d/"], [pax(&[("mtime", b"-9223372036854775808")]), dir("d")]),
        makes(
            "pax time that is no number",
            &["l->x"],
            [pax(&[("mtime", b"nan"), ("atime", b"1e999")]), symlink("l", "x")],
        ),
        makes("pax owner -1", &["f=x"], [pax(&[("uid", b"-1"), ("gid", b"4294967295")]), f()]),
        makes("pax owner by name", &["f=x"], [pax(&[("uname", b"root"), ("gname", b"../../etc")]), f()]),
        makes(
            "pax attributes that nobody asked for",
            &["f=x"],
            [pax(&[("SCHILY.xattr.security.capability", b"\x01\0\0\x02"), ("SCHILY.acl.access", b"user::rwx")]), f()],
        ),
    ]
}

fn checksums() -> Vec<Case> {
    let sum = |field: &[u8]| [file("ok", "x"), file("f", "x").put(148, field).unchecked()];
    vec![
        refused("checksum wrong", BROKEN, sum(b"0012345\0")),
        refused("checksum missing", BROKEN, sum(b"        ")),
        refused("checksum that is no number", BROKEN, sum(b"checksum")),
        refused("checksum negative", BROKEN, sum(b"-000001\0")),
        refused("checksum in base 256", BROKEN, sum(b"\x80\0\0\0\0\0\x04\0")),
        bytes("not an archive", b"PK\x03\x04 this is not an archive".repeat(40), Expect::Refused(BROKEN)),
        bytes("all bits set", vec![0xff; 2048], Expect::Refused(BROKEN)),
        bytes("shifted by one byte", [&b"\n"[..], &archive([file("f", "x")])].concat(), Expect::Refused(BROKEN)),
        bytes("compressed", [&b"\x1f\x8b\x08\0\0\0\0\0\0\x03"[..], &[0x55; 1014]].concat(), Expect::Refused(BROKEN)),
    ]
}

fn malformed_pax() -> Vec<Case> {
    let x = |what, data: &[u8]| refused(what, "malformed", [raw_pax(data), file("f", "x")]);
    vec![
        x("pax length 0", b"0 path=x\n"),
        x("pax length 0, endless", &b"0 ".repeat(500)),
        x("pax length 1", b"1 path=x\n"),
        x("pax length just before the key", b"2 path=x\n"),
        x("pax length too short", b"8 path=x\n"),
        x("pax length too long", b"99 path=x\n"),
        x("pax length of 64 bits", b"18446744073709551615 path=x\n"),
        x("pax length beyond 64 bits", b"99999999999999999999 path=x\n"),
        x("pax length negative", b"-10 path=x\n"),
        x("pax length that is no number", b"ten path=x\n"),
        x("pax length not UTF-8", b"\xff\xfe path=x\n"),
        x("pax length missing", b" path=x\n"),
        x("pax length and nothing else", b"12345"),
        x("pax without a newline", b"10 path=xy"),
        x("pax without an equals sign", b"11 path x\n\n"),
        x("pax of one NUL", b"\0"),
        x("pax with NULs behind its records", b"10 path=x\n\0\0\0"),
        x("second pax record too long", b"10 path=x\n99 linkpath=x\n"),
        refused("pax header one byte too large", "too long", [raw_pax(record(65537)), file("f", "x")]),
        refused("global pax header too large", "too long", [entry(b'g', "g").data(record(70000)), file("f", "x")]),
    ]
}

/// One comment of so many bytes.
fn record(len: usize) -> Vec<u8> {
    let mut data = format!("{len} comment=").into_bytes();
    data.resize(len - 1, b'c');
    data.push(b'\n');
    data
}

fn sound_pax() -> Vec<Case> {
    let f = || file("f", "x");
    vec![
        makes("pax header of nothing", &["f=x"], [raw_pax(""), f()]),
        makes("largest pax header", &["f=x"], [raw_pax(record(65536)), f()]),
        makes("pax key of nothing", &["f=x"], [raw_pax("6 =xx\n"), f()]),
        makes("pax value with newlines and signs", &["a=b\n9 path=c\n=x"], [pax(&[("path", b"a=b\n9 path=c\n")]), f()]),
        makes("pax length with a plus and zeros", &["ok=x"], [raw_pax("+013 path=ok\n"), f()]),
        makes(
            "thousands of pax records",
            &["last=x"],
            [raw_pax([b"10 path=x\n".repeat(6000), b"13 path=last\n".to_vec()].concat()), f()],
        ),
        makes("malformed global pax header", &["f=x"], [entry(b'g', "g").data("0 path=../escaped"), f()]),
        makes("pax header of a pax header", &["ok=x"], [pax(&[("path", b"../escaped")]), pax(&[("path", b"ok")]), f()]),
        makes("character set of names", &["f=x"], [pax(&[("hdrcharset", b"BINARY"), ("charset", b"\0\xff")]), f()]),
    ]
}

fn cut() -> Vec<Case> {
    const MIDDLE: &str = "ends in the middle";
    let at = |what, n: usize, why, blocks: Vec<Block>| {
        let mut all = open_archive(blocks);
        assert!(n <= all.len(), "{what}");
        all.truncate(n);
        bytes(what, all, Expect::Refused(why))
    };
    let long = || vec![long_name([b'n'; 600]), file("f", "x")];
    let two = || vec![file("f", [b'y'; 700]), file("g", "x")];
    vec![
        bytes("nothing at all", Vec::new(), Expect::Refused(MIDDLE)),
        at("cut after one byte", 1, BROKEN, two()),
        at("cut in the name", 50, BROKEN, two()),
        at("cut one byte before the header's end", 511, BROKEN, two()),
        at("cut after a header", 512, BROKEN, two()),
        at("cut in the data", 1000, BROKEN, two()),
        at("cut at the end of the data", 512 + 700, BROKEN, two()),
        at("cut in the padding", 512 + 1023, BROKEN, two()),
        at("cut after a file", 512 + 1024, MIDDLE, two()),
        at("cut in the second header", 512 + 1024 + 257, BROKEN, two()),
        at("cut after a directory", 512, MIDDLE, vec![dir("d"), file("d/f", "x")]),
        at("cut after a link", 512, MIDDLE, vec![symlink("l", "../outside"), file("l/f", "x")]),
        at("cut after the header of a long name", 512, BROKEN, long()),
        at("cut in a long name", 512 + 300, BROKEN, long()),
        at("cut after a long name", 512 + 1024, MIDDLE, long()),
        at("cut after a pax header", 1024, MIDDLE, vec![pax(&[("path", b"f")]), file("x", "x")]),
        at("cut in a pax header", 512 + 5, "copy_out: ", vec![pax(&[("path", b"f")]), file("x", "x")]),
        bytes("cut in the end marker", [open_archive([dir("d")]), vec![0; 300]].concat(), Expect::Refused(BROKEN)),
        bytes(
            "half an end marker",
            [open_archive([dir("d")]), vec![0; 512]].concat(),
            Expect::Makes(vec!["d/"], Vec::new()),
        ),
    ]
}

fn behind() -> Vec<Case> {
    let then = |what, more: Vec<u8>| {
        bytes(what, [archive([file("f", "x")]), more].concat(), Expect::Makes(vec!["f=x"], Vec::new()))
    };
    vec![
        then("an entry behind the end", file("g", "x").bytes()),
        then("an archive behind the end", archive([symlink("l", "../outside"), file("l/secret", "x")])),
        then("a broken entry behind the end", vec![0xff; 700]),
        bytes(
            "an entry between the two halves of the end",
            [open_archive([dir("d")]), vec![0; 512], file("../escaped", "x").bytes(), vec![0; 512]].concat(),
            Expect::Makes(vec!["d/"], Vec::new()),
        ),
        bytes("only the end", vec![0; 1024], Expect::Makes(Vec::new(), Vec::new())),
    ]
}
