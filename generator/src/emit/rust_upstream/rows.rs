//! The rows.
//!
//! In: the model and its binding model. Out: docs, names as upstream's crate has them, and types.

use crate::emit::bind::{self, unsupported, Library};
use crate::emit::rust::ident;
use crate::emit::rustdoc::{self, Links};
use crate::model::doc::{Block, Doc, Span};
use crate::model::{Api, Call, Visibility};
use std::fmt::Write;

/// `mkdir_mode` → `MkdirMode`: what follows an underscore gets a capital.
pub fn capitals(name: &str) -> String {
    let word = |word: &str| {
        let mut chars = word.chars();
        chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect::<String>()
    };
    name.split('_').map(word).collect()
}

/// The struct with the options of a call.
pub fn options_type(call: &Call) -> String {
    format!("{}OptArgs", capitals(&call.name))
}

/// A name of a field: upstream puts an underscore behind what Rust does not allow.
pub fn field(name: &str) -> String {
    match ident(name).to_string().strip_prefix("r#") {
        Some(word) => format!("{word}_"),
        None => name.to_owned(),
    }
}

/// An argument's type, and an option's.
fn argument(shape: &str) -> &'static str {
    match shape {
        "bool" => "bool",
        "int" => "i32",
        "int64" => "i64",
        "opt_str" => "Option<&str>",
        "str_list" => "&[&str]",
        "buffer" => "&[u8]",
        "pointer" => "*mut c_void",
        _ => "&str",
    }
}

/// A result's type; a struct stands for `%`.
fn result(kind: &str) -> &'static str {
    match kind {
        "bool" => "bool",
        "int" => "i32",
        "int64" => "i64",
        "const_str" => "&'static str",
        "const_opt_str" => "Option<&'static str>",
        "str" => "String",
        "str_list" => "Vec<String>",
        "struct" => "structs::%",
        "struct_list" => "Vec<structs::%>",
        "hash" => "HashMap<String, String>",
        "buffer" => "Vec<u8>",
        _ => "()",
    }
}

/// A field's type.
fn member(ty: &str) -> &'static str {
    match ty {
        "char" => "i8",
        "buffer" => "Vec<u8>",
        "i32" => "i32",
        "u32" => "u32",
        "i64" => "i64",
        "u64" => "u64",
        "uuid" => "UUID",
        "percent" => "Option<f32>",
        _ => "String",
    }
}

fn docs(out: &mut String, indent: &str, text: &str) {
    for line in text.trim_end().lines() {
        let _ = writeln!(out, "{}", format!("{indent}/// {line}").trim_end());
    }
}

/// Links go to calls that are here; others are only named.
fn known(library: &Library, doc: &Doc) -> Doc {
    Doc { blocks: doc.blocks.iter().map(|b| block(library, b)).collect() }
}

fn block(library: &Library, b: &Block) -> Block {
    let blocks = |list: &[Block]| list.iter().map(|b| block(library, b)).collect::<Vec<_>>();
    match b {
        Block::Para(p) => Block::Para(spans(library, p)),
        Block::Code(code) => Block::Code(code.clone()),
        Block::List(items) => Block::List(items.iter().map(|i| blocks(i)).collect()),
        Block::Definitions(list) => {
            Block::Definitions(list.iter().map(|(term, text)| (spans(library, term), blocks(text))).collect())
        }
    }
}

fn spans(library: &Library, list: &[Span]) -> Vec<Span> {
    let span = |s: &Span| match s {
        Span::Call(name) if !library.calls.iter().any(|c| c.name == *name) => Span::Code(name.clone()),
        other => other.clone(),
    };
    list.iter().map(span).collect()
}

