//! Links: symbolic ones to be written through, hard ones to what is not the archive's, and names that change
//! from one to the other between two entries.

use super::make::{archive, dir, entry, file, hardlink, long_link, pax, symlink};
use super::{bytes, makes, refused, Case, Expect};

pub fn cases() -> Vec<Case> {
    [through(), replaced(), there_before(), hard(), targets(), changing()].into_iter().flatten().collect()
}

const LINK: &str = "symbolic link";

fn through() -> Vec<Case> {
    let out = || symlink("l", "../outside");
    vec![
        refused("write through a link out", LINK, [out(), file("l/secret", "x")]),
        refused("new file through a link out", LINK, [out(), file("l/new", "x")]),
        refused("write through a dot behind a link", LINK, [out(), file("l/./secret", "x")]),
        refused("link named with a slash", LINK, [symlink("l/", "../outside"), file("l/secret", "x")]),
        refused("mode of a linked directory", "copy_out: l", [out(), dir("l").mode("0000777")]),
        refused("mode of a linked directory with a slash", "copy_out: l/", [out(), dir("l/").mode("0000777")]),
        refused("mode of a linked directory with a dot", "copy_out: l/.", [out(), dir("l/.").mode("0000777")]),
        refused("mode of a directory behind a link", LINK, [out(), dir("l/d").mode("0000777")]),
        refused("new directory behind a link", LINK, [out(), dir("l/new")]),
        refused("pipe behind a link", LINK, [out(), entry(b'6', "l/pipe")]),
        refused("link behind a link", LINK, [out(), symlink("l/more", "x")]),
        refused("hard link behind a link", LINK, [file("f", "x"), out(), hardlink("l/h", "f")]),
        refused("device behind a link", LINK, [out(), entry(b'4', "l/sda")]),
        refused(
            "two links one after the other",
            LINK,
            [symlink("b", "../outside"), symlink("a", "b"), file("a/secret", "x")],
        ),
        refused("link up in a directory", LINK, [dir("d"), symlink("d/up", "../.."), file("d/up/outside/secret", "x")]),
        refused(
            "link that climbs step by step",
            LINK,
            [symlink("u", ".."), symlink("v", "u/outside"), file("v/secret", "x")],
        ),
        refused("absolute link", LINK, [symlink("l", "/"), file("l/guestfs-rs-escaped", "x")]),
        refused(
            "link to the current directory of the process",
            LINK,
            [symlink("l", "/proc/self/cwd"), file("l/x", "x")],
        ),
        refused("link to a descriptor of the process", LINK, [symlink("l", "/proc/self/fd/0"), file("l/x", "x")]),
        refused("link to itself", LINK, [symlink("l", "l"), file("l/x", "x")]),
        refused("links to each other", LINK, [symlink("a", "b"), symlink("b", "a"), dir("a/d")]),
        refused("link to the target itself", LINK, [symlink("l", "."), file("l/x", "x")]),
        refused("link that stays inside", LINK, [dir("d"), symlink("l", "d"), file("l/x", "x")]),
        refused("link to a link that was there", LINK, [symlink("l", "old/out"), file("l/secret", "x")]),
        refused("hard link of a link out", LINK, [out(), hardlink("m", "l"), file("m/secret", "x")]),
    ]
}

fn replaced() -> Vec<Case> {
    let secret = || symlink("l", "../outside/secret");
    vec![
        makes("file over a link to a file", &["l=x"], [secret(), file("l", "x")]),
        makes("file over a dangling link", &["l=x"], [symlink("l", "../outside/new"), file("l", "x")]),
        makes("file over a link to itself", &["l=x"], [symlink("l", "l"), file("l", "x")]),
        makes("empty file and its mode over a link", &["l="], [secret(), file("l", "").mode("0000777")]),
        makes("pipe over a link to a file", &["l|"], [secret(), entry(b'6', "l").mode("0000666")]),
        makes(
            "pipe over a link to a pipe",
            &["l|"],
            [symlink("l", "../outside/fifo"), entry(b'6', "l").mode("0000600")],
        ),
        makes("file over a link to a pipe", &["l=x"], [symlink("l", "../outside/fifo"), file("l", "x")]),
        makes("link over a link", &["l->second"], [secret(), symlink("l", "second")]),
        makes("hard link over a link", &["f=x", "l=x"], [file("f", "x"), secret(), hardlink("l", "f")]),
        makes(
            "owner and time of a link, not of what it leads to",
            &["l->../outside/secret"],
            [secret().put(108, b"0002322").put(116, b"0002322").put(136, b"12345670123")],
        ),
        makes(
            "data behind a link is passed over",
            &["l->../outside/secret"],
            [secret().data(file("../escaped", "x").bytes())],
        ),
        bytes(
            "a device over a link is left out",
            archive([secret(), entry(b'3', "l").mode("0000666")]),
            Expect::Makes(vec!["l->../outside/secret"], vec!["l"]),
        ),
    ]
}

fn there_before() -> Vec<Case> {
    vec![
        refused("write through a link that was there", LINK, [file("old/out/secret", "x")]),
        refused("write deeper through a link that was there", LINK, [file("old/out/d/inner", "x")]),
        refused("mode through a link that was there", "copy_out: old/out", [dir("old/out").mode("0000777")]),
        makes("file over a link that was there", &["old/secret=x"], [file("old/secret", "x")]),
        makes("pipe over a link that was there", &["old/secret|"], [entry(b'6', "old/secret")]),
        makes("file over a link to a pipe that was there", &["old/fifo=x"], [file("old/fifo", "x")]),
        refused("link over a link that was there", LINK, [symlink("old/out", ".."), file("old/out/f", "x")]),
        refused(
            "link over a directory that was there",
            "copy_out: old",
            [symlink("old", "../outside"), file("old/secret", "x")],
        ),
        refused("file over a directory that was there", "copy_out: old", [file("old", "x")]),
        makes("hard link of a link that was there", &["h->../../outside/secret"], [hardlink("h", "old/secret")]),
        makes("write to a hard link of a link that was there", &["h=x"], [hardlink("h", "old/secret"), file("h", "x")]),
        refused("hard link through a link that was there", LINK, [hardlink("h", "old/out/secret")]),
    ]
}

