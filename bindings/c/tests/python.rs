//! The Python binding over the C ABI: built by its own script and as a wheel, type-checked, and run.

mod support;

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use support::{check_bindtests, command, file, run, run_ok, scratch};

/// The system's Python: what `make check` installs packages for.
fn python() -> std::ffi::OsString {
    std::env::var_os("PYTHON").unwrap_or("/usr/bin/python3".into())
}

/// Directory to put on `PYTHONPATH`.
fn built() -> &'static Path {
    static BUILT: OnceLock<std::path::PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let out = scratch("python");
        run(command("sh").env("PYTHON", python()).arg(file("bindings/python/build.sh")).arg(&out));
        out
    })
}

fn script(path: &str) -> Command {
    let mut command = command(python());
    command.args(["-X", "dev", "-W", "default::DeprecationWarning"]);
    command.env("PYTHONPATH", built()).arg(file(path));
    command
}

#[test]
fn binding_test_calls() {
    let seen = scratch("bindtests").join("seen");
    run_ok(script("bindings/python/tests/bindtests.py").arg(&seen));
    check_bindtests(&seen);
}

#[test]
fn closing_events_threads_and_errors() {
    run_ok(script("bindings/python/tests/binding.py").arg(scratch("binding")));
}

#[test]
fn nothing_grows() {
    // Not `-X dev`, whose allocator keeps more.
    run_ok(command(python()).env("PYTHONPATH", built()).arg(file("bindings/python/tests/memory.py")));
}

#[test]
fn examples() {
    let dir = scratch("examples-python");
    let example = |name: &str| script(&format!("bindings/python/examples/{name}.py"));
    run(example("create_disk").current_dir(&dir).arg("disk.img"));
    let output = run(example("inspect_disk").current_dir(&dir).arg("disk.img"));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("/dev/sda1: ext4"), "{said}");
}

#[test]
fn stub_is_strictly_typed_and_true() {
    let cache = scratch("mypy");
    let mut mypy = command("mypy");
    mypy.arg("--strict").arg("--cache-dir").arg(&cache).env("MYPYPATH", built());
    run(mypy.arg(built().join("guestfs/__init__.pyi")).arg(file("bindings/python/tests/typed.py")));
    // Every name of the stub exists in the module with the same signature, and the other way round.
    let mut stubtest = command("stubtest");
    run(stubtest.arg("guestfs").current_dir(&cache).env("PYTHONPATH", built()).env("MYPYPATH", built()));
}

#[test]
fn wheel_installs_and_works() {
    let dir = scratch("wheel");
    let source = dir.join("bindings/python");
    // A copy, because setuptools leaves its traces in the source directory; the generated files keep their place.
    std::fs::create_dir_all(&source).unwrap();
    run(Command::new("cp").arg("-r").arg(file("bindings/python/.")).arg(&source));
    run(Command::new("cp").arg("-r").arg(file("bindings/glue")).arg(dir.join("bindings")));
    run(Command::new("cp").arg("-r").arg(file("generated")).arg(&dir));
    // The wheel is built from a source distribution, which must have all that it needs.
    let mut sdist = command(python());
    sdist.current_dir(&source).args(["-c", "from setuptools import build_meta; build_meta.build_sdist('dist')"]);
    run(&mut sdist);
    let sdist = source.join("dist/guestfs-0.1.0.tar.gz");
    let mut pip = command(python());
    pip.args(["-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir"]);
    run(pip.arg(dir.join("out")).arg(&sdist));
    let wheel = std::fs::read_dir(dir.join("out")).unwrap().next().unwrap().unwrap().path();
    let name = wheel.file_name().unwrap().to_string_lossy().into_owned();
    assert!(name.contains("-cp39-abi3-linux"), "{name}");
    let target = dir.join("installed");
    let mut pip = command(python());
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]);
    run(pip.arg(&target).arg(&wheel));
    let seen = dir.join("seen");
    let mut bindtests = command(python());
    run_ok(bindtests.env("PYTHONPATH", &target).arg(file("bindings/python/tests/bindtests.py")).arg(&seen));
    check_bindtests(&seen);
}
