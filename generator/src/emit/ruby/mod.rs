//! Target `ruby`: what Ruby's tools read of module `Guestfs`.
//!
//! In: the model. Out: `ruby/guestfs/calls.rb`, comments for rdoc and ri, and `ruby/guestfs.rbs`, types for RBS. The
//! extension itself needs neither; it is hand-written, over the glue: `bindings/ruby`.

mod doc;

use super::bind;
use super::c::text;
use super::{Files, Target};
use crate::model::doc::{Block, Doc, Span};
use crate::model::{notice, Api, Call};
use serde::Serialize;

/// The target.
pub struct Ruby;

/// What the templates see.
#[derive(Serialize)]
struct View {
    events: Vec<bind::Event>,
    structs: Vec<StructView>,
    calls: Vec<CallView>,
}

#[derive(Serialize)]
struct StructView {
    name: String,
    fields: Vec<FieldView>,
}

#[derive(Serialize)]
struct FieldView {
    name: String,
    ty: &'static str,
}

#[derive(Serialize)]
struct CallView {
    name: String,
    alias: String,
    /// `add_drive(filename, options = {}) -> nil`
    seq: String,
    /// Lines of RDoc's markup.
    doc: Vec<String>,
    /// In RBS.
    params: String,
    ret: String,
}

impl Target for Ruby {
    fn name(&self) -> &'static str {
        "ruby"
    }

    fn unsupported(&self, call: &Call) -> Option<&'static str> {
        bind::unsupported(call)
    }

    fn emit(&self, api: &Api) -> Files {
        let library = bind::library(api);
        let calls = api.calls.iter().filter(|c| self.unsupported(c).is_none()).map(|c| view(c, &library.structs));
        let calls = calls.collect();
        let structs = library.structs.iter().map(structure).collect();
        let view = View { events: library.events, structs, calls };
        Files::from([
            ("ruby/guestfs/calls.rb".to_owned(), text::render("ruby/calls.rb", &view)),
            ("ruby/guestfs.rbs".to_owned(), text::render("ruby/guestfs.rbs", &view)),
        ])
    }

    fn emit_call(&self, api: &Api, call: &Call) -> String {
        if self.unsupported(call).is_some() {
            return String::new();
        }
        let view = view(call, &bind::library(api).structs);
        format!("{}\n\n{}\n\n({}) -> {}\n", view.seq, view.doc.join("\n"), view.params, view.ret)
    }
}

fn structure(s: &bind::Struct) -> StructView {
    let field = |f: &bind::Field| FieldView { name: f.name.clone(), ty: field_type(f.ty) };
    StructView { name: s.name.clone(), fields: s.fields.iter().map(field).collect() }
}

fn view(call: &Call, structs: &[bind::Struct]) -> CallView {
    let bound = bind::call(call);
    let mut names: Vec<&str> = bound.params.iter().map(|p| p.name.as_str()).collect();
    if !bound.opts.is_empty() {
        names.push("options = {}");
    }
    let params = bound.params.iter().map(|p| format!("{} {}", taken(p.shape, p.path), variable(&p.name)));
    let opts = bound.opts.iter().map(|o| format!("?{}: {}", o.name, optional(taken(o.shape, o.path))));
    CallView {
        seq: format!("{}({}) -> {}", bound.name, names.join(", "), class(bound.ret.kind)),
        doc: doc(call, &bound, structs),
        params: params.chain(opts).collect::<Vec<_>>().join(", "),
        ret: result(&bound.ret),
        name: bound.name,
        alias: bound.alias,
    }
}

/// A call's text, what its options are, and what a struct holds.
fn doc(call: &Call, bound: &bind::Call, structs: &[bind::Struct]) -> Vec<String> {
    let mut docs = vec![notice::documented(call)];
    let plain = |t: &str| Span::Text(t.to_owned());
    if !call.opts.is_empty() {
        let items = call.opts.iter().zip(&bound.opts).map(|(o, b)| {
            let term = vec![Span::Code(o.name.clone()), plain(&format!(" ({})", words(b.shape)))];
            (term, o.doc.blocks.clone())
        });
        let head = Block::Para(vec![plain("Options, all of which may be left out:")]);
        docs.push(Doc { blocks: vec![head, Block::Definitions(items.collect())] });
    }
    if let Some(s) = structs.iter().find(|s| s.name == bound.ret.structure) {
        let mut keys = vec![plain("Keys of each Hash:")];
        for (i, f) in s.fields.iter().enumerate() {
            keys.extend([plain(if i == 0 { " " } else { ", " }), Span::Code(f.name.clone())]);
            let end = if i + 1 == s.fields.len() { "." } else { "" };
            keys.push(plain(&format!(" ({}){end}", field_type(f.ty))));
        }
        docs.push(Doc { blocks: vec![Block::Para(keys)] });
    }
    doc::lines(&call.summary, &docs)
}

/// What a shape is called in a sentence.
fn words(shape: &str) -> &'static str {
    match shape {
        "bool" => "true or false",
        "int" | "int64" => "Integer",
        "str_list" => "Array of Strings",
        _ => "String",
    }
}

/// The class of a result.
fn class(kind: &str) -> &'static str {
    match kind {
        "none" => "nil",
        "bool" => "0 or 1",
        "int" | "int64" => "Integer",
        "const_opt_str" => "String or nil",
        "str_list" => "Array of Strings",
        "struct" | "hash" => "Hash",
        "struct_list" => "Array of Hashes",
        _ => "String",
    }
}

/// What RBS has for an argument.
fn taken(shape: &str, path: bool) -> &'static str {
    match (shape, path) {
        ("bool", _) => "boolish",
        ("int" | "int64", _) => "int",
        ("opt_str", false) => "string?",
        ("opt_str", true) => "file?",
        ("str_list", false) => "Array[string]",
        ("str_list", true) => "Array[file]",
        ("pointer", _) => "untyped",
        (_, false) => "string",
        (_, true) => "file",
    }
}

/// Nil is an option that is not given; a condition may be anything as it is.
fn optional(ty: &str) -> String {
    match ty {
        "boolish" => ty.to_owned(),
        _ => format!("{ty}?"),
    }
}

/// What RBS has for a result.
fn result(ret: &bind::Ret) -> String {
    match ret.kind {
        "none" => "nil".to_owned(),
        "bool" | "int" | "int64" => "Integer".to_owned(),
        "const_opt_str" => "String?".to_owned(),
        "str_list" => "Array[String]".to_owned(),
        "hash" => "Hash[String, String]".to_owned(),
        "struct" => ret.structure.clone(),
        "struct_list" => format!("Array[{}]", ret.structure),
        _ => "String".to_owned(),
    }
}

fn field_type(ty: &str) -> &'static str {
    match ty {
        "str" | "buffer" | "uuid" => "String",
        "percent" => "Float",
        _ => "Integer",
    }
}

/// A name that is no keyword of RBS or Ruby.
fn variable(name: &str) -> String {
    const KEYWORDS: [&str; 12] =
        ["alias", "class", "def", "end", "in", "interface", "module", "private", "public", "self", "type", "void"];
    if KEYWORDS.contains(&name) {
        format!("{name}_")
    } else {
        name.to_owned()
    }
}
