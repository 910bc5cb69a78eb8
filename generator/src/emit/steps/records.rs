//! Samples of every record on the wire, for the protocol's own tests (`lib/protocol/tests`).

use crate::emit::rust::{has_wire_args, ident, ret_field, wire_args, wire_ret};
use crate::emit::HEADER;
use crate::model::Api;
use std::fmt::Write;

/// A table of records, one a line; the tests give it the macro `records`.
pub fn table(api: &Api) -> String {
    let mut out = format!("// {HEADER}\n\nuse super::*;\n\nrecords! {{\n");
    let mut row = |name: String, ty: String, fields: Vec<String>| {
        let _ = writeln!(out, "    {name:?} {ty} {{ {} }}", fields.join(", "));
    };
    for s in &api.structs {
        let fields = s.fields.iter().map(|f| ident(&f.name).to_string());
        row(format!("guestfs_int_{}", s.name), format!("structs::{}", s.rust_name()), fields.collect());
    }
    for call in api.daemon_calls() {
        if has_wire_args(call) {
            let fields = wire_args(call).map(|a| &a.name).chain(call.opts.iter().map(|o| &o.name));
            let fields = fields.map(|f| ident(f).to_string());
            row(format!("guestfs_{}_args", call.name), format!("args::{}", call.args_type()), fields.collect());
        }
        if wire_ret(&call.ret.ty).is_some() {
            let ty = format!("rets::{}", call.ret_type());
            row(format!("guestfs_{}_ret", call.name), ty, vec![ret_field(call).to_string()]);
        }
    }
    out + "}\n"
}
