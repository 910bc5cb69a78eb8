//! Target `gobject`: headers and functions of `libguestfs-gobject-1.0`.
//!
//! In: the model. Out: headers whose comments are GTK-Doc (`g-ir-scanner` makes the introspection data of them), and C
//! with one line for each call, class of options and struct, over tables. Hand-written: `bindings/gobject/src`.

mod view;

use super::bind::{library, unsupported};
use super::c::text;
use super::{Files, Target};
use crate::model::{Api, Call};

/// Names of parameters that every function may have besides those of its call.
const TAKEN: [&str; 5] = ["cancellable", "err", "optargs", "session", "size_r"];

/// The target.
pub struct Gobject;

impl Target for Gobject {
    fn name(&self) -> &'static str {
        "gobject"
    }

    fn unsupported(&self, call: &Call) -> Option<&'static str> {
        unsupported(call)
    }

    fn emit(&self, api: &Api) -> Files {
        let view = view::module(api, &library(api));
        let file = |name: &str| (format!("gobject/{name}"), text::render(&format!("gobject/{name}"), &view));
        Files::from([
            file("guestfs-gobject/session.h"),
            file("guestfs-gobject/optargs.h"),
            file("guestfs-gobject/structs.h"),
            file("calls.c"),
        ])
    }

    fn emit_call(&self, api: &Api, call: &Call) -> String {
        match unsupported(call) {
            Some(_) => String::new(),
            None => text::render("gobject/functions.h", &view::one(&library(api), call)),
        }
    }
}

/// A name of a parameter.
fn ident(name: &str) -> String {
    match TAKEN.contains(&name) {
        true => format!("{name}_"),
        false => name.to_owned(),
    }
}
