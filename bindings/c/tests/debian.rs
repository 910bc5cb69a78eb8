//! Agreement with Debian's libguestfs (libguestfs-dev, python3-guestfs): what our tests expect is what upstream
//! does, our header is upstream's as far as binaries can tell, and Debian's programs load our library.

mod support;

use std::process::Command;
use support::{check_bindtests, command, file, library, run, run_ok, scratch};

/// Names that upstream renamed or added between Debian's version and the API level that we follow.
const NEWER: [&str; 4] = ["app2_class", "cipher", "forceno", "keepdirlink"];

/// Options of calls that Debian's version does not have.
const NEWER_STRUCTS: [&str; 3] = ["btrfs_scrub_full_argv", "ntfs_chmod_argv", "setfiles_argv"];

fn cc() -> Command {
    Command::new(std::env::var_os("CC").unwrap_or("cc".into()))
}

/// A program that sees only Debian's library.
fn debian(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = command(program);
    command.env_remove("LD_LIBRARY_PATH").env_remove("PYTHONPATH");
    command
}

#[test]
fn our_test_programs_pass_on_debians_library() {
    let dir = scratch("programs");
    for name in ["bindtests", "handle"] {
        let out = dir.join(name);
        let mut cc = cc();
        cc.args(["-std=gnu11", "-w", "-DOURS=0", "-I"]).arg(file("generated/c")).arg("-o").arg(&out);
        run(cc.arg(file(&format!("bindings/c/tests/{name}.c"))).args(["-lguestfs", "-lpthread"]));
    }
    let seen = dir.join("seen");
    run_ok(debian(dir.join("bindtests")).arg(&seen));
    check_bindtests(&seen);
    run_ok(debian(dir.join("handle")).arg(&dir));
    let seen = dir.join("python");
    run_ok(debian("/usr/bin/python3").arg(file("bindings/python/tests/bindtests.py")).arg(&seen));
    // The one line that Debian's binding cannot say.
    let text = std::fs::read(&seen).unwrap();
    let place = text.windows(3).position(|w| w == b"x?y").unwrap();
    std::fs::write(&seen, [&text[..place], b"x\xffy", &text[place + 3..]].concat()).unwrap();
    check_bindtests(&seen);
}

fn exported(library: &std::path::Path) -> std::collections::BTreeSet<String> {
    let nm = run(Command::new("nm").args(["-D", "--defined-only"]).arg(library));
    let text = String::from_utf8(nm.stdout).unwrap();
    text.lines().filter_map(|l| l.split_whitespace().nth(2).map(str::to_owned)).collect()
}

/// Whatever links with Debian's library links with ours.
#[test]
fn symbols_are_debians() {
    let debians = exported("/usr/lib/x86_64-linux-gnu/libguestfs.so.0".as_ref());
    let ours = exported(&library().join("libguestfs.so.0"));
    assert!(debians.len() > 900, "only {} symbols", debians.len());
    let missing: Vec<_> = debians.difference(&ours).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Every prototype again, after Debian's header: the compiler refuses any that is not the same.
#[test]
fn prototypes_are_debians() {
    let header = std::fs::read_to_string(file("generated/c/guestfs.h")).unwrap();
    let mut text = String::from("#define GUESTFS_NO_WARN_DEPRECATED 1\n#define GUESTFS_PRIVATE 1\n#include \"/usr/include/guestfs.h\"\n");
    let mut count = 0;
    for line in header.lines().filter(|l| l.starts_with("extern GUESTFS_DLL_PUBLIC")) {
        text += line.trim_end_matches(';');
        text += ";\n";
        count += 1;
    }
    assert!(count > 400, "only {count} prototypes found in our header");
    let source = scratch("prototypes").join("prototypes.c");
    std::fs::write(&source, text).unwrap();
    run(cc().args(["-std=gnu11", "-w", "-fsyntax-only"]).arg(source));
}

/// Size and place of every member of every struct, printed by the same program compiled with each header.
#[test]
fn struct_layouts_are_debians() {
    let header = std::fs::read_to_string(file("generated/c/guestfs.h")).unwrap();
    let mut text = String::from("#define GUESTFS_PRIVATE 1\n#include <guestfs.h>\n#include <stdio.h>\nint main (void) {\n");
    let mut inside: Option<(&str, bool)> = None;
    for line in header.lines() {
        match (line.strip_prefix("struct guestfs_").and_then(|l| l.strip_suffix(" {")), inside) {
            (Some(name), _) if NEWER_STRUCTS.contains(&name) => inside = None,
            (Some(name), _) => inside = Some((name, false)),
            (None, Some((name, grown))) if line == "};" => {
                if !grown {
                    text += &format!("printf (\"{name} %zu\\n\", sizeof (struct guestfs_{name}));\n");
                }
                inside = None;
            }
            (None, Some((name, _))) if line.starts_with("  ") => {
                let member = line.split(';').next().unwrap_or(line).split('[').next().unwrap_or(line);
                let member = member.rsplit([' ', '*']).next().unwrap_or(member);
                if NEWER.contains(&member) {
                    inside = Some((name, true));
                } else {
                    text += &format!(
                        "printf (\"{name}.{member} %zu %zu\\n\", offsetof (struct guestfs_{name}, {member}), sizeof ((struct guestfs_{name} *) 0)->{member});\n"
                    );
                }
            }
            _ => {}
        }
    }
    text += "return 0; }\n";
    let dir = scratch("layouts");
    let source = dir.join("layouts.c");
    std::fs::write(&source, text).unwrap();
    let print = |name: &str, include: &std::path::Path| {
        let out = dir.join(name);
        run(cc().args(["-std=gnu11", "-w", "-I"]).arg(include).arg("-o").arg(&out).arg(&source));
        String::from_utf8(run(&mut Command::new(out)).stdout).unwrap()
    };
    let ours = print("ours", &file("generated/c"));
    assert!(ours.lines().count() > 400);
    assert_eq!(ours, print("debian", "/usr/include".as_ref()));
}

/// Debian's guestfish, unmodified, on our library.
#[test]
fn debians_guestfish_runs_on_our_library() {
    let image = scratch("guestfish").join("x.img");
    let mut guestfish = command("/usr/bin/guestfish");
    let output = run(guestfish.args(["set-memsize", "500", ":", "get-memsize", ":", "disk-create"]).arg(&image).args([
        "raw", "1M", ":", "disk-virtual-size",
    ]).arg(&image).args([":", "version"]));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("500\n1048576\n") && text.contains("extra: rs\n"), "{text}");
    let mut ldd = Command::new("sh");
    ldd.args(["-c", "ldd /usr/bin/guestfish"]).env("LD_LIBRARY_PATH", library());
    let text = String::from_utf8(run(&mut ldd).stdout).unwrap();
    assert!(text.contains(&format!("{}/libguestfs.so.0", library().display())), "{text}");
}
