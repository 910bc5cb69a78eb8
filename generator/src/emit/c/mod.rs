//! Target `c`: the C ABI of `libguestfs.so.0`.
//!
//! In: the model. Out: `c/guestfs.h`, `c/varargs.c` (the forms of optional arguments that only C can
//! define), `c/libguestfs.syms` (what the linker exports) and `c/ffi/*.rs` (the exported functions).
//! Hand-written counterpart: `bindings/c`.

mod ffi;
mod ffi_structs;
mod ffi_types;
pub mod text;
pub mod types;
pub mod view;

use super::{Files, Target};
use crate::model::{Api, Call, Shape};

/// The target.
pub struct C;

impl Target for C {
    fn name(&self) -> &'static str {
        "c"
    }

    fn unsupported(&self, _call: &Call) -> Option<&'static str> {
        None
    }

    fn emit(&self, api: &Api) -> Files {
        let header = view::header(api);
        let mut files = ffi::files(api);
        files.insert("c/guestfs.h".to_owned(), text::render("c/guestfs.h", &header));
        files.insert("c/varargs.c".to_owned(), text::render("c/varargs.c", &header));
        files.insert("c/libguestfs.syms".to_owned(), text::render("c/libguestfs.syms", &symbols(api)));
        files
    }

    fn emit_call(&self, _api: &Api, call: &Call) -> String {
        let view = view::OneCall { call: view::call(call) };
        format!("{}\n{}", text::render("c/prototypes.h", &view), ffi::call_source(call))
    }
}

/// The calls that the C ABI has.
pub fn covered(api: &Api) -> impl Iterator<Item = &Call> {
    api.calls.iter().filter(|c| C.unsupported(c).is_none())
}

/// Why the bindings over the C ABI do not have a call that it has.
pub fn unsupported_above(call: &Call) -> Option<&'static str> {
    let pointer = || call.args.iter().any(|a| a.ty.shape() == Shape::Pointer);
    C.unsupported(call).or_else(|| pointer().then_some("this language has no pointers to pass"))
}

#[derive(serde::Serialize)]
struct Symbols {
    symbols: Vec<String>,
}

/// Exported functions that belong to no call or struct; their declarations are in the header's template.
const FIXED: &[&str] = &[
    "guestfs_close",
    "guestfs_create",
    "guestfs_create_flags",
    "guestfs_delete_event_callback",
    "guestfs_event_to_string",
    "guestfs_first_private",
    "guestfs_get_error_handler",
    "guestfs_get_out_of_memory_handler",
    "guestfs_get_private",
    "guestfs_last_errno",
    "guestfs_last_error",
    "guestfs_next_private",
    "guestfs_pop_error_handler",
    "guestfs_push_error_handler",
    "guestfs_set_close_callback",
    "guestfs_set_error_handler",
    "guestfs_set_event_callback",
    "guestfs_set_launch_done_callback",
    "guestfs_set_log_message_callback",
    "guestfs_set_out_of_memory_handler",
    "guestfs_set_private",
    "guestfs_set_progress_callback",
    "guestfs_set_subprocess_quit_callback",
];

fn symbols(api: &Api) -> Symbols {
    let mut symbols: Vec<String> = FIXED.iter().map(|s| (*s).to_owned()).collect();
    for s in &api.structs {
        for op in ["compare", "copy", "free"] {
            symbols.push(format!("guestfs_{op}_{}", s.name));
            symbols.push(format!("guestfs_{op}_{}_list", s.name));
        }
    }
    symbols.extend(covered(api).flat_map(types::symbols));
    symbols.sort();
    Symbols { symbols }
}
