//! What an entry is: devices, pipes, set-id modes, sparse files in every notation, and types that only other
//! archivers know.

use super::make::{archive, dir, entry, file, hardlink, pax, Block};
use super::{bytes, makes, refused, Case, Expect};

pub fn cases() -> Vec<Case> {
    [devices(), modes(), unknown(), sparse(), data()].into_iter().flatten().collect()
}

fn left_out(
    what: &'static str,
    made: &[&'static str],
    name: &'static str,
    blocks: impl IntoIterator<Item = Block>,
) -> Case {
    bytes(what, archive(blocks), Expect::Makes(made.to_vec(), vec![name]))
}

fn devices() -> Vec<Case> {
    // The host's first disk and its memory.
    let device =
        |kind, name, major: &[u8], minor: &[u8]| entry(kind, name).mode("0000666").put(329, major).put(337, minor);
    vec![
        left_out("the host's disk", &[], "sda", [device(b'4', "sda", b"0000010", b"0000000")]),
        left_out("the host's memory", &[], "mem", [device(b'3', "mem", b"0000001", b"0000001")]),
        left_out("a device with numbers that are none", &[], "x", [device(b'4', "x", b"zzzzzzz", b"\xff\xff\xff\xff")]),
        left_out("device over a file", &["f=x"], "f", [file("f", "x"), device(b'3', "f", b"0000001", b"0000003")]),
        left_out("device over a link that was there", &[], "old/secret", [entry(b'4', "old/secret")]),
        left_out("set-id device", &[], "s", [entry(b'3', "s").mode("0006777")]),
        left_out("device with data", &["f=x"], "s", [entry(b'3', "s").data("data"), file("f", "x")]),
        refused("file in a device", "No such file", [entry(b'4', "sda"), file("sda/f", "x")]),
        makes("a pipe that becomes a file is not written to", &["p=x"], [entry(b'6', "p"), file("p", "x")]),
        makes("a pipe with data", &["f=x", "p|"], [entry(b'6', "p").data("data"), file("f", "x")]),
        refused("file in a pipe", "not a directory", [entry(b'6', "p"), file("p/f", "x")]),
    ]
}

fn by_user(
    what: &'static str,
    root: &'static str,
    user: &'static str,
    blocks: impl IntoIterator<Item = Block>,
) -> Case {
    bytes(what, archive(blocks), Expect::ByUser { root: vec![root], user: vec![user] })
}

fn modes() -> Vec<Case> {
    let mode = |m| file("s", "x").mode(m);
    vec![
        by_user("set-user-id", "s=x (4700)", "s=x", [mode("0004700")]),
        by_user("set-group-id", "s=x (2700)", "s=x", [mode("0002700")]),
        by_user("both, with the kind's bits", "s=x (6700)", "s=x", [mode("0106700")]),
        by_user("set-id directory", "d/ (6700)", "d/", [dir("d").mode("0006700")]),
        by_user("set-id pipe", "p| (4700)", "p|", [entry(b'6', "p").mode("0004700")]),
        makes("set-id of another owner", &["s=y"], [mode("0004700"), file("s", "y").put(108, b"0001750")]),
        makes("no modes at all", &["d/", "d/f=x"], [dir("d").mode("0000000"), file("d/f", "x").mode("0000000")]),
        makes(
            "closed directories named again",
            &["d/", "d/e/", "d/e/f=x"],
            ["d", "d/e", "d", "./d//"].map(|d| dir(d).mode("0000000")).into_iter().chain([file("d/e/f", "x")]),
        ),
        refused("mode that is no number", "copy_out: s", [mode("rwxr-xr")]),
        refused("mode that is no text", "copy_out: s", [file("s", "x").put(100, b"\x80\xff\xff\xff\xff\xff\xff\xff")]),
        refused("mode beyond 32 bits, negative", "copy_out: s", [mode("-000001")]),
    ]
}

fn unknown() -> Vec<Case> {
    const WHY: &str = "not understood";
    vec![
        refused("volume header", WHY, [entry(b'V', "volume")]),
        refused("volume header that climbs", "leads out", [entry(b'V', "../volume")]),
        refused("file that goes on from another volume", WHY, [entry(b'M', "f").data("rest").put(369, b"00000001000")]),
        refused("list of a directory, to delete what is not in it", WHY, [entry(b'D', "old").data(b"Ysecret\0\0")]),
        refused("list of a directory with a rename", WHY, [entry(b'D', "old").data(b"Rold/out\0T../outside/d\0\0")]),
        refused("old record of long names", WHY, [entry(b'N', "././@LongLink").data("Rename f to ../escaped\n")]),
        refused("pax header of Solaris", WHY, [entry(b'X', "x").data("19 path=../escaped\n"), file("f", "x")]),
        refused("access list of Solaris", WHY, [entry(b'A', "f").data("user::rwx")]),
        refused("inode of star", WHY, [entry(b'I', "f")]),
        refused("attributes of Solaris", WHY, [entry(b'E', "f")]),
        refused("type that nobody has", WHY, [entry(b'8', "f").data("x")]),
        refused("type of all bits", WHY, [entry(0xff, "f")]),
        refused("type of one bit", WHY, [entry(1, "f")]),
        refused("unknown type after a good file", WHY, [file("f", "x"), entry(b'Z', "g")]),
        makes("contiguous file", &["f=x"], [entry(b'7', "f").data("x")]),
        makes("file of the oldest kind", &["f=x"], [entry(0, "f").data("x")]),
        makes("directory of the oldest kind", &["d="], [entry(0, "d/")]),
    ]
}

/// GNU's old sparse header: pairs of place and length, and the file's real size.
fn old_sparse(map: &[(&[u8; 12], &[u8; 12])], more: u8, real: &[u8]) -> Block {
    let mut b = entry(b'S', "s").data([b'd'; 512]);
    for (i, (at, len)) in map.iter().enumerate() {
        b = b.put(386 + 24 * i, *at).put(398 + 24 * i, *len);
    }
    b.put(482, &[more]).put(483, real)
}

fn sparse() -> Vec<Case> {
    let (zero, one, far) = (b"00000000000\0", b"00000001000\0", b"77777777777\0");
    let f = || file("GNUSparseFile.0/s", "data");
    let new = |records: &[(&str, &[u8])]| [pax(records), f()];
    const OLD: &str = "not understood";
    const NEW: &str = "sparse files are not understood";
    vec![
        refused("old sparse file", OLD, [old_sparse(&[(zero, one)], 0, one)]),
        refused("pieces on top of each other", OLD, [old_sparse(&[(zero, one), (zero, one)], 0, one)]),
        refused("piece beyond the end", OLD, [old_sparse(&[(far, one)], 0, one)]),
        refused("piece at a negative place", OLD, [old_sparse(&[(&[0xff; 12], one)], 0, one)]),
        refused(
            "piece that overflows",
            OLD,
            [old_sparse(&[(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", far)], 0, far)],
        ),
        refused(
            "sparse file of 8 EiB",
            OLD,
            [old_sparse(&[(zero, one)], 0, b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff")],
        ),
        refused("map that goes on, and does not", OLD, [old_sparse(&[(zero, one)], 1, one)]),
        refused(
            "pax 0.0",
            NEW,
            new(&[("GNU.sparse.size", b"4096"), ("GNU.sparse.numblocks", b"1"), ("GNU.sparse.offset", b"0")]),
        ),
        refused("pax 0.1", NEW, new(&[("GNU.sparse.map", b"0,4,0,4,2,9"), ("GNU.sparse.size", b"4")])),
        refused("pax 0.1 with places beyond the end", NEW, new(&[("GNU.sparse.map", b"18446744073709551615,4")])),
        refused("pax 1.0", NEW, new(&[("GNU.sparse.major", b"1"), ("GNU.sparse.minor", b"0")])),
        refused(
            "pax 1.0 whose name climbs",
            NEW,
            new(&[("GNU.sparse.name", b"../escaped"), ("GNU.sparse.major", b"1")]),
        ),
        refused("pax 1.0 of 8 EiB", NEW, new(&[("GNU.sparse.realsize", b"9223372036854775807")])),
        refused(
            "pax sparse after other records",
            NEW,
            new(&[("path", b"s"), ("mtime", b"1"), ("GNU.sparse.realsize", b"-1")]),
        ),
    ]
}

fn data() -> Vec<Case> {
    vec![
        makes("data behind a directory", &["d/", "f=x"], [dir("d").data([b'y'; 1000]), file("f", "x")]),
        makes("data that looks like an entry", &["f=[512]"], [file("f", file("../escaped", "").bytes())]),
        makes("data that looks like the end", &["f=[1024]", "g=x"], [file("f", [0; 1024]), file("g", "x")]),
        makes("a file again, shorter", &["f=x"], [file("f", [b'y'; 5000]), file("f", "x")]),
        makes(
            "a file again, empty, by a hard link",
            &["e=", "f="],
            [file("f", "y"), file("e", ""), hardlink("f", "e")],
        ),
    ]
}
