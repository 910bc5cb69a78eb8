//! What the C ABI promises of callbacks, errors, closing, exits and memory; and, with an appliance, of
//! autosync and the old callbacks.

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::{command, file, library, run, run_ok, scratch};

const SANITIZERS: [&str; 2] = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

fn compile(name: &str, dir: &Path, flags: &[&str]) -> PathBuf {
    let out = dir.join(name);
    let mut cc = Command::new(std::env::var_os("CC").unwrap_or("cc".into()));
    cc.args(["-std=gnu11", "-g", "-Wall", "-Wextra", "-Werror"]).args(flags).arg("-I").arg(file("generated/c"));
    cc.arg("-o").arg(&out).arg(file(&format!("bindings/c/tests/{name}.c")));
    run(cc.arg("-L").arg(library()).args(["-lguestfs", "-lpthread"]));
    out
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn callbacks_errors_and_closing() {
    let program = compile("semantics", &scratch("semantics"), &SANITIZERS);
    for part in ["handlers", "threads", "events", "delete-during-calls", "close-from-callbacks"] {
        run_ok(command(&program).arg(part));
    }
}

#[test]
fn a_bad_environment_is_told_once() {
    let program = compile("semantics", &scratch("environment"), &SANITIZERS);
    let mut bad = command(&program);
    bad.env("LIBGUESTFS_MEMSIZE", "lots\x1b[2J").env("TMPDIR", "").arg("close-from-callbacks");
    let line = "libguestfs: error: LIBGUESTFS_MEMSIZE: not a number of MiB\n";
    assert_eq!(text(&run_ok(&mut bad)), format!("\nok\n{line}{line}"), "two handles");
    let mut bad = command(&program);
    bad.env("TMPDIR", "/non\nexistent").arg("delete-during-calls");
    let line = "libguestfs: error: TMPDIR: /non\\nexistent: No such file or directory\n";
    assert_eq!(text(&run_ok(&mut bad)), format!("\nok\n{line}{line}"));
}

#[test]
fn memory_that_a_call_uses_is_not_freed() {
    let program = compile("semantics", &scratch("in use"), &SANITIZERS);
    let output = run_ok(command(&program).arg("close-during-calls"));
    let warning =
        "libguestfs: warning: close: another thread is still in a call; the memory of the handle is not freed\n";
    assert_eq!(text(&output), format!("\nok\n{warning}"));
    let output = run_ok(command(&program).arg("exit-during-a-call"));
    assert_eq!(text(&output), "\nok\n");
}

#[test]
fn handles_are_closed_at_exit() {
    let program = compile("semantics", &scratch("exit"), &SANITIZERS);
    // The program leaves from inside the error handler: the handle is closed all the same, unless declined.
    let output = command(&program).arg("exit-from-handler").output().unwrap();
    assert_eq!((output.status.code(), text(&output).as_str()), (Some(7), "1"));
    let output = run_ok(command(&program).arg("exit-of-a-child"));
    // The parent's mark comes first: the child closed nothing. What `puts` kept is written last.
    assert_eq!(text(&output), "-1\nok\n");
}

#[test]
fn the_out_of_memory_handler_is_called_or_the_call_fails() {
    let program = compile("memory", &scratch("memory"), &["-O1"]);
    for part in ["handler", "default", "none"] {
        run_ok(command(&program).arg(part));
    }
}

/// Programs print texts of events as strings, and some read whole structs with all that lies between members.
#[test]
fn what_programs_read_is_defined() {
    let program = compile("blocks", &scratch("blocks"), &["-O1"]);
    let mut valgrind = command("valgrind");
    run_ok(valgrind.args(["--quiet", "--track-origins=yes", "--error-exitcode=9"]).arg(&program));
}

#[test]
fn a_launched_handle() {
    let dir = scratch("launched");
    let program = compile("launched", &dir, &SANITIZERS);
    run_ok(command(&program).arg(&dir));
}
