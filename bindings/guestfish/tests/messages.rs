//! What guestfish says when something is wrong, word for word.

#[path = "support/corpus.rs"]
mod cases;
#[path = "support/environment.rs"]
mod environment;

use cases::{compare, run, Corpus};
use std::path::Path;

#[test]
fn messages() {
    let ours = Path::new(env!("CARGO_BIN_EXE_guestfish"));
    let mut corpus = Corpus::read("messages.txt");
    if std::env::var_os("UPDATE").is_none() {
        return compare(&corpus, ours);
    }
    for case in &mut corpus.cases {
        case.answer(run(ours, case));
    }
    corpus.write();
}
