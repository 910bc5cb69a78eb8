//! Target `glue`: the table of calls that bindings of dynamic languages walk.
//!
//! In: the binding model. Out: `glue/calls.c`, one line for each call that takes its values from an array and calls
//! the C function, and the tables that say what the values are. Hand-written: `bindings/glue`.

use super::{library, unsupported, Call, Library};
use crate::emit::c::text;
use crate::emit::{Files, Target};
use crate::model::{self, Api};
use serde::Serialize;

/// The target.
pub struct Glue;

impl Target for Glue {
    fn name(&self) -> &'static str {
        "glue"
    }

    fn unsupported(&self, call: &model::Call) -> Option<&'static str> {
        unsupported(call)
    }

    fn emit(&self, api: &Api) -> Files {
        Files::from([("glue/calls.c".to_owned(), text::render("glue/calls.c", &view(library(api))))])
    }

    fn emit_call(&self, _api: &Api, call: &model::Call) -> String {
        match unsupported(call) {
            Some(_) => String::new(),
            None => format!("{}\n", thunk(&super::call(call))),
        }
    }
}

#[derive(Serialize)]
struct View {
    library: Library,
    /// In the order of the calls.
    thunks: Vec<String>,
}

fn view(library: Library) -> View {
    View { thunks: library.calls.iter().map(thunk).collect(), library }
}

/// `THUNK (mkdir, guestfs_mkdir) { r->i = guestfs_mkdir (g, v[0].s); }`
fn thunk(call: &Call) -> String {
    let mut passed = String::new();
    for (i, p) in call.params.iter().enumerate() {
        passed += &match p.shape {
            "buffer" => format!(", v[{i}].buffer.bytes, v[{i}].buffer.size"),
            shape => format!(", v[{i}].{}", member(shape)),
        };
    }
    if call.ret.kind == "buffer" {
        passed += ", &r->size";
    }
    let mut options = String::new();
    if !call.opts.is_empty() {
        passed += ", &o";
        let values =
            call.opts.iter().map(|o| format!(", .{} = v[{}].{}", o.member, call.params.len() + o.bit, member(o.shape)));
        options = format!("const struct {} o = {{ mask{} }}; ", call.argv, values.collect::<String>());
    }
    let result = match call.ret.kind {
        "none" | "bool" | "int" => "i",
        "int64" => "n",
        "const_str" | "const_opt_str" => "text",
        "str" | "buffer" => "s",
        "str_list" | "hash" => "list",
        _ => "record",
    };
    format!("THUNK ({}, {}) {{ {options}r->{result} = {} (g{passed}); }}", call.name, call.entry, call.entry)
}

/// Member of `union glue_value` for a shape.
fn member(shape: &str) -> &'static str {
    match shape {
        "bool" | "int" => "i",
        "int64" => "n",
        "str_list" => "list",
        "pointer" => "pointer",
        _ => "s",
    }
}
