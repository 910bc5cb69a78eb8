//! Names that lead out, or are no names: in the name field, the prefix, GNU's and pax's records.

use super::make::{archive, dir, entry, file, hardlink, long_name, pax, raw_pax, symlink};
use super::{bytes, makes, refused, Case, Expect};

pub fn cases() -> Vec<Case> {
    [climbing(), fields(), records(), empty(), odd()].into_iter().flatten().collect()
}

fn climbing() -> Vec<Case> {
    const OUT: &str = "leads out";
    vec![
        refused("file beside the target", OUT, [file("../escaped", "x")]),
        refused("file over one that is there", OUT, [file("../outside/secret", "x")]),
        refused("down and up again", OUT, [dir("a"), file("a/../../escaped", "x")]),
        refused("up through a directory that is there", OUT, [file("old/../../outside/secret", "x")]),
        refused("up and back into the target", OUT, [file("../t/f", "x")]),
        refused("the parent as a directory", OUT, [dir("..").mode("0000777")]),
        refused("the parent after a dot", OUT, [dir("./..").mode("0000777")]),
        refused("the parent with slashes", OUT, [dir("..///").mode("0000777")]),
        refused("a directory's parent, which is the target", OUT, [dir("d"), dir("d/..").mode("0000777")]),
        refused("mode of a directory outside", OUT, [dir("../outside/d").mode("0000777")]),
        refused("pipe beside the target", OUT, [entry(b'6', "../pipe")]),
        refused("symbolic link beside the target", OUT, [symlink("../l", "x")]),
        refused("hard link beside the target", OUT, [file("f", "x"), hardlink("../h", "f")]),
        refused("device outside, though none is made", OUT, [entry(b'3', "../null")]),
        refused("absolute and climbing", OUT, [file("/../escaped", "x")]),
        makes("absolute name", &["guestfs-rs-escaped=x"], [file("/guestfs-rs-escaped", "x")]),
        makes("absolute with many slashes", &["guestfs-rs-escaped=x"], [file("////guestfs-rs-escaped", "x")]),
        makes(
            "absolute directory and a file in it",
            &["guestfs-rs-escaped/", "guestfs-rs-escaped/f=x"],
            [dir("/guestfs-rs-escaped"), file("/guestfs-rs-escaped/f", "x")],
        ),
    ]
}

fn fields() -> Vec<Case> {
    vec![
        refused("prefix is the parent", "leads out", [file("escaped", "x").prefix(b"..")]),
        refused("prefix climbs", "leads out", [dir("a"), file("escaped", "x").prefix(b"a/../..")]),
        refused("name climbs out of the prefix", "leads out", [dir("a"), file("../../escaped", "x").prefix(b"a")]),
        refused("prefix is a link out", "symbolic link", [file("secret", "x").prefix(b"old/out")]),
        refused("prefix of 155 bytes", "No such file", [file("f", "x").prefix(&[b'p'; 155])]),
        makes("prefix is the root", &["guestfs-rs-escaped=x"], [file("guestfs-rs-escaped", "x").prefix(b"/")]),
        makes("prefix in GNU's format is none", &["f=x"], [file("f", "x").put(345, b"../outside")]),
        makes("prefix without magic is none", &["f=x"], [file("f", "x").put(257, &[0; 8]).put(345, b"..")]),
        makes("name field full to its end", &[N100], [file([b'n'; 100], "x")]),
        makes("name goes on behind a NUL", &["a=x"], [file("a\0/../../escaped", "x")]),
    ]
}

const N100: &str =
    "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn=x";

fn records() -> Vec<Case> {
    let f = || file("f", "x");
    vec![
        refused("long name climbs", "leads out", [long_name("../escaped"), f()]),
        refused(
            "long name climbs at its end",
            "leads out",
            [long_name([&[b'/'; 300][..], b"../escaped"].concat()), f()],
        ),
        refused("long name goes on behind a NUL", "NUL", [long_name("ok\0/../../escaped"), f()]),
        refused("long name without its NUL climbs", "leads out", [entry(b'L', "x").data("../escaped"), f()]),
        refused("of two long names the second climbs", "leads out", [long_name("ok"), long_name("../escaped"), f()]),
        makes("of two long names the second counts", &["ok=x"], [long_name("../escaped"), long_name("ok"), f()]),
        refused(
            "long name for a directory outside",
            "leads out",
            [long_name("../outside/d"), dir("d").mode("0000777")],
        ),
        refused("long name of nothing", "ends in the middle", [f(), long_name("next")]),
        refused("pax path climbs", "leads out", [pax(&[("path", b"../escaped")]), f()]),
        refused("pax path over a file outside", "leads out", [pax(&[("path", b"a/../../outside/secret")]), f()]),
        refused("pax path through a link out", "symbolic link", [pax(&[("path", b"old/out/secret")]), f()]),
        makes("pax path is absolute", &["guestfs-rs-escaped=x"], [pax(&[("path", b"/guestfs-rs-escaped")]), f()]),
        refused("pax path with a NUL", "NUL", [pax(&[("path", b"ok\0/../../escaped")]), f()]),
        refused("pax path is empty", "without a name", [pax(&[("path", b"")]), f()]),
        refused("of two pax paths the second climbs", "leads out", [pax(&[("path", b"ok"), ("path", b"../x")]), f()]),
        refused(
            "long name climbs after a pax path that does not",
            "leads out",
            [pax(&[("path", b"ok")]), long_name("../escaped"), f()],
        ),
        makes(
            "pax path after a long name that climbs",
            &["ok=x"],
            [long_name("../escaped"), pax(&[("path", b"ok")]), f()],
        ),
        refused("pax path for a directory outside", "leads out", [pax(&[("path", b"../outside/d")]), dir("d")]),
        makes("path for all, in a global header", &["f=x"], [entry(b'g', "g").data("19 path=../escaped\n"), f()]),
        makes(
            "link path for all, in a global header",
            &["f=x", "h=x"],
            [entry(b'g', "g").data("30 linkpath=../outside/secret\n"), f(), hardlink("h", "f")],
        ),
        refused("pax path counts once only", "without a name", [pax(&[("path", b"ok")]), f(), file("", "x")]),
        refused("pax path of nothing", "ends in the middle", [f(), raw_pax("11 path=ok\n")]),
    ]
}

