//! Target `ocaml`: module `Guestfs`.
//!
//! In: the model. Out: `ocaml/guestfs.ml` and `.mli` (types, one external per call, class `guestfs`), and
//! the C stubs: `ocaml/stubs_*.c` over `guestfs.h` and `ocaml/tables.[ch]`. Hand-written:
//! `bindings/ocaml/src`.

mod doc;
mod view;

use super::c::{text, unsupported_above};
use super::{rust, Files, Target};
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
        let mut files = Files::from([
            ("ocaml/guestfs.ml".to_owned(), text::render("ocaml/guestfs.ml", &module)),
            ("ocaml/guestfs.mli".to_owned(), text::render("ocaml/guestfs.mli", &module)),
            ("ocaml/tables.c".to_owned(), text::render("ocaml/tables.c", &module)),
            ("ocaml/tables.h".to_owned(), text::render("ocaml/tables.h", &module)),
        ]);
        for (name, calls) in rust::by_module(api, |c| self.unsupported(c).is_none()) {
            let view = view::calls(name, &calls);
            files.insert(format!("ocaml/stubs_{name}.c"), text::render("ocaml/stubs.c", &view));
        }
        files
    }

    fn emit_call(&self, _api: &Api, call: &Call) -> String {
        let one = view::calls(rust::module(call), &[call]);
        format!("{}\n{}", text::render("ocaml/value.mli", &one), text::render("ocaml/stubs.c", &one))
    }
}
