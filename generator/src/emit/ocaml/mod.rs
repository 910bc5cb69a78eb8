//! Target `ocaml`: module `Guestfs`.
//!
//! In: the model. Out: `ocaml/guestfs.ml` and `.mli` (types, one external per call, class `guestfs`), and
//! `ocaml/stubs.c`: a line of C for each call, over the glue. Hand-written: `bindings/ocaml/src`.

mod doc;
mod view;

use super::c::{text, unsupported_above};
use super::{Files, Target};
use crate::model::{Api, Call, Visibility};

/// The target.
pub struct Ocaml;

impl Target for Ocaml {
    fn name(&self) -> &'static str {
        "ocaml"
    }

    fn unsupported(&self, call: &Call) -> Option<&'static str> {
        match call.visibility {
            Visibility::Internal => Some("internal: not for language bindings"),
            _ => unsupported_above(call),
        }
    }

    fn emit(&self, api: &Api) -> Files {
        let module = view::module(api);
        Files::from([
            ("ocaml/guestfs.ml".to_owned(), text::render("ocaml/guestfs.ml", &module)),
            ("ocaml/guestfs.mli".to_owned(), text::render("ocaml/guestfs.mli", &module)),
            ("ocaml/stubs.c".to_owned(), text::render("ocaml/stubs.c", &module)),
        ])
    }

    fn emit_call(&self, api: &Api, call: &Call) -> String {
        let one = view::one(api, call);
        format!("{}\n{}", text::render("ocaml/value.mli", &one), text::render("ocaml/stub.c", &one))
    }
}
