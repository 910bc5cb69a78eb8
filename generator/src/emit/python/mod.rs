//! Target `python`: the package `guestfs` and its extension module `libguestfsmod`.
//!
//! In: the model. Out: `python/guestfs/__init__.py` (class `GuestFS`, one method per call), its stub
//! `__init__.pyi` with a `TypedDict` per struct, and the C of the extension: `python/ext/calls_*.c` (one
//! function per call over `guestfs.h`) and `python/ext/tables.c`. Hand-written: `bindings/python/src`.

mod doc;
mod view;

pub use view::param;

use super::c::{text, C};
use super::{rust, Files, Target};
use crate::model::{Api, Call, Visibility};

/// The target.
pub struct Python;

impl Target for Python {
    fn name(&self) -> &'static str {
        "python"
    }

    fn unsupported(&self, call: &Call) -> Option<&'static str> {
        match call.visibility {
            Visibility::Internal => Some("internal: not for language bindings"),
            _ => C.unsupported(call),
        }
    }

    fn emit(&self, api: &Api) -> Files {
        let module = view::module(api);
        let mut files = Files::from([
            ("python/guestfs/__init__.py".to_owned(), text::render("python/__init__.py", &module)),
            ("python/guestfs/__init__.pyi".to_owned(), text::render("python/__init__.pyi", &module)),
            ("python/guestfs/py.typed".to_owned(), String::new()),
            ("python/ext/tables.c".to_owned(), text::render("python/tables.c", &module)),
            ("python/ext/tables.h".to_owned(), text::render("python/tables.h", &module)),
        ]);
        for (name, calls) in rust::by_module(api, |c| self.unsupported(c).is_none()) {
            let view = view::calls(name, &calls);
            files.insert(format!("python/ext/calls_{name}.c"), text::render("python/calls.c", &view));
        }
        files
    }

    fn emit_call(&self, _api: &Api, call: &Call) -> String {
        let one = view::calls(rust::module(call), &[call]);
        format!("{}\n{}", text::render("python/method.py", &one), text::render("python/calls.c", &one))
    }
}
