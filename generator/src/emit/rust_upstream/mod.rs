//! Target `rust-upstream`: upstream's Rust crate on ours.
//!
//! In: the model. Out: `rust/`: a row for each call, struct, set of options and class of events, behind the macros of
//! `bindings/rust/src/rows.rs`; and the steps that show how values cross, as a program (`steps`).

mod rows;
mod steps;

use super::bind::{library, unsupported};
use super::rust::by_module;
use super::{Files, Target, HEADER};
use crate::model::{Api, Call};

/// The target.
pub struct RustUpstream;

impl Target for RustUpstream {
    fn name(&self) -> &'static str {
        "rust-upstream"
    }

    fn unsupported(&self, call: &Call) -> Option<&'static str> {
        unsupported(call)
    }

    fn emit(&self, api: &Api) -> Files {
        let library = library(api);
        let modules = by_module(api, |c| unsupported(c).is_none());
        let names: Vec<&str> = modules.keys().copied().collect();
        let mut files = Files::from([
            ("rust/mod.rs".to_owned(), root(&names)),
            ("rust/events.rs".to_owned(), file("The classes of events.", "events", rows::events(api, &library))),
            ("rust/structs.rs".to_owned(), file("Structs that calls return.", "records", rows::structs(api, &library))),
            ("rust/options.rs".to_owned(), file("Optional arguments.", "options", rows::options(api, &library))),
            ("tests/upstream_steps.rs".to_owned(), steps::program(api)),
        ]);
        for (module, calls) in modules {
            let rows = calls.iter().map(|c| rows::call(api, &library, c)).collect();
            let about = format!("Calls of the module `{module}`.");
            files.insert(format!("rust/calls_{module}.rs"), file(&about, "calls", rows));
        }
        files
    }

    fn emit_call(&self, api: &Api, call: &Call) -> String {
        match unsupported(call) {
            Some(_) => String::new(),
            None => rows::call(api, &library(api), call) + &rows::options_of(&library(api), call),
        }
    }
}

fn root(modules: &[&str]) -> String {
    let calls: String = modules.iter().map(|m| format!("mod calls_{m};\n")).collect();
    format!(
        "// {HEADER}\n\n//! What `api.toml` says, as rows.\n\n{calls}mod events;\nmod options;\nmod structs;\n\n\
         pub use events::{{Event, EVENT_ALL}};\npub use options::*;\npub use structs::*;\n"
    )
}

/// A file of rows for one macro, with what they mention.
fn file(about: &str, rows_of: &str, rows: String) -> String {
    let code: Vec<&str> = rows.lines().filter(|l| !l.trim_start().starts_with("///")).collect();
    let mentions =
        |word: &str| code.iter().any(|l| l.split(|c: char| !c.is_alphanumeric() && c != '_').any(|part| part == word));
    let mut uses = String::new();
    if rows_of == "calls" {
        let options = code.iter().any(|l| l.contains("OptArgs"));
        let structs = code.iter().any(|l| l.contains("structs::"));
        let own: Vec<&str> =
            [("options", options), ("structs", structs)].into_iter().filter(|o| o.1).map(|o| o.0).collect();
        match own.as_slice() {
            [] => {}
            [one] => uses += &format!("use super::{one};\n"),
            many => uses += &format!("use super::{{{}}};\n", many.join(", ")),
        }
    }
    if mentions("UUID") {
        uses += "use crate::UUID;\n";
    }
    if mentions("HashMap") {
        uses += "use std::collections::HashMap;\n";
    }
    if mentions("c_void") {
        uses += "use std::ffi::c_void;\n";
    }
    if !uses.is_empty() {
        uses.push('\n');
    }
    format!("// {HEADER}\n\n//! {about}\n\n{uses}crate::rows::{rows_of}! {{\n{rows}}}\n")
}
