//! Rows of wire records and of optional arguments, for the macros of `lib/protocol/src/record.rs`.

use crate::emit::rust::{ident, wire_arg, wire_args, wire_ret};
use crate::emit::rustdoc::{self, Links};
use crate::model::{Call, FieldType, Shape, Struct};
use proc_macro2::TokenStream;
use std::fmt::Write;

/// A field: docs, name, type.
struct Field {
    doc: String,
    name: String,
    ty: String,
}

/// Longest row that stays on one line.
const WIDTH: usize = 110;

/// `Name { field: type, … }` with its docs: on one line where it fits and no field has docs of its own.
fn row(doc: &str, name: &str, fields: &[Field]) -> String {
    let mut out = String::new();
    docs(&mut out, "    ", doc);
    let plain = fields.iter().map(|f| format!("{}: {}", f.name, f.ty)).collect::<Vec<_>>().join(", ");
    if fields.iter().all(|f| f.doc.is_empty()) && name.len() + plain.len() < WIDTH {
        let _ = writeln!(out, "    {name} {{ {plain} }}");
        return out;
    }
    let _ = writeln!(out, "    {name} {{");
    for f in fields {
        docs(&mut out, "        ", &f.doc);
        let _ = writeln!(out, "        {}: {},", f.name, f.ty);
    }
    out + "    }\n"
}

fn docs(out: &mut String, indent: &str, text: &str) {
    for line in text.trim_end().lines() {
        let _ = writeln!(out, "{}", format!("{indent}/// {line}").trim_end());
    }
}

/// A type on one line.
fn spelt(ty: TokenStream) -> String {
    ty.to_string().replace(' ', "")
}

/// The request body of a daemon call: required arguments, then all optional ones (0 or empty when not
/// given; the header's bit mask says which were).
pub fn args(call: &Call) -> String {
    let field =
        |name: &str, shape| Field { doc: String::new(), name: ident(name).to_string(), ty: spelt(wire_arg(shape)) };
    let mut fields: Vec<Field> = wire_args(call).map(|a| field(&a.name, a.ty.shape())).collect();
    fields.extend(call.opts.iter().map(|o| field(&o.name, o.ty.shape())));
    row(&format!("Request body of `{}`.", call.name), &call.args_type(), &fields)
}

/// The reply body of a daemon call; nothing when it returns nothing.
pub fn ret(call: &Call) -> String {
    let Some(ty) = wire_ret(&call.ret.ty) else { return String::new() };
    let field = Field { doc: String::new(), name: ident(&call.ret.name).to_string(), ty: spelt(ty) };
    row(&format!("Reply body of `{}`.", call.name), &call.ret_type(), &[field])
}

/// A struct of the API.
pub fn structure(s: &Struct) -> String {
    let fields: Vec<Field> = s
        .fields
        .iter()
        .map(|f| Field {
            doc: field_doc(f.ty).to_owned(),
            name: ident(&f.name).to_string(),
            ty: spelt(crate::emit::rust::field_type(f.ty)),
        })
        .collect();
    let text = match rustdoc::render(&s.doc, Links::None) {
        t if t.is_empty() => format!("`struct {}`.", s.c_name()),
        t => format!("`struct {}`.\n\n{t}", s.c_name()),
    };
    row(&text, &s.rust_name(), &fields)
}

/// The optional arguments of a call.
pub fn opts(call: &Call) -> String {
    let fields: Vec<Field> = call
        .opts
        .iter()
        .map(|o| Field {
            doc: rustdoc::render(&o.doc, Links::None),
            name: ident(&o.name).to_string(),
            ty: kind(o.ty.shape()).to_owned(),
        })
        .collect();
    row(&format!("Optional arguments of `{}`.", call.name), &call.opts_type(), &fields)
}

/// Kind of an option, as the macro knows it.
fn kind(shape: Shape) -> &'static str {
    match shape {
        Shape::Bool => "Bool",
        Shape::Int => "Int",
        Shape::Int64 => "Int64",
        Shape::StrList => "StrList",
        Shape::Str | Shape::OptStr | Shape::Buffer | Shape::Pointer => "Str",
    }
}

/// Units and odd values of a field type, for its docs; empty when the type says it all.
fn field_doc(ty: FieldType) -> &'static str {
    match ty {
        FieldType::Size => "In bytes.",
        FieldType::Uuid => "32 characters, without dashes.",
        FieldType::Percent => "0 to 100, or -1 when it does not apply.",
        FieldType::Device => "Device name as the API spells it.",
        _ => "",
    }
}

/// `use` lines for the types that the rows mention, and no more.
pub fn imports(rows: &str) -> String {
    let code: Vec<&str> = rows.lines().filter(|l| !l.trim_start().starts_with("///")).collect();
    let mentioned = |word: &str| {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        code.iter().any(|line| line.split(|c| !is_part(c)).any(|w| w == word))
    };
    let mut out = String::new();
    if mentioned("structs") {
        out += "use super::super::structs;\n";
    }
    let xdr: Vec<&str> = ["Char", "Opaque", "Uuid32"].into_iter().filter(|w| mentioned(w)).collect();
    match xdr.as_slice() {
        [] => {}
        [one] => out += &format!("use crate::xdr::{one};\n"),
        many => out += &format!("use crate::xdr::{{{}}};\n", many.join(", ")),
    }
    if mentioned("BString") {
        out += "use crate::BString;\n";
    }
    out
}
