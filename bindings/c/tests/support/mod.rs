//! What the tests of all bindings need: the library linked as it is installed, tools run with clear errors.
//!
//! In: the static library that cargo built for this test run. Out: a directory with `libguestfs.so`.

#![allow(dead_code)]

pub mod roff;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The project's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A path below the project's root.
pub fn file(path: &str) -> PathBuf {
    root().join(path)
}

/// Directory with `libguestfs.so.0`, linked once per test program.
pub fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let out = scratch("library");
        let archives = out.join("archive");
        std::fs::create_dir(&archives).expect("scratch directory");
        std::os::unix::fs::symlink(newest_archive(), archives.join("libguestfs_c.a")).expect("link");
        run(Command::new("sh").arg(file("bindings/c/build.sh")).arg(&archives).arg(&out));
        out
    })
}

/// The static library of this build: cargo leaves it beside the test program under a hashed name.
fn newest_archive() -> PathBuf {
    let exe = std::env::current_exe().expect("own path");
    let list = std::fs::read_dir(exe.parent().expect("deps directory")).expect("deps directory");
    let archives = list.filter_map(|e| {
        let e = e.expect("directory entry");
        let name = e.file_name().to_string_lossy().into_owned();
        let modified = e.metadata().and_then(|m| m.modified()).expect("modification time");
        (name.starts_with("libguestfs_c-") && name.ends_with(".a")).then(|| (modified, e.path()))
    });
    archives.max().expect("libguestfs_c-*.a beside the test program").1
}

/// An empty directory of this test program.
pub fn scratch(name: &str) -> PathBuf {
    let program = std::env::current_exe().expect("own path");
    let program = program.file_name().expect("own name").to_owned();
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(program).join(name);
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).expect("scratch directory");
    dir
}

/// A program that finds the library, with nothing of the caller's settings for it.
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LIBGUESTFS_") {
            command.env_remove(name);
        }
    }
    command.env("LD_LIBRARY_PATH", library()).env("GUESTFS_LIBDIR", library()).env("LIBGUESTFS_BACKEND", "direct");
    command
}

/// Run to a successful end.
pub fn run(command: &mut Command) -> Output {
    let output = match command.output() {
        Ok(output) => output,
        Err(e) => panic!("{command:?}: {e} (the packages that the tests need are installed by `make check`)"),
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n--- stdout\n{}\n--- stderr\n{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    output
}

/// Run to a successful end with `ok` as the last line.
pub fn run_ok(command: &mut Command) -> Output {
    let output = run(command);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.lines().any(|l| l == "ok"), "{command:?} did not say ok:\n{text}");
    output
}

/// Compare what the library saw of the binding tests with what Debian's libguestfs sees.
pub fn check_bindtests(seen: &Path) {
    let expected = std::fs::read(file("bindings/c/tests/bindtests.expected")).expect("bindtests.expected");
    let seen = std::fs::read(seen).expect("output of the binding tests");
    let lines =
        |b: &[u8]| b.split(|c| *c == b'\n').map(|l| String::from_utf8_lossy(l).into_owned()).collect::<Vec<_>>();
    for (n, (expected, seen)) in lines(&expected).iter().zip(lines(&seen).iter()).enumerate() {
        assert_eq!(seen, expected, "line {} of the binding tests' output", n + 1);
    }
    assert_eq!(seen.len(), expected.len(), "length of the binding tests' output");
}