/// `name(argument: type, …) -> type;`
pub fn call(api: &Api, library: &Library, call: &Call) -> String {
    let bound = bind::call(call);
    let mut out = String::new();
    docs(&mut out, "    ", &rustdoc::summary(&call.summary));
    let body = rustdoc::render(&known(library, &crate::model::notice::full_doc(call)), Links::Handle);
    if !body.is_empty() {
        docs(&mut out, "    ", &format!("\n{body}"));
    }
    if matches!(call.visibility, Visibility::BindTest | Visibility::StateTest) {
        out += "    #[doc(hidden)]\n";
    }
    let mut arguments: Vec<String> =
        bound.params.iter().map(|p| format!("{}: {}", ident(&p.name), argument(p.shape))).collect();
    if !call.opts.is_empty() {
        let lifetime = if borrows(&bound) { "<'_>" } else { "" };
        arguments.push(format!("optargs: options::{}{lifetime}", options_type(call)));
    }
    let camel = api.structs.iter().find(|s| s.name == bound.ret.structure).map_or("", |s| s.camel.as_str());
    let ret = result(bound.ret.kind).replace('%', camel);
    let _ = writeln!(out, "    {}({}) -> {ret};", ident(&call.name), arguments.join(", "));
    out
}

/// Some option is text.
fn borrows(call: &bind::Call) -> bool {
    call.opts.iter().any(|o| argument(o.shape).starts_with('&'))
}

/// All sets of options.
pub fn options(api: &Api, library: &Library) -> String {
    api.calls.iter().filter(|c| unsupported(c).is_none()).map(|c| options_of(library, c)).collect()
}

/// `Name<'a>: OwnName { name: type => own_name, … }`, for calls that have options.
pub fn options_of(library: &Library, call: &Call) -> String {
    let bound = bind::call(call);
    let mut out = String::new();
    if call.opts.is_empty() {
        return out;
    }
    docs(&mut out, "    ", &format!("Optional arguments of [`Handle::{0}`](crate::Handle::{0}).", call.name));
    let lifetime = if borrows(&bound) { "<'a>" } else { "" };
    let _ = writeln!(out, "    {}{lifetime}: {} {{", options_type(call), call.opts_type());
    for (o, bound) in call.opts.iter().zip(&bound.opts) {
        docs(&mut out, "        ", &rustdoc::render(&known(library, &o.doc), Links::Handle));
        let ty = argument(bound.shape).replace('&', "&'a ");
        let _ = writeln!(out, "        {}: {ty} => {},", field(&o.name), ident(&o.name));
    }
    out + "    }\n"
}

/// `Name: OwnName { name: type, … }`.
pub fn structs(api: &Api, library: &Library) -> String {
    let mut out = String::new();
    for bound in &library.structs {
        let Some(s) = api.structs.iter().find(|s| s.name == bound.name) else { continue };
        docs(&mut out, "    ", &format!("`struct {}`.", s.c_name()));
        let body = rustdoc::render(&known(library, &s.doc), Links::Handle);
        if !body.is_empty() {
            docs(&mut out, "    ", &format!("\n{body}"));
        }
        let _ = writeln!(out, "    {}: {} {{", s.camel, s.rust_name());
        for f in &bound.fields {
            let _ = writeln!(out, "        {}: {} => {},", field(&f.name), member(f.ty), ident(&f.name));
        }
        out += "    }\n";
    }
    out
}

/// `Name = value;`
pub fn events(api: &Api, library: &Library) -> String {
    let mut out = String::new();
    for event in &library.events {
        if let Some(about) = api.events.iter().find(|e| e.name == event.name) {
            docs(&mut out, "    ", &rustdoc::render(&known(library, &about.doc), Links::Handle));
        }
        let _ = writeln!(out, "    {} = {};", capitals(&event.name), event.value);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_upstreams() {
        assert_eq!(capitals("internal_test_63_optargs"), "InternalTest63Optargs");
        assert_eq!(capitals("e2fsck"), "E2fsck");
        assert_eq!(field("unsafe"), "unsafe_");
        assert_eq!(field("label"), "label");
    }
}
