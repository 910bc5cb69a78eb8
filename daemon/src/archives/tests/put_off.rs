//! Links and attributes of directories are put off to the end: whose they are then, also when the end
//! comes early or is the real tar's.

use super::hostile::{dir, file, global, hard, late_end, link, owned, stand_ins, Scene};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

/// A member that only the real tar reads (a volume's name), and which makes nothing.
fn foreign() -> Vec<u8> {
    super::member(b'V', b"label", b"", b"")
}

#[test]
fn a_directory_that_became_a_link_keeps_its_attributes_to_itself() {
    for to in ["/etc", "../etc", "/dst/other"] {
        let mut s = Scene::new();
        s.check(
            "swap",
            &late_end([owned(dir("other"), "0000711", 7), owned(dir("d"), "0000777", 1000), link("d", to)]),
        )
        .unwrap();
        assert_eq!(fs::read_link(s.guest.host("/dst/d")).unwrap().to_str(), Some(to));
        let other = fs::metadata(s.guest.host("/dst/other")).unwrap();
        assert_eq!(other.permissions().mode() & 0o7777, 0o711, "{to}");
    }
    // A relative link is made at once.
    let mut s = Scene::new();
    let members = [owned(dir("other"), "0000711", 7), owned(dir("d"), "0000777", 1000), link("d", "other")];
    s.check("swap inside", &late_end(members)).unwrap();
    assert_eq!(fs::metadata(s.guest.host("/dst/other")).unwrap().permissions().mode() & 0o7777, 0o711);
}

#[test]
fn the_last_word_on_a_directory_counts_and_links_do_not_change_its_time() {
    let mut s = Scene::new();
    let members = [
        owned(dir("d"), "0000777", 0),
        link("d/abs", "/etc"),
        file("d/f", "x"),
        owned(dir("d"), "0000705", 0),
        dir("."),
        link("abs", "/"),
    ];
    s.check("twice", &late_end(members)).unwrap();
    for (name, mode) in [("/dst/d", 0o705), ("/dst", 0o755)] {
        let m = fs::metadata(s.guest.host(name)).unwrap();
        assert_eq!((m.mode() & 0o7777, m.mtime()), (mode, 0o7346545000), "{name}");
    }
}

#[test]
fn a_file_in_a_links_place_stays() {
    for empty in ["", "content"] {
        let mut s = Scene::new();
        s.check("replaced", &late_end([link("l", "/etc"), file("l", empty)])).unwrap();
        assert_eq!(s.guest.read("/dst/l"), empty.as_bytes());
        s.check("and by tar", &late_end([link("l", "/etc"), foreign(), file("l", empty)])).unwrap();
        assert_eq!(s.guest.read("/dst/l"), empty.as_bytes());
    }
}

#[test]
fn the_real_tar_does_not_write_through_links_of_members_before_it() {
    for (to, through) in
        [("/", "up/guestfs-rs-escaped"), ("../etc", "up/x"), ("../etc", "up/passwd"), ("../../", "up/secret")]
    {
        let mut s = Scene::new();
        let archive = late_end([
            link("up", to),
            owned(dir("d"), "0000750", 0),
            foreign(),
            file(through, "evil"),
            file("good", "x"),
        ]);
        let e = s.check(through, &archive).unwrap_err();
        assert!(e.to_string().contains("tar: "), "{e}");
        assert_eq!(s.guest.read("/dst/good"), b"x");
        assert_eq!(fs::read_link(s.guest.host("/dst/up")).unwrap().to_str(), Some(to));
        let d = fs::metadata(s.guest.host("/dst/d")).unwrap();
        assert_eq!((d.mode() & 0o7777, d.mtime()), (0o750, 0o7346545000));
    }
}

