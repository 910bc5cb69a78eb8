//! The C ABI as programs meet it: the header in every dialect, the exported symbols, and C programs that
//! run under the address sanitizer, leaks included.

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use support::{check_bindtests, command, file, library, run, run_ok, scratch};

const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-Wundef"];

fn cc() -> Command {
    Command::new(std::env::var_os("CC").unwrap_or("cc".into()))
}

#[test]
fn header_compiles_in_every_dialect() {
    let dir = scratch("header");
    let program = dir.join("user.c");
    let text = "#include <guestfs.h>\n\
        #if !defined GUESTFS_HAVE_MKFS_OPTS || !defined LIBGUESTFS_HAVE_MKFS || GUESTFS_MKFS_OPTS_LABEL != 4\n\
        #error macros\n#endif\n\
        int user (guestfs_h *g) { return guestfs_mkfs_opts (g, \"ext4\", \"/dev/sda\", GUESTFS_MKFS_OPTS_LABEL, \"x\", -1); }\n";
    std::fs::write(&program, text).unwrap();
    for (language, standard) in
        [("c", "c99"), ("c", "gnu11"), ("c", "c17"), ("c++", "c++98"), ("c++", "c++17"), ("c++", "gnu++20")]
    {
        for define in ["-DNONE", "-DGUESTFS_PRIVATE=1", "-DGUESTFS_NO_DEPRECATED=1"] {
            let mut cc = cc();
            cc.args(STRICT).args(["-pedantic", "-fsyntax-only", "-x", language, define]);
            // C++98 has neither variadic macros nor long long, but every compiler's <stdint.h> has.
            cc.arg(format!("-std={standard}")).arg("-Wno-long-long").arg("-I").arg(file("generated/c")).arg(&program);
            run(&mut cc);
        }
    }
}

#[test]
fn deprecated_calls_warn_unless_told_not_to() {
    let dir = scratch("deprecated");
    let program = dir.join("user.c");
    std::fs::write(&program, "#include <guestfs.h>\nvoid *user (guestfs_h *g) { return guestfs_stat (g, \"/\"); }\n")
        .unwrap();
    let compile = |define: &str| {
        let mut cc = cc();
        cc.args(["-fsyntax-only", define, "-I"]).arg(file("generated/c")).arg(&program);
        String::from_utf8(run(&mut cc).stderr).unwrap()
    };
    assert!(compile("-DNONE").contains("use guestfs_statns instead"));
    assert_eq!(compile("-DGUESTFS_NO_WARN_DEPRECATED=1"), "");
}

#[test]
fn varargs_compile_strictly() {
    for standard in ["c99", "gnu11"] {
        let mut cc = cc();
        cc.args(STRICT).args(["-pedantic", "-fsyntax-only"]).arg(format!("-std={standard}"));
        run(cc.arg("-I").arg(file("generated/c")).arg(file("generated/c/varargs.c")));
    }
}

/// Names in `text` that start with `guestfs_` and come directly before ` (`.
fn declared(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|l| l.starts_with("extern GUESTFS_DLL_PUBLIC"));
    lines
        .filter_map(|l| {
            let (before, _) = l.split_once(" (")?;
            before.rsplit([' ', '*']).next().map(str::to_owned)
        })
        .collect()
}

#[test]
fn exports_are_what_the_header_declares() {
    let header = std::fs::read_to_string(file("generated/c/guestfs.h")).unwrap();
    let nm = run(Command::new("nm").args(["-D", "--defined-only"]).arg(library().join("libguestfs.so.0")));
    let exported: BTreeSet<String> = String::from_utf8(nm.stdout)
        .unwrap()
        .lines()
        .filter_map(|l| l.split_whitespace().nth(2).map(str::to_owned))
        .collect();
    assert_eq!(exported, declared(&header));
    // Spot checks that do not depend on what the generator believes.
    for name in ["guestfs_mkfs", "guestfs_mkfs_opts_va", "guestfs_free_lvm_pv_list", "guestfs_set_progress_callback"] {
        assert!(exported.contains(name), "{name}");
    }
    let readelf = run(Command::new("readelf").arg("-d").arg(library().join("libguestfs.so")));
    assert!(String::from_utf8(readelf.stdout).unwrap().contains("[libguestfs.so.0]"));
}

/// Compile a test program with the sanitizers. Their leak check covers what Rust allocates, too.
fn compile(name: &str, dir: &Path) -> std::path::PathBuf {
    let out = dir.join(name);
    let mut cc = cc();
    cc.args(["-std=gnu11", "-g", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined"]);
    cc.arg("-fno-sanitize-recover=all").arg("-I").arg(file("generated/c"));
    cc.arg("-o").arg(&out).arg(file(&format!("bindings/c/tests/{name}.c")));
    run(cc.arg("-L").arg(library()).args(["-lguestfs", "-lpthread"]));
    out
}

#[test]
fn binding_test_calls() {
    let dir = scratch("bindtests");
    let seen = dir.join("seen");
    run_ok(command(compile("bindtests", &dir)).arg(&seen));
    check_bindtests(&seen);
}

#[test]
fn handles_errors_events_private_data_and_structs() {
    let dir = scratch("handle");
    let output = run_ok(command(compile("handle", &dir)).arg(&dir));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.ends_with("libguestfs: trace: close\n"), "no handle was closed at exit:\n{errors}");
}

#[test]
fn default_error_handler_prints() {
    let dir = scratch("stderr");
    let program = dir.join("user.c");
    let text = "#include <guestfs.h>\nint main (void) { guestfs_h *g = guestfs_create ();\n\
        int r = guestfs_set_memsize (g, 1); guestfs_close (g); return r == -1 ? 0 : 1; }\n";
    std::fs::write(&program, text).unwrap();
    let out = dir.join("user");
    run(cc()
        .arg("-I")
        .arg(file("generated/c"))
        .arg("-o")
        .arg(&out)
        .arg(&program)
        .arg("-L")
        .arg(library())
        .arg("-lguestfs"));
    let errors = String::from_utf8(run(&mut command(&out)).stderr).unwrap();
    assert!(errors.starts_with("libguestfs: error: ") && errors.contains("memsize"), "{errors}");
}
