//! The compilers' opinion of what the generator makes of `tiny.toml`: every type in every position, and names
//! and texts chosen to break things. (What it makes of `api.toml` is compiled by the tests of the bindings.)

use generator::emit::emit_all;
use generator::{check, diag, write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The generated files of the tiny API, written once.
fn tiny() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        let text = std::fs::read_to_string(root().join("generator/tests/tiny.toml")).unwrap();
        let api = check::load(&text, None).unwrap_or_else(|d| panic!("{}", diag::render("tiny.toml", &text, &d)));
        let dir = scratch("generated");
        write::write(&dir, &emit_all(&api)).unwrap();
        dir
    })
}

fn scratch(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile").join(name);
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    assert!(output.status.success(), "{command:?}:\n{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn cc(files: impl IntoIterator<Item = PathBuf>, args: &[&str]) {
    let mut cc = Command::new("cc");
    cc.args(["-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I"]).arg(tiny().join("c")).args(args).args(files);
    run(&mut cc);
}

#[test]
fn c_header_and_varargs() {
    for standard in ["-std=c99", "-std=gnu11"] {
        cc([tiny().join("c/varargs.c")], &[standard, "-pedantic"]);
    }
    for standard in ["-std=c++98", "-std=c++17"] {
        cc([tiny().join("c/guestfs.h")], &["-x", "c++", standard, "-DGUESTFS_PRIVATE=1"]);
    }
}

#[test]
fn table_of_calls() {
    let ours = root().join("bindings/glue/src").display().to_string();
    cc([tiny().join("glue/calls.c")], &["-std=gnu11", "-I", &ours]);
}

#[test]
fn python_class_and_stub() {
    let package = tiny().join("python/guestfs");
    let cache = scratch("mypy");
    run(Command::new("mypy").args(["--strict", "--cache-dir"]).arg(&cache).arg(package.join("__init__.pyi")));
    let check = "import ast, sys; ast.parse(open(sys.argv[1]).read())";
    run(Command::new("/usr/bin/python3").args(["-W", "error", "-c", check]).arg(package.join("__init__.py")));
}

#[test]
fn ocaml_module_and_stubs() {
    if Command::new("ocamlfind").arg("printconf").output().is_err() {
        println!("not run: OCaml's module of the tiny API: install ocaml-findlib and ocaml-nox");
        return;
    }
    let dir = scratch("ocaml");
    for file in ["guestfs.mli", "guestfs.ml"] {
        std::fs::copy(tiny().join("ocaml").join(file), dir.join(file)).unwrap();
        run(Command::new("ocamlfind")
            .args(["ocamlopt", "-w", "+a-4-9-40..42-44-45-48-70", "-c", file])
            .current_dir(&dir));
    }
    let include = run(Command::new("ocamlfind").args(["ocamlc", "-where"]));
    let (ours, glue) = (root().join("bindings/ocaml/src"), root().join("bindings/glue/src"));
    let paths = [ours.display().to_string(), glue.display().to_string()];
    cc([tiny().join("ocaml/stubs.c")], &["-std=gnu11", "-I", include.trim(), "-I", &paths[0], "-I", &paths[1]]);
}

#[test]
fn glue_of_the_dynamic_languages() {
    let glue = root().join("bindings/glue/src").display().to_string();
    cc([tiny().join("glue/calls.c")], &["-std=gnu11", "-I", &glue]);
}
