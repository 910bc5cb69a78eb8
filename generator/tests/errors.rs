//! What each mistake looks like: `errors/CODE-*.toml` and the diagnostics it must give.
//!
//! `UPDATE=1 cargo test -p guestfs-generator --test errors` rewrites the expected texts.

use generator::check;
use generator::diag::{self, Code};
use std::path::{Path, PathBuf};

fn inputs() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/errors");
    let mut out: Vec<PathBuf> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    out.retain(|p| p.extension().is_some_and(|e| e == "toml"));
    out.sort();
    out
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}

fn diagnostics(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let abi = std::fs::read_to_string(path.with_extension("abi")).ok();
    let findings = check::load(&text, abi.as_deref()).expect_err(&format!("{} has no mistake", path.display()));
    diag::render(&format!("{}.toml", stem(path)), &text, &findings)
}

#[test]
fn each_mistake_is_reported_as_expected() {
    let mut wrong = Vec::new();
    for path in inputs() {
        let (actual, expected) = (diagnostics(&path), path.with_extension("stderr"));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&expected, &actual).unwrap();
        }
        if std::fs::read_to_string(&expected).unwrap_or_default() != actual {
            wrong.push(format!("{}:\n{actual}", stem(&path)));
        }
    }
    assert!(wrong.is_empty(), "run with UPDATE=1 if this is wanted:\n{}", wrong.join("\n"));
}

#[test]
fn a_file_shows_its_own_code_and_no_other() {
    for path in inputs() {
        let code = stem(&path)[..5].to_owned();
        let shown = diagnostics(&path);
        let codes: Vec<&str> =
            shown.lines().filter_map(|l| l.strip_prefix("error[")?.split_once(']')).map(|(c, _)| c).collect();
        assert!(!codes.is_empty() && codes.iter().all(|c| *c == code), "{}: {codes:?}\n{shown}", path.display());
    }
}

#[test]
fn each_code_has_a_file() {
    let files: Vec<String> = inputs().iter().map(|p| stem(p)).collect();
    for code in Code::ALL {
        let n = files.iter().filter(|f| f.starts_with(&format!("{code}-"))).count();
        assert_eq!(n, 1, "{code} has {n} files in tests/errors");
    }
}
