//! Which module may know of which.
//!
//! A crate is a house of floors. A module may name modules of lower floors, and its neighbours on its own
//! floor as long as no circle comes of it. So a reader can begin at the bottom and meets nothing that is
//! explained further up.

use super::references::{self, Reference};
use std::collections::{BTreeMap, BTreeSet};

/// The floors of one crate, lowest first. An entry is a module with all below it, unless a longer entry
/// says otherwise; `crate` is the crate's root file.
struct House {
    src: &'static str,
    floors: &'static [&'static [&'static str]],
}

const HOUSES: &[House] = &[
    House {
        src: "lib/protocol/src",
        floors: &[
            &["generated::errnos"],
            &["errno", "xdr"],
            &["message", "record", "worker"],
            &["generated"],
            &["crate"],
        ],
    },
    House {
        src: "lib/src",
        floors: &[
            &["error", "event", "call", "client::events", "client::info", "pointer", "settings", "sys", "trace"],
            &["child", "process"],
            &["drive", "libvirt_ffi"],
            &["image", "machine"],
            &["channel"],
            &["rpc"],
            &["appliance"],
            &["backend"],
            &["handle"],
            // Families of calls.
            &[
                "contents",
                "copy_tree",
                "disks",
                "drives",
                "features",
                "inspect",
                "check",
                "launch",
                "libvirt",
                "mount_local",
            ],
            &["close"],
            &["crate"],
        ],
    },
    House {
        src: "bindings/erlang/src",
        floors: &[
            &["fault", "packet", "term"],
            &["args", "reply"],
            // The rows of macros that `call` has, with which it finds them.
            &["generated", "call"],
            &["reader"],
            &["crate"],
        ],
    },
    House {
        src: "bindings/guestfish/src",
        floors: &[
            &["error", "number", "list", "wildcard", "current", "ahead", "progress", "usage"],
            &[
                "print",
                "parse",
                "host",
                "home",
                "uri",
                "keys",
                "prepared",
                "config",
                "interrupt",
                "input",
                "startup",
                "streams",
            ],
            &["signature", "words", "prompt", "remote::target", "remote::place", "remote::wire"],
            &["command"],
            &["generated"],
            &["catalogue"],
            &["complete", "editor", "ask", "unlock", "inspect"],
            &["session"],
            &["builtins", "remote::client"],
            &["exec"],
            &["remote::listener", "options", "start", "remote"],
            &["crate"],
        ],
    },
    House {
        src: "bindings/rust/src",
        floors: &[&["error", "panic"], &["value"], &["handle"], &["rows"], &["generated"], &["event"], &["crate"]],
    },
    House {
        src: "daemon/worker/src",
        floors: &[
            &["fault"],
            &["wire", "filter", "c"],
            &["confine"],
            &["library"],
            // The libraries.
            &["augeas", "blkid", "hivex", "journal", "rpm", "trial", "tsk", "yara"],
            &["table", "serve"],
            &["crate"],
        ],
    },
    House {
        src: "daemon/src",
        floors: &[
            &["error", "mountinfo", "newc", "progress", "sys"],
            &["channel", "disks", "groups", "kmod", "names", "pattern", "run::find"],
            &["ctx"],
            &["device", "direct", "path", "run", "transfer_io", "words"],
            &["rpc", "worker"],
            // The families. Nothing below names one.
            &[
                "acl",
                "archives",
                "augeas",
                "blockdev",
                "bootloader",
                "btrfs",
                "capabilities",
                "command",
                "content",
                "copy",
                "dirs",
                "erase",
                "ext2",
                "files",
                "filesystems",
                "filesystems::probe",
                "filesystems::prober",
                "filesystems::recipe",
                "hivex",
                "inotify",
                "initrd",
                "inspect",
                "iso",
                "journal",
                "ldm",
                "luks",
                "lvm",
                "md",
                "mount",
                "ntfs",
                "parts",
                "plug",
                "selinux",
                "rsync",
                "scrub",
                "stat",
                "swap",
                "system",
                "transfer",
                "tsk",
                "xattrs",
                "xfs",
                "yara",
            ],
            &["dispatch"],
            &["init", "service"],
            &["crate"],
        ],
    },
];

/// The longest entry of `house` that holds `module`, and its floor.
fn place<'h>(house: &'h House, module: &str) -> Option<(usize, &'h str)> {
    let holds = |entry: &str| module.strip_prefix(entry).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
    let entries = house.floors.iter().enumerate().flat_map(|(n, floor)| floor.iter().map(move |e| (n, *e)));
    entries.filter(|(_, e)| holds(e)).max_by_key(|(_, e)| e.len())
}

#[test]
fn no_module_looks_up() {
    let mut wrong = Vec::new();
    for house in HOUSES {
        let mut lived_in = BTreeSet::new();
        let mut neighbours: BTreeMap<&str, BTreeMap<&str, String>> = BTreeMap::new();
        for Reference { at, from, to } in references::of_crate(house.src) {
            let (Some(here), Some(there)) = (place(house, &from), place(house, &to)) else {
                wrong.push(format!("{at}: {from} or {to} has no floor"));
                continue;
            };
            lived_in.extend([here.1, there.1]);
            if there.0 > here.0 {
                wrong.push(format!("{at}: {to} stands above {}", here.1));
            } else if there.0 == here.0 && there.1 != here.1 {
                neighbours.entry(here.1).or_default().entry(there.1).or_insert(at);
            }
        }
        for module in references::modules(house.src) {
            match place(house, &module) {
                Some((_, entry)) => drop(lived_in.insert(entry)),
                None => wrong.push(format!("{}: {module} has no floor", house.src)),
            }
        }
        let empty = house.floors.iter().copied().flatten().filter(|e| !lived_in.contains(*e));
        wrong.extend(empty.map(|e| format!("{}: nobody lives in {e}", house.src)));
        wrong.extend(circles(&neighbours));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is left when all that name nothing left, and all that nobody left names, are taken away again and again.
fn circles(neighbours: &BTreeMap<&str, BTreeMap<&str, String>>) -> Vec<String> {
    let mut edges: Vec<(&str, &str, &String)> =
        neighbours.iter().flat_map(|(from, to)| to.iter().map(move |(to, at)| (*from, *to, at))).collect();
    loop {
        let from: BTreeSet<&str> = edges.iter().map(|e| e.0).collect();
        let to: BTreeSet<&str> = edges.iter().map(|e| e.1).collect();
        let before = edges.len();
        edges.retain(|e| from.contains(e.1) && to.contains(e.0));
        if edges.len() == before {
            break;
        }
    }
    edges.iter().map(|(from, to, at)| format!("{at}: {from} names {to}, which leads back to it")).collect()
}

#[test]
fn a_circle_is_seen() {
    let graph = |edges: &[(&'static str, &'static str)]| {
        let mut out: BTreeMap<&str, BTreeMap<&str, String>> = BTreeMap::new();
        for (from, to) in edges {
            out.entry(from).or_default().insert(to, String::new());
        }
        out
    };
    assert!(circles(&graph(&[("a", "b"), ("b", "c"), ("a", "c")])).is_empty());
    assert_eq!(circles(&graph(&[("a", "b"), ("b", "c"), ("c", "b")])).len(), 2);
}
