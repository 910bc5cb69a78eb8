//! House rules that a program can check, for every hand-written Rust file of the workspace.

#[path = "conventions/floors.rs"]
mod floors;
#[path = "conventions/references.rs"]
mod references;

use std::path::{Path, PathBuf};

const CRATES: [&str; 9] = [
    "generator",
    "lib",
    "lib/protocol",
    "daemon",
    "daemon/worker",
    "bindings/c",
    "bindings/erlang",
    "bindings/guestfish",
    "bindings/rust",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

struct Source {
    path: String,
    /// Without what is only compiled for tests.
    text: String,
    lines: usize,
}

/// Shipped sources: not files of tests, and of the others the part before their tests.
fn sources() -> Vec<Source> {
    let mut out = Vec::new();
    let mut todo: Vec<PathBuf> = CRATES.iter().map(|c| root().join(c).join("src")).collect();
    while let Some(dir) = todo.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let shown = path.strip_prefix(root()).unwrap().display().to_string();
            if path.is_dir() {
                todo.push(path);
            } else if shown.ends_with(".rs") && !shown.contains("test") && !shown.ends_with("/fake.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let lines = text.lines().count();
                let text = before_tests(&text);
                out.push(Source { path: shown, text, lines });
            }
        }
    }
    assert!(out.len() > 100, "looked in the wrong place");
    out.sort_by(|a, b| a.path.cmp(&b.path));
    out
}

/// The text up to a module of tests that is written out; one in a file of its own is only named.
fn before_tests(text: &str) -> String {
    const TESTS: &str = "#[cfg(test)]\nmod ";
    let mut parts = text.split(TESTS);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.lines().next() {
            Some(name) if name.ends_with(';') => out.push_str(part.trim_start_matches(name)),
            _ => break,
        }
    }
    out
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

/// Lines of code for which `wrong` says yes, given the whole file and the line's index.
fn offenders(wrong: impl Fn(&Source, &[&str], usize) -> bool) -> String {
    let mut out = String::new();
    for source in sources() {
        let lines: Vec<&str> = source.text.lines().collect();
        for (i, line) in lines.iter().enumerate().filter(|(_, l)| !is_comment(l)) {
            if wrong(&source, &lines, i) {
                out.push_str(&format!("{}:{}: {}\n", source.path, i + 1, line.trim()));
            }
        }
    }
    out
}

#[test]
fn modules_say_what_they_are_and_stay_small() {
    let wrong: Vec<String> = sources()
        .iter()
        .filter(|s| !s.text.starts_with("//!") || s.lines > 450)
        .map(|s| format!("{}: {} lines, or does not begin with //!", s.path, s.lines))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_shipped_gives_up_by_panicking() {
    let words = [".unwrap()", ".expect(", "todo!(", "unimplemented!(", "unreachable!("];
    let found = offenders(|_, lines, i| words.iter().any(|w| lines[i].contains(w)));
    assert!(found.is_empty(), "{found}");
}

#[test]
fn unsafe_is_explained() {
    let found = offenders(|source, lines, i| {
        // The emitters of the C ABI quote the word.
        let quoted = source.path.starts_with("generator/");
        let used = lines[i].contains("unsafe {") || lines[i].trim_start().starts_with("unsafe impl");
        used && !quoted && !lines[i.saturating_sub(8)..=i].iter().any(|l| l.contains("SAFETY:"))
    });
    assert!(found.is_empty(), "{found}");
}

/// Where data of a guest is brought into memory. That there is none for it fails the call, not the program.
const GUESTS_MEMORY: [&str; 5] = [
    "lib/protocol/src/xdr.rs",
    "lib/src/channel/input.rs",
    "lib/src/contents.rs",
    "lib/src/contents/streams.rs",
    "bindings/c/src/memory.rs",
];

#[test]
fn memory_for_a_guests_data_is_asked_for() {
    const GROWS: [&str; 6] = ["extend_from_slice(", "with_capacity(", ".to_vec()", "vec![", ".resize(", ".push("];
    let found = offenders(|source, lines, at| {
        let asked = |at: usize| lines[at.saturating_sub(3)..=at].iter().any(|line| line.contains("try_reserve"));
        GUESTS_MEMORY.contains(&source.path.as_str())
            && GROWS.iter().any(|grows| lines[at].contains(grows))
            && !asked(at)
    });
    assert!(found.is_empty(), "grows without try_reserve:\n{found}");
}

#[test]
fn the_library_starts_programs_in_one_way_only() {
    let words = ["process::Command", "process::{", "Stdio", "libc::fork", "libc::exec", "posix_spawn", "SYS_clone"];
    let found = offenders(|source, lines, i| {
        let line = lines[i];
        let other = source.path.starts_with("lib/src/") && !source.path.starts_with("lib/src/child/");
        let named = |word: &&str| line.contains(*word) && (*word != "process::{" || line.contains("Command"));
        other && words.iter().any(named)
    });
    assert!(found.is_empty(), "{found}");
}

#[test]
fn no_emitter_knows_a_call_by_name() {
    let found = offenders(|source, lines, i| {
        let line = lines[i];
        source.path.starts_with("generator/src/emit/")
            && (line.contains("call.name == \"") || line.contains("c.name == \""))
    });
    assert!(found.is_empty(), "{found}");
}

#[test]
fn crates_depend_downwards_only() {
    let ours = ["guestfs-generator", "guestfs-protocol", "guestfs", "guestfsd", "guestfs-worker", "guestfs-c"];
    let allowed: [(&str, &[&str]); 9] = [
        ("generator", &[]),
        ("lib/protocol", &[]),
        ("lib", &["guestfs-protocol"]),
        ("daemon", &["guestfs-protocol"]),
        ("daemon/worker", &["guestfs-protocol"]),
        ("bindings/c", &["guestfs"]),
        ("bindings/erlang", &["guestfs"]),
        ("bindings/guestfish", &["guestfs"]),
        ("bindings/rust", &["guestfs"]),
    ];
    for (dir, allowed) in allowed {
        let manifest = std::fs::read_to_string(root().join(dir).join("Cargo.toml")).unwrap();
        let shipped = manifest.split("[dev-dependencies]").next().unwrap_or_default();
        for line in shipped.lines() {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            let ok = !ours.contains(&name) || allowed.contains(&name);
            assert!(ok, "{dir} must not depend on {name}");
        }
    }
}

/// `check.sh` picks tests by name, so one that it does not name would never run.
#[test]
fn every_test_is_in_a_stage() {
    let script = std::fs::read_to_string(root().join("tests/check.sh")).unwrap();
    let mut words = script.split_whitespace();
    let mut named = std::collections::BTreeSet::new();
    while let Some(word) = words.next() {
        if word == "--test" {
            named.extend(words.next());
        }
    }
    let mut forgotten = Vec::new();
    for krate in CRATES.iter().chain(&["tests"]) {
        for entry in std::fs::read_dir(root().join(krate).join("tests")).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            if path.extension().is_some_and(|e| e == "rs") && !named.contains(name) {
                forgotten.push(path.display().to_string());
            }
        }
    }
    assert!(forgotten.is_empty(), "tests that no stage of tests/check.sh runs: {forgotten:?}");
}
