//! The OCaml binding over the C ABI: built by its own script, run as native code and as bytecode.

mod support;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use support::{check_bindtests, command, file, run, run_ok, scratch};

/// Directory to put on `OCAMLPATH`.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let out = scratch("ocaml");
        run(command("sh").arg(file("bindings/ocaml/build.sh")).arg(&out));
        out
    })
}

/// Compile a test with `compiler` (`ocamlopt` or `ocamlc`) through findlib, as users do.
fn compile(name: &str, compiler: &str) -> PathBuf {
    let dir = scratch(&format!("{name}-{compiler}"));
    std::fs::copy(file(&format!("bindings/ocaml/tests/{name}.ml")), dir.join(format!("{name}.ml"))).unwrap();
    let mut ocamlfind = command("ocamlfind");
    ocamlfind.current_dir(&dir).env("OCAMLPATH", built());
    ocamlfind.args([compiler, "-w", "+a-4-9-40..42-44-45-48-70", "-warn-error", "+a", "-thread", "-linkpkg"]);
    run(ocamlfind.args(["-package", "guestfs,threads.posix", &format!("{name}.ml"), "-o", name]));
    dir.join(name)
}

fn start(program: &Path) -> std::process::Command {
    let mut command = command(program);
    command.env("CAML_LD_LIBRARY_PATH", built().join("guestfs"));
    command
}

#[test]
fn binding_test_calls() {
    for compiler in ["ocamlopt", "ocamlc"] {
        let program = compile("bindtests", compiler);
        let seen = program.with_extension("seen");
        run_ok(start(&program).arg(&seen));
        check_bindtests(&seen);
    }
}

#[test]
fn closing_events_threads_and_errors() {
    for compiler in ["ocamlopt", "ocamlc"] {
        let program = compile("binding", compiler);
        let output = run_ok(start(&program).arg(scratch(&format!("work-{compiler}"))));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.ends_with("closed at exit\n"), "{text}");
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(errors.contains("uncaught OCaml exception in event callback: Failure(\"expected\")"), "{errors}");
    }
}