fn hard() -> Vec<Case> {
    let f = || file("f", "one");
    vec![
        refused("hard link to a file outside", "leads out", [hardlink("h", "../outside/secret")]),
        refused("hard link out, then write", "leads out", [hardlink("h", "../outside/secret"), file("h", "x")]),
        refused("hard link down and out", "leads out", [dir("d"), hardlink("h", "d/../../outside/secret")]),
        refused("hard link to an absolute path", "No such file", [hardlink("h", "/etc/passwd")]),
        refused("hard link through a link", LINK, [symlink("l", "../outside"), hardlink("h", "l/secret")]),
        refused("hard link through an absolute link", LINK, [symlink("l", "/"), hardlink("h", "l/etc/passwd")]),
        makes(
            "hard link of a link is a link",
            &["h->../outside/secret", "l->../outside/secret"],
            [symlink("l", "../outside/secret"), hardlink("h", "l")],
        ),
        makes(
            "write to a hard link of a link",
            &["h=x", "l->../outside/secret"],
            [symlink("l", "../outside/secret"), hardlink("h", "l"), file("h", "x")],
        ),
        makes("write to a hard link of a file", &["f=one", "h=two"], [f(), hardlink("h", "f"), file("h", "two")]),
        makes("hard link to itself", &["f=one"], [f(), hardlink("f", "f")]),
        makes("hard link to itself by another spelling", &["f=one"], [f(), hardlink("./f", "//f")]),
        makes("hard link twice", &["f=one", "h=one"], [f(), hardlink("h", "f"), hardlink("h", "f")]),
        refused("hard link to a directory", "copy_out: h", [dir("d"), hardlink("h", "d")]),
        refused("hard link to the target", "root directory", [hardlink("h", ".")]),
        refused("hard link over a directory", "copy_out: d", [f(), dir("d"), hardlink("d", "f")]),
        refused("hard link to what is not there", "No such file", [hardlink("h", "nothing")]),
        refused("hard link in a long record", "leads out", [long_link("../outside/secret"), hardlink("h", "f")]),
        refused(
            "hard link in a pax record",
            "leads out",
            [f(), pax(&[("linkpath", b"../outside/secret")]), hardlink("h", "f")],
        ),
        refused(
            "hard link to a device that was left out",
            "No such file",
            [entry(b'3', "null"), hardlink("h", "null")],
        ),
        makes(
            "hard links in a circle",
            &["f=one", "g=one"],
            [f(), file("g", "x"), hardlink("g", "f"), hardlink("f", "g")],
        ),
        makes("hard link with data", &["f=one", "h=one"], [f(), hardlink("h", "f").data("two")]),
    ]
}

fn targets() -> Vec<Case> {
    let l = |target: &[u8]| [long_link(target), symlink("l", "")];
    vec![
        refused("symbolic link to nothing", "without a target", [symlink("l", "")]),
        refused("hard link to nothing", "without a target", [file("f", "x"), hardlink("h", "")]),
        refused("target with a NUL", "copy_out: l", [pax(&[("linkpath", b"a\0b")]), symlink("l", "x")]),
        refused("hard link's target with a NUL", "NUL", [pax(&[("linkpath", b"f\0b")]), hardlink("h", "f")]),
        refused("target of 4096 bytes", "copy_out: l", l(&[b't'; 4096])),
        refused("target of 5000 bytes", "too long", l(&[b't'; 5000])),
        refused("target of 5000 bytes in pax", "copy_out: l", [pax(&[("linkpath", &[b't'; 5000])]), symlink("l", "x")]),
        refused("target of nothing", "ends in the middle", [long_link("x")]),
        makes(
            "a link's target is not looked at",
            &["l->/etc/../../../nowhere"],
            [symlink("l", "/etc/../../../nowhere")],
        ),
        makes("a target for a file means nothing", &["f=x"], [long_link("../outside/secret"), file("f", "x")]),
    ]
}

fn changing() -> Vec<Case> {
    vec![
        makes(
            "file, link, pipe, file of one name",
            &["x=end"],
            [file("x", "1"), symlink("x", "../outside/secret"), entry(b'6', "x"), file("x", "end")],
        ),
        refused(
            "directory becomes a link",
            "copy_out: d",
            [dir("d"), file("d/f", "x"), symlink("d", "../outside"), file("d/secret", "x")],
        ),
        refused("empty directory becomes a link", "copy_out: d", [dir("d"), symlink("d", "../outside")]),
        refused("directory becomes a file", "copy_out: d", [dir("d"), file("d", "x")]),
        refused("directory becomes a pipe", "copy_out: d", [dir("d"), entry(b'6', "d")]),
        refused("file becomes a directory", "copy_out: f", [file("f", "x"), dir("f"), file("f/g", "x")]),
        refused(
            "link becomes a directory",
            "copy_out: l",
            [symlink("l", "../outside"), dir("l"), file("l/secret", "x")],
        ),
        makes(
            "file becomes a link and a file again",
            &["f=2"],
            [file("f", "1"), symlink("f", "../outside/secret"), file("f", "2")],
        ),
        refused(
            "a parent that was used before becomes a link",
            "copy_out: d",
            [dir("d"), file("d/1", "x"), symlink("d/", "../outside"), file("d/2", "x")],
        ),
    ]
}
