//! Target `go`: module `libguestfs.org/guestfs`.
//!
//! In: the model. Out: a whole module that Go can fetch and build, as such a module has no links: a typed method for
//! each call and a type for each struct, the header and the table of calls, and copies of what is written by hand in
//! `bindings/go/src` and `bindings/glue`.

mod doc;
mod view;

use super::bind::glue::Glue;
use super::bind::{library, unsupported};
use super::c::{text, C};
use super::{Files, Target};
use crate::model::{Api, Call};

/// Words that are no names of parameters: keywords, and what methods use.
const KEYWORDS: [&str; 28] = [
    "break",
    "c",
    "case",
    "chan",
    "const",
    "continue",
    "default",
    "defer",
    "else",
    "fallthrough",
    "for",
    "func",
    "g",
    "go",
    "goto",
    "if",
    "import",
    "interface",
    "map",
    "nil",
    "optargs",
    "package",
    "range",
    "return",
    "select",
    "struct",
    "switch",
    "type",
];

macro_rules! copies {
    ($($path:literal),* $(,)?) => {
        [$(($path, include_str!(concat!("../../../../", $path)))),*]
    };
}

/// Files that are in the module as they are.
const COPIES: [(&str, &str); 12] = copies![
    "LICENSE",
    "bindings/glue/src/event.c",
    "bindings/glue/src/glue.h",
    "bindings/glue/src/handle.c",
    "bindings/glue/src/result.c",
    "bindings/go/src/call.go",
    "bindings/go/src/error.go",
    "bindings/go/src/event.go",
    "bindings/go/src/go.mod",
    "bindings/go/src/go_guestfs.c",
    "bindings/go/src/go_guestfs.h",
    "bindings/go/src/handle.go",
];

/// Files of other targets that are in it, too.
const SHARED: [&str; 2] = ["c/guestfs.h", "glue/calls.c"];

/// The target.
pub struct Go;

impl Target for Go {
    fn name(&self) -> &'static str {
        "go"
    }

    fn unsupported(&self, call: &Call) -> Option<&'static str> {
        unsupported(call)
    }

    fn emit(&self, api: &Api) -> Files {
        let module = view::module(api, &library(api));
        let mut files: Files = COPIES.iter().map(|(path, text)| (place(path), (*text).to_owned())).collect();
        let others = C.emit(api).into_iter().chain(Glue.emit(api));
        files.extend(
            others.filter(|(path, _)| SHARED.contains(&path.as_str())).map(|(path, text)| (place(&path), text)),
        );
        files.insert("go/guestfs.go".to_owned(), text::render("go/guestfs.go", &module));
        files.insert("go/structs.go".to_owned(), text::render("go/structs.go", &module));
        files
    }

    fn emit_call(&self, api: &Api, call: &Call) -> String {
        view::one(api, &library(api), call).map(|view| text::render("go/method.go", &view)).unwrap_or_default()
    }
}

/// The file of the module with what is elsewhere at `path`.
fn place(path: &str) -> String {
    format!("go/{}", path.rsplit('/').next().unwrap_or(path))
}

/// Whether a file of the module is a copy of one that is written by hand or made by another target.
pub fn is_copy(file: &str) -> bool {
    COPIES.iter().map(|(path, _)| *path).chain(SHARED).any(|path| place(path) == file)
}

/// A name that other packages see.
fn raised(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect()
}

/// A name of a parameter.
fn ident(name: &str) -> String {
    match KEYWORDS.contains(&name) {
        true => format!("{name}_"),
        false => name.to_owned(),
    }
}
