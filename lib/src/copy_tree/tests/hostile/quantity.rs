//! Too much of everything: entries without end, names to remember, depth, claims of size. What is kept in memory
//! is bounded, and what reaches the disk was in the stream.

use super::make::{archive, dir, entry, file, hardlink, long_link, long_name, open_archive, raw_pax, symlink};
use super::{bytes, endless, refused, Case, Expect};

/// The listing that a table would be too long for.
fn listed(all: impl IntoIterator<Item = String>) -> Expect {
    let mut all: Vec<String> = all.into_iter().collect();
    all.sort();
    Expect::Makes(all.into_iter().map(|l| &*l.leak()).collect(), Vec::new())
}

fn devices(times: usize) -> Expect {
    let mut skipped = vec!["null"; 100];
    skipped.push(format!("{} others", times - 100).leak());
    Expect::Makes(Vec::new(), skipped)
}

pub fn cases() -> Vec<Case> {
    let made = |all: &[&'static str]| Expect::Makes(all.to_vec(), Vec::new());
    let mebi = vec![b'a'; 1 << 20];
    vec![
        refused("long name of 1 MiB", "too long", [long_name(&mebi), file("f", "x")]),
        refused("long target of 1 MiB", "too long", [long_link(&mebi), symlink("l", "x")]),
        refused("pax header of 1 MiB", "too long", [raw_pax(&mebi), file("f", "x")]),
        refused("global header of 1 MiB", "too long", [entry(b'g', "g").data(&mebi), file("f", "x")]),
        endless("devices without end", Vec::new(), entry(b'3', "null").bytes(), 20_000, devices(20_000)),
        endless(
            "devices with long names without end",
            Vec::new(),
            open_archive([long_name([b'n'; 2000]), entry(b'4', "sda")]),
            5000,
            Expect::Contained,
        ),
        endless("one directory again and again", Vec::new(), dir("d").bytes(), 5000, made(&["d/"])),
        endless(
            "one directory, spelled differently",
            Vec::new(),
            open_archive(["d", "./d", "d/", "/d//.", "././d/./"].map(dir)),
            1000,
            made(&["d/"]),
        ),
        endless("the target again and again", Vec::new(), dir("./").bytes(), 5000, made(&[])),
        endless("one file again and again", Vec::new(), file("f", "x").bytes(), 2000, made(&["f=x"])),
        endless(
            "one link again and again",
            Vec::new(),
            symlink("l", "../outside").bytes(),
            2000,
            made(&["l->../outside"]),
        ),
        endless(
            "one hard link again and again",
            open_archive([file("f", "x"), file("g", "y")]),
            open_archive([hardlink("h", "f"), hardlink("h", "g")]),
            1000,
            made(&["f=x", "g=y", "h=y"]),
        ),
        endless("long names of nothing", Vec::new(), long_name([b'n'; 4000]).bytes(), 3000, Expect::Refused("middle")),
        endless(
            "pax headers of nothing",
            Vec::new(),
            raw_pax("10 path=n\n").bytes(),
            10_000,
            Expect::Refused("middle"),
        ),
        endless(
            "global headers without end",
            Vec::new(),
            entry(b'g', "g").data([b'c'; 60_000]).bytes(),
            100,
            made(&[]),
        ),
        endless("zeros without end", archive([file("f", "x")]), vec![0; 1 << 20], 50, made(&["f=x"])),
        endless("entries behind the end without end", archive([]), file("../escaped", "x").bytes(), 10_000, made(&[])),
        bytes(
            "more directories than are remembered",
            archive((0..1300).map(|n| dir(format!("d{n}")))),
            listed((0..1300).map(|n| format!("d{n}/"))),
        ),
        bytes(
            "more closed directories than are remembered",
            archive((0..1300).flat_map(|n| [dir(format!("d{n}")).mode("0000000"), symlink("l", "../outside")])),
            listed((0..1300).map(|n| format!("d{n}/")).chain(["l->../outside".to_owned()])),
        ),
        bytes(
            "more directories than are remembered in one that is closed",
            archive([dir("r").mode("0000555")].into_iter().chain((0..1300).map(|n| dir(format!("r/d{n}"))))),
            listed(["r/".to_owned()].into_iter().chain((0..1300).map(|n| format!("r/d{n}/")))),
        ),
        bytes(
            "files in great number",
            archive((0..1000).map(|n| file(format!("{n}"), ""))),
            listed((0..1000).map(|n| format!("{n}="))),
        ),
        bytes(
            "directories 300 deep",
            archive((1..=300).flat_map(|n| [long_name(b"a/".repeat(n)), dir("x")])),
            listed((1..=300).map(|n| "a/".repeat(n))),
        ),
        bytes(
            "closed directories 100 deep",
            archive((1..=100).flat_map(|n| [long_name(b"b/".repeat(n)), dir("x").mode("0000000")])),
            listed((1..=100).map(|n| "b/".repeat(n))),
        ),
        bytes(
            "links 500 deep",
            archive(
                (1..500)
                    .map(|n| symlink(format!("l{n}"), format!("l{}", n - 1)))
                    .chain([symlink("l0", "../outside"), file("l499/secret", "x")]),
            ),
            Expect::Refused("symbolic link"),
        ),
        bytes(
            "many small files that claim 8 GiB",
            open_archive((0..50).map(|n| file(format!("{n}"), "x").size(b"77777777777"))),
            Expect::Refused("broken"),
        ),
    ]
}
