//! C prototypes as the manual shows them.

use crate::emit::c::types;
use crate::model::name::shouty;
use crate::model::{Call, RetType};

/// The form that a C programmer writes: plain for most calls, with `...` where options exist.
pub fn prototype(call: &Call) -> String {
    let mut params = vec!["guestfs_h *g".to_owned()];
    params.extend(call.args.iter().flat_map(|a| types::params(a.ty.shape(), &a.name)));
    if call.ret.ty == RetType::Buffer {
        params.push("size_t *size_r".into());
    }
    if !call.opts.is_empty() {
        params.push("...".into());
    }
    let head = format!("guestfs_{} (", call.c_name());
    let separator = format!(",\n{}", " ".repeat(head.len()));
    format!("{}\n{head}{});", types::ret(&call.ret.ty).trim_end(), params.join(&separator))
}

/// One line an optional argument, as constants and their C types.
pub fn options(call: &Call) -> String {
    let lines: Vec<String> = call
        .opts
        .iter()
        .map(|o| {
            let ty = types::argument(o.ty.shape());
            format!("GUESTFS_{}_{}, {ty}{},", shouty(&call.c_name()), shouty(&o.name), o.name)
        })
        .collect();
    lines.join("\n")
}

/// What the result means and who releases it.
pub fn returns(ret: &RetType) -> String {
    match ret {
        RetType::Unit => "Returns 0 on success and -1 on error.".into(),
        RetType::Bool => "Returns 1 for true, 0 for false and -1 on error.".into(),
        RetType::Int | RetType::Int64 => "Returns -1 on error.".into(),
        RetType::ConstStr => "Returns a string that belongs to the handle, or NULL on error. Do not free it.".into(),
        RetType::ConstOptStr => "Returns a string that belongs to the handle, or NULL when there is none. Do not free it.".into(),
        RetType::Str(_) => "Returns a string, or NULL on error. The caller frees it.".into(),
        RetType::Buffer => {
            "Returns a buffer and stores its length in *size_r, or NULL on error. The caller frees it.".into()
        }
        RetType::StrList(_) => {
            "Returns a NULL-terminated array of strings, or NULL on error. The caller frees the strings and the array."
                .into()
        }
        RetType::Hash(..) => "Returns a NULL-terminated array of strings in which keys and values alternate, or NULL on error. The caller frees the strings and the array.".into(),
        RetType::Struct(s) => {
            format!("Returns a struct, or NULL on error. The caller releases it with guestfs_free_{s}.")
        }
        RetType::StructList(s) => {
            format!("Returns a list of structs, or NULL on error. The caller releases it with guestfs_free_{s}_list.")
        }
    }
}
