//! What every target makes of `tiny.toml`, which has every type in every position.
//!
//! `UPDATE=1 cargo test -p guestfs-generator --test golden` rewrites the expected files.

use generator::emit::{targets, Files};
use generator::{check, diag, write};
use std::path::{Path, PathBuf};

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn tiny() -> generator::model::Api {
    let text = std::fs::read_to_string(here().join("tiny.toml")).unwrap();
    check::load(&text, None).unwrap_or_else(|d| panic!("{}", diag::render("tiny.toml", &text, &d)))
}

#[test]
fn every_target_makes_its_golden_files() {
    let api = tiny();
    let mut files = Files::new();
    for target in targets() {
        for (path, text) in target.emit(&api) {
            // What is written by hand is read by hand, and what another target makes is read there.
            if generator::emit::go::is_copy(&path) {
                continue;
            }
            let clash = files.insert(path.clone(), text);
            assert!(clash.is_none(), "two targets write {path}");
        }
        // What one call makes is what `gen show` prints: it must at least not fail for any call.
        let calls = api.calls.iter().map(|c| format!("---- {}\n{}\n", c.name, target.emit_call(&api, c)));
        files.insert(format!("calls/{}.txt", target.name()), calls.collect());
    }
    let golden = here().join("golden");
    if std::env::var_os("UPDATE").is_some() {
        write::write(&golden, &files).unwrap();
    }
    let differences = write::compare(&golden, &files).unwrap();
    let shown: Vec<String> =
        differences.iter().map(|d| format!("{d}{}", first_difference(&golden, d, &files))).collect();
    assert!(shown.is_empty(), "run with UPDATE=1 if this is wanted:\n{}", shown.join("\n"));
}

fn first_difference(golden: &Path, d: &write::Difference, files: &Files) -> String {
    let (Ok(old), Some(new)) = (std::fs::read_to_string(golden.join(d.path())), files.get(d.path())) else {
        return String::new();
    };
    let line = old.lines().zip(new.lines()).position(|(a, b)| a != b).unwrap_or(0);
    let at = |text: &str| text.lines().nth(line).unwrap_or("(end)").to_owned();
    format!(", line {}\n  - {}\n  + {}", line + 1, at(&old), at(new))
}

#[test]
fn tiny_has_everything() {
    use generator::model::types::{Spelt, FLAGS};
    use generator::model::{ArgType, FieldType, OptType, Visibility};
    let text = std::fs::read_to_string(here().join("tiny.toml")).unwrap();
    let all = ArgType::all().into_iter().chain(OptType::all()).chain(FieldType::all()).map(|t| format!(": {t}\""));
    let words = Visibility::all().into_iter().filter(|v| *v != "public").chain(FLAGS).map(|w| format!("\"{w}\""));
    let rets = generator::model::RetType::PLAIN.iter().map(|t| format!(": {t}\""));
    for needle in all.chain(words).chain(rets) {
        assert!(text.contains(&needle), "tiny.toml lacks {needle}");
    }
}
