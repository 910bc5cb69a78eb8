//! Target `python`: the package `guestfs`.
//!
//! In: the model. Out: `python/guestfs/__init__.py` (class `GuestFS`, one method per call) and its stub `__init__.pyi`
//! with a `TypedDict` per struct. The extension module `libguestfsmod` stands on the glue; hand-written:
//! `bindings/python/src`.

mod doc;
mod view;

use super::c::text;
use super::{bind, Files, Target};
use crate::model::{Api, Call};

/// The target.
pub struct Python;

impl Target for Python {
    fn name(&self) -> &'static str {
        "python"
    }

    fn unsupported(&self, call: &Call) -> Option<&'static str> {
        bind::unsupported(call)
    }

    fn emit(&self, api: &Api) -> Files {
        let module = view::module(api);
        Files::from([
            ("python/guestfs/__init__.py".to_owned(), text::render("python/__init__.py", &module)),
            ("python/guestfs/__init__.pyi".to_owned(), text::render("python/__init__.pyi", &module)),
            ("python/guestfs/py.typed".to_owned(), String::new()),
        ])
    }

    fn emit_call(&self, _api: &Api, call: &Call) -> String {
        format!("{}\n", text::render("python/method.py", &view::single(call)))
    }
}