#[test]
fn a_hard_link_that_the_real_tar_makes_of_a_link_is_not_passed_over() {
    let mut s = Scene::new();
    let e = s.check("late", &late_end([link("l", "/etc"), foreign(), hard("h", "l")])).unwrap_err();
    assert!(e.to_string().contains("tar: l: a hard link to this"), "{e}");
    assert_eq!(fs::read_link(s.guest.host("/dst/l")).unwrap().to_str(), Some("/etc"));
    // Ours are known, by whatever name they are linked.
    let mut s = Scene::new();
    let members =
        [dir("d"), link("alias", "d"), link("d/l", "/etc"), hard("h", "alias/l"), hard("h", "d/l"), foreign()];
    s.check("known", &late_end(members)).unwrap();
    for name in ["/dst/d/l", "/dst/h"] {
        assert_eq!(fs::read_link(s.guest.host(name)).unwrap().to_str(), Some("/etc"), "{name}");
    }
}

#[test]
fn the_real_tar_gets_the_records_for_all_members() {
    let mut s = Scene::new();
    let time = |name: &str, s: &Scene| fs::metadata(s.guest.host(name)).unwrap().mtime();
    let archive = late_end([
        global("mtime", "1050000000"),
        file("ours", "x"),
        foreign(),
        file("tars", "x"),
        global("mtime", "1100000000"),
        file("new", "x"),
    ]);
    s.check("global", &archive).unwrap();
    assert_eq!(
        ["/dst/ours", "/dst/tars", "/dst/new"].map(|n| time(n, &s)),
        [1_050_000_000, 1_050_000_000, 1_100_000_000]
    );
    // Those of the handed over member itself take the place of the earlier ones.
    let archive = late_end([
        global("mtime", "1050000000"),
        file("ours", "x"),
        global("mtime", "1200000000"),
        foreign(),
        file("tars", "x"),
    ]);
    s.check("replaced", &archive).unwrap();
    assert_eq!(["/dst/ours", "/dst/tars"].map(|n| time(n, &s)), [1_050_000_000, 1_200_000_000]);
}

#[test]
fn an_archive_that_breaks_off_leaves_nothing_half_made() {
    let whole = [owned(dir("d"), "0000750", 0), link("d/l", "/etc"), hard("h", "d/l"), file("f", "data")].concat();
    for cut in [whole.len(), whole.len() - 1, whole.len() - 513, whole.len() - 700] {
        let mut s = Scene::new();
        let result = s.check("cut", &whole[..cut]);
        // Only at the first of these places an archive may end.
        assert_eq!(result.is_ok(), cut == whole.len(), "{cut}");
        assert_eq!(stand_ins(&s.guest.host("/dst")), Vec::<std::path::PathBuf>::new());
        for name in ["/dst/d/l", "/dst/h"] {
            assert_eq!(fs::read_link(s.guest.host(name)).unwrap().to_str(), Some("/etc"), "{name} {cut}");
        }
        let d = fs::metadata(s.guest.host("/dst/d")).unwrap();
        assert_eq!((d.mode() & 0o7777, d.mtime()), (0o750, 0o7346545000), "{cut}");
    }
}

#[test]
fn links_without_room_leave_nothing_in_their_place() {
    let mut s = Scene::new();
    let target = format!("/{}", "n".repeat(1_000_000));
    let mut members = vec![link("first", "/etc"), file("x68", "kept")];
    for n in 0..70 {
        members.extend([super::hostile::long_link(&target), link(&format!("x{n}"), "x")]);
    }
    members.push(hard("h", "first"));
    let e = s.check("room", &late_end(members)).unwrap_err();
    assert!(e.to_string().contains("too many symbolic links"), "{e}");
    assert_eq!(fs::read_link(s.guest.host("/dst/first")).unwrap().to_str(), Some("/etc"));
    // What had the name before is not removed for a link that cannot be made.
    assert_eq!(s.guest.read("/dst/x68"), b"kept");
    assert_eq!(stand_ins(&s.guest.host("/dst")), Vec::<std::path::PathBuf>::new());
}
