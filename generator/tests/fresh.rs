//! What is checked in is what the generator makes of `api.toml`.

use generator::{check, cli, diag, emit, write};
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn api() -> generator::model::Api {
    let text = std::fs::read_to_string(root().join("api.toml")).unwrap();
    let abi = std::fs::read_to_string(root().join("generated/abi.txt")).unwrap();
    check::load(&text, Some(&abi)).unwrap_or_else(|d| panic!("{}", diag::render("api.toml", &text, &d)))
}

#[test]
fn generated_files_are_fresh() {
    let differences = write::compare(&root().join("generated"), &emit::emit_all(&api())).unwrap();
    let shown: Vec<String> = differences.iter().map(ToString::to_string).collect();
    assert!(shown.is_empty(), "run `cargo gen`:\n{}", shown.join("\n"));
}

#[test]
fn api_toml_is_in_order() {
    let path = root().join("api.toml").display().to_string();
    let args = ["fmt", "--check", "--api", &path].map(str::to_owned);
    assert!(cli::run(&args).is_ok(), "run `cargo gen fmt`");
}

#[test]
fn rpcgen_accepts_the_protocol() {
    let x = root().join("generated/guestfs_protocol.x");
    let run = Command::new("rpcgen").arg("-C").arg("-h").arg(&x).output();
    let out =
        run.unwrap_or_else(|e| panic!("rpcgen: {e}; it is in the package rpcsvc-proto, which `make setup` installs"));
    let errors = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && errors.is_empty(), "rpcgen: {errors}");
    let header = String::from_utf8_lossy(&out.stdout);
    assert!(header.contains("struct guestfs_message_header {"), "no header came out");
}

#[test]
fn emitting_is_deterministic() {
    let api = api();
    assert!(emit::emit_all(&api) == emit::emit_all(&api), "two runs differ");
}