fn empty() -> Vec<Case> {
    const NONE: &str = "without a name";
    vec![
        refused("file without a name", NONE, [file("", "x")]),
        refused("directory without a name", NONE, [dir("").mode("0000777")]),
        refused("file named dot", NONE, [file(".", "x")]),
        refused("file named dot slash", NONE, [file("./", "x")]),
        refused("file named slash", NONE, [file("/", "x")]),
        refused("pipe named slashes", NONE, [entry(b'6', "///")]),
        refused("link named dot", NONE, [symlink(".", "../outside")]),
        refused("hard link named dot", NONE, [file("f", "x"), hardlink("./.", "f")]),
        refused("long name is empty", NONE, [long_name(""), dir("d")]),
        makes("the target itself, closed", &["f=x"], [dir("./").mode("0000000"), file("./f", "x")]),
        makes("the target itself, set-id and open to all", &["f=x"], [dir("/").mode("0006777"), file("f", "x")]),
    ]
}

fn odd() -> Vec<Case> {
    let long = |n| vec![b'n'; n];
    let deep = |n| [b"a/".repeat(n), b"f".to_vec()].concat();
    vec![
        makes("slashes behind a file's name", &["f=x"], [file("f///", "x")]),
        makes(
            "slashes and dots within",
            &["a/", "a/b/", "a/b/f=x"],
            [dir("a//"), dir("./a/./b/."), file("a///b/./f", "x")],
        ),
        makes("three dots", &["...=x"], [file("...", "x")]),
        makes("two dots and a blank", &[".. =x"], [file(".. ", "x")]),
        makes("climbs with backslashes", &["..\\..\\escaped=x"], [file("..\\..\\escaped", "x")]),
        makes("a newline", &["a\nb=x"], [file("a\nb", "x")]),
        makes("terminal control", &["\u{1b}[2J\u{7}=x"], [file("\x1b[2J\x07", "x")]),
        makes("not UTF-8", &["caf\u{fffd}\u{fffd}=x"], [file(b"caf\xe9\xff", "x")]),
        makes("overlong dots and slashes", &["\u{fffd}\u{fffd}\u{fffd}\u{fffd}=x"], [file(b"\xc0\xae\xc0\xaf", "x")]),
        makes(
            "looks like an option",
            &["--absolute-names=x", "-rf=x"],
            [file("-rf", "x"), file("--absolute-names", "x")],
        ),
        makes(
            "looks like a shell's work",
            &["$(touch guestfs-rs-escaped)=x"],
            [file("$(touch guestfs-rs-escaped)", "x")],
        ),
        bytes(
            "longest component",
            archive([long_name(long(255)), file("f", "x")]),
            Expect::Makes(vec![format!("{}=x", "n".repeat(255)).leak()], Vec::new()),
        ),
        refused("component of 256 bytes", "too long", [long_name(long(256)), file("f", "x")]),
        refused("component of 300 bytes in pax", "too long", [pax(&[("path", &long(300))]), file("f", "x")]),
        refused("directory of 300 bytes", "too long", [long_name([&long(300)[..], b"/f"].concat()), file("f", "x")]),
        refused("path of 4097 bytes", "too long", [long_name(deep(2048)), file("f", "x")]),
        refused("path of 5001 bytes in pax", "too long", [pax(&[("path", &deep(2500))]), file("f", "x")]),
        refused("2000 directories that are not there", "No such file", [long_name(deep(2000)), file("f", "x")]),
        refused("a directory that is not there", "No such file", [file("no/f", "x")]),
        refused("a file as directory", "not a directory", [file("f", "x"), file("f/g", "x")]),
    ]
}
