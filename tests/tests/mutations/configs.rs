//! Configuration files, as Augeas reads them.
//!
//! In: nothing. Out: sound files for several lenses; what is called on damaged ones. The library is opened once,
//! and again when a file has closed it: it loads its lenses each time.

use super::damage::damage;
use super::Calls;
use guestfs::Handle;
use std::time::Instant;

/// Lenses, and a file that each can read and write.
const FILES: &[(&str, &str)] = &[
    (
        "Hosts",
        "127.0.0.1 localhost localhost.localdomain\n# a comment\n10.0.0.1\ta.example a b # more\n::1 ip6-localhost\n",
    ),
    ("Fstab", "UUID=c1c2c3c4-0000-1111-2222-333344445555 / ext4 defaults,noatime 0 1\n/dev/sda2 none swap sw 0 0\n"),
    ("Sshd", "Port 22\nPermitRootLogin no\nMatch User x\n  X11Forwarding no\nAcceptEnv LANG LC_*\n"),
    ("Sudoers", "Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL) NOPASSWD: /bin/ls, /bin/cat\n"),
    ("Json", "{\"a\": [1, 2.5e3, \"x\\u0041\", null, true], \"b\": {\"c\": {}, \"d\": []}}\n"),
    ("Xml", "<?xml version=\"1.0\"?>\n<a x=\"1\">\n  <b>text</b>\n  <!-- c -->\n  <d/>\n</a>\n"),
    ("Puppet", "[main]\nlogdir=/var/log/puppet\n# c\n[agent]\nserver = x.example\n"),
];

/// The first of the files; the others are made when they are needed.
pub fn sound(_: &Handle) -> Vec<u8> {
    FILES[0].1.into()
}

/// Read all files, damaged by the number at the end of the input's name, change them, and write them.
pub fn calls(calls: &mut Calls<'_>, path: &str) {
    let seed: u64 = path.rsplit('-').next().unwrap().parse().unwrap();
    let file = |lens: &str| format!("/configs/{lens}");
    let _ = calls.g.mkdir("/configs");
    for (n, (lens, text)) in FILES.iter().enumerate() {
        let mut input = text.as_bytes().to_vec();
        if seed > 0 {
            damage(&mut input, seed * FILES.len() as u64 + n as u64);
        }
        calls.g.write(file(lens), &input).unwrap();
    }
    if calls.g.aug_get("/augeas/version").is_err() {
        if calls.make(|g| g.aug_init("/", 32)).is_none() {
            return;
        }
        calls.make(|g| g.aug_rm("/augeas/load/*"));
        for (lens, _) in FILES {
            calls.make(|g| g.aug_transform(lens, file(lens), Default::default()));
        }
    }
    if calls.make(|g| g.aug_load()).is_none() {
        return;
    }
    let errors = calls.make(|g| g.aug_match("/augeas//error/message")).unwrap_or_default();
    for error in &errors {
        calls.make(|g| g.aug_get(error));
    }
    assert!(seed > 0 || errors.is_empty(), "sound files cannot be read: {errors:?}");
    for (lens, _) in FILES {
        let nodes = calls.make(|g| g.aug_match(format!("/files{}//*", file(lens)))).unwrap_or_default();
        calls.make(|g| g.aug_ls(format!("/files{}", file(lens))));
        for node in nodes.iter().take(10) {
            // Not every node has a value.
            let none = |e: guestfs::Error| if e.errno() == libc::ENODATA { Ok(Default::default()) } else { Err(e) };
            calls.make(|g| g.aug_get(node).or_else(none));
            calls.make(|g| g.aug_label(node));
        }
        if seed > 0 {
            if let Some(node) = nodes.last() {
                calls.make(|g| g.aug_set(node, "1"));
            }
        }
    }
    calls.make(|g| g.aug_save());
}

/// A file of so many lines that its nodes are just about what an answer can hold, or more than that.
pub fn many(g: &Handle) {
    const LINES: usize = 100_000;
    let lines: String = (0..LINES).map(|n| format!("10.{}.{}.{} h\n", n >> 16, n >> 8 & 255, n & 255)).collect();
    g.mkdir_p("/many/etc").unwrap();
    g.write("/many/etc/hosts", lines.as_bytes()).unwrap();
    g.aug_init("/many", 32).unwrap();
    g.aug_rm("/augeas/load/*").unwrap();
    g.aug_transform("Hosts", "/etc/hosts", Default::default()).unwrap();
    g.aug_load().unwrap();
    let begun = Instant::now();
    let all = g.aug_match("/files/etc/hosts/*").unwrap();
    println!("augeas: the paths of {} nodes took {:.1} s", all.len(), begun.elapsed().as_secs_f64());
    assert_eq!(all.len(), LINES);
    assert!(all.iter().enumerate().all(|(n, path)| *path == format!("/files/etc/hosts/{}", n + 1)));
    assert_eq!(g.aug_get(format!("{}/ipaddr", all[LINES - 1])).unwrap(), "10.1.134.159");
    // Labels that are not the only ones of their kind are numbered.
    g.aug_set("/many/one", "").unwrap();
    for n in 1..=1002 {
        g.aug_set(format!("/many/same[{n}]"), "").unwrap();
    }
    let same = g.aug_match("/many/*").unwrap();
    let numbered = (1..=1002).map(|n| format!("/many/same[{n}]"));
    assert!(same.iter().eq(std::iter::once("/many/one".to_owned()).chain(numbered).collect::<Vec<_>>().iter()));
    // Longer than an answer: that is said at once, and the handle is as good as before.
    let begun = Instant::now();
    let refused = g.aug_match("/files/etc/hosts/*/*").unwrap_err();
    println!("augeas: {} ({:.1} s)", refused.message(), begun.elapsed().as_secs_f64());
    assert_eq!(refused.errno(), libc::E2BIG, "{}", refused.message());
    assert!(refused.message().to_string().contains("200000 nodes"), "{}", refused.message());
    assert_eq!(g.aug_match("/files/etc/hosts/*[position() <= 3]/ipaddr").unwrap().len(), 3);
    assert!(g.aug_match("/augeas/variables/*").unwrap().is_empty());
    g.aug_close().unwrap();
    g.rm_rf("/many").unwrap();
}
