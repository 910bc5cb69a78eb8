//! The generated completions, in the shells that are here.

use std::path::{Path, PathBuf};
use std::process::Command;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../generated/completions").join(name)
}

/// Run a script of `shell`; its output by lines. `None` when the shell is not installed, which is said past
/// the capture of test output, for the summary of `make check`.
fn run(shell: &str, script: &str) -> Option<Vec<String>> {
    let bin = Path::new(env!("CARGO_BIN_EXE_guestfish")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a file.img"), "").unwrap();
    let run = Command::new(shell).arg("-c").arg(script).env("PATH", path).current_dir(dir.path()).output();
    let output = match run {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            use std::io::Write;
            let text = format!("not run: completions for {shell}, which is not installed\n");
            std::io::stderr().write_all(text.as_bytes()).unwrap();
            return None;
        }
        other => other.unwrap(),
    };
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
}

fn bash(words: &[&str]) -> Option<Vec<String>> {
    let quoted: Vec<String> = words.iter().map(|w| format!("'{w}'")).collect();
    let script = format!(
        "compopt() {{ :; }}; source '{}'; COMP_WORDS=(guestfish {}); COMP_CWORD={}; _guestfish; printf '%s\n' \"${{COMPREPLY[@]}}\"",
        file("guestfish.bash").display(),
        quoted.join(" "),
        words.len()
    );
    run("bash", &script)
}

fn check(words: &[&str], expected: &[&str]) {
    if let Some(found) = bash(words) {
        assert_eq!(found, expected, "{words:?}");
    }
}

#[test]
fn bash_completes() {
    check(&["get-memsi"], &["get-memsize"]);
    check(&["-a", "a"], &["a file.img"]);
    check(&["-a", "disk.img", "list-filesys"], &["list-filesystems"]);
    check(&["run", ":", "list-filesys"], &["list-filesystems"]);
    check(&["upload", "a"], &["a file.img"]);
    check(&["--no-progr"], &["--no-progress-bars"]);
    check(&["-h", "vg-activate-"], &["vg-activate-all"]);
    check(&["-N", "bootrootl"], &["bootrootlv"]);
    check(&["--format", "=", "qc"], &["qcow2"]);
    check(&["--blocksize", "=", ""], &["512", "4096"]);
}

#[test]
fn zsh_accepts_its_file() {
    run("zsh", &format!("zsh -n '{}'", file("_guestfish").display()));
}

#[test]
fn fish_completes() {
    let script = |line: &str| format!("source '{}'; complete -C '{line}'", file("guestfish.fish").display());
    let names = |lines: Vec<String>| -> Vec<String> {
        lines.iter().map(|l| l.split('\t').next().unwrap_or_default().to_owned()).collect()
    };
    for (line, expected) in [
        ("guestfish get-memsi", "get-memsize"),
        ("guestfish -a x run : list-filesys", "list-filesystems"),
        ("guestfish -N bootrootl", "bootrootlv"),
        ("guestfish --no-progr", "--no-progress-bars"),
    ] {
        if let Some(found) = run("fish", &script(line)) {
            assert_eq!(names(found), [expected], "{line}");
        }
    }
}
