//! guestfish beside Debian's: the same output and status for everything that needs no appliance.
//!
//! `corpus.txt` holds what Debian's guestfish did when `UPDATE=1` was last used; ours is compared with that,
//! on any machine. Where Debian's is installed, it is compared as well, so that the file stays true.

#[path = "support/corpus.rs"]
mod cases;
#[path = "support/environment.rs"]
mod environment;

use cases::{compare, run, Corpus};
use std::io::Write;
use std::path::Path;

const DEBIAN: &str = "/usr/bin/guestfish";

#[test]
fn ours_does_what_the_corpus_says() {
    let corpus = Corpus::read("corpus.txt");
    assert!(corpus.cases.len() > 100);
    compare(&corpus, Path::new(env!("CARGO_BIN_EXE_guestfish")));
}

#[test]
fn debians_does_what_the_corpus_says() {
    let debian = Path::new(DEBIAN);
    if !debian.exists() {
        // Past the capture of test output, for the summary of `make check`.
        let text = format!("not run: the shell's corpus beside {DEBIAN}, which is not installed (libguestfs-tools)\n");
        return std::io::stderr().write_all(text.as_bytes()).unwrap();
    }
    let mut corpus = Corpus::read("corpus.txt");
    if std::env::var_os("UPDATE").is_none() {
        return compare(&corpus, debian);
    }
    for case in &mut corpus.cases {
        case.answer(run(debian, case));
    }
    corpus.write();
}
