//! Regenerating an API of upstream's size stays a matter of a second.

use generator::{check, cli, diag, emit};
use std::path::Path;
use std::time::{Duration, Instant};

#[test]
fn full_size_api_is_quick() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../api.toml")).unwrap();
    let text = cli::enlarged(&text, 648);
    let start = Instant::now();
    let api = check::load(&text, None).unwrap_or_else(|d| panic!("{}", diag::render("enlarged", &text, &d)));
    let files = emit::emit_all(&api);
    let took = start.elapsed();
    assert!(api.calls.len() >= 648);
    assert!(files.len() > 100);
    // About 1 s with two idle cores when optimised (`cargo gen bench`); the limits leave room for a busy
    // machine but not for anything that grows with the square of the API.
    let limit = Duration::from_secs(if cfg!(debug_assertions) { 60 } else { 6 });
    assert!(took < limit, "{took:?}");
}
